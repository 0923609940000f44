//! Bars by trading sessions: their windows, the end and the change of a calendar, and the bound of calendars.

mod common;

use common::*;
use tapedeck_ingest::calendars::{CALENDARS_MAX, OPERATOR_CALENDARS};
use tapedeck_schemas::event::{Event, RejectReason};
use tapedeck_schemas::market::{BarBody, DefinitionBody, MarketBody, MarketEvent};

const HOUR: u64 = 3600 * SECOND;
/// Tuesday 2023-11-14, 00:00 UTC.
const TUESDAY: u64 = START - 22 * HOUR - 13 * 60 * SECOND - 20 * SECOND;
/// Three sessions of the week, the last short, and one of the next month.
const SESSIONS: &str = "2023-11-14=14:30/21:00,15,16=14:30/18:00,12-01=14:30/21:00";

/// A time in minutes after the Tuesday, as `day`, hour, minute.
fn time(day: u64, hour: u64, minute: u64) -> u64 {
    TUESDAY + (24 * day + hour) * HOUR + minute * 60 * SECOND
}

fn terms(bars: &str, calendar: Option<&str>) -> MarketBody {
    let mut terms = with_bars(definition("A", "B", "0.01", "0.1", "5"), bars);
    if let MarketBody::Definition(DefinitionBody { calendar: sessions, .. }) = &mut terms {
        *sessions = calendar.map(|text| text.parse().unwrap());
    }
    terms
}

/// Feeds events of one instrument one after the other.
#[derive(Default)]
struct Market {
    harness: Harness,
    seq: u64,
}

impl Market {
    fn building(bars: &str, calendar: &str) -> Self {
        let mut market = Self::default();
        assert_eq!(kinds(&market.feed(TUESDAY, terms(bars, Some(calendar)))), ["InstrumentDefined"]);
        market
    }

    fn feed(&mut self, ts_recv: u64, body: MarketBody) -> Vec<Event> {
        self.feed_from("feed", ts_recv, body)
    }

    fn feed_from(&mut self, source: &str, ts_recv: u64, body: MarketBody) -> Vec<Event> {
        self.seq += 1;
        let source = source.parse().unwrap();
        let mut events = self.harness.feed(&entry(SYMBOL, MarketEvent { ts_recv, source, ..event(self.seq, body) }));
        events.retain(|event| !matches!(event, Event::ClockAdvanced(_) | Event::Gap(_)));
        events
    }

    /// Feeds a trade; the bars, with their times in hours and minutes after the Tuesday.
    fn trade(&mut self, ts_recv: u64) -> Vec<String> {
        rendered(&self.feed(ts_recv, trade("5", "1", None)))
    }
}

fn rendered(events: &[Event]) -> Vec<String> {
    let minute = |ns: u64| format!("{:02}:{:02}", (ns - TUESDAY) / HOUR, (ns - TUESDAY) % HOUR / SECOND / 60);
    let bars = events.iter().filter_map(|event| if let Event::Bar(bar) = event { Some(bar) } else { None });
    let part = |part: u64| if part > 0 { format!(" part {part}") } else { String::new() };
    let text = bars.map(|bar| {
        let (opened, closed) = (minute(bar.opened), minute(bar.closed));
        format!("{} {opened}-{closed} {} events{}", bar.bar, bar.count, part(bar.part))
    });
    text.collect()
}

#[test]
fn bars_by_sessions_begin_at_the_open_and_end_at_the_close_and_hold_no_other_trades() {
    let mut market = Market::building("3h-session,1d-session,1w-session,1mo-session,1d", SESSIONS);
    assert_eq!(market.trade(time(0, 14, 29)), [""; 0]);
    assert_eq!(market.trade(time(0, 14, 30)), [""; 0]);
    assert_eq!(market.trade(time(0, 20, 40)), ["3h-session 14:30-17:30 1 events"]);
    // The last window of the day ends with it. A trade after the close is in the bar of UTC alone.
    assert_eq!(market.trade(time(0, 21, 0)), ["3h-session 20:30-21:00 1 events", "1d-session 14:30-21:00 2 events"]);
    assert_eq!(market.trade(time(1, 14, 30)), ["1d 00:00-24:00 4 events"]);
    assert_eq!(market.trade(time(2, 17, 59)).len(), 3);
    // Thursday was the last session of the week, and Friday the first of December is that of another week and month.
    assert_eq!(
        market.trade(time(17, 14, 30)),
        [
            "3h-session 65:30-66:00 1 events",
            "1d-session 62:30-66:00 1 events",
            "1w-session 14:30-66:00 4 events",
            "1mo-session 14:30-66:00 4 events",
            "1d 48:00-72:00 1 events"
        ]
    );
}

#[test]
fn the_end_of_a_calendar_is_a_fact_once_and_then_no_bar_by_sessions_is_built() {
    let mut market = Market::building("1d-session,1d", "2023-11-14=14:30/21:00");
    market.trade(time(0, 15, 0));
    let end = market.feed(time(0, 21, 0), MarketBody::HEARTBEAT);
    assert_eq!(kinds(&end), ["Bar", "CalendarEnded", "MarketHeartbeat"]);
    let Event::CalendarEnded(fact) = &end[1] else { panic!("{end:?}") };
    assert_eq!((fact.instrument.to_string(), fact.closed), (SYMBOL.into(), time(0, 21, 0)));
    assert_eq!(market.trade(time(1, 15, 0)), ["1d 00:00-24:00 1 events"]);
    assert_eq!(kinds(&market.feed(time(1, 16, 0), MarketBody::HEARTBEAT)), ["MarketHeartbeat"]);
    // A later calendar has an end of its own. The definition is no event that shows the end of the one before.
    let later = terms("1d-session,1d", Some("2023-11-16=14:30/21:00"));
    assert_eq!(kinds(&market.feed(time(1, 17, 0), later.clone())), ["InstrumentDefined"]);
    market.trade(time(2, 15, 0));
    assert_eq!(kinds(&market.feed(time(2, 21, 0), later)), ["Bar", "InstrumentDefined"]);
    assert_eq!(kinds(&market.feed(time(2, 21, 0), MarketBody::HEARTBEAT)), ["CalendarEnded", "MarketHeartbeat"]);
    // Without a bar by sessions nothing depends on the calendar.
    let mut market = Market::building("1d", "2023-11-14=14:30/21:00");
    assert_eq!(kinds(&market.feed(time(0, 21, 0), MarketBody::HEARTBEAT)), ["MarketHeartbeat"]);
}

#[test]
fn a_publisher_that_names_no_calendar_keeps_it_and_the_operator_removes_it() {
    let mut market = Market::default();
    let answer = market.feed(TUESDAY, terms("1d,1h-session", None));
    let (reason, detail) = rejection(&answer).unwrap();
    assert_eq!(reason, RejectReason::BadDefinition);
    assert!(detail.starts_with("1h-session is by trading sessions, and no definition"), "{detail}");
    market.feed(TUESDAY, terms("1h-session", Some(SESSIONS)));
    assert_eq!(kinds(&market.feed(TUESDAY, terms("1h-session,1d-session", None))), ["InstrumentDefined"]);
    market.trade(time(0, 15, 0));
    assert_eq!(market.trade(time(0, 15, 30)), ["1h-session 14:30-15:30 1 events"]);
    // An older definition may repeat the calendar in force, or name none.
    for (calendar, is_accepted) in [(Some(SESSIONS), true), (None, true), (Some("2023-11-14=14:30/21:00"), false)] {
        let answer = market.feed(TUESDAY - 1, terms("1h-session,1d-session", calendar));
        assert_eq!(rejection(&answer).is_none(), is_accepted, "{calendar:?}");
    }
    let operator = |market: &mut Market, bars: &str| market.feed_from("operator", time(0, 16, 0), terms(bars, None));
    assert_eq!(rejection(&operator(&mut market, "1h-session")).unwrap().0, RejectReason::BadDefinition);
    assert_eq!(*kinds(&operator(&mut market, "1h")).last().unwrap(), "InstrumentDefined");
    assert_eq!(rejection(&operator(&mut market, "1h-session")).unwrap().0, RejectReason::BadDefinition);
}

#[test]
fn a_longer_calendar_keeps_open_bars_and_another_start_of_their_window_cuts_them() {
    let mut market = Market::building("1d-session,1w-session", "2023-11-14=14:30/21:00");
    market.trade(time(0, 15, 0));
    let longer = terms("1d-session,1w-session", Some("2023-11-14=14:30/20:00,15"));
    assert_eq!(kinds(&market.feed(time(0, 16, 0), longer)), ["InstrumentDefined"]);
    assert_eq!(market.trade(time(0, 20, 0)), ["1d-session 14:30-20:00 1 events"]);
    market.trade(time(1, 14, 30));
    // The session of the second day is found to begin earlier. The week begins as before.
    let earlier = terms("1d-session,1w-session", Some("2023-11-14=14:30/20:00,15=14:00/20:00,16"));
    assert_eq!(rendered(&market.feed(time(1, 15, 0), earlier)), ["1d-session 38:30-38:30 1 events part 1"]);
    assert_eq!(market.trade(time(1, 14, 10)), [""; 0]);
    assert_eq!(market.trade(time(1, 20, 0)), ["1d-session 38:00-44:00 1 events part 2"]);
    // Without the sessions that an open bar began with, its window has another start.
    let only = terms("1d-session,1w-session", Some("2023-11-15=14:00/20:00,16"));
    assert_eq!(rendered(&market.feed(time(1, 21, 0), only)), ["1w-session 14:30-38:30 3 events part 1"]);
    market.trade(time(2, 15, 0));
    assert_eq!(
        market.trade(time(2, 20, 0)),
        ["1d-session 62:00-68:00 1 events", "1w-session 38:00-68:00 1 events part 2"]
    );
}

#[test]
fn a_month_whose_begin_changes_goes_on_in_a_second_part() {
    let mut market = Market::building("1mo-session", "2023-11-14=14:30/21:30,15,16,12-01");
    market.trade(time(0, 21, 10));
    let corrected = terms("1mo-session", Some("2023-11-13=14:30/21:00,14,15,16,12-01"));
    assert_eq!(rendered(&market.feed(time(0, 21, 20), corrected)), ["1mo-session 14:30-21:10 1 events part 1"]);
    (1..=2).for_each(|day| assert_eq!(market.trade(time(day, 15, 0)), [""; 0]));
    // The month begins on Monday the 13th, 24 hours before the times of `rendered`; it was part 1 until the change.
    let closed = market.feed(time(17, 15, 0), trade("5", "1", None));
    let Some(Event::Bar(bar)) = closed.first() else { panic!("{closed:?}") };
    assert_eq!(
        (bar.opened, bar.closed, bar.count, bar.part, bar.late),
        (TUESDAY - 9 * HOUR - HOUR / 2, time(2, 21, 0), 2, 2, 0)
    );
}

#[test]
fn the_parts_of_a_series_have_different_names_however_the_calendar_changes() {
    let day = |open: &str| terms("1d-session", Some(&format!("2023-11-14={open}/18:00,15")));
    let mut market = Market::building("1d-session", "2023-11-14=09:00/18:00,15");
    let mut parts = Vec::new();
    for (minute, open) in (0..).zip(["10:00", "09:00", "08:00", "10:00", "09:00"]) {
        market.trade(time(0, 11, 2 * minute));
        parts.extend(market.feed(time(0, 11, 2 * minute + 1), day(open)));
    }
    market.trade(time(0, 12, 0));
    parts.extend(market.feed(time(1, 12, 0), trade("5", "1", None)));
    let named = parts.iter().filter_map(|event| match event {
        Event::Bar(bar) => Some((bar.opened, bar.part)),
        _ => None,
    });
    let named: Vec<_> = named.collect();
    let numbers: Vec<_> = named.iter().map(|(_, part)| *part).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    assert_eq!(rendered(&market.feed(time(1, 18, 0), trade("5", "1", None))), ["1d-session 33:00-42:00 1 events"]);
}

#[test]
fn a_bar_that_is_added_begins_with_the_next_window() {
    let mut market = Market::building("1d-session", SESSIONS);
    market.trade(time(0, 15, 0));
    market.feed(time(0, 15, 1), terms("", None));
    market.trade(time(0, 16, 0));
    assert_eq!(kinds(&market.feed(time(0, 16, 1), terms("1d-session,1m", None))), ["InstrumentDefined"]);
    market.trade(time(0, 16, 0));
    assert_eq!(market.trade(time(0, 21, 0)), [""; 0], "no bar that lacks the trades before");
    market.trade(time(1, 15, 0));
    assert_eq!(market.trade(time(1, 21, 0)), ["1d-session 38:30-45:00 1 events", "1m 39:00-39:01 1 events"]);
}

#[test]
fn a_published_bar_by_sessions_is_compared_with_the_calendar_in_force() {
    let bar = |spec: &str, opened, closed, part| {
        let price = "5".parse().unwrap();
        let (bar, volume) = (spec.parse().unwrap(), "1".parse().unwrap());
        let (open, high, low, close) = (price, price, price, price);
        MarketBody::Bar(BarBody { bar, open, high, low, close, volume, count: 1, opened, closed, part })
    };
    let mut market = Market::building("", SESSIONS);
    for (spec, opened, closed, part, is_accepted) in [
        ("1d-session", time(0, 14, 30), time(0, 21, 0), 0, true),
        ("1w-session", time(0, 14, 30), time(2, 18, 0), 0, true),
        ("5m-session", time(2, 17, 55), time(2, 18, 0), 0, true),
        ("1h-session", time(2, 17, 30), time(2, 18, 0), 0, true),
        ("1h-session", time(2, 17, 30), time(2, 18, 30), 0, false),
        ("1h-session", time(0, 15, 0), time(0, 16, 0), 0, false),
        ("1h-session", time(0, 21, 0), time(0, 22, 0), 0, false),
        ("1d-session", time(0, 14, 30), time(0, 20, 0), 0, false),
        ("1d-session", time(0, 14, 30), time(0, 20, 0), 2, true),
        ("1d-session", time(3, 14, 30), time(3, 21, 0), 0, false),
    ] {
        let answer = market.feed(closed, bar(spec, opened, closed, part));
        assert_eq!(rejection(&answer).is_none(), is_accepted, "{spec} {opened} {closed}: {answer:?}");
    }
    let mut market = Market::default();
    market.feed(TUESDAY, terms("", None));
    let answer = market.feed(time(0, 21, 0), bar("1d-session", time(0, 14, 30), time(0, 21, 0), 0));
    assert_eq!(rejection(&answer).unwrap().0, RejectReason::BadBar);
}

#[test]
fn a_partition_knows_a_bounded_number_of_different_calendars() {
    let mut harness = Harness::default();
    let mut seq = 0;
    let mut define = |source: &str, instrument: usize, calendar: usize| {
        let sessions = format!("2023-11-14={:02}:{:02}/21:00", calendar / 60, calendar % 60);
        seq += 1;
        let event = event(seq, terms("1d-session", Some(&sessions)));
        let event = MarketEvent { source: source.parse().unwrap(), ts_recv: TUESDAY, ..event };
        rejection(&harness.feed(&entry(&format!("v.S{instrument}"), event))).map(|(_, detail)| detail)
    };
    (0..CALENDARS_MAX).for_each(|n| assert_eq!(define("feed", n, n), None));
    let detail = define("feed", CALENDARS_MAX, CALENDARS_MAX).unwrap();
    assert_eq!(detail, "the partition already knows 256 different calendars, its bound: use one of them");
    assert_eq!(define("feed", CALENDARS_MAX, 0), None, "a known calendar");
    assert_eq!(define("feed", 1, CALENDARS_MAX), None, "it takes the place of the only use of another");
    (1..=OPERATOR_CALENDARS).for_each(|n| assert_eq!(define("operator", 1000 + n, 1000 + n), None));
    assert!(define("operator", 2000, 999).unwrap().contains("272 different calendars"));
}
