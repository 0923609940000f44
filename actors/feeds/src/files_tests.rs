//! The reader against bytes: the error of each malformed line, and no panic on arbitrary bytes.

use std::io::{Cursor as Bytes, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tapedeck_schemas::market::{MarketBody, TradeBody};

use super::*;

const QUOTE: &str = concat!(
    r#"5 {"stream":"btcusdt@bookTicker","data":"#,
    r#"{"u":9,"s":"BTCUSDT","b":"1.5","B":"2","a":"1.6","A":"3"}}"#
);
const TRADE: &str = concat!(
    r#"6 {"stream":"btcusdt@trade","data":"#,
    r#"{"e":"trade","s":"BTCUSDT","t":7,"p":"1.5","q":"2","T":1723161254086,"m":true,"M":true}}"#
);

fn read(path: &str, bytes: &[u8]) -> Result<Vec<ParsedMarket>, FeedError> {
    let input = InputFile::new(Path::new(path), Bytes::new(bytes.to_vec()));
    MergedFiles::new([input].into_iter(), &strict())?.collect()
}

fn strict() -> Selection {
    Selection { is_strict: true, ..Selection::default() }
}

/// The number of events, and the counts of entries that cannot be read.
fn read_what_can_be(bytes: &[u8]) -> Result<(usize, UnreadableCounts), FeedError> {
    let input = InputFile::new(Path::new("a"), Bytes::new(bytes.to_vec()));
    let mut merge = MergedFiles::new([input].into_iter(), &Selection::default())?;
    let events: Result<Vec<_>, _> = merge.by_ref().collect();
    Ok((events?.len(), merge.counts.unreadable))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The error for `line` as line 3, after a quote and a trade.
fn error_of(line: &str) -> String {
    let text = format!("{QUOTE}\n{TRADE}\n{line}\n{QUOTE}\n");
    read("a.jsonl", text.as_bytes()).err().unwrap_or_else(|| panic!("accepted: {line}")).to_string()
}

#[test]
fn the_error_of_a_malformed_line_has_the_file_the_line_and_the_defect() {
    let cases = [
        ("5", "there is no space"),
        (&QUOTE[1..], "the receive time is not a count"),
        ("0 {}", "the receive time is not a count"),
        ("+5 {}", "the receive time is not a count"),
        ("-5 {}", "the receive time is not a count"),
        ("1.5 {}", "the receive time is not a count"),
        ("99999999999999999999 {}", "the receive time is not a count"),
        ("5 ", "not a JSON object"),
        ("5 []", "not a JSON object"),
        ("5 {} x", "not a JSON object"),
        (&QUOTE[..60], "not a JSON object"),
        (r#"5 {"stream":"btcusdt@trade"}"#, "stream without data"),
        (r#"5 {"stream":"btcusdt@trade","data":{}}"#, "not a trade: missing field"),
        (r#"5 {"stream":"btcusdt@bookTicker","data":7}"#, "not a bookTicker: invalid type"),
        (&TRADE.replace(r#""1.5""#, "1.5"), "not a trade: invalid type: floating point"),
        (&TRADE.replace("1.5", "1.5e"), r#"p "1.5e" is not a decimal number"#),
        (&TRADE.replace(r#""2""#, r#""0.0000000001""#), r#"q "0.0000000001" has more than 9 decimals"#),
        (&QUOTE.replace(r#""1.6""#, r#""10000000001""#), r#"a "10000000001" is out of range"#),
        (&TRADE.replace("1723161254086", "18446744073709551615"), "T 18446744073709551615 is not a time from 2000"),
        (&TRADE.replace("1723161254086", "1723161254"), "T 1723161254 is not a time from 2000 to 2100 in ms, µs or ns"),
        (&TRADE.replace("1723161254086", "-1"), "not a trade: invalid value"),
        (&TRADE.replace("BTCUSDT", "ETHUSDT"), r#"s "ETHUSDT" on the stream of "btcusdt""#),
        (&TRADE.replace("btcusdt", "a,b").replace("BTCUSDT", "a,b"), r#"s "A,B" is not a symbol"#),
    ];
    for (line, detail) in cases {
        let error = error_of(line);
        assert!(error.starts_with("a.jsonl:3: ") && error.contains(detail), "for {line:?}: {error}");
    }
}

#[test]
fn events_before_a_malformed_line_are_read_and_none_after_it() {
    let text = format!("{QUOTE}\nwrong line\n{TRADE}\n");
    let input = InputFile::new(Path::new("a"), Bytes::new(text.into_bytes()));
    let all: Vec<bool> =
        MergedFiles::new([input].into_iter(), &strict()).unwrap().map(|market| market.is_ok()).collect();
    assert_eq!(all, [true, false]);
}

#[test]
fn an_excerpt_is_bounded_and_printable() {
    let error = error_of(&format!("\u{1b}[31m{}", "x".repeat(10_000)));
    assert!(error.len() < 300 && !error.contains('\u{1b}') && error.ends_with("x…\""), "{error}");
}

#[test]
fn the_error_of_invalid_utf8_has_the_byte() {
    let error = read("a", b"5 {\"stream\":\"\xff\"}\n").err().unwrap().to_string();
    assert!(error.starts_with("a:1: not UTF-8 from byte 14"), "{error}");
}

#[test]
fn a_line_longer_than_the_bound_is_an_error() {
    use crate::lines::LINE_BYTES_MAX;
    let line = |bytes: usize| format!("{TRADE}{}\r\n{QUOTE}\n", " ".repeat(bytes - TRADE.len()));
    assert_eq!(read("a", line(LINE_BYTES_MAX).as_bytes()).unwrap().len(), 2);
    let error = read("a", line(LINE_BYTES_MAX + 1).as_bytes()).err().unwrap().to_string();
    assert!(error.starts_with("a:1: longer than 1048576 bytes"), "{error}");
    assert!(read("a", &vec![b'x'; 3 * LINE_BYTES_MAX]).is_err());
    let long = format!("{}{}", line(3 * LINE_BYTES_MAX), line(LINE_BYTES_MAX + 1));
    let (events, unreadable) = read_what_can_be(long.as_bytes()).unwrap();
    assert_eq!((events, unreadable["long_line"].count), (2, 2), "the lines after it are read");
}

#[test]
fn entries_that_cannot_be_read_are_counted_by_kind_and_the_others_are_read() {
    let unspellable = TRADE.replace("btcusdt", "a,b").replace("BTCUSDT", "a,b");
    let number = TRADE.replace("1.5", "1.5e");
    let lines = [QUOTE, "5 {", &unspellable, TRADE, &number, "", &unspellable.replace("a,b", "c,d"), QUOTE, "wrong"];
    let (events, unreadable) = read_what_can_be(lines.join("\n").as_bytes()).unwrap();
    let counts: Vec<_> = unreadable.iter().map(|(kind, one)| (*kind, one.count, one.first.line)).collect();
    assert_eq!(events, 3);
    assert_eq!(counts, [("malformed", 1, 9), ("not_json", 1, 2), ("number", 1, 5), ("symbol", 2, 3)]);
    let first = &unreadable["symbol"].first;
    assert_eq!(first.file, "a");
    assert!(first.detail.starts_with(r#"s "A,B" is not a symbol"#) && first.excerpt.starts_with("\"6 {"), "{first:?}");
}

#[test]
fn a_file_of_which_no_entry_can_be_read_is_the_error_of_its_first() {
    let bad = TRADE.replace("1.5", "1.5e");
    let error = read_what_can_be(format!("{bad}\n{bad}\n5 {{\n").as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with(r#"a:1: p "1.5e" is not a decimal number"#), "{error}");
}

#[test]
fn what_follows_an_unreadable_part_of_unknown_length_is_not_read() {
    let text = format!("{QUOTE}\nwrong line\n{TRADE}\n").repeat(5_000);
    let cut = &gzip(text.as_bytes())[..1_000];
    assert!(matches!(read_what_can_be(cut), Err(FeedError::Truncated { .. })));
    let map = r#"{"instrument":"binance.BTCUSDT","kind":"heartbeat","ts_recv":5}"#;
    let value: serde_json::Value = serde_json::from_str(map).unwrap();
    let mut packed = rmp_serde::to_vec_named(&value).unwrap();
    let whole = packed.clone();
    packed.extend(rmp_serde::to_vec_named(&serde_json::json!({"kind": 7})).unwrap());
    packed.extend(&whole);
    let (events, unreadable) = read_what_can_be(&packed).unwrap();
    assert_eq!((events, unreadable.values().map(|one| one.count).sum::<u64>()), (2, 1), "a map of known length");
    packed.extend(&whole[..20]);
    assert!(matches!(read_what_can_be(&packed), Err(FeedError::Unbounded { line: 4, .. })));
}

#[test]
fn a_reader_that_makes_no_progress_is_stopped() {
    struct Stuck(u64);
    impl FormatReader for Stuck {
        fn next(&mut self) -> Result<Option<formats::FileEntry>, FeedError> {
            self.0 += 1;
            assert!(self.0 < 10_000, "read without end");
            Err(FeedError::malformed(Path::new("a"), 7, "stuck", b"x"))
        }
    }
    let format = Box::new(Stuck(0));
    let mut file = FileCursor { path: "a".into(), is_empty: false, format, latest: 0, next: None };
    let error = file.advance(&mut EntryCounts::default(), false).unwrap_err();
    assert!(matches!(error, FeedError::Malformed { line: 7, .. }));
}

#[test]
fn gzip_is_unpacked_and_the_error_of_a_truncated_file_has_its_last_line() {
    let text = format!("{QUOTE}\n{TRADE}\n").repeat(5_000);
    let whole = gzip(text.as_bytes());
    assert_eq!(read("a", &whole).unwrap().len(), 10_000);
    let two = [whole.clone(), whole.clone()].concat();
    assert_eq!(read("a", &two).unwrap().len(), 20_000, "all members are read, as in rotated files");
    let error = read("a.gz", &whole[..whole.len() / 2]).err().unwrap();
    assert!(matches!(&error, FeedError::Truncated { line, .. } if *line > 0), "{error}");
    let last = |excess: &[u8]| read("a.gz", &[&two[..], excess].concat()).map(|events| events.len());
    assert_eq!(last(&[0; 70_000]).unwrap(), 20_000, "zeros pad the file");
    for (excess, bytes) in [(&b"more"[..], 4), (&[0, 0, 0, 9], 4), (&[0x1f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 12)] {
        let error = last(excess).unwrap_err().to_string();
        assert!(error.contains(&format!("{bytes} bytes after the end of the gzip data")), "{error}");
    }
    let by_byte = [&whole[..], b"\x1f more than ten"].concat();
    let by_byte = std::io::BufReader::with_capacity(1, Bytes::new(by_byte));
    let error = std::io::read_to_string(crate::gzip::GzipReader::new(by_byte)).unwrap_err().to_string();
    assert!(error.contains("15 bytes after the end"), "{error}");
    assert!(matches!(last(&whole[..30]), Err(FeedError::Truncated { .. })), "a further member that is cut off");
    let cut_trailer = read("a.gz", &whole[..whole.len() - 1]).err().unwrap();
    assert!(matches!(&cut_trailer, FeedError::Truncated { line: 10_000, .. }), "{cut_trailer}");
    assert!(cut_trailer.to_string().starts_with("a.gz: the compressed data end after line 10000; "), "{cut_trailer}");
    assert!(read("a.gz", text.as_bytes()).is_err(), "the name says gzip, the content is text");
}

#[test]
fn a_buyer_that_was_the_maker_makes_the_seller_the_aggressor() {
    use tapedeck_schemas::event::Aggressor;
    let side = |line: &str| match read("a", line.as_bytes()).unwrap().remove(0).body {
        MarketBody::Trade(TradeBody { aggressor, .. }) => aggressor,
        other => panic!("{other:?}"),
    };
    assert_eq!(side(TRADE), Aggressor::Seller);
    assert_eq!(side(&TRADE.replace(r#""m":true"#, r#""m":false"#)), Aggressor::Buyer);
}

proptest! {
    #[test]
    fn arbitrary_bytes_cause_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read("a", &bytes);
        let _ = read("a", &[&[0x1f, 0x8b, 8, 0][..], &bytes].concat());
        let _ = read("a", &gzip(&bytes));
    }

    #[test]
    fn a_damaged_capture_causes_no_panic(
        at in 0usize..1000,
        byte in any::<u8>(),
        cut in 0usize..1000,
    ) {
        let mut bytes = format!("{QUOTE}\n{TRADE}\n").into_bytes();
        let length = bytes.len();
        bytes[at % length] = byte;
        let _ = read("a", &bytes);
        let _ = read_what_can_be(&bytes);
        let _ = read("a", &bytes[..cut % length]);
        let mut packed = gzip(&bytes);
        let length = packed.len();
        packed[at % length] = byte;
        let _ = read("a", &packed);
    }
}
