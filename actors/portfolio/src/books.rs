//! Cash and positions of every account, and what they are worth. Bookings are made in `ledger`.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::event::{EquityMarked, Event, InstrumentDefined, Ledger, LedgerPosted, OrderFilled, Quote};
use tapedeck_schemas::ids::{AccountId, Currency, InstrumentId, StrategyId};
use tapedeck_schemas::number::{Money, Price};

use crate::exact::value_at_mid;
use crate::holding::{Holding, HoldingKey};

/// What an instrument is traded in, and its latest quote.
#[derive(Debug, Clone, Copy)]
pub struct Listing {
    /// What is bought and sold.
    pub base: Currency,
    /// What prices are in.
    pub quote: Currency,
    /// Latest bid and ask.
    pub touch: Option<(Price, Price)>,
}

/// The books of one partition.
#[derive(Debug, Clone, Default)]
pub struct Books {
    listings: BTreeMap<InstrumentId, Listing>,
    /// Currencies that some instrument is quoted in: those that are marked.
    quoted: BTreeSet<Currency>,
    /// The fold of all Cash postings, base assets among them: a currency that is the base of one instrument and the
    /// quote of another has cash that is also a position elsewhere.
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
    /// What an instrument is traded in.
    pub fn listing(&self, instrument: &InstrumentId) -> Option<&Listing> {
        self.listings.get(instrument)
    }
    /// Every account and quote currency with a posting. A position always has one: its notional was paid in it.
    pub fn purses(&self) -> impl Iterator<Item = (AccountId, Currency)> {
        self.cash.keys().copied().filter(|(_, currency)| self.quoted.contains(currency))
    }

    /// Whether there is money, or a position quoted in it.
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

    /// What an account is worth in a currency: cash and the positions quoted in it, each at its mid (at cost while its
    /// instrument has no quote).
    pub fn mark(&self, account: AccountId, currency: Currency) -> EquityMarked {
        let cash = self.cash(account, currency);
        let zero = Money::ZERO;
        let (mut position_value, mut cost, mut realised, mut fees) = (zero, zero, zero, zero);
        for (_, holding, listing) in self.quoted_in(account, currency) {
            let value = match listing.touch {
                Some((bid, ask)) => value_at_mid(holding.quantity, bid, ask),
                None => holding.cost,
            };
            position_value += value;
            cost += holding.cost;
            realised += holding.realised;
            fees += holding.fees;
        }
        let unrealised = position_value - cost;
        let equity = cash + position_value;
        EquityMarked { account, currency, cash, position_value, realised, unrealised, fees, equity }
    }

    pub(crate) fn define(&mut self, terms: &InstrumentDefined) {
        let touch = self.listings.get(&terms.instrument).and_then(|listing| listing.touch);
        self.quoted.insert(terms.quote);
        self.listings.insert(terms.instrument, Listing { base: terms.base, quote: terms.quote, touch });
    }

    /// A fill of what nobody defined is booked all the same, as its symbol against the currency of its fee.
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
        for posting in posted.entries.iter().filter(|posting| posting.ledger == Ledger::Cash) {
            let cash = self.cash.entry((posted.account, posting.currency)).or_insert(Money::ZERO);
            *cash += posting.amount;
        }
    }

    /// Folds a decision of the portfolio.
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
