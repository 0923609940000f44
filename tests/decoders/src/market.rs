//! Market messages: a decoded event round-trips in every encoding, and an error has a text.

use tapedeck_kernel::{MachineInput, MarketEntry};
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::json::JsonTimes;
use tapedeck_schemas::market::{self, MESSAGE_BYTES_MAX, MESSAGE_EVENTS_MAX, MarketEvent};
use tapedeck_schemas::subject::{MarketKind, market_subject};

/// The kinds, selected by the first byte of an input.
pub const KINDS: [MarketKind; 6] = [
    MarketKind::Quote,
    MarketKind::Trade,
    MarketKind::Bar,
    MarketKind::Definition,
    MarketKind::Heartbeat,
    MarketKind::Batch,
];

/// The first byte selects the kind of the subject, the rest is the message.
pub fn check(input: &[u8]) {
    let Some((first, payload)) = input.split_first() else { return };
    let kind = KINDS[usize::from(*first) % KINDS.len()];
    let instrument = "demo.ACME".parse().expect("it is an instrument");
    let elements = market::decode(kind, payload);
    assert!((1..=MESSAGE_EVENTS_MAX).contains(&elements.len()), "{} elements", elements.len());
    for element in &elements {
        match element {
            Ok(event) => {
                assert!(payload.len() <= MESSAGE_BYTES_MAX, "longer than MESSAGE_BYTES_MAX");
                assert!(kind == MarketKind::Batch || event.body.kind() == kind, "{event:?} on {kind}");
                round_trip(&instrument, event);
            }
            Err(malformed) => assert!(!malformed.detail.words().is_empty(), "an error without text"),
        }
    }
    let events: Vec<_> = elements.iter().flatten().cloned().collect();
    let batch = market::encode_batch(&events);
    if !events.is_empty() && batch.len() <= MESSAGE_BYTES_MAX {
        assert_eq!(market::decode(MarketKind::Batch, &batch), ok(events));
    }
    let entries = MarketEntry::from_message(&market_subject(&instrument, kind), 7, payload);
    assert_eq!(entries.into_iter().map(|entry| entry.event).collect::<Vec<_>>(), elements);
    assert!(!market::decode_unnumbered(payload).is_empty(), "neither an event nor an error for a file");
}

/// An event round-trips in MessagePack, in JSON, and as a map in a file.
fn round_trip(instrument: &InstrumentId, event: &MarketEvent) {
    let kind = event.body.kind();
    let packed = market::encode(event);
    assert_eq!(market::decode(kind, &packed), ok(vec![event.clone()]));
    let line = market::json_line(instrument, event, JsonTimes::Text);
    assert_eq!(market::decode(kind, line.as_bytes()), ok(vec![event.clone()]), "{line}");
    let map = market::messagepack_map(instrument, event);
    for in_file in [line.as_bytes(), &map] {
        let [Ok((named, read))] = &market::decode_unnumbered(in_file)[..] else { panic!("not decoded: {line}") };
        assert_eq!((*named, read.ts_recv, read.ts_event), (Some(*instrument), event.ts_recv, event.ts_event));
        assert_eq!(read.body, event.body);
    }
}

fn ok(events: Vec<MarketEvent>) -> Vec<Result<MarketEvent, market::Malformed>> {
    events.into_iter().map(Ok).collect()
}
