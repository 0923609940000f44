//! A short tape, written by hand, on which every invariant holds and is evaluated. Tests alter it line by line.

use tapedeck_schemas::event::*;
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::ids::{FillId, OrderId, TapeId};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, Writer};

pub(super) const BOUGHT: OrderId = OrderId([1; 16]);
pub(super) const STOPPED: OrderId = OrderId([2; 16]);
pub(super) const SOLD: OrderId = OrderId([3; 16]);
pub(super) const FIRST_FILL: FillId = FillId([1; 16]);
pub(super) const SECOND_FILL: FillId = FillId([2; 16]);

/// An event, its offset and its writer.
#[derive(Debug, Clone)]
pub(super) struct ScriptLine {
    pub(super) offset: Offset,
    pub(super) writer: Writer,
    /// Generation of the inbox that the record names.
    pub(super) inbox: Option<Generation>,
    pub(super) entry: Entry,
}

/// Parses an offset.
pub(super) fn at(text: &str) -> Offset {
    text.parse().unwrap()
}

/// Parses a number or name.
pub(super) fn n<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

/// Appends one record with the answers to each cause, in order. Its tape time is 1,000 ns times its sequence.
pub(super) fn append(tape: &mut Vec<ScriptLine>, writer: Writer, answers: Vec<(&str, Vec<Event>)>) {
    let seq = tape.last().map_or(1, |line| line.offset.seq + 1);
    let mut place = 0..;
    for (cause, events) in answers {
        for (index, event) in (0..).zip(events) {
            let entry = Entry { cause: at(cause), index, at: 1000 * seq, event };
            tape.push(ScriptLine { offset: Offset::new(seq, place.next().unwrap()), writer, inbox: None, entry });
        }
    }
}

pub(super) fn epoch(number: u64) -> Event {
    Epoch { number, owner: 7, logic: 1, build: "test".into() }.into()
}

pub(super) fn order(id: OrderId, side: Side, quantity: &str, price: &str, signal: &str) -> Order {
    Order {
        id,
        account: n("sim-p0"),
        strategy: n("combined"),
        instrument: n("binance.BTCUSDT"),
        side,
        quantity: n(quantity),
        price: n(price),
        time_in_force: TimeInForce::Gtc,
        signal: at(signal),
    }
}

pub(super) fn fill(id: FillId, of: &Order, quantity: &str, price: &str, leaves: &str) -> OrderFilled {
    OrderFilled {
        fill: id,
        order: of.id,
        account: of.account,
        strategy: of.strategy,
        instrument: of.instrument,
        side: of.side,
        price: n(price),
        quantity: n(quantity),
        leaves: n(leaves),
        fee: n("0.1"),
        fee_currency: n("USDT"),
        liquidity: Liquidity::Taker,
    }
}

pub(super) fn moved(order: OrderId, from: OrderStatus, to: OrderStatus, filled: &str) -> Event {
    OrderStatusChanged { order, from, to, filled: n(filled), reason: StatusReason::Accepted }.into()
}

pub(super) fn posted(fill: Option<FillId>, lines: &[(Ledger, &str, &str)]) -> Event {
    let line = |(ledger, currency, amount): &(Ledger, &str, &str)| Posting {
        ledger: *ledger,
        currency: n(currency),
        amount: n(amount),
    };
    LedgerPosted { account: n("sim-p0"), fill, entries: lines.iter().map(line).collect() }.into()
}

/// Arguments: quantity, cost, average price, realised and fees.
pub(super) fn position(fill: FillId, [quantity, cost, average, realised, fees]: [&str; 5]) -> Event {
    PositionChanged {
        account: n("sim-p0"),
        strategy: n("combined"),
        instrument: n("binance.BTCUSDT"),
        fill,
        quantity: n(quantity),
        cost: n(cost),
        average_price: n(average),
        realised: n(realised),
        fees: n(fees),
    }
    .into()
}

/// Arguments: cash, position value and equity. Profit and fees are not checked by this rule.
pub(super) fn mark([cash, position_value, equity]: [&str; 3]) -> Event {
    EquityMarked {
        account: n("sim-p0"),
        currency: n("USDT"),
        cash: n(cash),
        position_value: n(position_value),
        realised: n("0"),
        unrealised: n("0"),
        fees: n("0"),
        equity: n(equity),
        marked_at: None,
    }
    .into()
}

pub(super) fn signal() -> Event {
    SignalRaised {
        account: n("sim-p0"),
        strategy: n("combined"),
        instrument: n("binance.BTCUSDT"),
        target: n("0.5"),
        confidence: n("1"),
        reasons: Vec::new(),
    }
    .into()
}

fn defined() -> Event {
    InstrumentDefined {
        instrument: n("binance.BTCUSDT"),
        base: n("BTC"),
        quote: n("USDT"),
        tick_size: n("0.01"),
        lot_size: n("0.00001"),
        min_notional: n("5"),
        bars: Vec::new(),
        prices: PriceDomain::Positive,
        trade_ids: TradeIdOrder::Any,
        sources: Vec::new(),
        calendar: None,
        ts_recv: 1,
        ts_event: None,
    }
    .into()
}

pub(super) fn approved(order: &Order) -> Event {
    OrderApproved { order: order.clone() }.into()
}

pub(super) fn denied(order: &Order) -> Event {
    OrderDenied { order: order.clone(), denial: Denial::NoQuote }.into()
}

pub(super) fn submitted(order: &Order) -> Event {
    OrderSubmitted { order: order.clone() }.into()
}

pub(super) fn bought() -> Order {
    order(BOUGHT, Side::Buy, "2", "100", "10.0")
}

pub(super) fn stopped() -> Order {
    order(STOPPED, Side::Sell, "1", "90", "16.0")
}

pub(super) fn sold() -> Order {
    order(SOLD, Side::Sell, "3", "90", "22.0")
}

/// Buys 2, of which 1 is filled; a halt and a resume; sells 3, of which 2 are filled. At the end the position is 1
/// short, and 1 of the buy is still open.
pub(super) fn clean() -> Vec<ScriptLine> {
    let mut tape = Vec::new();
    begin(&mut tape);
    buy(&mut tape);
    halt_and_resume(&mut tape);
    sell(&mut tape);
    append(&mut tape, Writer::Ingest, vec![("2.0", vec![ClockAdvanced { time: 28_000 }.into()])]); // 28
    append(&mut tape, Writer::Portfolio, vec![("28.0", vec![Progress {}.into()])]); // 29
    append(&mut tape, Writer::Portfolio, vec![("28.0", vec![epoch(2)])]); // 30
    tape
}

// Lists groups because: the tape is written out by hand, and no list may decide what it holds.
fn begin(tape: &mut Vec<ScriptLine>) {
    let created = TapeCreated::first(TapeId([9; 16]), 0, Vec::new());
    append(tape, Writer::Keeper, vec![("0.0", vec![created.into()])]); // 1
    append(tape, Writer::Ingest, vec![("0.0", vec![epoch(1)]), ("1.0", vec![defined()])]); // 2
    let funded =
        AccountFunded { account: n("sim-p0"), currency: n("USDT"), amount: n("1000"), by: "test".into(), stamp: 0 };
    append(tape, Writer::Control, vec![("0.0", vec![epoch(1)]), ("1.0", vec![funded.into()])]); // 3
    for writer in [Writer::Signal, Writer::Risk, Writer::Execution, Writer::Paper] {
        append(tape, writer, vec![("0.0", vec![epoch(1)])]); // 4 5 6 7
    }
    let booked = posted(None, &[(Ledger::Cash, "USDT", "1000"), (Ledger::Capital, "USDT", "-1000")]);
    let marked = mark(["1000", "0", "1000"]);
    append(tape, Writer::Portfolio, vec![("0.0", vec![epoch(1)]), ("3.1", vec![booked, marked])]); // 8
    append(tape, Writer::Ingest, vec![("1.1", vec![ClockAdvanced { time: 9_000 }.into()])]); // 9
}

fn buy(tape: &mut Vec<ScriptLine>) {
    use OrderStatus::*;
    let order = bought();
    let other = super::script::order(OrderId([8; 16]), Side::Buy, "9", "100", "10.1");
    append(tape, Writer::Signal, vec![("2.1", vec![signal()]), ("3.1", vec![signal()])]); // 10
    append(tape, Writer::Risk, vec![("10.0", vec![approved(&order)]), ("10.1", vec![denied(&other)])]); // 11
    append(tape, Writer::Execution, vec![("11.0", vec![submitted(&order)])]); // 12
    let accepted = OrderAccepted { order: order.id, instrument: order.instrument };
    let filled = fill(FIRST_FILL, &order, "1", "99", "1");
    append(tape, Writer::Paper, vec![("12.0", vec![accepted.into(), filled.into()])]); // 13
    let changes = vec![
        ("13.0", vec![moved(BOUGHT, Submitted, Accepted, "0")]),
        ("13.1", vec![moved(BOUGHT, Accepted, PartiallyFilled, "1")]),
    ];
    append(tape, Writer::Execution, changes); // 14
    let lines = [
        (Ledger::Cash, "BTC", "1"),
        (Ledger::Trading, "BTC", "-1"),
        (Ledger::Cash, "USDT", "-99"),
        (Ledger::Trading, "USDT", "99"),
        (Ledger::Cash, "USDT", "-0.1"),
        (Ledger::Fees, "USDT", "0.1"),
    ];
    let after = position(FIRST_FILL, ["1", "99", "99", "0", "0.1"]);
    let books = vec![posted(Some(FIRST_FILL), &lines), after, mark(["900.9", "99", "999.9"])];
    append(tape, Writer::Portfolio, vec![("13.1", books)]); // 15
}

/// One order is approved by a cause before the halt, in a record after it: execution stops it.
fn halt_and_resume(tape: &mut Vec<ScriptLine>) {
    let (scope, by, reason) = (Scope::All, String::from("test"), String::from("drill"));
    let halt = TradingHalted { scope, level: HaltLevel::Halted, by: by.clone(), reason: reason.clone(), stamp: 0 };
    let resume = TradingResumed { scope, by, reason, stamp: 0 };
    append(tape, Writer::Signal, vec![("9.0", vec![signal()])]); // 16
    append(tape, Writer::Control, vec![("2.0", vec![halt.into()])]); // 17
    append(tape, Writer::Signal, vec![("17.0", vec![signal()])]); // 18
    let other = order(OrderId([9; 16]), Side::Sell, "1", "90", "18.0");
    append(tape, Writer::Risk, vec![("16.0", vec![approved(&stopped())]), ("18.0", vec![denied(&other)])]); // 19
    let gate = moved(STOPPED, OrderStatus::Approved, OrderStatus::Rejected, "0");
    append(tape, Writer::Execution, vec![("19.0", vec![gate])]); // 20
    append(tape, Writer::Control, vec![("3.0", vec![resume.into()])]); // 21
}

fn sell(tape: &mut Vec<ScriptLine>) {
    use OrderStatus::*;
    let order = sold();
    append(tape, Writer::Signal, vec![("21.0", vec![signal()])]); // 22
    append(tape, Writer::Risk, vec![("22.0", vec![approved(&order)])]); // 23
    append(tape, Writer::Execution, vec![("23.0", vec![submitted(&order)])]); // 24
    let (accepted, filled) =
        (OrderAccepted { order: SOLD, instrument: order.instrument }, fill(SECOND_FILL, &order, "2", "95", "1"));
    let reason = CloseReason::IocRemainder;
    let closed = OrderClosed { order: SOLD, instrument: order.instrument, reason, leaves: n("1") };
    append(tape, Writer::Paper, vec![("24.0", vec![accepted.into(), filled.into(), closed.into()])]); // 25
    let changes = vec![
        ("25.0", vec![moved(SOLD, Submitted, Accepted, "0")]),
        ("25.1", vec![moved(SOLD, Accepted, PartiallyFilled, "2")]),
        ("25.2", vec![moved(SOLD, PartiallyFilled, Canceled, "2")]),
    ];
    append(tape, Writer::Execution, changes); // 26
    let lines = [
        (Ledger::Cash, "BTC", "-2"),
        (Ledger::Trading, "BTC", "2"),
        (Ledger::Cash, "USDT", "189.9"),
        (Ledger::Trading, "USDT", "-190"),
        (Ledger::Fees, "USDT", "0.1"),
    ];
    // Closes 1 at a loss of 4, opens 1 short.
    let after = position(SECOND_FILL, ["-1", "-95", "95", "-4", "0.2"]);
    let books = vec![posted(Some(SECOND_FILL), &lines), after, mark(["1090.8", "-95", "995.8"])];
    append(tape, Writer::Portfolio, vec![("25.1", books)]); // 27
}
