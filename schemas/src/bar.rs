//! Specifications of bars. Bars are built by `ingest`.

mod window;

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::number::Quantity;
use crate::offset::NS_PER_MS;

/// Length of a UTC day, in ns.
pub const DAY_NS: u64 = 24 * 3600 * SECOND;
/// Greatest length of a time bar of fixed length: 366 days, in ns.
pub const BAR_NS_MAX: u64 = 366 * DAY_NS;
/// Greatest number of weeks in a time bar.
pub const BAR_WEEKS_MAX: u64 = 52;
/// Greatest number of months in a time bar.
pub const BAR_MONTHS_MAX: u64 = 12;
/// Greatest length of the text of a specification, in bytes.
pub const BAR_TEXT_BYTES_MAX: usize = 40;
/// Greatest number of bars in a definition.
pub const BARS_MAX: usize = 8;

const SECOND: u64 = 1_000 * NS_PER_MS;
const UNITS: [(&str, u64); 5] =
    [("d", DAY_NS), ("h", 3600 * SECOND), ("m", 60 * SECOND), ("s", SECOND), ("ms", NS_PER_MS)];
const BY_SESSION: &str = "-session";
const OF_QUOTES: &str = "-quote";

pub use window::BarWindow;

/// Size, alignment and input of a bar, printed `1m`, `250ms`, `1w`, `3mo`, `100t` or `2.5v`, then `-session` for a bar
/// of trading sessions, then `-quote` for a bar of quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BarSpec {
    /// Condition that closes the bar.
    pub size: BarSize,
    /// What the windows of a time bar are aligned to; [`BarAlign::Utc`] for other bars.
    pub align: BarAlign,
    /// Events that the bar is built from.
    pub of: BarInput,
}

/// Condition that closes a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BarSize {
    /// A window of this many ns ends. Whole milliseconds, at most [`BAR_NS_MAX`].
    Time(u64),
    /// A window of this many weeks, which begin on Monday, ends. At most [`BAR_WEEKS_MAX`].
    Weeks(u64),
    /// A window of this many months of the calendar ends. At most [`BAR_MONTHS_MAX`].
    Months(u64),
    /// The bar holds this many events.
    Ticks(u64),
    /// The traded quantity reaches this, in the base currency. A trade is never split, so the bar may hold more.
    Volume(Quantity),
}

/// What the windows of a time bar are aligned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BarAlign {
    /// The Unix epoch; days, weeks and months are those of UTC.
    Utc,
    /// The trading sessions in the instrument's calendar. A window below a day begins at the open of a session, or a
    /// multiple of its length later, and ends at the close at the latest. Days, weeks and months consist of the
    /// sessions of their trading dates.
    Session,
}

/// Events that a bar is built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BarInput {
    /// Trades, at their price and with their quantity.
    Trades,
    /// Quotes, at their mid, rounded half to even to 1e-12; the volume is zero.
    Quotes,
}

/// The forms of a [`BarSpec`], for errors.
pub(crate) const BAR_FORMS: &str = "a size as 1m, 250ms, 1h, 1d, 1w, 3mo, 100t or 2.5v; a time, in whole days if over \
                                    a day, by trading sessions with -session; of quotes with -quote; at most 366d, \
                                    52w or 12mo";

/// Error: a text that is not a [`BarSpec`]. Holds the text, cut to 40 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no bar (want {BAR_FORMS})")]
pub struct NotABar(pub String);

impl FromStr for BarSpec {
    type Err = NotABar;
    fn from_str(text: &str) -> Result<Self, NotABar> {
        let bad = || NotABar(text.chars().take(BAR_TEXT_BYTES_MAX).collect());
        let (size, of) = match text.strip_suffix(OF_QUOTES) {
            Some(size) => (size, BarInput::Quotes),
            None => (text, BarInput::Trades),
        };
        let (size, align) = match size.strip_suffix(BY_SESSION) {
            Some(size) => (size, BarAlign::Session),
            None => (size, BarAlign::Utc),
        };
        let unit_at = size.find(|c: char| c.is_ascii_lowercase()).ok_or_else(bad)?;
        let (number, unit) = size.split_at(unit_at);
        let count = || number.parse::<u64>().ok().filter(|n| *n > 0 && !number.starts_with('+')).ok_or_else(bad);
        let up_to = |most| count().and_then(|n| if n <= most { Ok(n) } else { Err(bad()) });
        let size = match unit {
            "t" if align == BarAlign::Utc => BarSize::Ticks(count()?),
            "v" if of == BarInput::Trades && align == BarAlign::Utc => {
                let quantity = number.parse().ok().filter(|v: &Quantity| v.is_positive() && !number.contains('E'));
                BarSize::Volume(quantity.ok_or_else(bad)?)
            }
            "w" => BarSize::Weeks(up_to(BAR_WEEKS_MAX)?),
            "mo" => BarSize::Months(up_to(BAR_MONTHS_MAX)?),
            _ => {
                let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
                let ns = count()?.checked_mul(*unit).filter(|ns| *ns <= BAR_NS_MAX).ok_or_else(bad)?;
                BarSize::Time(Some(ns).filter(|ns| *ns < DAY_NS || ns % DAY_NS == 0).ok_or_else(bad)?)
            }
        };
        Ok(Self { size, align, of })
    }
}

impl fmt::Display for BarSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.size {
            BarSize::Ticks(count) => write!(f, "{count}t")?,
            BarSize::Volume(quantity) => write!(f, "{quantity}v")?,
            BarSize::Weeks(count) => write!(f, "{count}w")?,
            BarSize::Months(count) => write!(f, "{count}mo")?,
            BarSize::Time(ns) => {
                let whole = UNITS.iter().find(|(_, unit)| ns % unit == 0);
                let (name, unit) = whole.unwrap_or(&("ms", NS_PER_MS));
                write!(f, "{}{name}", ns / unit)?;
            }
        }
        f.write_str(if self.align == BarAlign::Session { BY_SESSION } else { "" })?;
        f.write_str(if self.of == BarInput::Quotes { OF_QUOTES } else { "" })
    }
}

/// Error: a text that is not a list of bars.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BarListError {
    /// An element is not a bar.
    #[error(transparent)]
    NotABar(#[from] NotABar),
    /// A bar is given twice.
    #[error("{0} is asked for twice")]
    Repeated(BarSpec),
    /// There are more than [`BARS_MAX`] bars.
    #[error("asks for over {BARS_MAX} bars")]
    TooMany,
}

/// Parses a comma-separated list of at most [`BARS_MAX`] different specifications.
pub fn parse_list(text: &str) -> Result<Vec<BarSpec>, BarListError> {
    let mut bars = Vec::new();
    for one in text.split(',').filter(|one| !one.is_empty()) {
        let bar: BarSpec = one.trim().parse()?;
        if bars.contains(&bar) {
            return Err(BarListError::Repeated(bar));
        }
        if bars.len() == BARS_MAX {
            return Err(BarListError::TooMany);
        }
        bars.push(bar);
    }
    Ok(bars)
}

/// Formats specifications as a comma-separated list.
pub fn list(bars: &[BarSpec]) -> String {
    bars.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

impl Serialize for BarSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BarSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = BarSpec;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a bar, as 1m")
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<BarSpec, E> {
                v.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_round_trip_in_their_shortest_form() {
        for (given, shown) in [
            ("1m", "1m"),
            ("60s", "1m"),
            ("250ms", "250ms"),
            ("24h", "1d"),
            ("100t-quote", "100t-quote"),
            ("2.50v", "2.5v"),
            ("48h", "2d"),
            ("7d", "7d"),
            ("1w", "1w"),
            ("12mo-quote", "12mo-quote"),
            ("60m-session", "1h-session"),
            ("1mo-session-quote", "1mo-session-quote"),
        ] {
            assert_eq!(given.parse::<BarSpec>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn text_that_is_no_bar_is_refused() {
        let sizes = [
            "",
            "m",
            "0m",
            "1",
            "1x",
            "-1m",
            "+1m",
            "1.5m",
            "25h",
            "1v-quote",
            "0v",
            "1mm",
            "1m-trade",
            "é",
            "1e1v",
            "1E1v",
            "367d",
            "53w",
            "13mo",
            "0w",
            "1M",
            "1mo-quote-session",
            "100t-session",
            "1v-session",
            "36h-session",
            "1m-session-session",
            "-session",
        ];
        for bad in sizes {
            assert!(bad.parse::<BarSpec>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_list_holds_each_bar_once_and_eight_at_most() {
        assert_eq!(list(&parse_list("1s, 60s,5t").unwrap()), "1s,1m,5t");
        assert_eq!(parse_list("").unwrap(), []);
        assert_eq!(parse_list("1m,60s").unwrap_err().to_string(), "1m is asked for twice");
        assert!(parse_list("1s,2s,3s,4s,5s,6s,7s,8s,9s").unwrap_err().to_string().contains("over 8"));
    }
}
