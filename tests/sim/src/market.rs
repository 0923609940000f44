//! The market events that the publishers of a run receive, and the commands of its operators. No floats.

use tapedeck_schemas::command::{Command, Request};
use tapedeck_schemas::event::{Aggressor, HaltLevel, Scope};
use tapedeck_schemas::ids::{AccountId, InstrumentId, OrderId, SourceId, Token};
use tapedeck_schemas::market::{
    DefinitionBody, MarketBody, MarketEvent, PriceDomain, QuoteBody, TradeBody, TradeIdOrder,
};
use tapedeck_schemas::number::{Money, Price, Quantity, Ratio};

use crate::random::Random;

/// The instruments of every run.
pub const INSTRUMENTS: [&str; 2] = ["sim.ALPHAUSD", "sim.BRAVOUSD"];

/// Trading sessions from before the begin of a run to some seconds after it, when the calendar ends.
const SESSIONS: &str = "2026-01-04=23:59:00/24:00:01,05=00:00:01/00:00:04";

/// The market of one instrument: a random walk with bursts, and some events that ingest must reject.
#[derive(Debug)]
pub struct Walk {
    /// The instrument that it is a market of.
    pub instrument: InstrumentId,
    source: SourceId,
    session: Token,
    random: Random,
    seq: u64,
    ids: u64,
    /// Mid, in ticks.
    mid: i128,
    drift: i128,
}

impl Walk {
    /// The market of an instrument in the run of a seed.
    pub fn new(seed: u64, instrument: &str) -> Self {
        let mut random = Random::of(seed, instrument);
        Self {
            instrument: instrument.parse().expect("it is an instrument"),
            source: "sim".parse().expect("it is a name"),
            session: format!("s{seed:x}").parse().expect("it is a token"),
            seq: 0,
            ids: 0,
            mid: 10_000 + i128::from(random.below(1_000)),
            drift: 0,
            random,
        }
    }

    /// The session of its publisher.
    pub fn session(&self) -> String {
        self.session.to_string()
    }

    /// The next event, received at this time by the publisher's clock.
    pub fn next(&mut self, ts_recv: u64) -> MarketEvent {
        if self.seq > 0 && self.random.one_in(40) {
            self.seq += self.random.between(1, 3); // a gap
        }
        self.seq += 1;
        let body = self.body();
        let ts_event = self.random.one_in(2).then(|| ts_recv.saturating_sub(300_000));
        MarketEvent { source: self.source, session: self.session, seq: self.seq, ts_recv, ts_event, body }
    }

    fn body(&mut self) -> MarketBody {
        if self.seq == 1 || self.random.one_in(25) {
            return self.definition();
        }
        if self.random.one_in(8) {
            self.drift = i128::from(self.random.below(41)) - 20;
        }
        self.mid = (self.mid + self.drift + i128::from(self.random.below(21)) - 10).clamp(2_000, 50_000);
        self.ids = match self.random.below(60) {
            0 | 1 => self.ids,                               // a repeated id of other values is another event
            2 => self.ids + 3,                               // a hole
            3 => self.ids - self.random.below(self.ids + 1), // the venue counts anew
            _ => self.ids + 1,
        };
        let (spread, size) = (1 + i128::from(self.random.below(3)), Quantity::whole(1 + self.random.below(4) as i64));
        match self.random.below(27) {
            0 => MarketBody::HEARTBEAT,
            1 => self.quote(Some(spread), Some(-spread), size), // crossed
            24 => self.quote(None, Some(spread), Quantity::ZERO),
            25 => self.quote(None, None, Quantity::ZERO),
            26 => self.quote(Some(-spread), None, size), // a size without a price
            2 => self.trade(Price::ZERO, size),
            3 => self.trade(ticks(self.mid, 3), size), // off the grid
            4..=9 => self.trade(ticks(self.mid, 0), size),
            _ => self.quote(Some(-spread), Some(spread), size),
        }
    }

    fn definition(&mut self) -> MarketBody {
        // Sometimes the lot size becomes too coarse for orders that are in flight.
        let coarse = self.seq > 1 && self.random.one_in(3);
        MarketBody::Definition(DefinitionBody {
            base: self.instrument.to_string()[4..9].parse().expect("five letters are a currency"),
            quote: "USD".parse().expect("it is a currency"),
            tick_size: Price::saturating_from_units(Price::ONE / 100),
            lot_size: Quantity::saturating_from_units(Quantity::ONE / if coarse { 1 } else { 1_000 }),
            min_notional: Money::whole(5),
            bars: ["1s", "10t", "1w", "1s-session"].map(|bar| bar.parse().expect("it is a bar")).into(),
            prices: PriceDomain::Positive,
            trade_ids: if self.random.one_in(3) { TradeIdOrder::Any } else { TradeIdOrder::Consecutive },
            sources: Vec::new(),
            calendar: Some(SESSIONS.parse().expect("it is a calendar")),
        })
    }

    /// A quote with these distances from the mid; `None` for an absent side.
    fn quote(&self, bid: Option<i128>, ask: Option<i128>, size: Quantity) -> MarketBody {
        let price = |side: Option<i128>| side.map(|side| ticks(self.mid + side, 0));
        let (bid, ask) = (price(bid), price(ask));
        MarketBody::Quote(QuoteBody { bid, bid_size: size, ask, ask_size: size, update_id: Some(self.ids.into()) })
    }

    fn trade(&self, price: Price, quantity: Quantity) -> MarketBody {
        MarketBody::Trade(TradeBody { price, quantity, aggressor: Aggressor::Buyer, trade_id: Some(self.ids.into()) })
    }
}

/// A price of `ticks` hundredths and `off` hundred-thousandths.
fn ticks(ticks: i128, off: i128) -> Price {
    Price::saturating_from_units(ticks * (Price::ONE / 100) + off * (Price::ONE / 100_000))
}

/// Draws the commands of the operators.
#[derive(Debug)]
pub struct Operators {
    random: Random,
}

impl Operators {
    /// The operators in the run of a seed.
    pub fn new(seed: u64) -> Self {
        Self { random: Random::of(seed, "commands") }
    }

    /// The commands at the start of a run. A late exchange answers after an order has timed out.
    pub fn setup(is_late: bool) -> Vec<Command> {
        let latency = if is_late { 2_500 } else { 5 };
        let requests = [
            fund(1_000_000),
            limits(&[("signal.threshold", 1, 10), ("signal.min_interval_ms", 20, 1), ("signal.sample_ms", 10, 1)]),
            limits(&[("signal.zscore.window", 8, 1), ("signal.ewma.fast", 2, 1), ("signal.ewma.slow", 6, 1)]),
            limits(&[("execution.order_timeout_ms", 1_500, 1), ("portfolio.mark_interval_ms", 300, 1)]),
            limits(&[("paper.latency_ms", latency, 1), ("risk.stale_data_ms", 4_000, 1)]),
            weights(),
        ];
        requests.into_iter().map(command).collect()
    }

    /// The next command, with this id. `orders` are those that it may cancel.
    pub fn next(&mut self, id: String, orders: &[OrderId]) -> Command {
        Command { id: Some(id), ..command(self.any(orders)) }
    }

    fn any(&mut self, orders: &[OrderId]) -> Request {
        let scope = match self.random.below(3) {
            0 => Scope::Instrument(INSTRUMENTS[self.random.index(2)].parse().expect("it is an instrument")),
            _ => Scope::All,
        };
        match self.random.below(12) {
            0 => Request::Halt { scope, level: HaltLevel::Halted },
            1 => Request::Halt { scope, level: HaltLevel::Reducing },
            2..=5 => Request::Resume { scope },
            6 | 7 if !orders.is_empty() => Request::Cancel { order: orders[self.random.index(orders.len())] },
            6 => Request::Cancel { order: OrderId([9; 16]) },
            7 => limits(&[("risk.max_position", 100, 1)]),
            8 => limits(&[("risk.max_position", 50_000, 1), ("risk.max_order_notional", 2_000, 1)]),
            9 => limits(&[("no.such.limit", 1, 1)]),
            10 => limits(&[("risk.max_loss", [1, 1_000_000][self.random.index(2)], 1)]),
            _ => fund(10),
        }
    }
}

fn command(request: Request) -> Command {
    Command { id: None, by: "sim".into(), reason: "a run".into(), request }
}

fn fund(amount: i64) -> Request {
    let currency = "USD".parse().expect("it is a currency");
    Request::Fund { account: AccountId::simulated(0), currency, amount: Money::whole(amount) }
}

fn limits(values: &[(&str, i64, i128)]) -> Request {
    let value = |(name, numerator, denominator): &(&str, i64, i128)| {
        (name.to_string(), Ratio::saturating_from_units(i128::from(*numerator) * Ratio::ONE / denominator))
    };
    Request::Limits { scope: Scope::All, values: values.iter().map(value).collect() }
}

fn weights() -> Request {
    let one = |name: &str| (name.parse().expect("it is a strategy"), Ratio::whole(1));
    Request::Weights { weights: vec![one("zscore"), one("ewma")] }
}
