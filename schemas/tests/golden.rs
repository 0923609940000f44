//! Golden bytes: a record with each kind of fact, and a market message, encode and decode as in `schemas/golden`.
//!
//! `UPDATE_EXPECT=1` writes missing files. An existing file is changed only by hand, with a new version of the kind.

use std::path::PathBuf;

use tapedeck_schemas::event::*;
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
    vec![
        Epoch { number: 3, owner: u64::MAX, logic: 1, build: "0.1.0+abc".into() }.into(),
        Progress {}.into(),
        TapeCreated { tape: TapeId([1; 16]), partition: 0, placement: vec!["md.>".into()] }.into(),
        Trimmed { first_kept: 100, last_gone: vec![(2, 99, RecordHash([9; 32]))] }.into(),
        InstrumentDefined {
            instrument,
            base: p("BTC"),
            quote: p("USDT"),
            tick_size: p("0.01"),
            lot_size: p("0.00001"),
            min_notional: p("5"),
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
            detail: "bid 2 is not below ask 1".into(),
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
        }
        .into(),
        BarsDefined { instrument, bars: vec![p("1m-quote"), p("100t"), p("2.5v")] }.into(),
        LimitsSet {
            scope,
            values: vec![("risk.max_position".into(), p("5000"))],
            by: by.clone(),
            reason: reason.clone(),
        }
        .into(),
        WeightsSet { weights: vec![(p("ewma"), p("0.5"))], by: by.clone(), reason: reason.clone() }.into(),
        TradingHalted { scope: Scope::All, level: HaltLevel::Halted, by: by.clone(), reason: reason.clone() }.into(),
        TradingResumed { scope, by: by.clone(), reason: reason.clone() }.into(),
        CancelRequested { order: order_id, by: by.clone(), reason: reason.clone() }.into(),
        AccountFunded { account, currency: p("USDT"), amount: p("1000000"), by: by.clone() }.into(),
        CommandRefused { subject: "cmd.0.limits".into(), by, detail: "no such limit".into() }.into(),
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
        OrderDenied { order: order(), check: "max_position".into(), measured: p("60000"), limit: p("50000") }.into(),
        RiskStateChanged { account, from: RiskState::Active, to: RiskState::Halted, reason: "drill".into() }.into(),
        OrderSubmitted { order: order() }.into(),
        CancelSubmitted { order: order_id, instrument, reason: CancelReason::TimedOut }.into(),
        OrderStatusChanged {
            order: order_id,
            from: OrderStatus::Submitted,
            to: OrderStatus::Accepted,
            filled: p("0"),
            reason: "accepted".into(),
        }
        .into(),
        LateReport { order: order_id, status: None, report: "filled".into() }.into(),
        OrderAccepted { order: order_id, instrument }.into(),
        OrderRejected { order: order_id, instrument, reason: "off grid".into() }.into(),
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
        CancelRejected { order: order_id, instrument, reason: "finished".into() }.into(),
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

#[test]
fn unknown_kinds_versions_and_formats_stop_a_reader_and_nothing_else_does() {
    let header = Header { writer: Writer::Risk, epoch: 2, prev_hash: RecordHash::default() };
    let good = record::encode(&header, &[entry(ClockAdvanced { time: 1 }.into())]);
    // The record ends with kind, version and a body of two bytes.
    let kind_at = good.len() - 4;
    assert_eq!(good[kind_at..kind_at + 2], [Kind::ClockAdvanced as u8, 1]);
    for (at, byte, unknown) in [(kind_at, 99, true), (kind_at + 1, 2, true), (1, 9, true), (2, 99, false)] {
        let mut bytes = good.clone();
        bytes[at] = byte;
        let error = record::decode(&bytes).unwrap_err();
        assert_eq!(matches!(error, record::RecordError::Unknown(_)), unknown, "{error}");
    }
    assert!(matches!(record::decode(&[good.as_slice(), &[0]].concat()), Err(record::RecordError::Malformed(_))));
    assert!(matches!(record::decode(&vec![0; 300_000]), Err(record::RecordError::TooLarge(300_000))));
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
