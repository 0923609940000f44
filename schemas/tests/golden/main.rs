//! Golden bytes: a record with each kind of fact, and a market message, encode and decode as in `schemas/golden`.
//!
//! `UPDATE_EXPECT=1` writes missing files. An existing file is changed only by hand, with a new version of the kind.

mod properties;
mod reading;
mod samples;

use std::path::PathBuf;

use tapedeck_schemas::event::*;
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::number::Price;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Header, InboxDigest, InboxPrefix, RecordHash, Writer};
use tapedeck_schemas::{market, subject::MarketKind};

use samples::{entry, p, samples};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn check(name: &str, bytes: &[u8]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.hex"));
    if std::env::var_os("UPDATE_EXPECT").is_some() && !path.exists() {
        std::fs::write(&path, format!("{}\n", hex(bytes))).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(hex(bytes), golden.trim(), "{name} differs from its golden file: give the kind a new version");
}

#[test]
fn every_kind_is_encoded_as_in_its_golden_file_and_decodes() {
    let samples = samples();
    let kinds: Vec<_> = samples.iter().map(Event::kind).collect();
    assert_eq!(kinds, Kind::ALL, "one sample of every kind, in the order of Kind::ALL");
    for event in samples {
        let kind = event.kind();
        let header = Header { writer: Writer::Risk, epoch: 2, prev_hash: RecordHash([5; 32]), inbox: None };
        let bytes = record::encode(&header, &[entry(event.clone())]);
        check(&format!("{:03}_{}_v{}", kind as u16, kind.name(), kind.version()), &bytes);
        assert_eq!(record::decode(&bytes), Ok((header, vec![entry(event)])));
    }
}

/// Two rounds of every kind, with causes, times and values that are near each other.
fn several() -> (Header, Vec<Entry>) {
    let inbox = Some(InboxPrefix { generation: Generation::FIRST, digest: InboxDigest([6; 16]) });
    let header = Header { writer: Writer::Ingest, epoch: 2, prev_hash: RecordHash([5; 32]), inbox };
    let (mut entries, first) = (Vec::new(), entry(Progress {}.into()));
    for (at, mut event) in (0u64..).zip(samples().into_iter().chain(samples())) {
        let cause = Offset::new(first.cause.seq + at / 4, (at % 4 / 2) as u32);
        if let Event::Quote(quote) = &mut event {
            quote.bid = quote.bid.map(|bid| bid + Price::from_units(i128::from(at) * 30_000_000_000).unwrap());
            quote.update_id = quote.update_id.take().and_then(|id| Some((id.number()? - at).into()));
            quote.ts_event = None;
        }
        entries.push(Entry { cause, index: (at % 2) as u32, at: first.at + at / 4 * 5_000_000, event });
    }
    (header, entries)
}

/// The value was computed by the Python package blake3 from the description of the digest in `tape.json`.
#[test]
fn the_digest_of_an_inbox_is_as_described() {
    let digest = InboxDigest::default().after(1, "md.binance.BTCUSDT.trade", &[0x80]).after(2, "md.a.b.quote", &[]);
    assert_eq!(format!("{digest:?}"), "52ce774c20cb65db9c944233c2638e26");
}

#[test]
fn a_record_of_several_events_is_encoded_as_in_its_golden_file_and_decodes() {
    let (header, entries) = several();
    let bytes = record::encode(&header, &entries);
    check("several", &bytes);
    assert_eq!(record::decode(&bytes), Ok((header, entries)));
}

#[test]
fn a_market_batch_is_encoded_as_in_its_golden_file_and_decodes() {
    let event = |seq, body| market::MarketEvent {
        source: p("binance"),
        session: p("c0123"),
        seq,
        ts_recv: 1_723_161_254_087_891_268,
        ts_event: Some(1_723_161_255_342_000_000),
        body,
    };
    let trade = market::MarketBody::Trade(market::TradeBody {
        price: p("61837.63"),
        quantity: p("0.02"),
        aggressor: Aggressor::Seller,
        trade_id: Some(3_735_683_259.into()),
    });
    let events = [event(1, trade), event(2, market::MarketBody::HEARTBEAT)];
    let bytes = market::encode_batch(&events);
    check("market_batch", &bytes);
    assert_eq!(market::decode(MarketKind::Batch, &bytes), events.map(Ok));
}
