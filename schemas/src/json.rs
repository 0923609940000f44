//! Times in JSON: a number of ns is above 2^53, so a reader whose only numbers are doubles (JavaScript) would round it.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// How JSON gives times and durations in ns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JsonTimes {
    /// As text: `"1723161254087891268"`.
    #[default]
    Text,
    /// As an integer: `1723161254087891268`.
    Number,
}

/// The names of the fields that hold a time in ns. Those of durations end with `_ns`.
const TIME_FIELDS: &[&str] = &["at", "closed", "marked_at", "opened", "stamp", "time", "ts_event", "ts_recv"];

fn is_time(field: &str) -> bool {
    TIME_FIELDS.contains(&field) || field.ends_with("_ns")
}

/// A value as one line of JSON, without a line feed.
pub fn to_json(value: &impl Serialize, times: JsonTimes) -> String {
    let mut bytes = Vec::with_capacity(256);
    let formatter = TimesFormatter { times, key: String::new(), is_key: false };
    let mut serializer = Serializer::with_formatter(&mut bytes, formatter);
    value.serialize(&mut serializer).expect("writing to memory cannot fail");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

/// Writes compact JSON; with [`JsonTimes::Text`], the integers of the fields that hold times as text.
struct TimesFormatter {
    times: JsonTimes,
    /// The last key.
    key: String,
    is_key: bool,
}

impl TimesFormatter {
    fn write_integer<W: Write + ?Sized>(&self, writer: &mut W, value: impl std::fmt::Display) -> io::Result<()> {
        match self.times == JsonTimes::Text && is_time(&self.key) {
            true => write!(writer, "\"{value}\""),
            false => write!(writer, "{value}"),
        }
    }
}

impl Formatter for TimesFormatter {
    fn begin_object_key<W: Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.is_key = true;
        self.key.clear();
        CompactFormatter.begin_object_key(writer, first)
    }

    fn end_object_key<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_key = false;
        Ok(())
    }

    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if self.is_key {
            self.key.push_str(fragment);
        }
        writer.write_all(fragment.as_bytes())
    }

    fn write_u64<W: Write + ?Sized>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        self.write_integer(writer, value)
    }

    fn write_i64<W: Write + ?Sized>(&mut self, writer: &mut W, value: i64) -> io::Result<()> {
        self.write_integer(writer, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::{Shape, Type};
    use crate::event::Kind;

    #[test]
    fn times_and_durations_are_text_and_other_integers_are_not() {
        let value = serde_json::json!({
            "at": u64::MAX, "seq": 7, "hop_ns": -5, "nested": {"ts_recv": 1, "list": [{"age_ns": 2, "count": 3}]},
        });
        let text = to_json(&value, JsonTimes::Text);
        let expected = serde_json::json!({
            "at": u64::MAX.to_string(), "seq": 7, "hop_ns": "-5",
            "nested": {"ts_recv": "1", "list": [{"age_ns": "2", "count": 3}]},
        });
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected);
        assert_eq!(to_json(&value, JsonTimes::Number), value.to_string());
    }

    #[test]
    fn the_fields_are_those_that_hold_times() {
        let is_a_time = |ty: &Type| match ty {
            Type::Named(named) => matches!(named.shape, Shape::Time),
            Type::Optional(Type::Named(named)) => matches!(named.shape, Shape::Time),
            _ => false,
        };
        for field in Kind::ALL.iter().flat_map(|kind| kind.fields()) {
            assert_eq!(is_a_time(field.ty), TIME_FIELDS.contains(&field.name), "{}", field.name);
        }
    }
}
