//! The rules of a calendar in the setup file, and the trading sessions that follow from them by the zone data in this
//! build. Only the sessions are published: no later step knows a zone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::Deserialize;
use tapedeck_schemas::calendar::{CALENDAR_SESSIONS_MAX, Calendar, TradingSession, day_number};

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The calendar of an instrument: the name of a `[calendar.NAME]`, or rules of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "want the name of a [calendar.NAME], or { zone, open, close, days, from, to, … }")]
pub(crate) enum CalendarChoice {
    Named(String),
    Own(CalendarRules),
}

/// The rules of a calendar. Times are those of the zone. A close that is not after the open is on the next day; the
/// **trading date** of a session is that of its last moment, and days, holidays, `from` and `to` are trading dates.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalendarRules {
    /// Name in the IANA database, such as `America/New_York`.
    zone: String,
    /// `HH:MM` or `HH:MM:SS`.
    open: String,
    close: String,
    /// A time without trading within each session, such as `11:30-12:30`.
    pause: Option<String>,
    /// Days of the week, such as `mon-fri` or `sun-tue,thu`.
    #[serde(default = "every_day")]
    days: String,
    /// Trading dates without a session.
    #[serde(default)]
    holidays: BTreeSet<String>,
    /// Trading dates with another close.
    #[serde(default)]
    early: BTreeMap<String, String>,
    /// First trading date.
    from: String,
    /// Last trading date.
    to: String,
}

fn every_day() -> String {
    "mon-sun".into()
}

impl CalendarRules {
    /// The sessions. An instant that the zone skips is taken as the one after the change, and of two the first.
    pub(crate) fn resolve(&self) -> Result<Calendar, String> {
        let zone = TimeZoneDatabase::bundled().get(&self.zone);
        let zone = zone.map_err(|_| format!("zone {:?} is not in the IANA database of this build", self.zone))?;
        let (open, close) = (time("open", &self.open)?, time("close", &self.close)?);
        let pause = self.pause.as_deref().map(pause).transpose()?;
        let days = weekdays(&self.days)?;
        let dates = self.holidays.iter().map(|text| date("holidays", text));
        let holidays = dates.collect::<Result<BTreeSet<Date>, String>>()?;
        let early = self.early.iter().map(|(on, close)| Ok((date("early", on)?, time("early", close)?)));
        let mut early = early.collect::<Result<BTreeMap<Date, Time>, String>>()?;
        let (from, to) = (date("from", &self.from)?, date("to", &self.to)?);
        let mut sessions = Vec::new();
        for on in from.series(jiff::Span::new().days(1)).take_while(|on| *on <= to) {
            let weekday = on.weekday().to_monday_zero_offset() as usize;
            if !days[weekday] || holidays.contains(&on) {
                continue;
            }
            let close = early.remove(&on).unwrap_or(close);
            sessions.extend(sessions_of(on, open, close, pause, &zone)?);
            if sessions.len() > CALENDAR_SESSIONS_MAX {
                return Err(format!("from {from} to {to} has over {CALENDAR_SESSIONS_MAX} sessions; shorten it"));
            }
        }
        if sessions.is_empty() {
            return Err(format!("from {from} to {to} has no session; correct from, to, days or holidays"));
        }
        if let Some((on, _)) = early.first_key_value() {
            return Err(format!("early {on} is no trading date of the calendar; correct or remove it"));
        }
        let on = |at: usize| sessions[at].date;
        let dates: Vec<u32> = (0..sessions.len()).map(on).collect();
        Calendar::new(sessions).map_err(|(at, fault)| {
            let days = i64::from(dates.get(at).copied().unwrap_or_default());
            let date = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(days));
            format!("the session of {} {}", date.map(|date| date.to_string()).unwrap_or_default(), fault.words())
        })
    }
}

/// The session of a trading date, or the two beside its pause.
fn sessions_of(
    on: Date,
    open: Time,
    close: Time,
    pause: Option<(Time, Time)>,
    zone: &TimeZone,
) -> Result<Vec<TradingSession>, String> {
    let out_of_range = |_| format!("{on} is out of range");
    let to_midnight = close == Time::midnight();
    let is_overnight = !to_midnight && open >= close;
    let instant = |date: Date, time: Time| {
        let zoned = date.to_datetime(time).to_zoned(zone.clone()).map_err(out_of_range)?;
        u64::try_from(zoned.timestamp().as_nanosecond()).map_err(|_| format!("{on}: a session before 1970"))
    };
    // A time from the open on is on the day before, if the session began then.
    let within = |time: Time| match is_overnight && time >= open {
        true => instant(on.yesterday().map_err(out_of_range)?, time),
        false => instant(on, time),
    };
    let opens = within(open)?;
    let closes = if to_midnight { instant(on.tomorrow().map_err(out_of_range)?, close)? } else { instant(on, close)? };
    let date = day_number(on.year().into(), on.month() as u8, on.day() as u8);
    let date = date.ok_or_else(|| format!("{on} is before 1970"))?;
    let session = |open, close| TradingSession { open, close, date };
    Ok(match pause {
        Some((from, to)) => vec![session(opens, within(from)?), session(within(to)?, closes)],
        None => vec![session(opens, closes)],
    })
}

/// Which days of the week a text names, from Monday.
fn weekdays(text: &str) -> Result<[bool; 7], String> {
    let bad = || format!("days {text:?} must be days as in \"mon-fri\" or \"sun-tue,thu\"");
    let day = |name: &str| WEEKDAYS.iter().position(|known| *known == name).ok_or_else(bad);
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // A range may pass Sunday.
        (0..=(last + 7 - first) % 7).for_each(|by| days[(first + by) % 7] = true);
    }
    Ok(days)
}

fn pause(text: &str) -> Result<(Time, Time), String> {
    let (from, to) = text.split_once('-').ok_or_else(|| format!("pause {text:?} must be as \"11:30-12:30\""))?;
    Ok((time("pause", from)?, time("pause", to)?))
}

/// A time of day; `24:00` is midnight.
fn time(key: &str, text: &str) -> Result<Time, String> {
    let parts: Vec<Option<i8>> = text.split(':').map(two_digits).collect();
    let time = match parts[..] {
        [Some(24), Some(0)] => Some(Time::midnight()),
        [Some(hour), Some(minute)] => Time::new(hour, minute, 0, 0).ok(),
        [Some(hour), Some(minute), Some(second)] => Time::new(hour, minute, second, 0).ok(),
        _ => None,
    };
    time.ok_or_else(|| format!("{key} {text:?} must be a time as \"09:30\""))
}

fn two_digits(text: &str) -> Option<i8> {
    let holds = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    holds.then(|| text.parse().ok()).flatten()
}

fn date(key: &str, text: &str) -> Result<Date, String> {
    let bad = || format!("{key} {text:?} must be a date as \"2024-07-04\"");
    if text.len() == 10 { text.parse().map_err(|_| bad()) } else { Err(bad()) }
}
