//! Calendars: the trading sessions of an instrument as UTC instants. No rule of a zone is known here. A tool resolves
//! the rules before it publishes a definition, so that every later build reads the same sessions.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::bar::DAY_NS;
use crate::names::names;
use crate::text::{VALUE_BYTES_MAX, bounded};

/// Greatest number of sessions in a calendar: about four years of trading days.
pub const CALENDAR_SESSIONS_MAX: usize = 1024;
/// Greatest distance of the open and of the close of a session from 00:00 UTC of its trading date, in hours.
pub const SESSION_HOURS_MAX: i64 = 240;

const SECOND_NS: i128 = 1_000_000_000;
/// Greatest year of a trading date: the next is the last whose times 64 bits hold.
const YEAR_MAX: u64 = 2553;

/// One session of trading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradingSession {
    /// Start, ns since the Unix epoch; a whole second.
    pub open: u64,
    /// Exclusive end, ns since the Unix epoch; a whole second.
    pub close: u64,
    /// Trading date in the zone of the venue, in days since 1970-01-01.
    pub date: u32,
}

/// The trading sessions of an instrument: 1 to [`CALENDAR_SESSIONS_MAX`], ascending and disjoint, with trading dates
/// that do not descend. Several sessions may have one date.
///
/// As text, a session is its trading date, `=`, and its open and close as times after 00:00 UTC of that date. A session
/// leaves out what it has in common with the one before: year, month, times. `2024-01-31=14:30/21:00,02-01,02` is three
/// sessions of the same times; `2024-01-02=-01:00/05:00` opens at 23:00 UTC of the day before.
#[derive(Clone, PartialEq, Eq)]
pub struct Calendar(Arc<[TradingSession]>);

names! {
    /// Why a text is no calendar.
    CalendarFault {
        /// A session is not of the form.
        Malformed = 1 "malformed",
        /// The first session lacks a part of its date, or its times.
        Incomplete = 2 "incomplete",
        /// A date does not exist, or a time is before 1970 or after 2553, or too far from its date.
        OutOfRange = 3 "out_of_range",
        /// A session does not open before it closes.
        Empty = 4 "empty",
        /// A session opens before the one before closes, or has an earlier date.
        NotAscending = 5 "not_ascending",
        /// There are too many sessions.
        TooMany = 6 "too_many",
    }
}

/// Error: a text that is not a [`Calendar`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("calendar: {value:?} {}", fault.words())]
pub struct CalendarError {
    /// The session, cut to 64 bytes.
    pub value: String,
    /// The rule that the session breaks.
    pub fault: CalendarFault,
}

impl CalendarFault {
    /// Returns the fault in words, as a predicate of the session.
    pub fn words(self) -> String {
        match self {
            Self::Malformed => "is no session (want as 2024-01-02=14:30/21:00, in UTC)".into(),
            Self::Incomplete => "is the first session and must have year, month, day and times".into(),
            Self::OutOfRange => {
                format!(
                    "has no such date, or a time before 1970, after 2553 or over {SESSION_HOURS_MAX} h from its date"
                )
            }
            Self::Empty => "does not open before it closes".into(),
            Self::NotAscending => "opens before the session before it closes, or has an earlier date".into(),
            Self::TooMany => format!("is one session over {CALENDAR_SESSIONS_MAX}, the bound"),
        }
    }
}

/// Trading date of a session, in days since 1970-01-01.
pub(crate) fn date_of(session: &TradingSession) -> u64 {
    session.date.into()
}

/// Weeks from the one that began on Monday 1969-12-29 to that of a day, which is counted from 1970-01-01.
pub(crate) const fn week_of(day: u64) -> u64 {
    (day + 3) / 7
}

/// Months from January 1970 to that of a day, which is counted from 1970-01-01.
pub(crate) fn month_of(day: u64) -> u64 {
    let (year, month, _) = civil(day);
    (year - 1970) * 12 + u64::from(month) - 1
}

/// Days from 1970-01-01 to the first day of a month, which is counted from January 1970.
pub(crate) fn days_to_month(month: u64) -> u64 {
    days_to(1970 + month / 12, (month % 12) as u8 + 1, 1)
}

/// Days from 1970-01-01 to a date; `None` if there is no such date, or it is before 1970 or after 2553.
pub fn day_number(year: i32, month: u8, day: u8) -> Option<u32> {
    let year = u64::try_from(year).ok().filter(|year| (1970..=YEAR_MAX).contains(year))?;
    let holds = (1..=12).contains(&month) && day >= 1;
    let number = holds.then(|| days_to(year, month, day))?;
    u32::try_from(number).ok().filter(|_| civil(number) == (year, month, day))
}

// The arithmetic of the Gregorian calendar is that of days_from_civil and civil_from_days, in years that begin on March
// 1. The pure crates use no crate of times, because those have clocks; a test compares each day with one.

/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: u64 = 719_468;
/// Days of 400 years.
const ERA_DAYS: u64 = 146_097;

/// Days from 1970-01-01 to a date of a year from 1970 on; a day beyond the end of its month is one of the next.
fn days_to(year: u64, month: u8, day: u8) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((u64::from(month) + 9) % 12) + 2) / 5 + u64::from(day) - 1;
    era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - EPOCH_DAYS
}

/// Year, month and day of a day, which is counted from 1970-01-01.
fn civil(day: u64) -> (u64, u8, u8) {
    let (era, day) = ((day + EPOCH_DAYS) / ERA_DAYS, (day + EPOCH_DAYS) % ERA_DAYS);
    let of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (of_era * 365 + of_era / 4 - of_era / 100);
    let months = (5 * day_of_year + 2) / 153; // since March
    let month = if months < 10 { months + 3 } else { months - 9 };
    let day = day_of_year - (153 * months + 2) / 5 + 1;
    (era * 400 + of_era + u64::from(month <= 2), month as u8, day as u8)
}

impl Calendar {
    /// Builds a calendar; the error names the session, counted from 0, and what it breaks.
    pub fn new(sessions: Vec<TradingSession>) -> Result<Self, (usize, CalendarFault)> {
        if sessions.is_empty() {
            return Err((0, CalendarFault::Incomplete));
        }
        for (at, one) in sessions.iter().enumerate() {
            let before = at.checked_sub(1).map(|before| sessions[before]);
            let fault = match before {
                _ if at == CALENDAR_SESSIONS_MAX => CalendarFault::TooMany,
                _ if civil(one.date.into()).0 > YEAR_MAX => CalendarFault::OutOfRange,
                _ if [one.open, one.close].into_iter().any(|time| offset(one.date, time).is_none()) => {
                    CalendarFault::OutOfRange
                }
                _ if one.open >= one.close => CalendarFault::Empty,
                Some(before) if one.open < before.close || one.date < before.date => CalendarFault::NotAscending,
                _ => continue,
            };
            return Err((at, fault));
        }
        Ok(Self(sessions.into()))
    }

    /// Returns the sessions, in order.
    pub fn sessions(&self) -> &[TradingSession] {
        &self.0
    }

    /// Returns the session that contains `time`, ns since the Unix epoch.
    pub fn session_at(&self, time: u64) -> Option<&TradingSession> {
        let at = self.0.partition_point(|one| one.close <= time);
        self.0.get(at).filter(|one| one.open <= time)
    }

    /// Returns the end of the last session, ns since the Unix epoch.
    pub fn end(&self) -> u64 {
        self.0.last().map_or(0, |one| one.close)
    }
}

/// Seconds from 00:00 UTC of a date to a time of a session; `None` if the time is no whole second, or too far away.
fn offset(date: u32, time: u64) -> Option<i64> {
    let ns = i128::from(time) - i128::from(date) * i128::from(DAY_NS);
    let seconds = i64::try_from(ns / SECOND_NS).ok()?;
    (ns % SECOND_NS == 0 && seconds.abs() <= SESSION_HOURS_MAX * 3600).then_some(seconds)
}

impl FromStr for Calendar {
    type Err = CalendarError;
    fn from_str(text: &str) -> Result<Self, CalendarError> {
        let error = |one: &str, fault| CalendarError { value: bounded(one, VALUE_BYTES_MAX), fault };
        let mut sessions = Vec::new();
        let (mut date, mut times) = (None, None);
        for one in text.split(',') {
            if sessions.len() == CALENDAR_SESSIONS_MAX {
                return Err(error(one, CalendarFault::TooMany));
            }
            let (day, own) = one.split_once('=').map_or((one, None), |(day, own)| (day, Some(own)));
            let own = own.map(|own| times_of(own).ok_or_else(|| error(one, CalendarFault::Malformed))).transpose()?;
            date = Some(date_after(date, day).map_err(|fault| error(one, fault))?);
            times = own.or(times);
            let (Some((year, month, day)), Some((open, close))) = (date, times) else {
                return Err(error(one, CalendarFault::Incomplete));
            };
            let out_of_range = || error(one, CalendarFault::OutOfRange);
            let date = day_number(year, month, day).ok_or_else(out_of_range)?;
            let time = |seconds: i64| {
                let ns = i128::from(date) * i128::from(DAY_NS) + i128::from(seconds) * SECOND_NS;
                u64::try_from(ns).map_err(|_| out_of_range())
            };
            sessions.push(TradingSession { open: time(open)?, close: time(close)?, date });
        }
        Self::new(sessions).map_err(|(at, fault)| error(text.split(',').nth(at).unwrap_or_default(), fault))
    }
}

/// Year, month and day of a text that may leave out what is as in the date before.
fn date_after(before: Option<(i32, u8, u8)>, text: &str) -> Result<(i32, u8, u8), CalendarFault> {
    let parts: Vec<&str> = text.splitn(4, '-').collect();
    let two = |text: &str| digits(text, 2..=2).map(|n| n as u8).ok_or(CalendarFault::Malformed);
    let before = || before.ok_or(CalendarFault::Incomplete);
    match parts[..] {
        [day] => before().and_then(|(year, month, _)| Ok((year, month, two(day)?))),
        [month, day] => before().and_then(|(year, ..)| Ok((year, two(month)?, two(day)?))),
        [year, month, day] => {
            let year = digits(year, 4..=4).ok_or(CalendarFault::Malformed)?;
            Ok((year as i32, two(month)?, two(day)?))
        }
        _ => Err(CalendarFault::Malformed),
    }
}

/// Open and close, seconds after 00:00 UTC of the date.
fn times_of(text: &str) -> Option<(i64, i64)> {
    let (open, close) = text.split_once('/')?;
    Some((time_of(open)?, time_of(close)?))
}

fn time_of(text: &str) -> Option<i64> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let parts: Vec<&str> = text.splitn(4, ':').collect();
    let (hours, minutes, seconds) = match parts[..] {
        [hours, minutes] => (hours, minutes, "00"),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    let below_60 = |text: &str| digits(text, 2..=2).filter(|n| *n < 60);
    Some(sign * (digits(hours, 2..=3)? * 3600 + below_60(minutes)? * 60 + below_60(seconds)?))
}

fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let holds = length.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    holds.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before: Option<((u64, u8), (i64, i64))> = None;
        for one in self.sessions() {
            let (year, month, day) = civil(one.date.into());
            let times = [one.open, one.close].map(|time| offset(one.date, time).unwrap_or_default());
            match before {
                Some((before, _)) if before == (year, month) => write!(f, ",{day:02}")?,
                Some(((before, _), _)) if before == year => write!(f, ",{month:02}-{day:02}")?,
                _ => write!(f, "{}{year:04}-{month:02}-{day:02}", if before.is_some() { "," } else { "" })?,
            }
            let times = (times[0], times[1]);
            if before.is_none_or(|(_, before)| before != times) {
                f.write_str("=")?;
                write_time(times.0, f)?;
                f.write_str("/")?;
                write_time(times.1, f)?;
            }
            before = Some(((year, month), times));
        }
        Ok(())
    }
}

fn write_time(seconds: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let sign = if seconds < 0 { "-" } else { "" };
    let (hours, minutes, seconds) = (seconds.abs() / 3600, seconds.abs() / 60 % 60, seconds.abs() % 60);
    write!(f, "{sign}{hours:02}:{minutes:02}")?;
    if seconds > 0 { write!(f, ":{seconds:02}") } else { Ok(()) }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Calendar({self})")
    }
}

impl Serialize for Calendar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Calendar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(text: &str) -> Calendar {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_session_leaves_out_what_it_has_in_common_with_the_one_before() {
        for (given, shown) in [
            ("2024-01-02=14:30/21:00", "2024-01-02=14:30/21:00"),
            ("2024-01-31=14:30/21:00,2024-02-01=14:30/21:00,02=14:30:00/21:00", "2024-01-31=14:30/21:00,02-01,02"),
            ("2024-12-31=00:00/24:00,2025-01-01", "2024-12-31=00:00/24:00,2025-01-01"),
            ("2024-03-08=14:30/21:00,11=13:30/20:00,12", "2024-03-08=14:30/21:00,11=13:30/20:00,12"),
            ("2024-01-02=-01:00/-00:30:01,02=100:00/125:00", "2024-01-02=-01:00/-00:30:01,02=100:00/125:00"),
        ] {
            assert_eq!(calendar(given).to_string(), shown);
            assert_eq!(calendar(shown), calendar(given));
        }
        let [first, second, third] = calendar("2024-01-31=14:30/21:00,02-01,02").sessions()[..] else { panic!() };
        let hour = 3600 * 1_000_000_000;
        assert_eq!(
            (first.open, first.close, first.date),
            (1_706_711_400_000_000_000, first.open + 13 * hour / 2, 19_753)
        );
        assert_eq!((second.open - first.open, third.open - second.open), (24 * hour, 24 * hour));
    }

    #[test]
    fn a_text_that_is_no_calendar_is_refused_with_its_session() {
        let many = format!("1970-01-01=00:00/00:01{}", ",01-02".repeat(CALENDAR_SESSIONS_MAX));
        for (text, value, fault) in [
            ("", "", CalendarFault::Incomplete),
            ("01-02=14:30/21:00", "01-02=14:30/21:00", CalendarFault::Incomplete),
            ("2024-01-02", "2024-01-02", CalendarFault::Incomplete),
            ("2024-01-02=14:30", "2024-01-02=14:30", CalendarFault::Malformed),
            ("2024-01-02=14:30/21:60", "2024-01-02=14:30/21:60", CalendarFault::Malformed),
            ("2024-1-02=14:30/21:00", "2024-1-02=14:30/21:00", CalendarFault::Malformed),
            ("2024-01-02=14:30/21:00,", "", CalendarFault::Malformed),
            ("2024-01-02=14:30/21:00, 03", " 03", CalendarFault::Malformed),
            ("2024-02-30=14:30/21:00", "2024-02-30=14:30/21:00", CalendarFault::OutOfRange),
            ("1969-12-31=14:30/21:00", "1969-12-31=14:30/21:00", CalendarFault::OutOfRange),
            ("1970-01-01=-00:01/21:00", "1970-01-01=-00:01/21:00", CalendarFault::OutOfRange),
            ("2024-01-02=14:30/240:01", "2024-01-02=14:30/240:01", CalendarFault::OutOfRange),
            ("2554-01-02=14:30/21:00", "2554-01-02=14:30/21:00", CalendarFault::OutOfRange),
            ("2024-01-02=14:30/14:30", "2024-01-02=14:30/14:30", CalendarFault::Empty),
            ("2024-01-02=14:30/21:00,02", "02", CalendarFault::NotAscending),
            ("2024-01-02=00:00/25:00,03", "03", CalendarFault::NotAscending),
            ("2024-01-02=00:00/01:00,01=30:00/31:00", "01=30:00/31:00", CalendarFault::NotAscending),
            (&many, "01-02", CalendarFault::TooMany),
        ] {
            let error = text.parse::<Calendar>().unwrap_err();
            assert_eq!((error.value.as_str(), error.fault), (value, fault), "{text}");
        }
    }

    #[test]
    fn every_day_is_that_of_the_gregorian_calendar() {
        let epoch = time::Date::from_calendar_date(1970, time::Month::January, 1).unwrap();
        for (day, date) in (0u32..213_503).zip(std::iter::successors(Some(epoch), |date| date.next_day())) {
            let (year, month) = (date.year(), u8::from(date.month()));
            assert_eq!(civil(day.into()), (year as u64, month, date.day()));
            let number = (year as u64 <= YEAR_MAX).then_some(day);
            assert_eq!(day_number(year, month, date.day()), number, "{date}");
            assert_eq!(days_to_month(month_of(day.into())) + u64::from(date.day()) - 1, u64::from(day));
        }
        for (year, month, day) in [(2023, 2, 29), (1970, 0, 1), (1970, 13, 1), (1970, 1, 0), (1970, 1, 32), (-1, 1, 1)]
        {
            assert_eq!(day_number(year, month, day), None);
        }
    }

    #[test]
    fn a_time_is_in_the_session_that_contains_it() {
        let calendar = calendar("1970-01-02=00:00/01:00,02=01:00/02:00,04=00:00/01:00");
        let at = |seconds: i64| {
            let time = (DAY_NS as i128 + i128::from(seconds) * SECOND_NS) as u64;
            calendar.session_at(time).map(|one| (one.open - DAY_NS) / SECOND_NS as u64)
        };
        assert_eq!([-1, 0, 3599, 3600, 7199, 7200].map(at), [None, Some(0), Some(0), Some(3600), Some(3600), None]);
        assert_eq!(calendar.end(), 3 * DAY_NS + 3_600_000_000_000);
    }
}
