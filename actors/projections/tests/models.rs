//! The rows of each kind of fact, column by column. The verifier uses the projections themselves, so only this test
//! detects swapped columns.

use std::collections::BTreeSet;

use tapedeck_projections::{ProjectedFact, RecordInfo, RowOp, all};
use tapedeck_schemas::event::*;
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::{AccountId, Entry, FillId, InstrumentId, Offset, OrderId, StrategyId, Writer};

/// Kinds without rows.
const NOT_PROJECTED: [Kind; 9] = [
    Kind::Epoch,
    Kind::Progress,
    Kind::TapeCreated,
    Kind::Trimmed,
    Kind::InstrumentDefined,
    Kind::MarketHeartbeat,
    Kind::ClockAdvanced,
    Kind::CalendarEnded,
    Kind::LedgerPosted,
];

fn account() -> AccountId {
    "acc".parse().unwrap()
}
fn strategy() -> StrategyId {
    "strat".parse().unwrap()
}
fn instrument() -> InstrumentId {
    "venue.SYM".parse().unwrap()
}
fn order_id() -> OrderId {
    OrderId([0xab; 16])
}

fn order() -> Order {
    Order {
        id: order_id(),
        account: account(),
        strategy: strategy(),
        instrument: instrument(),
        side: Side::Sell,
        quantity: "2.5".parse().unwrap(),
        price: "101.5".parse().unwrap(),
        time_in_force: TimeInForce::Gtc,
        signal: Offset::new(61, 3),
    }
}

/// The row operations of one fact, one a line: the table and the columns that are not null.
fn rows(writer: Writer, event: impl Into<Event>) -> String {
    let entry = Entry { cause: Offset::new(70, 1), index: 0, at: 6000, event: event.into() };
    let recorded = ProjectedFact {
        partition: 7,
        generation: THIRD,
        offset: Offset::new(80, 2),
        writer,
        stamp: 9000,
        entry: &entry,
    };
    let mut ops = Vec::new();
    all().iter().for_each(|projection| projection.project(&recorded, &mut ops));
    to_text(&ops)
}

fn to_text(ops: &[RowOp]) -> String {
    let line = |op: &RowOp| {
        assert_eq!(op.row.len(), op.table.columns.len(), "{}: a value a column", op.table.name);
        let values = op.table.columns.iter().zip(&op.row);
        let values = values.filter_map(|(column, value)| Some(format!(" {}={}", column.name, value.as_ref()?)));
        format!("{}:{}", op.table.name, values.collect::<String>())
    };
    ops.iter().map(line).collect::<Vec<_>>().join("\n")
}

const THIRD: Generation = Generation::new(3).expect("above 0");
const KEY: &str = "partition=7 generation=3 seq=80 index=2";
const TIMING: &str = "partition=7 generation=3 seq=80 index=2 cause_seq=70 cause_index=1 at=6000 stamp=9000";
const ID: &str = "abababababababababababababababab";

fn market() -> Vec<(Event, String)> {
    let quote = Quote {
        instrument: instrument(),
        bid: Some("10.1".parse().unwrap()),
        bid_size: "1".parse().unwrap(),
        ask: Some("10.2".parse().unwrap()),
        ask_size: "2".parse().unwrap(),
        ts_recv: 1,
        ts_event: Some(2),
        update_id: None,
    };
    let trade = Trade {
        instrument: instrument(),
        price: "10.5".parse().unwrap(),
        quantity: "0.3".parse().unwrap(),
        aggressor: Aggressor::Buyer,
        trade_id: Some(1.into()),
        ts_recv: 1,
        ts_event: None,
    };
    let gap = Gap {
        source: "src".parse().unwrap(),
        session: "ses".parse().unwrap(),
        instrument: instrument(),
        expected: 4,
        got: 6,
    };
    let rejected = Rejected {
        reason: RejectReason::BadQuote,
        detail: RejectDetail::SizeWithoutPrice { field: "bid_size".parse().unwrap(), quantity: "2".parse().unwrap() },
        subject: "md.x\0".into(),
        source: Some("src".parse().unwrap()),
        seq: Some(1),
        instrument: None,
    };
    let many = RejectedMany {
        source: None,
        reason: RejectReason::Malformed,
        count: 900,
        first_seq: None,
        last_seq: Some(1024),
        gaps: 2,
    };
    let summed = r#"code=rejected_many detail={"source":null,"reason":"malformed","count":900,"first_seq":null,"#;
    let bar = Bar {
        instrument: instrument(),
        bar: "1m".parse().unwrap(),
        open: "10.1".parse().unwrap(),
        high: "10.4".parse().unwrap(),
        low: "10".parse().unwrap(),
        close: "10.2".parse().unwrap(),
        volume: "3".parse().unwrap(),
        count: 5,
        late: 1,
        opened: 60,
        closed: 120,
        part: 2,
        source: None,
        ts_recv: 121,
        ts_event: None,
    };
    let totals = "market_totals_v1: partition=7 instrument=venue.SYM";
    let rejects = format!("rejects_v1: {KEY}");
    let broken = r#"code=size_without_price detail={"code":"size_without_price","field":"bid_size","quantity":"2"}"#;
    let bars = format!("bars_v1: {KEY} instrument=venue.SYM bar=1m opened=60 closed=120");
    vec![
        (bar.into(), format!("{bars} open=10.1 high=10.4 low=10 close=10.2 volume=3 count=5 late=1 part=2")),
        (
            quote.into(),
            format!(
                "{totals} quotes=1 trades=0 notional=0 quantity=0 last_bid=10.1 last_ask=10.2 \
             bid_at=1 ask_at=1 quote_at=1"
            ),
        ),
        (
            trade.into(),
            format!("{totals} quotes=0 trades=1 notional=3.15 quantity=0.3 first_price=10.5 last_price=10.5"),
        ),
        (gap.into(), format!("{rejects} reason=gap detail=expected 4, got 6 source=src instrument=venue.SYM count=1")),
        (
            TradeIdGap { instrument: instrument(), expected: 7, got: 9 }.into(),
            format!("{rejects} reason=trade_id_gap detail=expected 7, got 9 instrument=venue.SYM count=1"),
        ),
        (
            TradeIdsRestarted { instrument: instrument(), last: 8, got: 1 }.into(),
            format!("{rejects} reason=trade_ids_restarted detail=expected 9, got 1 instrument=venue.SYM count=1"),
        ),
        (rejected.into(), format!("{rejects} reason=bad_quote {broken} subject=md.x source=src count=1")),
        (many.into(), format!("{rejects} reason=malformed {summed}\"last_seq\":1024,\"gaps\":2}} count=900")),
    ]
}

fn controls() -> Vec<(Event, String)> {
    let (by, reason) = (|| "ann\0".to_string(), || "why\0".to_string());
    let scope = Scope::Instrument(instrument());
    let limits = LimitsSet {
        scope,
        values: vec![("risk.a".into(), "0.5".parse().unwrap())],
        by: by(),
        reason: reason(),
        stamp: 0,
    };
    let weights =
        WeightsSet { weights: vec![(strategy(), "2".parse().unwrap())], by: by(), reason: reason(), stamp: 0 };
    let halted = TradingHalted { scope: Scope::All, level: HaltLevel::Reducing, by: by(), reason: reason(), stamp: 0 };
    let resumed = TradingResumed { scope, by: by(), reason: reason(), stamp: 0 };
    let cancel = CancelRequested { order: order_id(), by: by(), reason: reason(), stamp: 0 };
    let (currency, amount) = ("USDT".parse().unwrap(), "-5.5".parse().unwrap());
    let funded = AccountFunded { account: account(), currency, amount, by: by(), stamp: 0 };
    let unknown = RefusalReason::UnknownParameter { name: "no\0 such".into() };
    let refused = CommandRefused { subject: "cmd.0.x".into(), by: by(), reason: unknown, stamp: 0 };
    let lost = RiskStateReason::LossOverLimit { loss: "3".parse().unwrap(), limit: "2".parse().unwrap() };
    let moved = RiskStateChanged { account: account(), from: RiskState::Active, to: RiskState::Halted, reason: lost };
    let named = r#"{"code":"unknown_parameter","name":"no\u0000 such"}"#;
    let line = |kind: &str, rest: &str| format!("controls_v1: {KEY} kind={kind} {rest}");
    let canceled = line("CancelRequested", &format!("scope={ID} by=ann detail=why"));
    vec![
        (limits.into(), line("LimitsSet", "scope=venue.SYM by=ann detail=[(\"risk.a\", 0.5)]: why")),
        (weights.into(), line("WeightsSet", "by=ann detail=[(strat, 2)]: why")),
        (halted.into(), line("TradingHalted", "scope=all by=ann detail=reducing: why")),
        (resumed.into(), line("TradingResumed", "scope=venue.SYM by=ann detail=why")),
        (
            cancel.into(),
            format!("{canceled}\norder_events_v1: {TIMING} order_id={ID} writer=paper kind=CancelRequested detail=ann"),
        ),
        (funded.into(), line("AccountFunded", "scope=acc by=ann detail=-5.5 USDT")),
        (refused.into(), line("CommandRefused", &format!("by=ann detail={named} reason=unknown_parameter"))),
        (
            moved.into(),
            line(
                "RiskStateChanged",
                "scope=acc by=risk detail=active to halted reason=loss_over_limit measured=3 limit_value=2",
            ),
        ),
    ]
}

/// The row of `order_events_v1`.
fn step(kind: &str, detail: &str) -> String {
    format!("order_events_v1: {TIMING} order_id={ID} writer=paper kind={kind} detail={detail}")
}

fn decisions() -> Vec<(Event, String)> {
    let signal = SignalRaised {
        account: account(),
        strategy: strategy(),
        instrument: instrument(),
        target: "-0.25".parse().unwrap(),
        confidence: "0.75".parse().unwrap(),
        reasons: vec![],
    };
    let (measured, limit) = ("0.1".parse().unwrap(), "0.05".parse().unwrap());
    let denial = Denial::OverLimit { check: "collar".parse().unwrap(), measured, limit };
    let denied = OrderDenied { order: order(), denial };
    let late = LateReport { order: order_id(), status: Some(OrderStatus::Filled), report: ReportType::Filled };
    let moved = OrderStatusChanged {
        order: order_id(),
        from: OrderStatus::Accepted,
        to: OrderStatus::PartiallyFilled,
        filled: "1.5".parse().unwrap(),
        reason: StatusReason::FilledInPart,
    };
    let (instrument, reason) = (instrument(), CancelReason::TimedOut);
    let cancel = CancelSubmitted { order: order_id(), instrument, reason };
    let over = "reason=over_limit measured=0.1 limit_value=0.05";
    let names = "account=acc strategy=strat instrument=venue.SYM";
    let orders = format!("orders_v1: partition=7 order_id={ID}");
    let terms = "side=sell quantity=2.5 price=101.5 time_in_force=gtc signal_seq=61 signal_index=3";
    vec![
        (signal.into(), format!("signals_v1: {TIMING} {names} target=-0.25 confidence=0.75")),
        (
            denied.into(),
            format!("denials_v1: {TIMING} order_id={ID} {names} {over} check_name=collar\n")
                + &step("OrderDenied", &format!(" {over}")),
        ),
        (
            OrderApproved { order: order() }.into(),
            format!("{orders} {names} {terms} approved_seq=80 approved_stamp=9000\n") + &step("OrderApproved", ""),
        ),
        (
            OrderSubmitted { order: order() }.into(),
            format!("{orders} submitted_seq=80 submitted_stamp=9000 status=submitted filled=0\n")
                + &step("OrderSubmitted", ""),
        ),
        (
            moved.into(),
            format!("{orders} status=partially_filled filled=1.5 reason=filled_in_part\n")
                + &step("OrderStatusChanged", "accepted to partially_filled reason=filled_in_part"),
        ),
        (cancel.into(), step("CancelSubmitted", " reason=timed_out")),
        (late.into(), step("LateReport", "filled")),
    ]
}

fn reports() -> Vec<(Event, String)> {
    let (order, instrument) = (order_id(), instrument());
    let off_tick = OrderRejection::OffTick { price: "1.5".parse().unwrap(), tick_size: "1".parse().unwrap() };
    let finished = CancelRejection::NotWorking;
    let fill = OrderFilled {
        fill: FillId([0xcd; 16]),
        order,
        account: account(),
        strategy: strategy(),
        instrument,
        side: Side::Buy,
        price: "101".parse().unwrap(),
        quantity: "0.5".parse().unwrap(),
        leaves: "2".parse().unwrap(),
        fee: "-0.01".parse().unwrap(),
        fee_currency: "USDT".parse().unwrap(),
        liquidity: Liquidity::Maker,
    };
    let closed = OrderClosed { order, instrument, reason: CloseReason::IocRemainder, leaves: "2".parse().unwrap() };
    let filled = "side=buy price=101 quantity=0.5 leaves=2 fee=-0.01 fee_currency=USDT liquidity=maker";
    let cd = "cd".repeat(16);
    vec![
        (
            OrderAccepted { order, instrument }.into(),
            format!("orders_v1: partition=7 order_id={ID} accepted_stamp=9000\n") + &step("OrderAccepted", ""),
        ),
        (
            OrderRejected { order, instrument, reason: off_tick }.into(),
            step("OrderRejected", " reason=off_tick measured=1.5 limit_value=1"),
        ),
        (CancelRejected { order, instrument, reason: finished }.into(), step("CancelRejected", " reason=not_working")),
        (closed.into(), step("OrderClosed", " reason=ioc_remainder")),
        (
            fill.into(),
            step("OrderFilled", "0.5 at 101")
                + &format!("\nfills_v1: {TIMING} fill_id={cd} order_id={ID} account=acc strategy=strat ")
                + &format!("instrument=venue.SYM {filled}"),
        ),
    ]
}

fn accounts() -> Vec<(Event, String)> {
    let position = PositionChanged {
        account: account(),
        strategy: strategy(),
        instrument: instrument(),
        fill: FillId([0xcd; 16]),
        quantity: "-1".parse().unwrap(),
        cost: "-101".parse().unwrap(),
        average_price: "101.1".parse().unwrap(),
        realised: "7".parse().unwrap(),
        fees: "0.3".parse().unwrap(),
    };
    let mark = EquityMarked {
        account: account(),
        currency: "USDT".parse().unwrap(),
        cash: "1".parse().unwrap(),
        position_value: "2".parse().unwrap(),
        realised: "3".parse().unwrap(),
        unrealised: "4".parse().unwrap(),
        fees: "5".parse().unwrap(),
        equity: "6".parse().unwrap(),
        marked_at: Some(5),
    };
    let key = "positions_v1: partition=7 account=acc strategy=strat instrument=venue.SYM";
    let sums = "quantity=-1 cost=-101 average_price=101.1 realised=7 fees=0.3 seq=80 index=2";
    let worth = "cash=1 position_value=2 realised=3 unrealised=4 fees=5 equity=6 marked_at=5";
    vec![
        (position.into(), format!("{key} {sums}")),
        (mark.into(), format!("equity_v1: {KEY} at=6000 account=acc currency=USDT {worth}")),
    ]
}

#[test]
fn every_kind_of_fact_has_the_rows_listed_here() {
    let mut seen: BTreeSet<Kind> = NOT_PROJECTED.into();
    for (event, expected) in [market(), controls(), decisions(), reports(), accounts()].concat() {
        let kind = event.kind();
        assert_eq!(rows(Writer::Paper, event), expected, "{}", kind.name());
        assert!(seen.insert(kind), "{} is listed twice", kind.name());
    }
    let missing: Vec<_> = Kind::ALL.iter().filter(|kind| !seen.contains(kind)).map(|kind| kind.name()).collect();
    assert_eq!(missing, [""; 0], "every kind has rows here or is in NOT_PROJECTED");
}

#[test]
fn a_record_has_one_row() {
    let record = RecordInfo { partition: 7, generation: THIRD, seq: 80, writer: Writer::Risk, stamp: 9000, events: 4 };
    let mut ops = Vec::new();
    all().iter().for_each(|projection| projection.project_record(&record, &mut ops));
    assert_eq!(to_text(&ops), "records_v1: partition=7 generation=3 seq=80 writer=risk events=4 stamp=9000");
}
