//! The chain of causes around a fact: up to the market event or command that began it, down to everything that
//! followed from it. Pure.
//!
//! A fact's cause is the input that it answers. For an order's later life that is not enough: the cause of a fill is
//! the quote against which it was filled, and yet the fill belongs to the order. So the parent of a fact about an order
//! is the fact that approved or last submitted the order, and the cause is named beside it where it is another fact.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tapedeck_schemas::event::Kind;
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::offset::Offset;

use crate::fact::StoredFact;
use crate::render::{readable_time, span, words};

/// Most facts in a chain: from some facts, such as the first definition, nearly everything follows.
pub const FACTS_MAX: usize = 2_000;

/// Gathers what followed from a fact. It must be shown every fact from that one on, in order.
#[derive(Debug)]
pub struct Chain {
    asked: Offset,
    /// Each with its parent.
    facts: Vec<(StoredFact, Option<Offset>)>,
    within: BTreeSet<Offset>,
    /// For each order of the chain, what the exchange was last told of it.
    orders: BTreeMap<OrderId, Offset>,
    /// Facts left out because the chain has [`FACTS_MAX`].
    pub skipped: u64,
}

impl Chain {
    /// The chain around the fact at `asked`.
    pub fn new(asked: Offset) -> Self {
        let (within, orders) = (BTreeSet::new(), BTreeMap::new());
        Self { asked, facts: Vec::new(), within, orders, skipped: 0 }
    }

    /// Takes the next fact if it belongs to the chain; the first always does.
    pub fn take(&mut self, fact: StoredFact) {
        let by_cause = fact.inbox().is_none() && self.within.contains(&fact.cause);
        let order = fact.event.about().order;
        let decides = matches!(fact.event.kind(), Kind::OrderApproved | Kind::OrderDenied);
        let of_order = order.filter(|_| !decides).and_then(|order| self.orders.get(&order)).copied();
        let parent = match (by_cause, of_order) {
            // A market event of this chain may fill an order of another chain.
            (true, None) if order.is_some() && !decides => return,
            (true, _) => Some(fact.cause),
            (false, Some(parent)) => Some(parent),
            (false, None) if self.facts.is_empty() => None,
            (false, None) => return,
        };
        if self.facts.len() == FACTS_MAX {
            self.skipped += 1;
            return;
        }
        self.within.insert(fact.offset);
        if let Some(order) = order
            && (decides || fact.event.kind() == Kind::OrderSubmitted)
        {
            self.orders.insert(order, fact.offset);
        }
        self.facts.push((fact, parent));
    }

    /// The first fact; `None` if nothing was taken.
    pub fn first(&self) -> Option<&StoredFact> {
        self.facts.first().map(|(fact, _)| fact)
    }

    /// The facts in the order of the tape, each with its hop; `inbox_stamp` is when the message that the first one
    /// answers was stored, ns.
    pub fn facts(&self, inbox_stamp: Option<u64>) -> Vec<ChainedFact<'_>> {
        let stamps: BTreeMap<Offset, u64> = self.facts.iter().map(|(fact, _)| (fact.offset, fact.stamp)).collect();
        let all = self.facts.iter().map(|(fact, parent)| {
            let before = parent.map_or(inbox_stamp, |parent| stamps.get(&parent).copied());
            ChainedFact {
                fact,
                parent: parent.map(|parent| parent.in_partition(fact.partition)),
                hop_ns: before.map(|before| fact.stamp as i64 - before as i64),
                asked: fact.offset == self.asked,
            }
        });
        all.collect()
    }

    /// The chain as an indented tree, one line a fact.
    pub fn tree(&self, facts: &[ChainedFact<'_>]) -> String {
        let mut children: BTreeMap<Option<&str>, Vec<&ChainedFact<'_>>> = BTreeMap::new();
        for one in facts {
            children.entry(one.parent.as_deref()).or_default().push(one);
        }
        let mut text = String::new();
        let mut open: Vec<(&ChainedFact<'_>, usize)> = facts.first().map(|first| (first, 0)).into_iter().collect();
        while let Some((one, depth)) = open.pop() {
            text.push_str(&one.line(depth));
            let place = one.fact.printed_offset();
            let below = children.get(&Some(place.as_str())).into_iter().flatten();
            open.extend(below.rev().map(|child| (*child, depth + 1)));
        }
        if self.skipped > 0 {
            text.push_str(&format!("… and {} more: the chain is cut at {FACTS_MAX} facts\n", self.skipped));
        }
        text
    }
}

/// A fact in its chain.
#[derive(Debug, Serialize)]
pub struct ChainedFact<'a> {
    /// The fact.
    #[serde(flatten)]
    pub fact: &'a StoredFact,
    /// Offset of the fact below which it stands, as `p0:1234.5`; `None` for the first.
    pub parent: Option<String>,
    /// From the stamp of its parent (of the inbox message, for the first) to its own, ns.
    pub hop_ns: Option<i64>,
    /// Whether it is the fact that was asked for.
    pub asked: bool,
}

impl ChainedFact<'_> {
    fn line(&self, depth: usize) -> String {
        let branch = if depth == 0 { String::new() } else { format!("{}└ ", "  ".repeat(depth - 1)) };
        let mark = if self.asked { "▶" } else { " " };
        let hop = self.hop_ns.map(span).unwrap_or_default();
        let (fact, cause) = (self.fact, self.fact.cause_text());
        let elsewhere = match &self.parent {
            Some(parent) if *parent != cause => format!("  (decided on {cause})"),
            None => format!("  (of {cause})"),
            _ => String::new(),
        };
        let head = format!("{branch}{}", fact.event.kind().name());
        let (place, writer, time, said) =
            (fact.printed_offset(), fact.writer, readable_time(fact.at), words(&fact.event));
        format!("{mark}{head:<30} {place:<14} {writer:<9} {time} {hop:>9}  {said}{elsewhere}\n")
    }
}

#[cfg(test)]
mod tests;
