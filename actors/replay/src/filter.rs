//! Which facts pass: a pure function of who wrote a fact and what it says.

use std::collections::BTreeSet;
use std::fmt;

use tapedeck_schemas::event::{Event, Kind, Order, Scope};
use tapedeck_schemas::ids::{AccountId, InstrumentId, StrategyId};
use tapedeck_schemas::record::Writer;

/// What a fact must be to pass. Each set that is not empty must be met; an empty one asks for nothing.
///
/// A fact that lacks a property does not pass a filter on it: an `OrderStatusChanged` names an order and no
/// strategy, so it passes no strategy filter. With neither kinds nor writers nor strategies nor accounts, market
/// facts alone pass ([`is_market`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Facts of these instruments.
    pub instruments: BTreeSet<InstrumentId>,
    /// Facts of these kinds.
    pub kinds: BTreeSet<Kind>,
    /// Facts of these writers.
    pub writers: BTreeSet<Writer>,
    /// Facts of these strategies; a signal is of every strategy that spoke in it.
    pub strategies: BTreeSet<StrategyId>,
    /// Facts of these accounts.
    pub accounts: BTreeSet<AccountId>,
}

impl Filter {
    /// Every fact of every writer, the drivers' own among them.
    pub fn everything() -> Self {
        Self { writers: Writer::ALL.iter().copied().collect(), ..Self::default() }
    }

    /// Facts of these kinds.
    pub fn of_kinds(kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self { kinds: kinds.into_iter().collect(), ..Self::default() }
    }

    /// Whether a fact passes.
    pub fn passes(&self, writer: Writer, event: &Event) -> bool {
        (self.asks_beyond_the_market() || is_market(event))
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind()))
            && (self.writers.is_empty() || self.writers.contains(&writer))
            && (self.instruments.is_empty() || instrument_of(event).is_some_and(|one| self.instruments.contains(&one)))
            && (self.accounts.is_empty() || account_of(event).is_some_and(|one| self.accounts.contains(&one)))
            && (self.strategies.is_empty() || self.strategies.iter().any(|one| names_strategy(event, one)))
    }

    fn asks_beyond_the_market(&self) -> bool {
        !(self.kinds.is_empty() && self.writers.is_empty() && self.strategies.is_empty() && self.accounts.is_empty())
    }
}

/// The filter in one canonical line: equal filters print the same.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |name: &str, values: Vec<String>| match values.is_empty() {
            true => None,
            false => Some(format!("{name} {}", values.join(","))),
        };
        let parts = [
            list("instrument", self.instruments.iter().map(ToString::to_string).collect()),
            list("kind", self.kinds.iter().map(|kind| kind.name().to_string()).collect()),
            list("writer", self.writers.iter().map(ToString::to_string).collect()),
            list("strategy", self.strategies.iter().map(ToString::to_string).collect()),
            list("account", self.accounts.iter().map(ToString::to_string).collect()),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        f.write_str(if parts.is_empty() { "the market" } else { "" })?;
        f.write_str(&parts.join(" and "))
    }
}

/// Whether a fact was published as it stands, so that it can be published again: definitions, quotes, trades, and
/// bars that somebody published. (The bars that ingest built are built again from what they were built of.)
pub fn is_market(event: &Event) -> bool {
    match event {
        Event::InstrumentDefined(_) | Event::Quote(_) | Event::Trade(_) => true,
        Event::Bar(bar) => bar.source.is_some(),
        _ => false,
    }
}

/// The kind of this name (`OrderFilled`), in any case of letters.
pub fn parse_kind(text: &str) -> Result<Kind, String> {
    let found = Kind::ALL.iter().find(|kind| kind.name().eq_ignore_ascii_case(text));
    found.copied().ok_or_else(|| {
        let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        format!("{text:?} is no kind of fact (want one of {})", names.join(", "))
    })
}

/// The instrument that a fact is about, if it is about one.
pub fn instrument_of(event: &Event) -> Option<InstrumentId> {
    let in_scope = |scope: &Scope| match scope {
        Scope::Instrument(one) => Some(*one),
        Scope::All => None,
    };
    if let Some(order) = order_of(event) {
        return Some(order.instrument);
    }
    match event {
        Event::InstrumentDefined(fact) => Some(fact.instrument),
        Event::BarsDefined(fact) => Some(fact.instrument),
        Event::Quote(fact) => Some(fact.instrument),
        Event::Trade(fact) => Some(fact.instrument),
        Event::Bar(fact) => Some(fact.instrument),
        Event::Gap(fact) => Some(fact.instrument),
        Event::Rejected(fact) => fact.instrument,
        Event::LimitsSet(fact) => in_scope(&fact.scope),
        Event::TradingHalted(fact) => in_scope(&fact.scope),
        Event::TradingResumed(fact) => in_scope(&fact.scope),
        Event::SignalRaised(fact) => Some(fact.instrument),
        Event::CancelSubmitted(fact) => Some(fact.instrument),
        Event::OrderAccepted(fact) => Some(fact.instrument),
        Event::OrderRejected(fact) => Some(fact.instrument),
        Event::OrderFilled(fact) => Some(fact.instrument),
        Event::OrderClosed(fact) => Some(fact.instrument),
        Event::CancelRejected(fact) => Some(fact.instrument),
        Event::PositionChanged(fact) => Some(fact.instrument),
        _ => None,
    }
}

/// The account that a fact is of, if it is of one.
pub fn account_of(event: &Event) -> Option<AccountId> {
    if let Some(order) = order_of(event) {
        return Some(order.account);
    }
    match event {
        Event::AccountFunded(fact) => Some(fact.account),
        Event::SignalRaised(fact) => Some(fact.account),
        Event::RiskStateChanged(fact) => Some(fact.account),
        Event::OrderFilled(fact) => Some(fact.account),
        Event::LedgerPosted(fact) => Some(fact.account),
        Event::PositionChanged(fact) => Some(fact.account),
        Event::EquityMarked(fact) => Some(fact.account),
        _ => None,
    }
}

fn names_strategy(event: &Event, strategy: &StrategyId) -> bool {
    if let Some(order) = order_of(event) {
        return order.strategy == *strategy;
    }
    match event {
        Event::WeightsSet(fact) => fact.weights.iter().any(|(one, _)| one == strategy),
        Event::SignalRaised(fact) => fact.strategy == *strategy || fact.reasons.iter().any(|(one, ..)| one == strategy),
        Event::OrderFilled(fact) => fact.strategy == *strategy,
        Event::PositionChanged(fact) => fact.strategy == *strategy,
        _ => false,
    }
}

fn order_of(event: &Event) -> Option<&Order> {
    match event {
        Event::OrderApproved(fact) => Some(&fact.order),
        Event::OrderDenied(fact) => Some(&fact.order),
        Event::OrderSubmitted(fact) => Some(&fact.order),
        _ => None,
    }
}
