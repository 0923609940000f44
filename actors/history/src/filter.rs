//! Filters of facts: by kind, by writer, and by the instrument, account or strategy that a fact is about.

use std::collections::BTreeSet;
use std::fmt;

use tapedeck_schemas::about::About;
use tapedeck_schemas::event::{Event, Kind, Scope};
use tapedeck_schemas::ids::{AccountId, FillId, InstrumentId, OrderId, StrategyId};
use tapedeck_schemas::market;
use tapedeck_schemas::record::Writer;

/// A filter of facts. Each set that is not empty must contain the value of a fact for the fact to pass; the default
/// passes every fact.
///
/// A fact that names only an order or a fill has the instrument, account and strategy of that order or fill: an
/// `OrderStatusChanged` passes a filter on the instrument of its order. A fact with
/// [`Scope::All`](tapedeck_schemas::event::Scope::All) is about every instrument. A fact without such a value does not
/// pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Whether only facts pass that can be published again ([`is_market`]).
    pub market_only: bool,
    /// The instruments; empty for any.
    pub instruments: BTreeSet<InstrumentId>,
    /// The kinds; empty for any.
    pub kinds: BTreeSet<Kind>,
    /// The writers; empty for any.
    pub writers: BTreeSet<Writer>,
    /// The strategies; empty for any. A signal is also about every strategy among its reasons.
    pub strategies: BTreeSet<StrategyId>,
    /// The accounts; empty for any.
    pub accounts: BTreeSet<AccountId>,
}

impl Filter {
    /// A filter of the facts that can be published again as market events.
    pub fn market() -> Self {
        Self { market_only: true, ..Self::default() }
    }

    /// The instruments, accounts and strategies of `self` that are also in every one of `others`.
    #[must_use]
    pub fn in_all<'a>(mut self, others: impl IntoIterator<Item = &'a Filter>) -> Self {
        for other in others {
            self.instruments.retain(|one| other.instruments.contains(one));
            self.accounts.retain(|one| other.accounts.contains(one));
            self.strategies.retain(|one| other.strategies.contains(one));
        }
        self
    }

    /// The error for a filter of instruments, accounts and strategies that no fact names; `None` if there are none.
    pub fn unknown(&self) -> Option<String> {
        let unknown = Self { instruments: self.instruments.clone(), ..Self::default() };
        let unknown = Self { accounts: self.accounts.clone(), strategies: self.strategies.clone(), ..unknown };
        (unknown != Self::default()).then(|| format!("no fact that was read names the {unknown}; check the spelling"))
    }

    /// A filter of these kinds.
    pub fn of_kinds(kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self { kinds: kinds.into_iter().collect(), ..Self::default() }
    }
}

/// The filter in one canonical line: equal filters print the same, others differently.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T: ToString>(name: &str, values: &BTreeSet<T>) -> Option<String> {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            (!values.is_empty()).then(|| format!("{name} {}", values.join(",")))
        }
        let kinds = self.kinds.iter().map(|kind| kind.name()).collect();
        let parts = [
            self.market_only.then(|| "market facts".to_string()),
            list("instrument", &self.instruments),
            list::<&str>("kind", &kinds),
            list("writer", &self.writers),
            list("strategy", &self.strategies),
            list("account", &self.accounts),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { f.write_str("every fact") } else { f.write_str(&parts.join(" and ")) }
    }
}

/// Applies a filter to the facts of one tape. It must be given every fact, from the first: it keeps the ids of the
/// orders and fills of facts that passed.
#[derive(Debug, Clone)]
pub struct Matcher {
    filter: Filter,
    /// The instruments, accounts and strategies of the filter that no fact has named so far.
    unnamed: Filter,
    orders: BTreeSet<OrderId>,
    fills: BTreeSet<FillId>,
}

impl Matcher {
    /// A matcher at the beginning of a tape.
    pub fn new(filter: Filter) -> Self {
        Self { unnamed: filter.clone(), filter, orders: BTreeSet::new(), fills: BTreeSet::new() }
    }

    /// The filter, without the instruments, accounts and strategies that a fact has named.
    pub fn unnamed(&self) -> &Filter {
        &self.unnamed
    }

    /// Takes the next fact of the tape. Returns whether the fact passes.
    pub fn passes(&mut self, writer: Writer, event: &Event) -> bool {
        // Before the other conditions, so that orders and fills are kept from facts of every kind and writer.
        self.is_about_it(event)
            && (!self.filter.market_only || is_market(event))
            && (self.filter.kinds.is_empty() || self.filter.kinds.contains(&event.kind()))
            && (self.filter.writers.is_empty() || self.filter.writers.contains(&writer))
    }

    fn is_about_it(&mut self, event: &Event) -> bool {
        let Filter { instruments, accounts, strategies, .. } = &self.filter;
        if instruments.is_empty() && accounts.is_empty() && strategies.is_empty() {
            return true;
        }
        let About { scope, account, strategies: named, order, fill } = event.about();
        if let Some(Scope::Instrument(one)) = &scope {
            self.unnamed.instruments.remove(one);
        }
        account.iter().for_each(|one| _ = self.unnamed.accounts.remove(one));
        named.iter().for_each(|one| _ = self.unnamed.strategies.remove(one));
        // A value that the fact does not name is that of its order or fill.
        let of_order = order.is_some_and(|one| self.orders.contains(&one));
        let is_related = of_order || fill.is_some_and(|one| self.fills.contains(&one));
        let in_scope = scope.map(|scope| instruments.iter().any(|one| scope.covers(one)));
        let of_account = account.map(|one| accounts.contains(&one));
        let of_strategy = (!named.is_empty()).then(|| named.iter().any(|one| strategies.contains(one)));
        let passes = (instruments.is_empty() || in_scope.unwrap_or(is_related))
            && (accounts.is_empty() || of_account.unwrap_or(is_related))
            && (strategies.is_empty() || of_strategy.unwrap_or(is_related));
        if passes {
            self.orders.extend(order);
            self.fills.extend(fill);
        }
        passes
    }
}

/// Whether a fact accepts a market event, which can be published again. (Bars that ingest built are built again from
/// the same quotes and trades.)
pub fn is_market(event: &Event) -> bool {
    market::accepted_at(event).is_some()
}

/// The kind of this name (`OrderFilled`), in any case of letters.
pub fn parse_kind(text: &str) -> Result<Kind, String> {
    let found = Kind::ALL.iter().find(|kind| kind.name().eq_ignore_ascii_case(text));
    found.copied().ok_or_else(|| {
        let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        format!("{text:?} is not a kind of fact (expected one of {})", names.join(", "))
    })
}
