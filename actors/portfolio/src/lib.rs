//! The portfolio machine: decides bookings, positions and equity from fills and funding. No orders, no limits.
//!
//! [`holding`] is the arithmetic of a position, [`ledger`] the double entry, [`books`] the cash, positions and values.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_kernel::recent::RecentIds;
use tapedeck_kernel::state::{self, BadState};
use tapedeck_kernel::{Cause, Fact, Machine, Out, Reads};
use tapedeck_schemas::event::{Event, OrderFilled, Quote, Trade};
use tapedeck_schemas::ids::{AccountId, Currency, FillId};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::param::{ParamSpec, Params};
use tapedeck_schemas::record::Writer;

pub mod books;
mod exact;
pub mod holding;
pub mod ledger;

use books::Books;

/// Least time between two marks of an account on `ClockAdvanced`.
pub const MARK_INTERVAL_MS: ParamSpec = ParamSpec {
    name: "portfolio.mark_interval_ms",
    unit: "ms",
    about: "least tape time between two marks of an account's equity by the clock; fills mark at once",
    default: Ratio::whole(1_000),
    min: Ratio::ZERO,
    max: Ratio::whole(86_400_000),
};

/// Most marks on one `ClockAdvanced`, so that they fit one record; the next one has the rest.
pub const MARKS_MAX: usize = 512;

/// Every parameter of this machine.
pub fn params() -> Vec<ParamSpec> {
    vec![MARK_INTERVAL_MS]
}

/// The portfolio machine of one partition.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Portfolio {
    params: Params,
    books: Books,
    seen: RecentIds<FillId>,
    /// Tape time of the last mark, ns.
    marked: BTreeMap<(AccountId, Currency), TapeTime>,
}

/// What a fact meant to the portfolio machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortfolioObserved {
    /// A fill that was reported before.
    RepeatedFill,
    /// Any other fact.
    Other,
}

impl Portfolio {
    /// The initial state.
    pub fn new() -> Self {
        Self::default()
    }

    fn decide_fill(&self, fill: &OrderFilled, out: &mut Out) {
        let Some(listing) = self.books.listing(&fill.instrument) else { return };
        let key = (fill.account, fill.strategy, fill.instrument);
        let mut holding = self.books.holding(&key).after(fill.side.signed(fill.quantity), fill.price);
        if fill.fee_currency == listing.quote {
            holding = holding.after_fee(fill.fee);
        }
        let posted = ledger::of_fill(fill, listing);
        // The mark is of the books after both facts.
        let mark = self.books.mark_after(fill.account, listing.quote, &posted, (key, holding));
        out.push(posted);
        out.push(holding.changed_by(fill));
        out.push(mark);
    }

    fn decide_marks(&self, now: TapeTime, out: &mut Out) {
        let interval = self.params.global(&MARK_INTERVAL_MS).milliseconds_to_ns();
        let is_due = |balance: &(AccountId, Currency)| {
            self.marked.get(balance).is_none_or(|last| now.saturating_sub(*last) >= interval)
        };
        let due = self.books.balances().filter(is_due);
        let not_empty = due.filter(|(account, currency)| self.books.is_worth_marking(*account, *currency));
        for (account, currency) in not_empty.take(MARKS_MAX) {
            out.push(self.books.mark(account, currency));
        }
    }
}

impl Machine for Portfolio {
    type Input = Fact;
    type Observed = PortfolioObserved;
    const WRITER: Writer = Writer::Portfolio;
    const LOGIC: u32 = 5;
    const STATE: u32 = 3;

    fn reads() -> Reads {
        Reads::Tape(&[Writer::Ingest, Writer::Control, Writer::Paper])
    }

    fn observe(&mut self, _cause: Cause, fact: &Fact) -> PortfolioObserved {
        match &fact.event {
            Event::LimitsSet(limits) => self.params.apply(limits),
            Event::InstrumentDefined(terms) => self.books.define(terms),
            Event::Quote(Quote { instrument, .. }) | Event::Trade(Trade { instrument, .. })
                if !fact.is_late(&self.params) =>
            {
                self.books.observe_market(instrument, fact, &self.params);
            }
            Event::OrderFilled(fill) => {
                self.books.ensure_listed(fill);
                if !self.seen.insert(fill.fill) {
                    return PortfolioObserved::RepeatedFill;
                }
            }
            _ => {}
        }
        PortfolioObserved::Other
    }

    fn decide(&self, cause: Cause, fact: &Fact, observed: &PortfolioObserved, out: &mut Out) {
        match (&fact.event, observed) {
            (_, PortfolioObserved::RepeatedFill) => {}
            (Event::OrderFilled(fill), _) => self.decide_fill(fill, out),
            (Event::AccountFunded(funded), _) => out.push(ledger::of_funding(funded)),
            (Event::ClockAdvanced(_), _) => self.decide_marks(cause.now, out),
            _ => {}
        }
    }

    fn apply(&mut self, cause: Cause, _observed: &PortfolioObserved, own: &Event) {
        self.books.apply(own);
        if let Event::EquityMarked(mark) = own {
            self.marked.insert((mark.account, mark.currency), cause.now);
        }
    }

    fn save(&self) -> Vec<u8> {
        state::encode(self)
    }

    fn restore(&self, saved: &[u8]) -> Result<Self, BadState> {
        state::decode(saved)
    }
}
