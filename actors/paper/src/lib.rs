//! The simulated paper: submitted orders and market data in, acceptances, fills and closes out. No order life cycle.
//!
//! An order or cancel arrives [`latency`] after it was sent, on the first fact of ingest at or after that time. On each
//! fact of ingest, first the resting orders meet it, then what has arrived meets what is left: [`fills`] are the models
//! of both. What is displayed and taken, and the orders that work, is in [`book`].
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use tapedeck_kernel::{Fact, Machine, Out, Reads};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::ids::{InstrumentId, TapeId};
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::param::{ParamSpec, Params};
use tapedeck_schemas::record::Writer;

pub mod book;
mod exchange;
pub mod fills;
pub mod latency;

pub use exchange::{MAKER_FEE, TAKER_FEE, WORKING_ORDERS_MAX};

use book::InstrumentBook;
use exchange::Exchange;
use fills::MarketUpdate;
use latency::{InTransit, PendingRequest};

/// Every parameter of this machine.
pub fn params() -> Vec<ParamSpec> {
    latency::PARAMS.iter().chain(exchange::PARAMS).copied().collect()
}

/// The simulated exchange of one partition.
#[derive(Debug, Clone)]
pub struct Paper {
    tape: TapeId,
    /// Running maximum of ingest's `at`.
    now: TapeTime,
    params: Params,
    books: BTreeMap<InstrumentId, InstrumentBook>,
    on_the_way: InTransit,
}

impl Paper {
    /// That of a tape, having seen nothing.
    pub fn new(tape: TapeId) -> Self {
        let (params, books) = (Params::default(), BTreeMap::new());
        Self { tape, now: 0, params, books, on_the_way: InTransit::default() }
    }
}

impl Machine for Paper {
    type Input = Fact;
    const WRITER: Writer = Writer::Paper;
    const LOGIC: u32 = 1;

    fn reads() -> Reads {
        Reads::Tape(&[Writer::Ingest, Writer::Execution, Writer::Control])
    }

    fn observe(&mut self, at: Offset, fact: &Fact) {
        if fact.writer == Writer::Ingest {
            self.now = self.now.max(fact.at);
        }
        match &fact.event {
            Event::InstrumentDefined(terms) => self.books.entry(terms.instrument).or_default().define(terms),
            Event::Quote(quote) => self.books.entry(quote.instrument).or_default().quote(quote),
            Event::LimitsSet(limits) => self.params.apply(&params(), limits),
            Event::OrderSubmitted(sent) => self.on_the_way.submit(at, fact.at, &sent.order, &self.params),
            Event::CancelSubmitted(sent) => self.on_the_way.cancel(at, fact.at, sent, &self.params),
            _ => {}
        }
    }

    fn decide(&self, at: Offset, fact: &Fact, out: &mut Out) {
        if fact.writer != Writer::Ingest {
            // Tape time moves with ingest alone.
            return;
        }
        let mut session = Exchange::new(self, at);
        match &fact.event {
            Event::Quote(quote) => session.fill(quote.instrument, MarketUpdate::Quoted),
            Event::Trade(trade) => session.fill(trade.instrument, MarketUpdate::Printed(trade)),
            _ => {}
        }
        for request in self.on_the_way.arrived(self.now) {
            match request {
                PendingRequest::Submit(order) => session.submit(order),
                PendingRequest::Cancel(cancel) => session.cancel(cancel),
            }
        }
        session.decided.into_iter().for_each(|event| out.push(event));
    }

    fn apply(&mut self, _cause: Offset, own: &Event) {
        let arrived = self.on_the_way.apply(own);
        let instrument = match own {
            Event::OrderAccepted(accepted) => accepted.instrument,
            Event::OrderFilled(fill) => fill.instrument,
            Event::OrderClosed(closed) => closed.instrument,
            _ => return,
        };
        let market = self.books.entry(instrument).or_default();
        match (own, arrived) {
            (Event::OrderAccepted(_), Some(order)) => market.accept(&order),
            _ => market.apply(own),
        }
    }

    fn time(&self, fact: &Fact) -> TapeTime {
        // Control's `at` is the broker's clock, which is not tape time.
        if fact.writer == Writer::Control { self.now } else { fact.at }
    }
}
