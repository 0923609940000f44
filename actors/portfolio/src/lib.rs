//! The portfolio machine: decides bookings, positions and equity from fills and funding. No orders, no limits.
//!
//! [`holding`] is the arithmetic of a position, [`ledger`] the double entry, [`books`] the cash, positions and values.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use tapedeck_kernel::recent::RecentIds;
use tapedeck_kernel::{Fact, Machine, Out, Reads, TapeContext};
use tapedeck_schemas::event::{Event, OrderFilled};
use tapedeck_schemas::ids::{AccountId, Currency, FillId};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::param::ParamSpec;
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
#[derive(Debug, Clone, Default)]
pub struct Portfolio {
    context: TapeContext,
    books: Books,
    seen: RecentIds<FillId>,
    /// Whether the fill just observed is a repeated one.
    replayed: bool,
    /// Tape time of the last mark, ns.
    marked: BTreeMap<(AccountId, Currency), TapeTime>,
}

impl Portfolio {
    /// The initial state.
    pub fn new() -> Self {
        Self::default()
    }

    fn decide_fill(&self, fill: &OrderFilled, out: &mut Out) {
        let Some(listing) = self.books.listing(&fill.instrument).filter(|_| !self.replayed) else { return };
        let key = (fill.account, fill.strategy, fill.instrument);
        let mut holding = self.books.holding(&key).after(fill.side.signed(fill.quantity), fill.price);
        if fill.fee_currency == listing.quote {
            holding = holding.after_fee(fill.fee);
        }
        let posted = ledger::of_fill(fill, listing);
        let changed = holding.changed_by(fill);
        // The mark is of the books after both facts.
        let mut books = self.books.clone();
        let (posted, changed) = (Event::from(posted), Event::from(changed));
        books.apply(&posted);
        books.apply(&changed);
        out.push(posted);
        out.push(changed);
        out.push(books.mark(fill.account, listing.quote));
    }

    fn decide_marks(&self, out: &mut Out) {
        let interval = self.context.params.global(&MARK_INTERVAL_MS).milliseconds_to_ns();
        let is_due = |balance: &(AccountId, Currency)| {
            self.marked.get(balance).is_none_or(|last| self.context.now.saturating_sub(*last) >= interval)
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
    const WRITER: Writer = Writer::Portfolio;
    const LOGIC: u32 = 2;

    fn reads() -> Reads {
        Reads::Tape(&[Writer::Ingest, Writer::Control, Writer::Paper])
    }

    fn observe(&mut self, _at: Offset, fact: &Fact) {
        self.context.observe(fact, params);
        match &fact.event {
            Event::InstrumentDefined(terms) => self.books.define(terms),
            Event::Quote(quote) => self.books.quote(quote),
            Event::OrderFilled(fill) => {
                self.replayed = !self.seen.insert(fill.fill);
                self.books.ensure_listed(fill);
            }
            _ => {}
        }
    }

    fn decide(&self, _at: Offset, fact: &Fact, out: &mut Out) {
        match &fact.event {
            Event::OrderFilled(fill) => self.decide_fill(fill, out),
            Event::AccountFunded(funded) => out.push(ledger::of_funding(funded)),
            Event::ClockAdvanced(_) => self.decide_marks(out),
            _ => {}
        }
    }

    fn apply(&mut self, _cause: Offset, own: &Event) {
        self.books.apply(own);
        if let Event::EquityMarked(mark) = own {
            self.marked.insert((mark.account, mark.currency), self.context.now);
        }
    }

    fn time(&self, fact: &Fact) -> TapeTime {
        self.context.time(fact)
    }
}
