//! Times as files write them: counts since the epoch in a unit that follows from the magnitude, or in a stated unit,
//! and dates. All are between 2000 and 2100.

use crate::defect::{Defect, kind};

/// 2000-01-01 and 2100-01-01, s since the epoch.
const SECONDS: std::ops::Range<u64> = 946_684_800..4_102_444_800;

/// The units: name, units in a second, ns in a unit. In one of them at most a count is between 2000 and 2100.
const UNITS: [(&str, u64, u64); 3] = [("ms", 1_000, 1_000_000), ("µs", 1_000_000, 1_000), ("ns", 1_000_000_000, 1)];

/// The units of the times read so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EpochTimes {
    seen: [bool; UNITS.len()],
}

impl EpochTimes {
    /// The time, ns since the epoch, and its unit in ns.
    pub(super) fn read(&mut self, key: &str, count: u64) -> Result<(u64, u64), Defect> {
        let is_unit = |(_, per_second, _): &(&str, u64, u64)| SECONDS.contains(&(count / per_second));
        let Some(unit) = UNITS.iter().position(is_unit) else {
            let detail = format!("{key} {count} is not a time from 2000 to 2100 in ms, µs or ns since the epoch");
            return Err(Defect::new(kind::TIME, detail));
        };
        self.seen[unit] = true;
        let (_, _, ns) = UNITS[unit];
        Ok((count * ns, ns))
    }

    /// The units that were found.
    pub(super) fn assumed(&self) -> Option<String> {
        let names: Vec<&str> = UNITS.iter().zip(self.seen).filter(|(_, seen)| *seen).map(|(unit, _)| unit.0).collect();
        let one = |names: Vec<&str>| format!("the venue's times are in {}, by their magnitude", names.join(" and "));
        (!names.is_empty()).then(|| one(names))
    }
}

/// The time of a count of µs, ns since the epoch.
pub(super) fn microseconds(key: &str, count: u64) -> Result<u64, Defect> {
    match EpochTimes::default().read(key, count) {
        Ok((ns, 1_000)) => Ok(ns),
        _ => {
            let detail = format!("{key} {count} is not a time from 2000 to 2100 in µs since the epoch");
            Err(Defect::new(kind::TIME, detail))
        }
    }
}

/// Most decimals of a time in s.
const NS_DIGITS: usize = 9;
const NS_PER_SECOND: u64 = 1_000_000_000;

/// The time of decimal s since the epoch, such as 1618677816.8434298, in ns.
pub(super) fn seconds(text: &str) -> Result<u64, Defect> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = is_number(whole) && is_number(decimals) && decimals.len() <= NS_DIGITS;
    let whole = whole.parse().ok().filter(|seconds| is_time && SECONDS.contains(seconds));
    let rest = format!("{decimals:0<NS_DIGITS$}").parse::<u64>().ok();
    whole.zip(rest).map(|(seconds, rest)| seconds * NS_PER_SECOND + rest).ok_or_else(|| {
        let text = super::cut(text);
        let detail = format!("{text:?} is not a time from 2000 to 2100 in s since the epoch, of at most 9 decimals");
        Defect::new(kind::TIME, detail)
    })
}

/// The time of a date such as 2021-04-17T16:43:30.244075Z, ns since the epoch.
pub(super) fn rfc3339(key: &str, text: &str) -> Result<u64, Defect> {
    let ns = text.parse::<jiff::Timestamp>().ok().and_then(|time| u64::try_from(time.as_nanosecond()).ok());
    ns.filter(|ns| SECONDS.contains(&(ns / NS_PER_SECOND))).ok_or_else(|| {
        let text = super::cut(text);
        let detail = format!("{key} {text:?} is not a time from 2000 to 2100, such as 2021-04-17T16:43:30.244075Z");
        Defect::new(kind::TIME, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_puts_a_time_between_2000_and_2100() {
        let mut times = EpochTimes::default();
        assert_eq!(times.assumed(), None);
        assert_eq!(times.read("T", 946_684_800_000), Ok((946_684_800_000_000_000, 1_000_000)));
        assert_eq!(times.read("T", 4_102_444_799_999_999), Ok((4_102_444_799_999_999_000, 1_000)));
        assert_eq!(times.assumed().unwrap(), "the venue's times are in ms and µs, by their magnitude");
        assert_eq!(times.read("T", 946_684_800_000_000_001), Ok((946_684_800_000_000_001, 1)));
        for count in [0, 946_684_799_999, 4_102_444_800_000, 946_684_799_999_999, 4_102_444_800_000_000_000, u64::MAX] {
            let detail = times.read("T", count).unwrap_err().detail;
            assert_eq!(detail, format!("T {count} is not a time from 2000 to 2100 in ms, µs or ns since the epoch"));
        }
    }

    #[test]
    fn seconds_and_dates_are_exact_to_the_ns() {
        assert_eq!(seconds("1618677816.8434298"), Ok(1_618_677_816_843_429_800));
        assert_eq!(seconds("1618677816"), Ok(1_618_677_816_000_000_000));
        assert_eq!(seconds("1618677816.000000001"), Ok(1_618_677_816_000_000_001));
        assert_eq!(rfc3339("time", "2021-04-17T16:43:36.8434298Z"), Ok(1_618_677_816_843_429_800));
        for text in
            ["", "5.1", "946684799.9", "4102444800", "1618677816.", "1618677816.1234567891", "1.6e9", "+1618677816"]
        {
            let detail = seconds(text).unwrap_err().detail;
            assert!(detail.starts_with(&format!("{text:?} is not a time from 2000 to 2100 in s")), "{detail}");
        }
        for text in ["", "2021-04-17", "2021-04-17T16:43:36", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z"] {
            assert!(rfc3339("time", text).is_err(), "{text}");
        }
    }
}
