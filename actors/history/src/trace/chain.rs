//! The chain of causes of a fact: back to the market event or command that began the chain, and on to every fact that
//! follows from it. Pure.
//!
//! The cause of a fact is the input that it answers. For a fact about an order that is not enough: the cause of a fill
//! is the quote against which the order was filled, but the fill belongs to the order. The parent of a fact about an
//! order is therefore its cause if that is in the chain, else the fact that approved or submitted the order; a cause
//! that is not the parent is printed too.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tapedeck_schemas::event::Kind;
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::offset::Offset;

use crate::fact::StoredFact;
use crate::render::{readable_time, span, words};

/// Most facts in a chain. From some facts, such as the first definition, nearly every later fact follows.
pub const FACTS_MAX: usize = 2_000;

/// Gathers the chain of a first fact. It must be given every fact of the tape from the first one on, in order.
#[derive(Debug)]
pub struct Chain {
    asked: Offset,
    /// Each fact with its parent.
    facts: Vec<(StoredFact, Option<Offset>)>,
    within: BTreeSet<Offset>,
    /// For each order of the chain, its last `OrderApproved`, `OrderDenied` or `OrderSubmitted`.
    orders: BTreeMap<OrderId, Offset>,
    /// Number of facts left out because the chain has [`FACTS_MAX`].
    pub skipped: u64,
}

impl Chain {
    /// A chain without facts; `asked` is the offset of the fact to mark.
    pub fn new(asked: Offset) -> Self {
        let (within, orders) = (BTreeSet::new(), BTreeMap::new());
        Self { asked, facts: Vec::new(), within, orders, skipped: 0 }
    }

    /// Adds the next fact of the tape if it belongs to the chain, as the first one always does.
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

    /// The first fact; `None` for an empty chain.
    pub fn first(&self) -> Option<&StoredFact> {
        self.facts.first().map(|(fact, _)| fact)
    }

    /// The facts in the order of the tape, each with its hop; for `inbox_stamp` see
    /// [`Trace::inbox_stamp`](super::Trace::inbox_stamp).
    pub fn facts(&self, inbox_stamp: Option<u64>) -> Vec<ChainedFact<'_>> {
        let stamps: BTreeMap<Offset, u64> = self.facts.iter().map(|(fact, _)| (fact.offset, fact.stamp)).collect();
        let all = self.facts.iter().map(|(fact, parent)| {
            let before = parent.map_or(inbox_stamp, |parent| stamps.get(&parent).copied());
            ChainedFact {
                fact,
                parent: parent.map(|parent| fact.print(parent)),
                hop_ns: before.map(|before| fact.stamp as i64 - before as i64),
                asked: fact.offset == self.asked,
            }
        });
        all.collect()
    }

    /// The chain as an indented tree, one line per fact.
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
    /// Offset of the parent, as `p0g1:1234.5`; `None` for the first fact.
    pub parent: Option<String>,
    /// Time from the stamp of the parent (for the first fact, of the inbox message) to that of the fact, ns. `None` if
    /// the former is not known.
    pub hop_ns: Option<i64>,
    /// Whether the trace started from this fact.
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
