//! The speed of a replay. The due time of each fact is counted from one anchor, so that errors do not accumulate.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tapedeck_schemas::offset::TapeTime;

/// Greatest factor of the recorded speed.
const TIMES_MAX: u64 = 1_000_000;
const THOUSAND: u64 = 1000;

/// Speed of a replay, relative to the recorded tape time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplaySpeed {
    /// Without waiting.
    Max,
    /// The recorded speed times this many thousandths.
    Thousandths(u64),
}

impl ReplaySpeed {
    /// The recorded speed.
    pub const RECORDED: ReplaySpeed = ReplaySpeed::Thousandths(THOUSAND);

    /// Time from the replay of a fact with tape time `first` to that of a fact with tape time `time`. Zero if `time` is
    /// the earlier one.
    pub fn due(self, first: TapeTime, time: TapeTime) -> Duration {
        match self {
            ReplaySpeed::Max => Duration::ZERO,
            ReplaySpeed::Thousandths(thousandths) => {
                let ns = u128::from(time.saturating_sub(first)) * u128::from(THOUSAND) / u128::from(thousandths);
                Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
            }
        }
    }
}

/// Error: a text that is not a speed. Holds the text, cut to 32 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a speed (want recorded, max, or a factor from 0.001x to {TIMES_MAX}x, such as 10x or 0.5x)")]
pub struct InvalidSpeed(pub String);

impl FromStr for ReplaySpeed {
    type Err = InvalidSpeed;
    fn from_str(text: &str) -> Result<Self, InvalidSpeed> {
        let bad = || InvalidSpeed(text.chars().take(32).collect());
        match text {
            "max" => return Ok(ReplaySpeed::Max),
            "recorded" => return Ok(ReplaySpeed::RECORDED),
            _ => {}
        }
        let number = text.strip_suffix('x').ok_or_else(bad)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 3 {
            return Err(bad());
        }
        let whole: u64 = whole.parse().map_err(|_| bad())?;
        let fraction: u64 = format!("{fraction:0<3}").parse().map_err(|_| bad())?;
        let thousandths = whole.checked_mul(THOUSAND).and_then(|n| n.checked_add(fraction)).ok_or_else(bad)?;
        if thousandths == 0 || thousandths > TIMES_MAX * THOUSAND {
            return Err(bad());
        }
        Ok(ReplaySpeed::Thousandths(thousandths))
    }
}

impl fmt::Display for ReplaySpeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplaySpeed::Max => f.write_str("max"),
            &ReplaySpeed::RECORDED => f.write_str("recorded"),
            ReplaySpeed::Thousandths(n) if n % THOUSAND == 0 => write!(f, "{}x", n / THOUSAND),
            ReplaySpeed::Thousandths(n) => write!(f, "{}.{:03}x", n / THOUSAND, n % THOUSAND),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_read_as_it_is_printed_and_what_is_none_is_refused() {
        for (text, pace) in [
            ("max", ReplaySpeed::Max),
            ("recorded", ReplaySpeed::RECORDED),
            ("10x", ReplaySpeed::Thousandths(10_000)),
            ("0.250x", ReplaySpeed::Thousandths(250)),
        ] {
            assert_eq!((text.parse(), pace.to_string().as_str()), (Ok(pace), text));
        }
        assert_eq!("1x".parse(), Ok(ReplaySpeed::RECORDED));
        for bad in ["", "x", "10", "0x", "0.0x", "-1x", "+1x", "1.x", ".5x", "1.2345x", "1e3x", "1000001x", "MAX"] {
            assert_eq!(bad.parse::<ReplaySpeed>(), Err(InvalidSpeed(bad.into())));
        }
    }

    #[test]
    fn due_is_the_distance_in_tape_time_over_the_factor_exact_over_years() {
        let first = 1_723_161_254_000_000_000;
        assert_eq!(ReplaySpeed::RECORDED.due(first, first + 1), Duration::from_nanos(1));
        assert_eq!("10x".parse::<ReplaySpeed>().unwrap().due(first, first + 25), Duration::from_nanos(2));
        let years = 20 * 365 * 86_400;
        let due = "0.5x".parse::<ReplaySpeed>().unwrap().due(first, first + years * 1_000_000_000 + 1);
        assert_eq!(due, Duration::from_secs(2 * years) + Duration::from_nanos(2));
        assert_eq!(ReplaySpeed::RECORDED.due(first, first - 1), Duration::ZERO, "time that stands back is due at once");
        assert_eq!(ReplaySpeed::Max.due(first, u64::MAX), Duration::ZERO);
        assert_eq!(ReplaySpeed::Thousandths(1).due(0, u64::MAX), Duration::from_nanos(u64::MAX));
    }
}
