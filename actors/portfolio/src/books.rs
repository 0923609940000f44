//! Cash and positions of every account, and their value. Bookings are made in `ledger`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{
    EquityMarked, Event, InstrumentDefined, Ledger, LedgerPosted, OrderFilled, Posting, Quote,
};
use tapedeck_schemas::ids::{AccountId, Currency, InstrumentId, StrategyId};
use tapedeck_schemas::number::{Money, Price};

use crate::holding::{Holding, HoldingKey};

/// The currencies of an instrument, and its latest quote.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Listing {
    /// Base currency, which is bought and sold.
    pub base: Currency,
    /// Quote currency, which prices are in.
    pub quote: Currency,
    /// Latest bid and ask.
    pub touch: Option<(Price, Price)>,
}

/// Cash, positions and quotes of one partition.
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
    /// The currencies and quote of an instrument.
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

    /// The equity of an account in a currency: cash, and the positions quoted in it at the mid. A position is valued at
    /// cost while the instrument has no quote, and all of them while their value at the mid does not fit [`Money`].
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
        let mut value_at_mid = Some(Money::ZERO);
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
            let value = match listing.touch {
                Some((bid, ask)) => holding.quantity.value_at_mid(bid, ask),
                None => Some(holding.cost),
            };
            value_at_mid = value_at_mid.zip(value).and_then(|(sum, value)| sum.checked_add(value));
            cost += holding.cost;
            realised += holding.realised;
            fees += holding.fees;
        }
        let position_value = value_at_mid.unwrap_or(cost);
        let unrealised = position_value - cost;
        let equity = cash + position_value;
        EquityMarked { account, currency, cash, position_value, realised, unrealised, fees, equity }
    }

    pub(crate) fn define(&mut self, terms: &InstrumentDefined) {
        let touch = self.listings.get(&terms.instrument).and_then(|listing| listing.touch);
        self.quoted.insert(terms.quote);
        self.listings.insert(terms.instrument, Listing { base: terms.base, quote: terms.quote, touch });
    }

    /// Lists the instrument of a fill. One without a definition is listed as its symbol, quoted in the currency of the
    /// fee, so that its fills are booked too.
    pub(crate) fn ensure_listed(&mut self, fill: &OrderFilled) {
        let listing = Listing { base: fill.instrument.symbol, quote: fill.fee_currency, touch: None };
        let listed = self.listings.entry(fill.instrument).or_insert(listing);
        self.quoted.insert(listed.quote);
    }

    pub(crate) fn quote(&mut self, quote: &Quote) {
        if let Some(listing) = self.listings.get_mut(&quote.instrument) {
            listing.touch = Some((quote.bid, quote.ask));
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
