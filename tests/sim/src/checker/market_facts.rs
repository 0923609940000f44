//! The facts of ingest on intended events, compared with the events alone, without ingest's machine.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::event::{Event, Rejected};
use tapedeck_schemas::ids::SourceId;
use tapedeck_schemas::market::{MarketEvent, accepted_at, published};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Entry;
use tapedeck_schemas::subject::parse_market_subject;

use super::publications::{Item, Publications};
use super::rules::{Checks, Rule, Violation};

/// Rejections of a source within a minute that have a fact of their own.
const SINGLE_REJECTIONS: u64 = 100;

/// Entries without a fact or rejection, and events with a fact.
#[derive(Debug, Default)]
pub(super) struct MarketFacts {
    waiting: BTreeMap<Offset, Item>,
    accepted: BTreeSet<Item>,
    /// Number of rejections with a fact of their own, by source.
    rejected: BTreeMap<SourceId, u64>,
    /// The last entry that got a fact or a rejection.
    last: Option<Offset>,
}

impl MarketFacts {
    /// An intended event was stored in the inbox.
    pub(super) fn waits(&mut self, at: Offset, item: Item) {
        self.waiting.insert(at, item);
    }

    /// A fact of ingest.
    pub(super) fn fact(
        &mut self,
        entry: &Entry,
        publications: &Publications,
        checks: &mut Checks,
    ) -> Result<(), Violation> {
        let is_rejected = matches!(entry.event, Event::Rejected(_));
        if !is_rejected && accepted_at(&entry.event).is_none() {
            return Ok(());
        }
        let (cause, fact) = (entry.cause, &entry.event);
        checks.check(Rule::FactOrRejection, self.last != Some(cause), || {
            format!("inbox entry {cause} gets a second answer: {fact:?}")
        })?;
        self.last = Some(cause);
        if let Event::Rejected(Rejected { source: Some(source), .. }) = fact {
            *self.rejected.entry(*source).or_default() += 1;
        }
        let Some(item) = self.waiting.remove(&cause) else { return Ok(()) };
        let (event, subject) = (publications.event(item), publications.subject(item));
        checks.check(Rule::FactsEqualTheEvent, is_fact_of(fact, event, subject), || {
            format!("inbox entry {cause} on {subject} is {event:?}, but its fact is {fact:?}")
        })?;
        checks.check(Rule::FactOrRejection, is_rejected || self.accepted.insert(item), || {
            format!("the event {event:?} on {subject} is accepted twice, now at {cause}")
        })
    }

    /// At rest each entry is answered, unless its source had so many rejections that further ones are summed.
    pub(super) fn finish(&self, publications: &Publications, checks: &mut Checks) -> Result<(), Violation> {
        let is_summed = |item: &Item| {
            let source = publications.event(*item).source;
            self.rejected.get(&source).is_some_and(|count| *count >= SINGLE_REJECTIONS)
        };
        let mut unanswered = self.waiting.iter().filter(|(_, item)| !is_summed(item)).map(|(at, _)| at).peekable();
        checks.check(Rule::EveryEventIsAnswered, unanswered.peek().is_none(), || {
            format!("neither fact nor rejection for {:?}", unanswered.collect::<Vec<_>>())
        })
    }
}

/// Whether a fact has the content of the event, or rejects it by source and number.
fn is_fact_of(fact: &Event, event: &MarketEvent, subject: &str) -> bool {
    let Ok((named, _)) = parse_market_subject(subject) else { return false };
    match fact {
        Event::Rejected(fact) => {
            let numbered = (fact.source, fact.seq) == (Some(event.source), Some(event.seq));
            numbered && fact.subject == subject && fact.instrument == Some(named)
        }
        Event::Bar(bar) if bar.source != Some(event.source) => false,
        _ => published(fact) == Some((named, event.unnumbered())),
    }
}
