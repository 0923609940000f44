//! Builders of facts for the tests of portfolio, and a harness. No assertions live here.
#![allow(dead_code, unused_imports)] // each test binary uses its own part

use tapedeck_kernel::Fact;
pub(crate) use tapedeck_kernel::testing::{MS, Stepper, aged, clock, control, fact, limit, trade};
use tapedeck_portfolio::Portfolio;
use tapedeck_schemas::event::*;
use tapedeck_schemas::ids::{FillId, InstrumentId, OrderId};
use tapedeck_schemas::number::Money;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

pub(crate) fn instrument(symbol: &str) -> InstrumentId {
    format!("sim.{symbol}").parse().unwrap()
}

/// An instrument whose base currency has its own name.
pub(crate) fn definition(symbol: &str, quote: &str) -> Fact {
    let event = InstrumentDefined {
        instrument: instrument(symbol),
        base: symbol.parse().unwrap(),
        quote: quote.parse().unwrap(),
        tick_size: "0.01".parse().unwrap(),
        lot_size: "0.001".parse().unwrap(),
        min_notional: Money::ZERO,
        bars: Vec::new(),
        prices: PriceDomain::Positive,
        trade_ids: TradeIdOrder::Any,
        sources: Vec::new(),
        calendar: None,
        ts_recv: 1,
        ts_event: None,
    };
    fact(Writer::Ingest, 0, event)
}

/// A quote; an empty price is an absent side.
pub(crate) fn quote(symbol: &str, at_ms: u64, bid: &str, ask: &str) -> Fact {
    let event = Quote {
        instrument: instrument(symbol),
        bid: (!bid.is_empty()).then(|| bid.parse().unwrap()),
        bid_size: "0".parse().unwrap(),
        ask: (!ask.is_empty()).then(|| ask.parse().unwrap()),
        ask_size: "0".parse().unwrap(),
        ts_recv: at_ms * MS,
        ts_event: None,
        update_id: None,
    };
    fact(Writer::Ingest, at_ms, event)
}

pub(crate) fn print(symbol: &str, at_ms: u64, price: &str) -> Fact {
    trade(instrument(symbol), at_ms, price)
}

/// Fill `n` of X by sim-p0 and blend, with a fee in USDT.
pub(crate) fn fill(n: u16, side: Side, price: &str, quantity: &str, fee: &str) -> OrderFilled {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&n.to_be_bytes());
    OrderFilled {
        fill: FillId(id),
        order: OrderId([1; 16]),
        account: "sim-p0".parse().unwrap(),
        strategy: "blend".parse().unwrap(),
        instrument: instrument("X"),
        side,
        price: price.parse().unwrap(),
        quantity: quantity.parse().unwrap(),
        leaves: "0".parse().unwrap(),
        fee: fee.parse().unwrap(),
        fee_currency: "USDT".parse().unwrap(),
        liquidity: Liquidity::Taker,
    }
}

pub(crate) fn filled(fill: OrderFilled) -> Fact {
    fact(Writer::Paper, 1_000, fill)
}

pub(crate) fn funded(currency: &str, amount: &str) -> Fact {
    let (account, currency) = ("sim-p0".parse().unwrap(), currency.parse().unwrap());
    control(AccountFunded { account, currency, amount: amount.parse().unwrap(), by: "ann".into(), stamp: 0 })
}

/// A machine and the sequence of its last input; decisions are rendered as short text.
pub(crate) struct Harness {
    pub(crate) machine: Stepper<Portfolio>,
    pub(crate) seq: u64,
}

impl Harness {
    /// With X in USDT defined and quoted 99 / 101 at 1,000 ms.
    pub(crate) fn new() -> Self {
        let mut harness = Self { machine: Stepper::new(Portfolio::new()), seq: 0 };
        harness.step(&definition("X", "USDT"));
        harness.step(&quote("X", 1_000, "99", "101"));
        harness
    }

    pub(crate) fn decide(&mut self, fact: &Fact) -> Vec<Event> {
        self.seq += 1;
        self.machine.step(Offset::new(self.seq, 0), fact).events
    }

    pub(crate) fn step(&mut self, fact: &Fact) -> Vec<String> {
        self.decide(fact).iter().map(render).collect()
    }
}

pub(crate) fn render(event: &Event) -> String {
    match event {
        Event::LedgerPosted(e) => {
            let line = |p: &Posting| format!("{} {} {}", p.ledger, p.amount, p.currency);
            e.entries.iter().map(line).collect::<Vec<_>>().join(", ")
        }
        Event::PositionChanged(e) => format!(
            "{} {} cost {} average {} realised {} fees {}",
            e.instrument, e.quantity, e.cost, e.average_price, e.realised, e.fees
        ),
        Event::EquityMarked(e) => format!(
            "{} cash {} value {} realised {} unrealised {} fees {} equity {}",
            e.currency, e.cash, e.position_value, e.realised, e.unrealised, e.fees, e.equity
        ),
        other => panic!("not a fact of portfolio: {other:?}"),
    }
}
