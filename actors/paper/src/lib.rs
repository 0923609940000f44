//! The simulated exchange: accepts, rejects, fills and closes submitted orders. No order life cycle lives here.
//!
//! An order or cancel arrives on the first fact of ingest at least [`latency`] after it was submitted. On each fact of
//! ingest, resting orders are matched first, then the orders that arrive, with the displayed size that remains.
//! [`fills`] has the models of both, [`book`] the displayed quote and the working orders.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use tapedeck_kernel::{Fact, Machine, Out, Reads, TapeContext};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::generation::Lineage;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::param::ParamSpec;
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
    tape: Lineage,
    context: TapeContext,
    books: BTreeMap<InstrumentId, InstrumentBook>,
    in_transit: InTransit,
}

impl Paper {
    /// The initial state for a tape.
    pub fn new(tape: impl Into<Lineage>) -> Self {
        let tape = tape.into();
        let (context, books) = (TapeContext::default(), BTreeMap::new());
        Self { tape, context, books, in_transit: InTransit::default() }
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
        self.context.observe(fact, params);
        match &fact.event {
            Event::InstrumentDefined(terms) => self.books.entry(terms.instrument).or_default().define(terms),
            Event::Quote(quote) => self.books.entry(quote.instrument).or_default().quote(quote),
            Event::OrderSubmitted(sent) => self.in_transit.submit(at, fact.at, &sent.order, &self.context.params),
            Event::CancelSubmitted(sent) => self.in_transit.cancel(at, fact.at, sent, &self.context.params),
            _ => {}
        }
    }

    fn decide(&self, at: Offset, fact: &Fact, out: &mut Out) {
        if fact.writer != Writer::Ingest {
            // Only facts of ingest move tape time.
            return;
        }
        let mut exchange = Exchange::new(self, at);
        match &fact.event {
            Event::Quote(quote) => exchange.fill(quote.instrument, MarketUpdate::Quoted),
            Event::Trade(trade) => exchange.fill(trade.instrument, MarketUpdate::Printed(trade)),
            _ => {}
        }
        for request in self.in_transit.arrived(self.context.now) {
            match request {
                PendingRequest::Submit(order) => exchange.submit(order),
                PendingRequest::Cancel(cancel) => exchange.cancel(cancel),
            }
        }
        exchange.decided.into_iter().for_each(|event| out.push(event));
    }

    fn apply(&mut self, _cause: Offset, own: &Event) {
        let arrived = self.in_transit.apply(own);
        let instrument = match own {
            Event::OrderAccepted(accepted) => accepted.instrument,
            Event::OrderFilled(fill) => fill.instrument,
            Event::OrderClosed(closed) => closed.instrument,
            _ => return,
        };
        let book = self.books.entry(instrument).or_default();
        match (own, arrived) {
            (Event::OrderAccepted(_), Some(order)) => book.accept(&order),
            _ => book.apply(own),
        }
    }

    fn time(&self, fact: &Fact) -> TapeTime {
        self.context.time(fact)
    }
}
