//! Times that are counts since the epoch in a unit that the file does not state: the unit follows from the magnitude.

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
}
