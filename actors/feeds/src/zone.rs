//! The time zone of a file whose times are local: UTC, a fixed offset, or a name of the IANA database.
//!
//! The rules of the zones are those that this build holds, not those of the machine, so that the same file gives the
//! same times everywhere.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

/// A time zone, printed `UTC`, `-05:00` or `America/New_York`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// Error: a text that is not a [`Zone`]. Holds the text, cut to 40 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time zone (want UTC, an offset such as -05:00 or +09:30, or a name such as America/New_York)")]
pub struct NotAZone(String);

impl FromStr for Zone {
    type Err = NotAZone;

    fn from_str(text: &str) -> Result<Self, NotAZone> {
        let bad = || NotAZone(text.chars().take(40).collect());
        if text.starts_with(['+', '-']) {
            let seconds = offset_seconds(text).ok_or_else(bad)?;
            let name = if seconds == 0 { "UTC" } else { text };
            let offset = Offset::from_seconds(seconds).map_err(|_| bad())?;
            return Ok(Self { name: name.into(), rules: TimeZone::fixed(offset) });
        }
        if text.eq_ignore_ascii_case("UTC") {
            return Ok(Self { name: "UTC".into(), rules: TimeZone::UTC });
        }
        let rules = TimeZoneDatabase::bundled().get(text).map_err(|_| bad())?;
        let name = rules.iana_name().unwrap_or(text).to_string();
        Ok(Self { name, rules })
    }
}

/// The seconds of `±HH:MM`, below a day.
fn offset_seconds(text: &str) -> Option<i32> {
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let two = |digits: &str, below: i32| -> Option<i32> {
        let is_two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|value| is_two && *value < below)
    };
    let seconds = two(hours, 24)? * 3600 + two(minutes, 60)? * 60;
    Some(if text.starts_with('-') { -seconds } else { seconds })
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Zone {
    /// The instant of a local time, ns since the epoch. Fails if the time does not exist in the zone or occurs twice,
    /// when clocks are set forward or back, and outside 1970 to 2554.
    pub(crate) fn instant(&self, local: DateTime) -> Result<u64, String> {
        let ambiguous = self.rules.to_ambiguous_timestamp(local);
        let instant = match ambiguous.offset() {
            jiff::tz::AmbiguousOffset::Gap { .. } => {
                return Err(format!("{local} does not exist in {self}, whose clocks are set forward then"));
            }
            jiff::tz::AmbiguousOffset::Fold { .. } => {
                return Err(format!(
                    "{local} occurs twice in {self}, whose clocks are set back then; give a fixed offset by --tz"
                ));
            }
            jiff::tz::AmbiguousOffset::Unambiguous { .. } => ambiguous.unambiguous(),
        };
        let ns = instant.ok().and_then(|instant| u64::try_from(instant.as_nanosecond()).ok());
        ns.filter(|ns| *ns > 0).ok_or_else(|| format!("{local} in {self} overflows 64 bits of ns since 1970"))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn instant(zone: &str, local: DateTime) -> Result<u64, String> {
        zone.parse::<Zone>().unwrap().instant(local)
    }

    #[test]
    fn zones_round_trip_and_other_text_is_refused() {
        for (given, shown) in [
            ("UTC", "UTC"),
            ("utc", "UTC"),
            ("+00:00", "UTC"),
            ("-05:00", "-05:00"),
            ("+09:30", "+09:30"),
            ("america/new_york", "America/New_York"),
        ] {
            assert_eq!(given.parse::<Zone>().unwrap().to_string(), shown);
        }
        for bad in ["", "5", "-5", "-05", "-05:60", "+24:00", "-05:00:00", "-0a:00", "+é:00", "EST5EST", "Mars/Olympus"]
        {
            let error = bad.parse::<Zone>().unwrap_err().to_string();
            assert!(error.contains("is no time zone (want UTC, an offset such as -05:00"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_local_time_is_an_instant_by_the_rules_of_its_day() {
        // By date(1): 2014-01-08T12:00:00-05:00, 2014-07-08T12:00:00-04:00.
        let (winter, summer) = (1_389_200_400_000_000_000, 1_404_835_200_000_000_000);
        let noon = |month| date(2014, month, 8).at(12, 0, 0, 0);
        assert_eq!(instant("America/New_York", noon(1)), Ok(winter));
        assert_eq!(instant("America/New_York", noon(7)), Ok(summer));
        assert_eq!(instant("-05:00", noon(1)), Ok(winter));
        assert_eq!(instant("-05:00", noon(7)), Ok(summer + 3_600_000_000_000), "an offset has no summer time");
    }

    #[test]
    fn a_time_that_does_not_exist_occurs_twice_or_overflows_is_an_error() {
        let error = |zone, local| instant(zone, local).unwrap_err();
        let new_york = "America/New_York";
        assert!(error(new_york, date(2014, 3, 9).at(2, 30, 0, 0)).contains("2014-03-09T02:30:00 does not exist in"));
        assert!(error(new_york, date(2014, 11, 2).at(1, 30, 0, 0)).contains("occurs twice in America/New_York"));
        assert!(error("UTC", date(2554, 7, 22).at(0, 0, 0, 0)).contains("overflows 64 bits"));
        assert!(error("+01:00", date(1970, 1, 1).at(0, 30, 0, 0)).contains("overflows 64 bits"));
    }
}
