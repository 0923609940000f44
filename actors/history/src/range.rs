//! Ranges of history as operators write them; [`resolve`](crate::resolve()) finds their bounds on the tapes.

use std::fmt;
use std::str::FromStr;

use tapedeck_schemas::generation::{Generation, Lineage, TapeName};
use tapedeck_schemas::offset::{Offset, TapeTime, digits};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The first or last fact of a range, as an operator writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeBound {
    /// An offset, `1234.5` or with the tape `p0g1:1234.5` or `p0:1234.5`: one fact.
    Offset(Option<TapeName>, Offset),
    /// A stream sequence, `1234` or with the tape `p0g1:1234` or `p0:1234`: one record.
    Sequence(Option<TapeName>, u64),
    /// A time, `2024-08-08T23:54:14.5Z`: every fact at that tape time, ns since the Unix epoch.
    Time(TapeTime),
    /// An age, `-10m` (ms, s, m, h, d): every fact at the tape time that lies this many ns before the newest tape time
    /// of all tapes.
    BeforeEnd(u64),
}

/// A range of history, bounds included; `None` is the beginning or the end of the tape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Range {
    /// The first fact in the range.
    pub from: Option<RangeBound>,
    /// The last fact in the range.
    pub to: Option<RangeBound>,
}

/// Error: a text that is not a bound of a range. Holds the text, cut to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an offset (p0g1:1234.5 or 1234.5), a sequence (1234), a time (2024-08-08T23:54:14.5Z) or an age \
     before the end of the tape (-10m; ms, s, m, h or d)"
)]
pub struct InvalidRangeBound(pub String);

/// Error: a bound names a record of another generation than the one that the tape holds at that sequence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{bound} is not on this tape: in its generation {read}, the record at that sequence is of generation {found}; \
     --generations selects the tape to read"
)]
pub struct OtherGeneration {
    /// The bound.
    pub bound: RangeBound,
    /// The generation to which the record at its sequence was appended first.
    pub found: Generation,
    /// The generation of the tape.
    pub read: Generation,
}

const UNITS: [(&str, u64); 5] = [
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

impl RangeBound {
    /// The partition that the bound names, if it names one.
    pub fn partition(self) -> Option<u16> {
        self.tape().map(|tape| tape.partition)
    }

    /// The tape that the bound names, if it names one.
    fn tape(self) -> Option<TapeName> {
        match self {
            RangeBound::Offset(tape, _) | RangeBound::Sequence(tape, _) => tape,
            RangeBound::Time(_) | RangeBound::BeforeEnd(_) => None,
        }
    }

    /// Checks that the tape holds the record that the bound names: if the bound names a generation, the record at its
    /// sequence was appended to that generation first.
    pub fn check(self, lineage: &Lineage) -> Result<(), OtherGeneration> {
        let seq = match self {
            RangeBound::Offset(_, offset) => offset.seq,
            RangeBound::Sequence(_, seq) => seq,
            RangeBound::Time(_) | RangeBound::BeforeEnd(_) => return Ok(()),
        };
        let found = lineage.generation_of(seq);
        match self.tape().and_then(|tape| tape.generation) {
            Some(named) if named != found => Err(OtherGeneration { bound: self, found, read: lineage.generation }),
            _ => Ok(()),
        }
    }

    /// Whether the bound is a place on a single tape. A time or an age is a place on every tape.
    pub fn is_of_one_tape(self) -> bool {
        matches!(self, RangeBound::Offset(..) | RangeBound::Sequence(..))
    }
}

impl FromStr for RangeBound {
    type Err = InvalidRangeBound;
    fn from_str(text: &str) -> Result<Self, InvalidRangeBound> {
        let bad = || InvalidRangeBound(text.chars().take(64).collect());
        if let Some(ago) = text.strip_prefix('-') {
            return before_end(ago).map(RangeBound::BeforeEnd).ok_or_else(bad);
        }
        if text.contains('T') || text.contains('t') {
            let ns = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| bad())?.unix_timestamp_nanos();
            return u64::try_from(ns).map(RangeBound::Time).map_err(|_| bad());
        }
        let (tape, place) = match text.split_once(':') {
            Some((tape, place)) => (Some(TapeName::parse(tape).ok_or_else(bad)?), place),
            None => (None, text),
        };
        match place.parse() {
            Ok(offset) => Ok(RangeBound::Offset(tape, offset)),
            Err(_) => Ok(RangeBound::Sequence(tape, digits(place).ok_or_else(bad)?)),
        }
    }
}

fn before_end(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at(unit_at);
    let (_, ns) = UNITS.iter().find(|(name, _)| *name == unit)?;
    digits::<u64>(count)?.checked_mul(*ns)
}

impl fmt::Display for RangeBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tape) = self.tape() {
            write!(f, "{tape}:")?;
        }
        match self {
            RangeBound::Offset(_, offset) => write!(f, "{offset}"),
            RangeBound::Sequence(_, seq) => write!(f, "{seq}"),
            RangeBound::Time(ns) => f.write_str(&rfc3339(*ns)),
            RangeBound::BeforeEnd(ns) => {
                let (unit, size) = UNITS.iter().rfind(|(_, size)| ns % size == 0).unwrap_or(&UNITS[0]);
                write!(f, "-{}{unit}", ns / size)
            }
        }
    }
}

/// A tape time as text.
fn rfc3339(ns: TapeTime) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ns)).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{ns} ns"))
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (None, None) => f.write_str("all"),
            (Some(from), None) => write!(f, "from {from}"),
            (None, Some(to)) => write!(f, "to {to}"),
            (Some(from), Some(to)) => write!(f, "from {from} to {to}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_read_as_it_is_printed() {
        let offset = Offset::new(1234, 5);
        let tape = |partition, generation| Some(TapeName { partition, generation });
        for (text, place) in [
            ("1234.5", RangeBound::Offset(None, offset)),
            ("p7:1234.5", RangeBound::Offset(tape(7, None), offset)),
            ("p7g2:1234.5", RangeBound::Offset(tape(7, Generation::new(2)), offset)),
            ("1234", RangeBound::Sequence(None, 1234)),
            ("p0:1234", RangeBound::Sequence(tape(0, None), 1234)),
            ("p0g1:1234", RangeBound::Sequence(tape(0, Some(Generation::FIRST)), 1234)),
            ("2024-08-08T23:54:14.123456789Z", RangeBound::Time(1_723_161_254_123_456_789)),
            ("-10m", RangeBound::BeforeEnd(600_000_000_000)),
            ("-0d", RangeBound::BeforeEnd(0)),
        ] {
            assert_eq!((text.parse(), place.to_string().as_str()), (Ok(place), text));
        }
        assert_eq!("2024-08-09T01:54:14+02:00".parse(), Ok(RangeBound::Time(1_723_161_254_000_000_000)));
        assert_eq!("-90s".parse::<RangeBound>().unwrap().to_string(), "-90s");
        assert_eq!("-3600s".parse::<RangeBound>().unwrap().to_string(), "-1h");
    }

    #[test]
    fn any_other_text_is_refused() {
        for bad in [
            "",
            "x",
            "p0",
            "p0:",
            "p:1",
            "p-1:2",
            "p0g0:1",
            "p0g:1",
            "+1",
            "1.",
            ".1",
            "1.2.3",
            "-",
            "-m",
            "-10",
            "-1.5h",
            "--1m",
            "-1y",
            "2024-08-08",
            "2024-08-08T25:00:00Z",
            "1900-01-01T00:00:00Z",
            "-999999999999d",
            "99999999999999999999",
        ] {
            assert_eq!(bad.parse::<RangeBound>(), Err(InvalidRangeBound(bad.into())), "{bad}");
        }
    }

    #[test]
    fn a_bound_with_a_generation_is_on_a_tape_only_if_its_record_is() {
        let hash = tapedeck_schemas::record::RecordHash::default();
        let copied = vec![tapedeck_schemas::event::CopiedRecords { generation: Generation::FIRST, last: 10, hash }];
        let tape = tapedeck_schemas::ids::TapeId([1; 16]);
        let second = Lineage { generation: Generation::new(2).unwrap(), copied, ..tape.into() };
        let check = |text: &str| text.parse::<RangeBound>().unwrap().check(&second);
        for on_tape in ["p0g1:10.3", "p0g2:11", "p0:11", "11.0", "p0g2:1.0", "-1s"] {
            assert_eq!(check(on_tape), Ok(()), "{on_tape}");
        }
        for lost in ["p0g1:11.0", "p0g2:10", "p0g3:11"] {
            let error = check(lost).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{lost} is not on this tape")), "{error}");
        }
    }

    #[test]
    fn a_range_prints_its_bounds() {
        let place = |text: &str| Some(text.parse().unwrap());
        let shown = |from, to| Range { from, to }.to_string();
        assert_eq!(shown(place("p0:1.2"), place("-1s")), "from p0:1.2 to -1s");
        assert_eq!((shown(None, place("7")), shown(place("7"), None)), ("to 7".into(), "from 7".into()));
        assert_eq!(shown(None, None), "all");
    }
}
