//! Calendars of the setup file: sessions of zones, over changes of daylight-saving time and over midnight.

use tapedeck_feeds::Setup;
use tapedeck_schemas::market::{DefinitionBody, MarketBody};

const INSTRUMENT: &str = r#"
[[instrument]]
id = "x.AB"
base = "A"
quote = "B"
tick_size = "1"
lot_size = "1"
min_notional = "0"
"#;

/// The calendar of the definition of `x.AB`, as text, or the error.
fn calendar(lines: &str) -> Result<String, String> {
    let setup = Setup::parse("s", &format!("{INSTRUMENT}{lines}\n")).map_err(|error| error.to_string())?;
    match setup.definition(&"x.AB".parse().unwrap()) {
        Some(MarketBody::Definition(DefinitionBody { calendar, .. })) => Ok(calendar.unwrap().to_string()),
        other => panic!("{other:?}"),
    }
}

fn rules(zone: &str, open: &str, close: &str, more: &str) -> Result<String, String> {
    calendar(&format!("calendar = {{ zone = {zone:?}, open = {open:?}, close = {close:?}, {more} }}"))
}

fn resolved(zone: &str, open: &str, close: &str, more: &str) -> String {
    rules(zone, open, close, more).unwrap()
}

#[test]
fn sessions_follow_the_zone_over_changes_of_daylight_saving_time() {
    let march = "days = \"mon-fri\", from = \"2024-03-08\", to = \"2024-03-12\"";
    let new_york = resolved("America/New_York", "09:30", "16:00", march);
    assert_eq!(new_york, "2024-03-08=14:30/21:00,11=13:30/20:00,12");
    let november = "days = \"mon-fri\", from = \"2024-10-31\", to = \"2024-11-05\", holidays = [\"2024-11-01\"]";
    let new_york = resolved("America/New_York", "09:30", "16:00", november);
    assert_eq!(new_york, "2024-10-31=13:30/20:00,11-04=14:30/21:00,05");
    let india = resolved("Asia/Kolkata", "09:15", "15:30", march);
    assert_eq!(india, "2024-03-08=03:45/10:00,11,12");
    // Lord Howe Island changes by half an hour, on 2024-04-07 at 02:00 from UTC+11 to UTC+10:30.
    let april = "from = \"2024-04-06\", to = \"2024-04-08\"";
    let lord_howe = resolved("Australia/Lord_Howe", "10:00", "16:00", april);
    assert_eq!(lord_howe, "2024-04-06=-01:00/05:00,07=-00:30/05:30,08");
}

#[test]
fn days_of_a_zone_are_as_long_as_they_are_and_leave_no_time_between() {
    let march = "from = \"2024-03-09\", to = \"2024-03-11\"";
    let days = resolved("America/New_York", "00:00", "00:00", march);
    assert_eq!(days, "2024-03-09=05:00/29:00,10=05:00/28:00,11=04:00/28:00");
    assert_eq!(resolved("America/New_York", "00:00", "24:00", march), days);
    let november = resolved("America/New_York", "00:00", "00:00", "from = \"2024-11-03\", to = \"2024-11-03\"");
    assert_eq!(november, "2024-11-03=04:00/29:00");
    // Lebanon skips from 00:00 to 01:00 on 2024-03-31: the day begins then, and the one before ends.
    let skipped = resolved("Asia/Beirut", "00:00", "00:00", "from = \"2024-03-30\", to = \"2024-03-31\"");
    assert_eq!(skipped, "2024-03-30=-02:00/22:00,31=-02:00/21:00");
}

#[test]
fn sessions_over_midnight_have_the_date_of_their_close() {
    // Monday's session opens on Sunday; the change to daylight-saving time is before its open.
    let days = "days = \"mon-fri\", from = \"2024-03-08\", to = \"2024-03-11\"";
    assert_eq!(resolved("America/Chicago", "17:00", "16:00", days), "2024-03-08=-01:00/22:00,11=-02:00/21:00");
    let foreign_exchange = resolved("America/New_York", "17:00", "17:00", days);
    assert_eq!(foreign_exchange, "2024-03-08=-02:00/22:00,11=-03:00/21:00");
    let pause = "pause = \"02:30-09:00\", from = \"2024-03-08\", to = \"2024-03-08\"";
    assert_eq!(resolved("Asia/Shanghai", "21:00", "15:00", pause), "2024-03-08=-11:00/-05:30,08=01:00/07:00");
}

#[test]
fn a_pause_splits_each_session_and_some_close_early() {
    let more = "pause = \"11:30-12:30\", days = \"mon,wed-thu\", from = \"2024-01-01\", to = \"2024-01-04\"";
    let tokyo = resolved("Asia/Tokyo", "09:00", "15:00", more);
    assert_eq!(
        tokyo,
        "2024-01-01=00:00/02:30,01=03:30/06:00,03=00:00/02:30,03=03:30/06:00,04=00:00/02:30,04=03:30/06:00"
    );
    let more = "early = { \"2024-07-03\" = \"13:00\" }, from = \"2024-07-02\", to = \"2024-07-03\"";
    assert_eq!(resolved("America/New_York", "09:30", "16:00", more), "2024-07-02=13:30/20:00,03=13:30/17:00");
}

#[test]
fn a_range_of_days_may_pass_sunday() {
    // 2024-03-08 is a Friday.
    let days = "days = \"sat-mon,wed\", from = \"2024-03-08\", to = \"2024-03-14\"";
    let expected = "2024-03-09=09:30/16:00,10,11,13";
    assert_eq!(resolved("UTC", "09:30", "16:00", days), expected);
}

#[test]
fn instruments_refer_to_a_calendar_by_name() {
    let named = "[calendar.nyse]\nzone = \"America/New_York\"\nopen = \"09:30\"\nclose = \"16:00\"\n\
                 from = \"2024-01-02\"\nto = \"2024-01-02\"";
    let text = calendar(&format!("bars = [\"1d-session\"]\ncalendar = \"nyse\"\n{named}")).unwrap();
    assert_eq!(text, "2024-01-02=14:30/21:00");
    let error = calendar(&format!("calendar = \"nasdaq\"\n{named}")).unwrap_err();
    assert!(error.contains("instrument x.AB: calendar: there is no [calendar.nasdaq] in this file"), "{error}");
    let error = calendar("bars = [\"1m\", \"1d-session\"]").unwrap_err();
    assert!(error.contains("bars lists 1d-session, which is by trading sessions; add a calendar"), "{error}");
}

#[test]
fn the_error_of_every_mistake_in_a_calendar_has_the_value() {
    let range = "from = \"2024-01-02\", to = \"2024-01-03\"";
    for (zone, open, close, more, detail) in [
        ("America/Newyork", "09:30", "16:00", range, "zone \"America/Newyork\" is not in the IANA database"),
        ("UTC", "9:30", "16:00", range, "open \"9:30\" must be a time as \"09:30\""),
        ("UTC", "09:30", "25:00", range, "close \"25:00\" must be a time"),
        ("UTC", "09:30", "16:00", "from = \"2024-01-02\", to = \"2024-02-30\"", "to \"2024-02-30\" must be a date"),
        ("UTC", "09:30", "16:00", "from = \"2024-01-03\", to = \"2024-01-02\"", "has no session"),
        ("UTC", "09:30", "16:00", "days = \"mon-fry\", from = \"2024-01-02\", to = \"2024-01-03\"", "days \"mon-fry\""),
        ("UTC", "00:00", "00:00", "from = \"2020-01-01\", to = \"2024-01-01\"", "has over 1024 sessions; shorten it"),
        (
            "UTC",
            "09:30",
            "16:00",
            "pause = \"17:00-18:00\", from = \"2024-01-02\", to = \"2024-01-02\"",
            "the session of 2024-01-02 does not open before it closes",
        ),
        (
            "UTC",
            "09:30",
            "16:00",
            "early = { \"2024-01-04\" = \"13:00\" }, from = \"2024-01-02\", to = \"2024-01-02\"",
            "early 2024-01-04 is no trading date",
        ),
        ("UTC", "09:30", "16:00", "from = \"20240102\", to = \"2024-01-03\"", "from \"20240102\" must be a date as"),
        ("UTC", "17:00", "16:00", "from = \"1970-01-01\", to = \"1970-01-02\"", "1970-01-01: a session before 1970"),
        ("UTC", "09:30", "16:00", "from = \"1969-12-31\", to = \"2024-01-02\"", "before 1970"),
        ("UTC", "09:30", "16:00", "from = \"2024-01-02\"", "want the name of a [calendar.NAME], or { zone, open"),
        ("UTC", "09:30", "16:00", "day = \"mon\", from = \"2024-01-02\", to = \"2024-01-03\"", "want the name of a"),
    ] {
        let error = rules(zone, open, close, more).err().unwrap_or_else(|| panic!("accepted: {open} {close} {more}"));
        assert!(error.contains(detail), "{more}: {error}");
    }
}
