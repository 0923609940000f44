//! The simulated exchange: accepts, rejects, fills and closes submitted orders. No order life cycle lives here.
//!
//! An order or cancel arrives on the first fact of ingest at least [`latency`] after it was submitted. On each fact of
//! ingest, resting orders are matched first, then the orders that arrive, with the displayed size that remains.
//! [`fills`] has the models of both, [`book`] the displayed quote and the working orders.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_kernel::state::{self, BadState};
use tapedeck_kernel::{Cause, Fact, Machine, Out, Reads};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::generation::Lineage;
use tapedeck_schemas::ids::InstrumentId;
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
    tape: Lineage,
    state: PaperState,
}

/// What changes between inputs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct PaperState {
    params: Params,
    books: BTreeMap<InstrumentId, InstrumentBook>,
    in_transit: InTransit,
}

impl Paper {
    /// The initial state for a tape.
    pub fn new(tape: impl Into<Lineage>) -> Self {
        Self { tape: tape.into(), state: PaperState::default() }
    }
}

/// What a fact meant to the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaperObserved {
    /// A late quote or trade, which fills nothing.
    Late,
    /// Any other fact.
    Other,
}

impl Machine for Paper {
    type Input = Fact;
    type Observed = PaperObserved;
    const WRITER: Writer = Writer::Paper;
    const LOGIC: u32 = 3;
    const STATE: u32 = 4;

    fn reads() -> Reads {
        Reads::Tape(&[Writer::Ingest, Writer::Execution, Writer::Control])
    }

    fn observe(&mut self, cause: Cause, fact: &Fact) -> PaperObserved {
        let PaperState { params, books, in_transit } = &mut self.state;
        if fact.is_late(params) {
            return PaperObserved::Late;
        }
        match &fact.event {
            Event::LimitsSet(limits) => params.apply(limits),
            Event::InstrumentDefined(terms) => books.entry(terms.instrument).or_default().define(terms),
            Event::Quote(quote) => books.entry(quote.instrument).or_default().quote(quote),
            Event::OrderSubmitted(sent) => in_transit.submit(cause.offset, fact.at, &sent.order, params),
            Event::CancelSubmitted(sent) => in_transit.cancel(cause.offset, fact.at, sent, params),
            _ => {}
        }
        PaperObserved::Other
    }

    fn decide(&self, cause: Cause, fact: &Fact, observed: &PaperObserved, out: &mut Out) {
        if fact.writer != Writer::Ingest {
            // Only facts of ingest move tape time.
            return;
        }
        let mut exchange = Exchange::new(self, cause.offset);
        match (&fact.event, observed) {
            (_, PaperObserved::Late) => {}
            (Event::Quote(quote), _) => exchange.fill(quote.instrument, MarketUpdate::Quoted),
            (Event::Trade(trade), _) => exchange.fill(trade.instrument, MarketUpdate::Printed(trade)),
            _ => {}
        }
        for request in self.state.in_transit.arrived(cause.now) {
            match request {
                PendingRequest::Submit(order) => exchange.submit(order),
                PendingRequest::Cancel(cancel) => exchange.cancel(cancel),
            }
        }
        exchange.decided.into_iter().for_each(|event| out.push(event));
    }

    fn apply(&mut self, _cause: Cause, _observed: &PaperObserved, own: &Event) {
        let arrived = self.state.in_transit.apply(own);
        let instrument = match own {
            Event::OrderAccepted(accepted) => accepted.instrument,
            Event::OrderFilled(fill) => fill.instrument,
            Event::OrderClosed(closed) => closed.instrument,
            _ => return,
        };
        let book = self.state.books.entry(instrument).or_default();
        match (own, arrived) {
            (Event::OrderAccepted(_), Some(order)) => book.accept(&order),
            _ => book.apply(own),
        }
    }

    fn save(&self) -> Vec<u8> {
        state::encode(&self.state)
    }

    fn restore(&self, saved: &[u8]) -> Result<Self, BadState> {
        Ok(Self { state: state::decode(saved)?, tape: self.tape.clone() })
    }
}
