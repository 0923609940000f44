//! The window of a time bar that contains a time. UTC is arithmetic; a zone is known only by the calendar, which is
//! data on the tape.

use super::{BarAlign, BarSize, BarSpec, DAY_NS};
use crate::calendar::{Calendar, TradingSession, date_of, days_to_month, month_of, week_of};

/// The window of a time bar, ns since the Unix epoch. It contains its start, and not its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarWindow {
    /// Start.
    pub opened: u64,
    /// Exclusive end.
    pub closed: u64,
}

impl BarSpec {
    /// Returns whether the bar is a time bar, which has windows.
    pub const fn is_timed(&self) -> bool {
        matches!(self.size, BarSize::Time(_) | BarSize::Weeks(_) | BarSize::Months(_))
    }

    /// Returns the window that contains `time`, ns since the Unix epoch; `None` if there is none: of a tick or volume
    /// bar, and of a bar by sessions without a calendar or outside of all its sessions.
    ///
    /// UTC windows of a fixed length are aligned to the Unix epoch, weeks to Monday 1969-12-29, months to January 1970;
    /// a window that would begin before the epoch begins at it. By sessions, weeks and months are aligned so as well,
    /// and days to 1970-01-01; the first and the last window hold the sessions that the calendar has.
    pub fn window(&self, calendar: Option<&Calendar>, time: u64) -> Option<BarWindow> {
        match self.align {
            BarAlign::Utc => self.utc_window(time),
            BarAlign::Session => self.session_window(calendar?, time),
        }
    }

    fn utc_window(&self, time: u64) -> Option<BarWindow> {
        let day = time / DAY_NS;
        let (opened, closed) = match self.size {
            BarSize::Time(length) => {
                let opened = time - time % length;
                (opened, opened.saturating_add(length))
            }
            BarSize::Weeks(count) => {
                let first = week_of(day) / count * count;
                let monday = |week: u64| (7 * week).saturating_sub(3).saturating_mul(DAY_NS);
                (monday(first), monday(first + count))
            }
            BarSize::Months(count) => {
                let first = month_of(day) / count * count;
                let begin = |month: u64| days_to_month(month).saturating_mul(DAY_NS);
                (begin(first), begin(first + count))
            }
            BarSize::Ticks(_) | BarSize::Volume(_) => return None,
        };
        Some(BarWindow { opened, closed })
    }

    fn session_window(&self, calendar: &Calendar, time: u64) -> Option<BarWindow> {
        let session = calendar.session_at(time)?;
        let group = |one: &TradingSession| match self.size {
            BarSize::Time(length) => date_of(one) / (length / DAY_NS).max(1),
            BarSize::Weeks(count) => week_of(date_of(one)) / count,
            BarSize::Months(count) => month_of(date_of(one)) / count,
            BarSize::Ticks(_) | BarSize::Volume(_) => 0,
        };
        match self.size {
            BarSize::Ticks(_) | BarSize::Volume(_) => None,
            BarSize::Time(length) if length < DAY_NS => {
                let opened = time - (time - session.open) % length;
                Some(BarWindow { opened, closed: opened.saturating_add(length).min(session.close) })
            }
            _ => {
                // Dates ascend, so the sessions of a group are neighbours.
                let (all, own) = (calendar.sessions(), group(session));
                let first = all.partition_point(|one| group(one) < own);
                let end = all.partition_point(|one| group(one) <= own);
                Some(BarWindow { opened: all[first].open, closed: all[end - 1].close })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600 * 1_000_000_000;

    /// The window of `bar` at a number of hours after the epoch, as hours after the epoch.
    fn hours(bar: &str, calendar: Option<&Calendar>, hour: u64) -> Option<(u64, u64)> {
        let window = bar.parse::<BarSpec>().unwrap().window(calendar, hour * HOUR)?;
        assert!((window.opened..window.closed).contains(&(hour * HOUR)));
        assert_eq!((window.opened % HOUR, window.closed % HOUR), (0, 0));
        Some((window.opened / HOUR, window.closed / HOUR))
    }

    #[test]
    fn weeks_of_utc_begin_on_monday_and_months_on_the_first() {
        // 1970-01-01 was a Thursday: the week of the epoch is cut at it.
        assert_eq!(hours("1w", None, 0), Some((0, 4 * 24)));
        assert_eq!(hours("1w", None, 4 * 24), Some((4 * 24, 11 * 24)));
        assert_eq!(hours("2w", None, 4 * 24), Some((0, 11 * 24)));
        assert_eq!(hours("7d", None, 0), Some((0, 7 * 24)));
        assert_eq!(hours("1mo", None, 31 * 24 - 1), Some((0, 31 * 24)));
        assert_eq!(hours("1mo", None, 31 * 24), Some((31 * 24, 59 * 24)));
        assert_eq!(hours("12mo", None, 59 * 24), Some((0, 365 * 24)));
        // 2024-02-29, a Thursday in a leap year, is day 19782.
        let leap = 19_782 * 24;
        assert_eq!(hours("1mo", None, leap), Some((leap - 28 * 24, leap + 24)));
        assert_eq!(hours("1w", None, leap + 23), Some((leap - 3 * 24, leap + 4 * 24)));
        assert_eq!(hours("100t", None, leap), None);
    }

    #[test]
    fn windows_by_sessions_are_cut_at_the_close_and_grouped_by_trading_date() {
        // Friday, Monday with a pause, Tuesday which opens the evening before; then a day of the next month.
        let text = "1970-01-09=10:00/15:00,12=10:00/12:00,12=13:00/15:00,13=-02:00/15:00,02-02=10:00/15:00";
        let calendar = &text.parse::<Calendar>().unwrap();
        let at = |bar: &str, day: u64, hour: u64| {
            let relative = |(from, to): (u64, u64)| (from as i64 - 24 * day as i64, to as i64 - 24 * day as i64);
            hours(bar, Some(calendar), 24 * day + hour).map(relative)
        };
        assert_eq!(at("2h-session", 8, 13), Some((12, 14)));
        assert_eq!(at("2h-session", 8, 14), Some((14, 15)));
        assert_eq!(at("2h-session", 8, 15), None);
        assert_eq!(at("2h-session", 11, 12), None);
        assert_eq!(at("1d-session", 11, 14), Some((10, 15)));
        assert_eq!(at("1d-session", 11, 23), Some((22, 39)));
        assert_eq!(at("1w-session", 8, 10), Some((10, 15)));
        assert_eq!(at("1w-session", 11, 10), Some((10, 39)));
        assert_eq!(at("1mo-session", 8, 10), Some((10, 24 * 4 + 15)));
        assert_eq!(at("1mo-session", 32, 10), Some((10, 15)));
        assert_eq!(hours("1h-session", None, 10), None);
    }
}
