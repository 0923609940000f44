//! Tests of the market contract: encoded events decode, and malformed ones give an error that names the field.

use super::*;
use proptest::prelude::*;

fn quote() -> MarketEvent {
    let body = MarketBody::Quote(QuoteBody {
        bid: Some("61837.63".parse().unwrap()),
        bid_size: "3.78826".parse().unwrap(),
        ask: Some("61837.64".parse().unwrap()),
        ask_size: "1000000000000".parse().unwrap(),
        update_id: Some(50093239212.into()),
    });
    MarketEvent {
        source: "test".parse().unwrap(),
        session: "s1".parse().unwrap(),
        seq: 7,
        ts_recv: 1,
        ts_event: None,
        body,
    }
}

#[test]
fn one_event_and_a_batch_round_trip() {
    let event = quote();
    assert_eq!(decode(MarketKind::Quote, &encode(&event)), [Ok(event.clone())]);
    let beat = MarketEvent { body: MarketBody::HEARTBEAT, ..event.clone() };
    let both = [event, beat];
    assert_eq!(decode(MarketKind::Batch, &encode_batch(&both)), both.clone().map(Ok));
}

#[test]
fn a_malformed_element_does_not_affect_the_others() {
    let mut payload = vec![0x92, 0x01];
    payload.extend(encode_batch(&[quote()]).split_off(1));
    let read = decode(MarketKind::Batch, &payload);
    assert_eq!(read[0].as_ref().unwrap_err().detail, MalformedDetail::NotAMap);
    assert_eq!(read[1], Ok(quote()));
}

#[test]
fn a_value_that_no_field_has_affects_its_event_only() {
    let good = |encoded: Vec<u8>| encoded[1..].to_vec();
    let quote_map = good(encode_batch(&[quote()]));
    let text = |text: &str| [&[0xa0 | text.len() as u8][..], text.as_bytes()].concat();
    // Extension values: fixext 1, ext 8 of no bytes, and a timestamp; text that is not UTF-8; a float of 32 bits.
    for value in [&[0xd4, 1, 2][..], &[0xc7, 0, 5], &[0xd6, 0xff, 0, 0, 0, 1], &[0xa1, 0xff], &[0xca, 0, 0, 0, 0]] {
        let in_field = [&[0x81][..], &text("session"), value].concat();
        let unknown_field = [&[0x81][..], &text("other"), value].concat();
        let as_key = [&[0x81][..], value, &[1]].concat();
        for wrong in [value.to_vec(), in_field, unknown_field, as_key] {
            let payload = [&[0x93][..], &quote_map, &wrong, &quote_map].concat();
            let read = decode(MarketKind::Batch, &payload);
            assert_eq!((read.len(), &read[0], &read[2]), (3, &Ok(quote()), &Ok(quote())), "{wrong:x?}: {read:?}");
            assert!(read[1].is_err(), "{wrong:x?}");
        }
    }
    let line = json_line(&"v.A".parse().unwrap(), &quote(), JsonTimes::Text);
    for odd in [r#""\ud800""#, "1e400", "-1e400", &"9".repeat(401)] {
        let read = decode(MarketKind::Batch, format!("[{line},{odd},{line}]").as_bytes());
        assert_eq!((read.len(), &read[0], &read[2]), (3, &Ok(quote()), &Ok(quote())), "{odd}: {read:?}");
        assert_eq!(read[1].as_ref().unwrap_err().detail, MalformedDetail::NotAMap, "{odd}");
    }
    let nested = [&[0x93][..], &quote_map, &[0x81], &text("other"), &[0x91; 100], &[0xc0], &quote_map].concat();
    let read = decode(MarketKind::Batch, &nested);
    assert_eq!((read.len(), &read[0], &read[2]), (3, &Ok(quote()), &Ok(quote())), "{read:?}");
    let odd_key = line.replacen('{', r#"{"\ud800":1,"#, 1);
    assert_eq!(decode(MarketKind::Batch, format!("[{odd_key}]").as_bytes()), [Ok(quote())]);
    for (field, value, words) in [
        ("session", r#""\ud800""#, "session"),
        ("ts_recv", r#""\udc00""#, "ts_recv"),
        ("bid", r#""\ud800""#, "bid"),
        ("other", r#""\ud800""#, ""),
        ("seq", "18446744073709551616", "seq 18446744073709551616 is out of range"),
        ("seq", "99999999999999999999999999999999999999999999999999", "seq 9999999999999999999999"),
        ("ts_recv", "-9223372036854775809", "ts_recv -9223372036854775809 is out of range"),
        ("seq", "1.5", "seq is a float"),
    ] {
        let without = line.replacen(&format!("\"{field}\":"), "\"replaced\":", 1);
        let wrong = without.replacen('{', &format!("{{\"{field}\":{value},"), 1);
        let read = decode(MarketKind::Batch, format!("[{line},{wrong},{line}]").as_bytes());
        assert_eq!((read.len(), &read[0], &read[2]), (3, &Ok(quote()), &Ok(quote())), "{wrong}: {read:?}");
        match &read[1] {
            Err(malformed) => assert!(malformed.detail.words().contains(words), "{}", malformed.detail.words()),
            Ok(_) => assert_eq!(field, "other"),
        }
    }
}

#[test]
fn a_message_that_is_no_array_of_maps_has_one_reason_without_the_text_of_a_decoder() {
    use MalformedDetail::*;
    let (json, packed) = (MessageEncoding::Json, MessageEncoding::MessagePack);
    let many = [&[0xdc, 0x04, 0x01][..], &[0x80; 1025]].concat();
    for (payload, detail) in [
        (b"" as &[u8], EmptyMessage),
        (b"[]", EmptyArray),
        (b"hello", NotMaps { encoding: packed }),
        (b"{\"source\":", NotMaps { encoding: json }),
        (b"[{},", NotMaps { encoding: json }),
        (b"{} {}", TrailingBytes),
        (&[0x80, 0x80], TrailingBytes),
        (format!("[{}]", ["{}"; 1025].join(",")).as_bytes(), TooManyEvents { limit: 1024 }),
        (&many, TooManyEvents { limit: 1024 }),
        (&[b' '; 262_145], TooLarge { bytes: 262_145, limit: 262_144 }),
    ] {
        let expected = Malformed { detail, source: None, seq: None };
        assert_eq!(decode(MarketKind::Batch, payload), [Err(expected)], "{:.60}", String::from_utf8_lossy(payload));
    }
}

#[test]
fn an_error_holds_source_and_number() {
    #[derive(Serialize)]
    struct Floating {
        source: &'static str,
        session: &'static str,
        seq: u64,
        ts_recv: u64,
        price: f64,
        quantity: &'static str,
    }
    let floating = Floating { source: "a", session: "b", seq: 3, ts_recv: 1, price: 0.1, quantity: "1" };
    let payload = rmp_serde::to_vec_named(&floating).unwrap();
    let wrong = decode(MarketKind::Trade, &payload).remove(0).unwrap_err();
    let float = MalformedDetail::Float { field: "price".parse().unwrap(), expected: crate::event::ValueForm::Decimal };
    assert_eq!(wrong.detail, float);
    assert_eq!((wrong.source, wrong.seq), (Some("a".parse().unwrap()), Some(3)));
}

#[test]
fn json_decodes_as_messagepack_and_digits_may_be_text() {
    let line = json_line(&"v.A".parse().unwrap(), &quote(), JsonTimes::Text);
    assert_eq!(decode(MarketKind::Quote, line.as_bytes()), [Ok(quote())]);
    let in_text = line.replace("\"seq\":7", "\"seq\":\"7\"").replace("\"ts_recv\":1", "\"ts_recv\":\"1\"");
    assert_ne!(line, in_text);
    let array = format!(" [{line},\n{in_text}]\n");
    assert_eq!(decode(MarketKind::Batch, array.as_bytes()), [Ok(quote()), Ok(quote())]);
}

#[test]
fn a_line_of_a_file_names_its_instrument_and_needs_no_number() {
    let event = quote();
    let (ts_recv, ts_event, body) = (event.ts_recv, event.ts_event, event.body.clone());
    let expected = (Some("v.A".parse().unwrap()), Unnumbered { ts_recv, ts_event, body });
    let instrument = "v.A".parse().unwrap();
    assert_eq!(decode_unnumbered(json_line(&instrument, &event, JsonTimes::Text).as_bytes()), [Ok(expected.clone())]);
    assert_eq!(decode_unnumbered(&messagepack_map(&instrument, &event)), [Ok(expected)]);
    let short = br#"{"kind":"heartbeat","ts_event":5}"#;
    let beat = Unnumbered { ts_recv: 5, ts_event: Some(5), body: MarketBody::HEARTBEAT };
    assert_eq!(decode_unnumbered(short), [Ok((None, beat))]);
}

#[test]
fn an_event_of_every_kind_with_every_field_round_trips() {
    for kind in contract::KINDS {
        let example = crate::describe::market::example(*kind).to_string();
        let event = decode(*kind, example.as_bytes()).remove(0).unwrap();
        assert_eq!(decode(*kind, &encode(&event)), [Ok(event)]);
    }
}

/// Every kind, with every field of the contract.
#[test]
fn a_fact_of_every_kind_has_the_whole_event_that_it_accepts() {
    let source = "feed".parse().unwrap();
    for kind in contract::KINDS {
        let example = crate::describe::market::example(*kind).to_string();
        let (_, event) = decode_unnumbered(example.as_bytes()).remove(0).unwrap();
        assert_eq!(event.body.kind(), *kind);
        assert!(event.ts_event.is_some());
        let instrument = "nyse.BRK.B".parse().unwrap();
        let fact = accepted(instrument, source, event.clone());
        assert_eq!(accepted_at(&fact), Some(event.ts_recv), "{kind}");
        assert_eq!(published(&fact), Some((instrument, event)), "{kind}");
    }
}

#[test]
fn every_field_of_the_table_is_decoded_for_its_kinds() {
    for kind in contract::KINDS {
        let fields = || contract::FIELDS.iter().filter(|field| field.kinds.contains(kind) && field.name != "kind");
        let map = |without: &str| {
            let given = fields().filter(|field| field.name != without);
            let given: Vec<_> = given.map(|field| format!("\"{}\":{}", field.name, field.example)).collect();
            format!("{{{}}}", given.join(","))
        };
        assert!(decode(*kind, map("").as_bytes())[0].is_ok(), "{}", map(""));
        for field in fields() {
            let without = decode(*kind, map(field.name).as_bytes()).remove(0);
            assert_eq!(without.is_err(), field.required, "{kind} without {}: {without:?}", field.name);
            let wrong =
                map("").replace(&format!("\"{}\":{}", field.name, field.example), &format!("\"{}\":[1]", field.name));
            let detail = decode(*kind, wrong.as_bytes()).remove(0).unwrap_err().detail.words();
            assert!(detail.contains(field.name), "{}: {detail}", field.name);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_give_at_least_one_element_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for kind in MarketKind::ALL {
            prop_assert!(!decode(*kind, &bytes).is_empty());
        }
    }
    #[test]
    fn a_damaged_message_never_panics(at in 0usize..200, byte in any::<u8>()) {
        let mut payload = encode_batch(&[quote(), quote()]);
        let at = at % payload.len();
        payload[at] = byte;
        prop_assert!(!decode(MarketKind::Batch, &payload).is_empty());
    }
}
