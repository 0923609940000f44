//! Cash and positions of every account, and their value. Bookings are made in `ledger`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tapedeck_kernel::Fact;
use tapedeck_kernel::mark::InstrumentMark;
use tapedeck_schemas::event::{EquityMarked, Event, InstrumentDefined, Ledger, LedgerPosted, OrderFilled, Posting};
use tapedeck_schemas::ids::{AccountId, Currency, InstrumentId, StrategyId};
use tapedeck_schemas::number::Money;
use tapedeck_schemas::param::Params;

use crate::holding::{Holding, HoldingKey};

/// The currencies of an instrument, and its mark.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Listing {
    /// Base currency, which is bought and sold.
    pub base: Currency,
    /// Quote currency, which prices are in.
    pub quote: Currency,
    /// The mark of the instrument.
    pub mark: InstrumentMark,
}

/// Cash, positions and marks of one partition.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Books {
    listings: BTreeMap<InstrumentId, Listing>,
    /// Currencies in which an instrument is quoted: accounts are marked in these.
    quoted: BTreeSet<Currency>,
    /// Sums of all Cash postings, those of base currencies included. If the base of one instrument is the quote of
    /// another, its cash is also the position in the first.
    cash: BTreeMap<(AccountId, Currency), Money>,
    holdings: BTreeMap<HoldingKey, Holding>,
}

impl Books {
    /// Cash of an account.
    pub fn cash(&self, account: AccountId, currency: Currency) -> Money {
        self.cash.get(&(account, currency)).copied().unwrap_or(Money::ZERO)
    }
    /// A position; empty until its first fill.
    pub fn holding(&self, key: &HoldingKey) -> Holding {
        self.holdings.get(key).copied().unwrap_or_default()
    }
    /// The currencies and mark of an instrument.
    pub fn listing(&self, instrument: &InstrumentId) -> Option<&Listing> {
        self.listings.get(instrument)
    }
    /// Every account and quote currency with a posting. Every position has one, for its notional.
    pub fn balances(&self) -> impl Iterator<Item = (AccountId, Currency)> {
        self.cash.keys().copied().filter(|(_, currency)| self.quoted.contains(currency))
    }

    /// Whether the account has cash in the currency, or a position quoted in it.
    pub fn is_worth_marking(&self, account: AccountId, currency: Currency) -> bool {
        let mut held = self.quoted_in(account, currency);
        !self.cash(account, currency).is_zero() || held.any(|(_, holding, _)| !holding.quantity.is_zero())
    }

    fn quoted_in(
        &self,
        account: AccountId,
        currency: Currency,
    ) -> impl Iterator<Item = (&HoldingKey, &Holding, &Listing)> {
        let of_account = self.holdings.iter().filter(move |(key, _)| key.0 == account);
        let listed = of_account.filter_map(|(key, holding)| Some((key, holding, self.listings.get(&key.2)?)));
        listed.filter(move |(_, _, listing)| listing.quote == currency)
    }

    /// The equity of an account in a currency: cash, and the positions quoted in it at the mark. A position is valued
    /// at cost while the instrument has no mark, and all of them while their value at the mark does not fit [`Money`].
    pub fn mark(&self, account: AccountId, currency: Currency) -> EquityMarked {
        self.mark_of(account, currency, self.cash(account, currency), None)
    }

    /// The same after a booking, and after a position has changed.
    pub(crate) fn mark_after(
        &self,
        account: AccountId,
        currency: Currency,
        posted: &LedgerPosted,
        changed: (HoldingKey, Holding),
    ) -> EquityMarked {
        let postings = cash_postings(posted).filter(|posting| posting.currency == currency);
        let cash = postings.fold(self.cash(account, currency), |cash, posting| cash + posting.amount);
        self.mark_of(account, currency, cash, Some(changed))
    }

    fn mark_of(
        &self,
        account: AccountId,
        currency: Currency,
        cash: Money,
        changed: Option<(HoldingKey, Holding)>,
    ) -> EquityMarked {
        let mut value_at_mark = Some(Money::ZERO);
        let mut marked_at = None;
        let mut cost = Money::ZERO;
        let mut realised = Money::ZERO;
        let mut fees = Money::ZERO;
        let before = self.quoted_in(account, currency).map(|(key, holding, listing)| match changed {
            Some((changed, after)) if changed == *key => (after, listing),
            _ => (*holding, listing),
        });
        let opened = changed.filter(|(key, _)| !self.holdings.contains_key(key));
        let opened = opened.and_then(|(key, holding)| Some((holding, self.listings.get(&key.2)?)));
        for (holding, listing) in before.chain(opened) {
            let value = match listing.mark.get() {
                Some(mark) => {
                    let at = (!holding.quantity.is_zero()).then_some(mark.at);
                    marked_at = marked_at.into_iter().chain(at).min();
                    holding.quantity.value_at_mid(mark.low, mark.high)
                }
                None => Some(holding.cost),
            };
            value_at_mark = value_at_mark.zip(value).and_then(|(sum, value)| sum.checked_add(value));
            cost += holding.cost;
            realised += holding.realised;
            fees += holding.fees;
        }
        // A value beyond the bound of `Money` is no value: the position counts at its cost, without a mark.
        let marked_at = value_at_mark.and(marked_at);
        let position_value = value_at_mark.unwrap_or(cost);
        let unrealised = position_value - cost;
        let equity = cash + position_value;
        EquityMarked { account, currency, cash, position_value, realised, unrealised, fees, equity, marked_at }
    }

    pub(crate) fn define(&mut self, terms: &InstrumentDefined) {
        let mark = self.listings.get(&terms.instrument).map(|listing| listing.mark).unwrap_or_default();
        self.quoted.insert(terms.quote);
        self.listings.insert(terms.instrument, Listing { base: terms.base, quote: terms.quote, mark });
    }

    /// Lists the instrument of a fill. One without a definition is listed as its symbol, quoted in the currency of the
    /// fee, so that its fills are booked too.
    pub(crate) fn ensure_listed(&mut self, fill: &OrderFilled) {
        let mark = InstrumentMark::default();
        let listing = Listing { base: fill.instrument.symbol, quote: fill.fee_currency, mark };
        let listed = self.listings.entry(fill.instrument).or_insert(listing);
        self.quoted.insert(listed.quote);
    }

    /// Observes a quote or trade of the instrument that is not late.
    pub(crate) fn observe_market(&mut self, instrument: &InstrumentId, fact: &Fact, params: &Params) {
        if let Some(listing) = self.listings.get_mut(instrument) {
            listing.mark.observe(fact, params);
        }
    }

    pub(crate) fn post(&mut self, posted: &LedgerPosted) {
        for posting in cash_postings(posted) {
            let cash = self.cash.entry((posted.account, posting.currency)).or_insert(Money::ZERO);
            *cash += posting.amount;
        }
    }

    /// Applies a decision of portfolio.
    pub(crate) fn apply(&mut self, own: &Event) {
        match own {
            Event::LedgerPosted(posted) => self.post(posted),
            Event::PositionChanged(changed) => {
                let key: (AccountId, StrategyId, InstrumentId) =
                    (changed.account, changed.strategy, changed.instrument);
                self.holdings.insert(key, Holding::from_fact(changed));
            }
            _ => {}
        }
    }
}

fn cash_postings(posted: &LedgerPosted) -> impl Iterator<Item = &Posting> {
    posted.entries.iter().filter(|posting| posting.ledger == Ledger::Cash)
}
