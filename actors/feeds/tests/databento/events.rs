//! The events of each schema, their instruments, and what is refused as a whole.

use crate::common::{skipped, unreadable};
use crate::*;

#[test]
fn trades_are_read_in_every_version_plain_and_compressed() {
    for version in 1..=3 {
        let bytes = encoded(&metadata_of(version, Schema::Trades), &trades());
        let (events, summary) = open(&bytes).unwrap();
        assert_eq!(events, expected_trades(), "version {version}");
        assert_eq!(skipped(&summary), [("trade_without_price", 1)]);
        assert_eq!(summary.assumed, ["venue xnas-itch by the name of the dataset XNAS.ITCH"]);
        assert!(summary.unreadable.is_empty(), "{:?}", summary.unreadable);
        let packed = zstd::encode_all(&bytes[..], 3).unwrap();
        assert_eq!(open(&packed).unwrap().0, expected_trades(), "version {version}, compressed");
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let frames = [first, second].map(|part| zstd::encode_all(part, 3).unwrap()).concat();
        assert_eq!(open(&frames).unwrap().0, expected_trades(), "version {version}, in two frames");
    }
    let sent = trades().into_iter().map(|trade| WithTsOut::new(trade, TUESDAY)).collect::<Vec<_>>();
    let bytes = encoded(&Metadata { ts_out: true, ..metadata(Schema::Trades) }, &sent);
    assert_eq!(open(&bytes).unwrap().0, expected_trades(), "with the time of sending");
}

#[test]
fn a_record_of_the_book_is_a_quote_and_with_the_action_trade_a_trade_after_it() {
    let both = level((20_250_000_000, 300), (20_260_000_000, UNDEF_ORDER_SIZE));
    let records = [
        book(b'A', both.clone()),
        book(b'T', both.clone()),
        book(b'C', level((20_250_000_000, 300), (UNDEF_PRICE, 7))),
        book(b'T', level((UNDEF_PRICE, 0), (-20_260_000_001, 1))),
        book(b'R', level((UNDEF_PRICE, 0), (UNDEF_PRICE, 0))),
    ];
    let time = Some(MONDAY - 50);
    let quote = quoted(time, Some(("20.25", "300")), Some(("20.26", "0")));
    let print = printed("xnas-itch.XYZ", MONDAY, "20.25", "300", "seller");
    let expected = [
        quote.clone(),
        quote.clone(),
        print.clone(),
        quoted(time, Some(("20.25", "300")), None),
        quoted(time, None, Some(("-20.260000001", "1"))),
        print.clone(),
        quoted(time, None, None),
    ];
    for (schema, version) in [(Schema::Mbp1, 1), (Schema::Mbp1, 2), (Schema::Mbp1, 3), (Schema::Tbbo, 3)] {
        let (events, summary) = open(&encoded(&metadata_of(version, schema), &records)).unwrap();
        assert_eq!(events, expected, "{schema}, version {version}");
        assert!(summary.skipped.is_empty() && summary.unreadable.is_empty(), "{summary:?}");
    }
    for (schema, version) in [(Schema::Bbo1S, 1), (Schema::Bbo1S, 2), (Schema::Bbo1S, 3), (Schema::Bbo1M, 3)] {
        let mut sampled = BboMsg { ts_recv: MONDAY, levels: [both.clone()], ..BboMsg::default_for_schema(schema) };
        sampled.hd.instrument_id = 9;
        sampled.hd.ts_event = MONDAY - 7;
        let (events, summary) = open(&encoded(&metadata_of(version, schema), &[sampled])).unwrap();
        let quote = quoted(None, Some(("20.25", "300")), Some(("20.26", "0")));
        assert_eq!(events, [quote], "the time is that of the last trade");
        assert_eq!(summary.assumed[1], "receive time is the end of the interval: the schema has no other");
    }
}

#[test]
fn other_schemas_and_versions_are_errors_that_name_them() {
    let bar = [OhlcvMsg {
        hd: RecordHeader::new::<OhlcvMsg>(rtype::OHLCV_1S, 2, 9, MONDAY),
        ..OhlcvMsg::default_for_schema(Schema::Ohlcv1S)
    }];
    let text = error(&encoded(&metadata(Schema::Ohlcv1S), &bar));
    assert!(text.contains("any:0: records of the schema ohlcv-1s; trades, mbp-1, tbbo, bbo-1s and bbo-1m"), "{text}");
    let text = error(&encoded(&Metadata { schema: None, ..metadata(Schema::Trades) }, &trades()));
    assert!(text.contains("any:0: records of several schemas"), "{text}");
    let mut bytes = encoded(&metadata(Schema::Trades), &bar);
    let header = encoded::<TradeMsg>(&metadata(Schema::Trades), &[]).len();
    let fill = TradeMsg { action: b'F' as c_char, ..trade(7, MONDAY, 1, 1, b'A') };
    bytes.extend_from_slice(&encoded(&metadata(Schema::Trades), &[fill])[header..]);
    bytes.extend_from_slice(&encoded(&metadata(Schema::Trades), &trades()[..1])[header..]);
    let (events, summary) = open(&bytes).unwrap();
    assert_eq!((events.len(), skipped(&summary)), (1, vec![("other_record", 2)]));
    let mut newer = encoded(&metadata(Schema::Trades), &trades());
    for version in [0, 4, 255] {
        newer[3] = version;
        let text = error(&newer);
        assert!(text.contains(&format!("any:0: version {version} of DBN; versions 1 to 3 are read")), "{text}");
    }
}

#[test]
fn the_venue_is_the_given_one_or_the_dataset() {
    let bytes = encoded(&metadata(Schema::Trades), &trades()[..1]);
    let said = |venue: &str| Selection { venue: Some(venue.parse().unwrap()), ..Selection::default() };
    let expected = [printed("nasdaq.ABC", MONDAY, "101.000000001", "100", "seller")];
    let (events, summary) = open_with(&bytes, given("nasdaq.ABC")).unwrap();
    assert_eq!((&events[..], &summary.assumed[0][..]), (&expected[..], "venue nasdaq, as --instrument says"));
    let (events, summary) = open_with(&bytes, said("nasdaq")).unwrap();
    assert_eq!((&events[..], &summary.assumed[0][..]), (&expected[..], "venue nasdaq, as --venue says"));
    let both = Selection { venue: said("nasdaq").venue, ..given("nasdaq.ABC") };
    assert_eq!(open_with(&bytes, both).unwrap().0, expected);
    let both = Selection { venue: said("nyse").venue, ..given("nasdaq.ABC") };
    let text = error_with(&bytes, both);
    assert!(text.contains("any:0: --venue is nyse, and --instrument is nasdaq.ABC: leave one out"), "{text}");
    let text = error_with(&bytes, given("nasdaq.ABCD"));
    assert!(text.contains("any:1: the instrument is nasdaq.ABC, and --instrument is nasdaq.ABCD"), "{text}");
    let nameless = encoded(&Metadata { dataset: "A DATASET".into(), ..metadata(Schema::Trades) }, &trades()[..1]);
    let text = error(&nameless);
    assert!(text.contains("any:0: the dataset \"A DATASET\" does not name a venue"), "{text}");
    assert!(text.contains("give --venue NAME"), "{text}");
    assert_eq!(open_with(&nameless, said("nasdaq")).unwrap().0, expected);
    let text = error(&encoded(&Metadata { dataset: "B".into(), ..metadata(Schema::Trades) }, &trades()[..1]));
    assert!(text.starts_with("no definition for b.ABC: add an [[instrument]]"), "{text}");
}

#[test]
fn symbols_are_those_of_the_header_at_the_time_of_the_record() {
    let of = |mappings, records: &[TradeMsg], flags| {
        open_with(&encoded(&Metadata { mappings, ..metadata(Schema::Trades) }, records), flags)
    };
    let any = Selection::default;
    let text = of(mappings(), &[trade(7, TUESDAY + 86_400_000_000_000, 1, 1, b'A')], any()).unwrap_err();
    assert!(text.contains("any:1: the header has no symbol for instrument id 7 at ts_recv 17097"), "{text}");
    let text = of(mappings(), &[trade(8, MONDAY, 1, 1, b'A')], any()).unwrap_err();
    assert!(text.contains("no symbol for instrument id 8"), "{text}");
    // Without mappings, the given instrument is that of one id.
    let one = trade(8, MONDAY, 2_000_000_000, 1, b'A');
    let abc = || given("xnas-itch.ABC");
    assert_eq!(of(Vec::new(), &[one.clone(), one.clone()], abc()).unwrap().0[1]["instrument"], "xnas-itch.ABC");
    let (events, summary) = of(Vec::new(), &[one, trade(9, MONDAY, 1, 1, b'A')], abc()).unwrap();
    assert_eq!(events.len(), 1);
    let (kind, count, line, detail) = unreadable(&summary)[0];
    assert_eq!((kind, count, line), ("symbol", 1, 2));
    assert!(detail.starts_with("the header has no symbol for instrument id 9"), "{detail}");
    // Ids may be mapped to symbols instead, and be mapped again by overlapping intervals.
    let from_ids = Metadata {
        stype_in: Some(SType::InstrumentId),
        stype_out: SType::RawSymbol,
        mappings: vec![mapping("7", &[(3, 5, "ABC"), (5, 6, "BRK.B"), (1, 4, "ABC")]), mapping("9", &[(1, 9, "XYZ")])],
        ..metadata(Schema::Trades)
    };
    assert_eq!(open(&encoded(&from_ids, &trades())).unwrap().0, expected_trades());
    let clash = vec![mapping("ABC", &[(1, 9, "7")]), mapping("BRK.B", &[(5, 6, "7")])];
    let text = of(clash, &trades(), any()).unwrap_err();
    assert!(text.contains("any:0: instrument id 7 is both \"ABC\" and \"BRK.B\" at a time"), "{text}");
    let text = of(vec![mapping("ABC", &[(1, 9, "seven")])], &trades(), any()).unwrap_err();
    assert!(text.contains("any:0: \"seven\" is not an instrument id"), "{text}");
    let text = of(vec![mapping("A,B", &[(1, 9, "7")])], &trades(), any()).unwrap_err();
    assert!(text.contains("any:1: instrument id 7: \"A,B\" is not a symbol"), "{text}");
    let other = Metadata { stype_out: SType::RawSymbol, ..metadata(Schema::Trades) };
    let text = error(&encoded(&other, &trades()));
    assert!(text.contains("any:0: the header maps symbols to raw_symbol, not to instrument ids"), "{text}");
}
