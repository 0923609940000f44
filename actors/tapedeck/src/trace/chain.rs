//! The chain of causes around a fact: up to the tick that began it, down to everything that came of it. No IO.
//!
//! A fact's cause is the input that its writer judged. For an order's later life that is not the whole story: a fill is
//! caused by the quote that it was filled against, and it belongs to the order. So a fact about an order hangs below
//! what its venue or execution was told of the order, and its own cause is named beside it where that is elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tapedeck_schemas::event::{Event, Kind};
use tapedeck_schemas::ids::{FillId, OrderId};
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::Writer;

use super::names::{fill_of, inbox_of, order_of};
use super::words::{readable_time, span, words};

/// Most facts that a chain shows; a tick that everything follows from would fill the screen for ever.
pub const FACTS_MAX: usize = 2_000;

/// A fact where it stands.
#[derive(Debug, Clone)]
pub struct TracedFact {
    /// Where.
    pub offset: Offset,
    /// Whose.
    pub writer: Writer,
    /// What it is an answer to: on the tape, or for ingest and control in their inbox.
    pub cause: Offset,
    /// Tape time, ns.
    pub at: TapeTime,
    /// When the broker stored its record, ns.
    pub stamp: u64,
    /// What it says.
    pub event: Event,
}

/// What somebody asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceQuery {
    /// The fact at a place.
    At(Offset),
    /// What ingest or control made of an entry of its inbox.
    Inbox(Writer, Offset),
    /// An order.
    Order(OrderId),
    /// A fill.
    Fill(FillId),
    /// An order or a fill: both ids look alike.
    Id(OrderId, FillId),
}

/// Looks for the fact that a chain begins with. Must be shown every fact of the tape in order.
#[derive(Debug, Default)]
pub struct Finder {
    /// Where each order was first decided on.
    orders: BTreeMap<OrderId, Offset>,
    causes: BTreeMap<Offset, Offset>,
    found: Option<(Offset, Option<OrderId>)>,
}

impl Finder {
    /// Takes the next fact; true once nothing more needs to be looked at.
    pub fn take(&mut self, asked: TraceQuery, fact: &TracedFact) -> bool {
        let (order, fill) = (order_of(&fact.event), fill_of(&fact.event));
        if matches!(fact.event.kind(), Kind::OrderApproved | Kind::OrderDenied)
            && let Some(order) = order
        {
            self.orders.insert(order, fact.offset);
        }
        if fact.event.kind() == Kind::SignalRaised || order.is_some() || fill.is_some() {
            self.causes.insert(fact.offset, fact.cause);
        }
        let of_order = |wanted| order == Some(wanted);
        let of_fill = |wanted| fill == Some(wanted);
        let is_it = match asked {
            TraceQuery::At(offset) => fact.offset == offset,
            TraceQuery::Inbox(writer, offset) => fact.writer == writer && fact.cause == offset && answers(&fact.event),
            TraceQuery::Order(wanted) => of_order(wanted),
            TraceQuery::Fill(wanted) => of_fill(wanted),
            TraceQuery::Id(an_order, a_fill) => of_order(an_order) || of_fill(a_fill),
        };
        if is_it && self.found.is_none() {
            self.found = Some((fact.offset, order));
        }
        self.found.is_some()
    }

    /// The fact that was asked for, and the one that its chain begins with; none if there is no such fact.
    pub fn begin(&self) -> Option<(Offset, Offset)> {
        let (asked, order) = self.found?;
        let decided = order.and_then(|order| self.orders.get(&order)).copied().unwrap_or(asked);
        let mut first = decided;
        while let Some(cause) = self.causes.get(&first) {
            first = *cause;
        }
        Some((asked, first))
    }
}

/// Whether a fact of ingest or control is the answer to its entry, and not what the entry's time brought about.
fn answers(event: &Event) -> bool {
    match event {
        Event::ClockAdvanced(_) | Event::Gap(_) => false,
        Event::Bar(bar) => bar.source.is_some(),
        _ => true,
    }
}

/// Gathers what came of a fact. Must be shown every fact from that one on, in order.
#[derive(Debug)]
pub struct Chain {
    asked: Offset,
    facts: Vec<(TracedFact, Option<Offset>)>,
    within: BTreeSet<Offset>,
    /// Per order of the chain, what the venue was last told of it.
    orders: BTreeMap<OrderId, Offset>,
    /// Facts that were left out because there were too many.
    pub skipped: u64,
}

impl Chain {
    /// The chain of `asked`.
    pub fn new(asked: Offset) -> Self {
        let (within, orders) = (BTreeSet::new(), BTreeMap::new());
        Self { asked, facts: Vec::new(), within, orders, skipped: 0 }
    }

    /// Takes the next fact, if it is of the chain; the first always is.
    pub fn take(&mut self, fact: TracedFact) {
        let by_cause = inbox_of(fact.writer).is_none() && self.within.contains(&fact.cause);
        let order = order_of(&fact.event);
        let decides = matches!(fact.event.kind(), Kind::OrderApproved | Kind::OrderDenied);
        let of_order = order.filter(|_| !decides).and_then(|order| self.orders.get(&order)).copied();
        let parent = match (by_cause, of_order) {
            // A tick of this chain may fill an order of another: that is the other's story.
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

    /// Whether nothing was taken.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// The first fact.
    pub fn first(&self) -> Option<&TracedFact> {
        self.facts.first().map(|(fact, _)| fact)
    }

    /// The facts in the order of the tape, each with its hop; `inbox_stamp` is when what the first one answers came in.
    pub fn links(&self, partition: u16, inbox_stamp: Option<u64>) -> Vec<Link<'_>> {
        let stamps: BTreeMap<Offset, u64> = self.facts.iter().map(|(fact, _)| (fact.offset, fact.stamp)).collect();
        let link = |(fact, parent): &'_ (TracedFact, Option<Offset>)| {
            let before = parent.map_or(inbox_stamp, |parent| stamps.get(&parent).copied());
            let hop_ns = before.map(|before| fact.stamp as i64 - before as i64);
            let inbox = inbox_of(fact.writer);
            let cause = match inbox {
                Some(inbox) => format!("{}:{}", super::names::inbox_name(inbox), fact.cause),
                None => fact.cause.in_partition(partition),
            };
            (fact.offset, *parent, hop_ns, cause)
        };
        let links = self.facts.iter().map(|one| (one, link(one)));
        links
            .map(|((fact, _), (offset, parent, hop_ns, cause))| Link {
                offset: offset.in_partition(partition),
                parent: parent.map(|parent| parent.in_partition(partition)),
                cause,
                writer: fact.writer.as_str(),
                kind: fact.event.kind().name(),
                at: fact.at,
                stamp: fact.stamp,
                hop_ns,
                asked: fact.offset == self.asked,
                body: &fact.event,
            })
            .collect()
    }

    /// The chain as an indented tree.
    pub fn tree(&self, links: &[Link<'_>]) -> String {
        let mut children: BTreeMap<Option<&str>, Vec<&Link<'_>>> = BTreeMap::new();
        for link in links {
            children.entry(link.parent.as_deref()).or_default().push(link);
        }
        let mut text = String::new();
        let mut open: Vec<(&Link<'_>, usize)> = links.first().map(|first| (first, 0)).into_iter().collect();
        while let Some((link, depth)) = open.pop() {
            text.push_str(&link.line(depth));
            let below = children.get(&Some(link.offset.as_str())).into_iter().flatten();
            open.extend(below.rev().map(|child| (*child, depth + 1)));
        }
        if self.skipped > 0 {
            text.push_str(&format!("… and {} more: the chain is cut at {FACTS_MAX} facts\n", self.skipped));
        }
        text
    }
}

/// A fact in its chain, as `--json` prints it.
#[derive(Debug, Serialize)]
pub struct Link<'a> {
    /// Where it stands.
    pub offset: String,
    /// The fact that it hangs below; none: the chain begins here.
    pub parent: Option<String>,
    /// What it is an answer to, which may be outside the chain.
    pub cause: String,
    /// Whose it is.
    pub writer: &'static str,
    /// Its kind.
    pub kind: &'static str,
    /// Tape time, ns.
    pub at: TapeTime,
    /// When the broker stored it, ns.
    pub stamp: u64,
    /// From the broker's stamp of the parent (or of the inbox message) to this one's, ns.
    pub hop_ns: Option<i64>,
    /// Whether it was asked for.
    pub asked: bool,
    /// What it says.
    pub body: &'a Event,
}

impl Link<'_> {
    fn line(&self, depth: usize) -> String {
        let branch = if depth == 0 { String::new() } else { format!("{}└ ", "  ".repeat(depth - 1)) };
        let mark = if self.asked { "▶" } else { " " };
        let hop = self.hop_ns.map(span).unwrap_or_default();
        let elsewhere = match &self.parent {
            Some(parent) if *parent != self.cause => format!("  (decided on {})", self.cause),
            None => format!("  (of {})", self.cause),
            _ => String::new(),
        };
        let head = format!("{branch}{}", self.kind);
        let (time, said) = (readable_time(self.at), words(self.body));
        format!("{mark}{head:<30} {:<14} {:<9} {time} {hop:>9}  {said}{elsewhere}\n", self.offset, self.writer)
    }
}

#[cfg(test)]
mod tests;
