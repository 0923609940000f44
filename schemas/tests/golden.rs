//! Golden bytes: a record with each kind of fact, and a market message, encode and decode as in `schemas/golden`.
//!
//! `UPDATE_EXPECT=1` writes missing files. An existing file is changed only by hand, with a new version of the kind.

use std::path::PathBuf;

use tapedeck_schemas::event::*;
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::ids::{FillId, OrderId, TapeId};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Header, RecordHash, Writer};
use tapedeck_schemas::{market, subject::MarketKind};

fn p<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

fn order() -> Order {
    Order {
        id: OrderId([7; 16]),
        account: p("sim-p0"),
        strategy: p("blend"),
        instrument: p("binance.BTCUSDT"),
        side: Side::Buy,
        quantity: p("0.5"),
        price: p("61837.64"),
        time_in_force: TimeInForce::Ioc,
        signal: Offset::new(9, 1),
    }
}

fn by_and_reason() -> (String, String) {
    ("ops".into(), "drill".into())
}

/// One fact of every kind, in the order of [`Kind::ALL`].
fn samples() -> Vec<Event> {
    let instrument = p("binance.BTCUSDT");
    let (by, reason) = by_and_reason();
    let scope = Scope::Instrument(instrument);
    let order_id = OrderId([7; 16]);
    let (account, strategy) = (p("sim-p0"), p("blend"));
    let denial = Denial::OverLimit { check: p("max_position"), measured: p("60000"), limit: p("50000") };
    let unknown = RefusalReason::UnknownParameter { name: "risk.nonsense".into() };
    let halted = RiskStateReason::Halted { level: HaltLevel::Halted };
    let off_tick = OrderRejection::OffTick { price: p("61837.645"), tick_size: p("0.01") };
    vec![
        Epoch { number: 3, owner: u64::MAX, logic: 1, build: "0.1.0+abc".into() }.into(),
        Progress {}.into(),
        TapeCreated {
            tape: TapeId([1; 16]),
            partition: 0,
            placement: vec!["md.>".into()],
            generation: Generation::new(2).unwrap(),
            copied: vec![CopiedRecords { generation: Generation::FIRST, last: 300, hash: RecordHash([3; 32]) }],
        }
        .into(),
        Trimmed { first_kept: 100, last_gone: vec![(2, 99, RecordHash([9; 32]))] }.into(),
        InstrumentDefined {
            instrument,
            base: p("BTC"),
            quote: p("USDT"),
            tick_size: p("0.01"),
            lot_size: p("0.00001"),
            min_notional: p("5"),
            bars: vec![p("1m-quote"), p("100t"), p("2.5v")],
            ts_recv: 1_723_161_254_087_891_268,
            ts_event: Some(1_723_161_252_823_000_000),
        }
        .into(),
        Quote {
            instrument,
            bid: p("61837.63"),
            bid_size: p("3.78826"),
            ask: p("61837.64"),
            ask_size: p("1000000000000000000"),
            ts_recv: 1,
            ts_event: None,
            update_id: None,
        }
        .into(),
        Trade {
            instrument,
            price: p("0.000000000001"),
            quantity: p("0.02"),
            aggressor: Aggressor::Seller,
            trade_id: Some(3_735_683_259),
            ts_recv: 1,
            ts_event: Some(2),
        }
        .into(),
        ClockAdvanced { time: 1_000_000_000 }.into(),
        Gap { source: p("feed"), session: p("s1"), instrument, expected: 3, got: 5 }.into(),
        Rejected {
            reason: RejectReason::Crossed,
            detail: RejectDetail::Crossed { bid: p("2"), ask: p("1") },
            subject: "md.binance.BTCUSDT.quote".into(),
            source: Some(p("feed")),
            seq: Some(4),
            instrument: Some(instrument),
        }
        .into(),
        Bar {
            instrument,
            bar: p("1m-quote"),
            open: p("61837.635"),
            high: p("61840"),
            low: p("61830.5"),
            close: p("61835"),
            volume: p("0"),
            count: 42,
            late: 1,
            opened: 60_000_000_000,
            closed: 120_000_000_000,
            source: Some(p("feed1")),
            ts_recv: 120_000_000_001,
            ts_event: None,
        }
        .into(),
        MarketHeartbeat { instrument, ts_recv: 1_723_161_254_087_891_268, ts_event: Some(1_723_161_252_823_000_000) }
            .into(),
        LimitsSet {
            scope,
            values: vec![("risk.max_position".into(), p("5000"))],
            by: by.clone(),
            reason: reason.clone(),
            stamp: 1_700_000_000_123_456_789,
        }
        .into(),
        WeightsSet { weights: vec![(p("ewma"), p("0.5"))], by: by.clone(), reason: reason.clone(), stamp: 0 }.into(),
        TradingHalted { scope: Scope::All, level: HaltLevel::Halted, by: by.clone(), reason: reason.clone(), stamp: 0 }
            .into(),
        TradingResumed { scope, by: by.clone(), reason: reason.clone(), stamp: 0 }.into(),
        CancelRequested { order: order_id, by: by.clone(), reason: reason.clone(), stamp: 0 }.into(),
        AccountFunded { account, currency: p("USDT"), amount: p("1000000"), by: by.clone(), stamp: 0 }.into(),
        CommandRefused { subject: "cmd.0.limits".into(), by, reason: unknown, stamp: 0 }.into(),
        SignalRaised {
            account,
            strategy,
            instrument,
            target: p("-0.75"),
            confidence: p("1"),
            reasons: vec![(p("zscore"), p("-0.75"), p("1"))],
        }
        .into(),
        OrderApproved { order: order() }.into(),
        OrderDenied { order: order(), denial }.into(),
        RiskStateChanged { account, from: RiskState::Active, to: RiskState::Halted, reason: halted }.into(),
        OrderSubmitted { order: order() }.into(),
        CancelSubmitted { order: order_id, instrument, reason: CancelReason::TimedOut }.into(),
        OrderStatusChanged {
            order: order_id,
            from: OrderStatus::Submitted,
            to: OrderStatus::Accepted,
            filled: p("0"),
            reason: StatusReason::StaleApproval { age_ns: 5_000_000_001, limit_ns: 5_000_000_000 },
        }
        .into(),
        LateReport { order: order_id, status: None, report: ReportType::Filled }.into(),
        OrderAccepted { order: order_id, instrument }.into(),
        OrderRejected { order: order_id, instrument, reason: off_tick }.into(),
        OrderFilled {
            fill: FillId([8; 16]),
            order: order_id,
            account,
            strategy,
            instrument,
            side: Side::Sell,
            price: p("61837.63"),
            quantity: p("0.1"),
            leaves: p("0.4"),
            fee: p("6.183763"),
            fee_currency: p("USDT"),
            liquidity: Liquidity::Taker,
        }
        .into(),
        OrderClosed { order: order_id, instrument, reason: CloseReason::IocRemainder, leaves: p("0.4") }.into(),
        CancelRejected { order: order_id, instrument, reason: CancelRejection::NotWorking }.into(),
        LedgerPosted {
            account,
            fill: Some(FillId([8; 16])),
            entries: vec![
                Posting { ledger: Ledger::Cash, currency: p("USDT"), amount: p("6183.763") },
                Posting { ledger: Ledger::Trading, currency: p("USDT"), amount: p("-6183.763") },
            ],
        }
        .into(),
        PositionChanged {
            account,
            strategy,
            instrument,
            fill: FillId([8; 16]),
            quantity: p("-0.1"),
            cost: p("-6183.763"),
            average_price: p("61837.63"),
            realised: p("0"),
            fees: p("6.183763"),
        }
        .into(),
        EquityMarked {
            account,
            currency: p("USDT"),
            cash: p("1006177.579237"),
            position_value: p("-6183.7635"),
            realised: p("0"),
            unrealised: p("-0.0005"),
            fees: p("6.183763"),
            equity: p("999993.815737"),
        }
        .into(),
    ]
}

fn entry(event: Event) -> Entry {
    Entry { cause: Offset::new(70_000, 3), index: 1, at: 1_723_161_254_087_891_268, event }
}

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
        let header = Header { writer: Writer::Risk, epoch: 2, prev_hash: RecordHash([5; 32]) };
        let bytes = record::encode(&header, &[entry(event.clone())]);
        check(&format!("{:03}_{}_v{}", kind as u16, kind.name(), kind.version()), &bytes);
        assert_eq!(record::decode(&bytes), Ok((header, vec![entry(event)])));
    }
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
    let trade = market::MarketBody::Trade {
        price: p("61837.63"),
        quantity: p("0.02"),
        aggressor: Aggressor::Seller,
        trade_id: Some(3_735_683_259),
    };
    let events = [event(1, trade), event(2, market::MarketBody::Heartbeat)];
    let bytes = market::encode_batch(&events);
    check("market_batch", &bytes);
    assert_eq!(market::decode(MarketKind::Batch, &bytes), events.map(Ok));
}

/// The outer header is frozen: whatever follows the first four elements, and whatever format and writer they name.
#[test]
fn the_outer_header_is_read_in_every_format() {
    let header = Header { writer: Writer::Risk, epoch: 2, prev_hash: RecordHash([5; 32]) };
    let good = record::encode(&header, &[entry(ClockAdvanced { time: 1 }.into())]);
    let outer = |bytes: &[u8]| record::read(bytes).outer;
    let read = outer(&good).unwrap();
    assert_eq!((read.format, read.writer, read.epoch, read.prev_hash), (1, 5, 2, RecordHash([5; 32])));
    // Format 900, writer 70,000, epoch 2^40, the hash, and bytes that are no MessagePack.
    let mut next = vec![0x94, 0xcd, 0x03, 0x84, 0xce, 0x00, 0x01, 0x11, 0x70, 0xcf, 0, 0, 1, 0, 0, 0, 0, 0, 0xc4, 32];
    next.extend([7; 32]);
    let of_next = record::OuterHeader { format: 900, writer: 70_000, epoch: 1 << 40, prev_hash: RecordHash([7; 32]) };
    for (array, rest) in [(0x94, &[][..]), (0x95, &[0xc1]), (0x9f, &[0xc1, 0xff])] {
        next[0] = array;
        assert_eq!(outer(&[&next[..], rest].concat()), Some(of_next));
    }
    for length in 0..next.len() {
        assert_eq!(outer(&next[..length]), None, "{length} bytes");
    }
    for bytes in [&b"hello"[..], &[0x93, 1, 5, 2], &[0x80], &[0x95, 0xff, 5, 2]] {
        assert!(matches!(record::decode(bytes), Err(record::RecordError::NoHeader(_))), "{bytes:?}");
    }
}

#[test]
fn each_part_that_a_build_does_not_know_has_its_error() {
    use record::RecordError::{Events, Format, TooLarge, Writer as UnknownWriter};
    let header = Header { writer: Writer::Risk, epoch: 2, prev_hash: RecordHash::default() };
    let good = record::encode(&header, &[entry(ClockAdvanced { time: 1 }.into())]);
    // The record ends with kind, version and a body of two bytes.
    let kind_at = good.len() - 4;
    assert_eq!(good[kind_at..kind_at + 2], [Kind::ClockAdvanced as u8, 1]);
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        record::decode(&bytes)
    };
    assert_eq!(changed(1, 9), Err(Format(9)));
    assert_eq!(changed(2, 99), Err(UnknownWriter(99)));
    assert_eq!(changed(kind_at, 99), Err(Events("no kind has number 99 and version 1".into())));
    assert_eq!(changed(kind_at + 1, 2), Err(Events("no kind has number 23 and version 2".into())));
    assert_eq!(record::decode(&[&good[..], &[0]].concat()), Err(Events("1 bytes after the end".into())));
    let large = [&good[..], &vec![0; 300_000]].concat();
    assert_eq!(record::decode(&large), Err(TooLarge(large.len())));
}

#[test]
fn the_entries_before_an_unknown_one_are_read() {
    let header = Header { writer: Writer::Risk, epoch: 2, prev_hash: RecordHash::default() };
    let clock = |time| entry(ClockAdvanced { time }.into());
    let mut bytes = record::encode(&header, &[clock(1), clock(2)]);
    let kind_at = bytes.len() - 4;
    bytes[kind_at] = 99;
    let read = record::read(&bytes);
    assert_eq!(read.entries, [clock(1)]);
    assert!(read.error.is_some());
}

#[test]
fn an_unknown_reason_stops_a_reader() {
    let header = Header { writer: Writer::Control, epoch: 2, prev_hash: RecordHash::default() };
    let (subject, by) = ("cmd.0.x".into(), "ann".into());
    let refused = CommandRefused { subject, by, reason: RefusalReason::NotACommand, stamp: 0 };
    let mut bytes = record::encode(&header, &[entry(refused.into())]);
    let at = bytes.len() - 2;
    assert_eq!(bytes[at - 1..], [0x91, 2, 0], "the record ends with the reason, an array of its number, and the stamp");
    bytes[at] = 99;
    let error = record::decode(&bytes).unwrap_err();
    assert!(matches!(error, record::RecordError::Events(_)) && error.to_string().contains("RefusalReason"), "{error}");
}

#[test]
fn json_shows_numbers_ids_and_names_as_text() {
    let text = serde_json::to_string(&Event::from(OrderApproved { order: order() })).unwrap();
    for part in [r#""quantity":"0.5""#, r#""side":"buy""#, r#""instrument":"binance.BTCUSDT""#, r#""id":"0707"#] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_decode_or_are_an_error_without_panic(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400),
    ) {
        let _ = record::decode(&bytes);
    }

    #[test]
    fn a_damaged_record_never_panics(which in 0usize..33, at in 0usize..400, byte in proptest::num::u8::ANY) {
        let samples = samples();
        let header = Header { writer: Writer::Risk, epoch: 2, prev_hash: RecordHash([5; 32]) };
        let mut bytes = record::encode(&header, &[entry(samples[which % samples.len()].clone())]);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = record::decode(&bytes);
    }
}
