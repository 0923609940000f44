//! One fact of every kind.

use tapedeck_schemas::event::*;
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::ids::{FillId, OrderId, TapeId};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, RecordHash, Writer};

pub(crate) fn p<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

pub(crate) fn order() -> Order {
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
pub(crate) fn samples() -> Vec<Event> {
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
            lost: vec![LostMessages { reader: Writer::Ingest, generation: Generation::FIRST, first: 31, last: 40 }],
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
            prices: PriceDomain::Positive,
            trade_ids: TradeIdOrder::Consecutive,
            sources: vec![p("binance"), p("feed2")],
            calendar: Some(p("2024-08-09=13:30/20:00,12")),
            ts_recv: 1_723_161_254_087_891_268,
            ts_event: Some(1_723_161_252_823_000_000),
        }
        .into(),
        Quote {
            instrument,
            bid: Some(p("61837.63")),
            bid_size: p("3.78826"),
            ask: Some(p("61837.64")),
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
            trade_id: Some(3_735_683_259.into()),
            ts_recv: 1,
            ts_event: Some(2),
        }
        .into(),
        ClockAdvanced { time: 1_000_000_000 }.into(),
        Gap { source: p("feed"), session: p("s1"), instrument, expected: 3, got: 5 }.into(),
        Rejected {
            reason: RejectReason::BadQuote,
            detail: RejectDetail::SizeWithoutPrice { field: p("bid_size"), quantity: p("2") },
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
            part: 2,
            source: Some(p("feed1")),
            ts_recv: 120_000_000_001,
            ts_event: None,
        }
        .into(),
        MarketHeartbeat { instrument, ts_recv: 1_723_161_254_087_891_268, ts_event: Some(1_723_161_252_823_000_000) }
            .into(),
        RejectedMany {
            source: Some(p("feed")),
            reason: RejectReason::Duplicate,
            count: 37_236,
            first_seq: Some(101),
            last_seq: Some(37_400),
            gaps: 1,
        }
        .into(),
        TradeIdGap { instrument, expected: 7, got: 9 }.into(),
        TradeIdsRestarted { instrument, last: u64::MAX, got: 1 }.into(),
        CalendarEnded { instrument, closed: 1_723_161_254_000_000_000 }.into(),
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
            marked_at: Some(1_723_161_254_087_891_268),
        }
        .into(),
    ]
}

pub(crate) fn entry(event: Event) -> Entry {
    Entry { cause: Offset::new(70_000, 3), index: 1, at: 1_723_161_254_087_891_268, event }
}
