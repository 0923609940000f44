//! Counts of what became of events, by source and by session. No rule reads them.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{Event, RejectReason, Rejected};
use tapedeck_schemas::ids::{SourceId, Token};
use tapedeck_schemas::market::accepted_at;
use tapedeck_schemas::offset::Offset;

/// Most sources counted. Beyond it the one that was idle longest is dropped, of those without numbers at ingest: names
/// that only rejected events have cannot displace a source whose events are accepted.
pub const COUNTED_SOURCES_MAX: usize = 256;
/// Most sessions of a source that are counted apart. Beyond it the one that was idle longest is dropped: its events
/// stay in the counts of the source.
pub const COUNTED_SESSIONS_MAX: usize = 32;
/// Most names of dropped sessions of a source. A session that returns has no counts: they would lack what came before.
pub const DROPPED_SESSIONS_MAX: usize = 1024;

/// The first of the events that were rejected for a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstReject {
    /// Offset of the event in the inbox.
    pub cause: Offset,
    /// The fact.
    pub fact: Rejected,
}

/// What became of some events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCounts {
    /// Accepted events, late ones included.
    pub accepted: u64,
    /// Accepted quotes and trades that were late: recorded, and never acted on.
    pub late: u64,
    /// Gaps in the numbers.
    pub gaps: u64,
    /// Rejected events, by reason, with the first one.
    pub rejects: BTreeMap<RejectReason, (u64, FirstReject)>,
}

/// An input of ingest that is decided, as far as it is counted.
#[derive(Debug, Clone, Copy)]
pub struct DecidedInput {
    /// Offset of the event in the inbox.
    pub cause: Offset,
    /// Source of the event; `None` if it could not be read.
    pub source: Option<SourceId>,
    /// Session of the event; `None` if it could not be read.
    pub session: Option<Token>,
}

impl EventCounts {
    /// Counts a fact of ingest that answers an input; `is_late` if it is late market data.
    fn count(&mut self, cause: Offset, fact: &Event, is_late: bool) {
        match fact {
            Event::Rejected(fact) => {
                let first = || (0, FirstReject { cause, fact: fact.clone() });
                self.rejects.entry(fact.reason).or_insert_with(first).0 += 1;
            }
            Event::Gap(_) => self.gaps += 1,
            _ if accepted_at(fact).is_some() => {
                self.accepted += 1;
                self.late += u64::from(is_late);
            }
            _ => {}
        }
    }
}

/// The counts of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCounts {
    /// Over all sessions.
    pub all: EventCounts,
    /// Offset of its last event.
    last: Offset,
    /// Of the sessions that were active last, at most [`COUNTED_SESSIONS_MAX`], each with the offset of its last event.
    pub sessions: BTreeMap<Token, (Offset, EventCounts)>,
    /// Names of dropped sessions, the oldest first.
    dropped: VecDeque<Token>,
}

impl SourceCounts {
    /// The counts of a session; `None` if it was dropped.
    fn session(&mut self, session: Token, cause: Offset) -> Option<&mut EventCounts> {
        if !self.sessions.contains_key(&session) {
            if self.dropped.contains(&session) {
                return None;
            }
            if self.sessions.len() >= COUNTED_SESSIONS_MAX {
                self.drop_session();
            }
        }
        let (last, counts) = self.sessions.entry(session).or_default();
        *last = cause;
        Some(counts)
    }

    /// Drops the session that was idle longest.
    fn drop_session(&mut self) {
        let idle_longest = self.sessions.iter().min_by_key(|(_, (last, _))| *last).map(|(session, _)| *session);
        let Some(session) = idle_longest else { return };
        self.sessions.remove(&session);
        if self.dropped.len() == DROPPED_SESSIONS_MAX {
            self.dropped.pop_front();
        }
        self.dropped.push_back(session);
    }
}

/// The counts of every source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    sources: BTreeMap<Option<SourceId>, SourceCounts>,
}

impl Counts {
    /// Counts a fact of ingest that answers this input; `is_late` if it is late market data. `is_numbered` tells
    /// whether ingest has numbers of a source.
    pub fn count(
        &mut self,
        input: &DecidedInput,
        fact: &Event,
        is_late: bool,
        is_numbered: impl Fn(&SourceId) -> bool,
    ) {
        if !self.sources.contains_key(&input.source) && self.sources.len() >= COUNTED_SOURCES_MAX {
            let droppable = self.sources.iter().filter(|(name, _)| name.is_some_and(|name| !is_numbered(&name)));
            let idle_longest = droppable.min_by_key(|(_, counts)| counts.last).map(|(name, _)| *name);
            idle_longest.and_then(|name| self.sources.remove(&name));
        }
        let source = self.sources.entry(input.source).or_default();
        source.last = input.cause;
        source.all.count(input.cause, fact, is_late);
        if let Some(counts) = input.session.and_then(|session| source.session(session, input.cause)) {
            counts.count(input.cause, fact, is_late);
        }
    }

    /// The counts of a source; `None` for events without a readable source.
    pub fn of(&self, source: Option<SourceId>) -> Option<&SourceCounts> {
        self.sources.get(&source)
    }

    /// The counts of every source. `None` holds events without a readable source.
    pub fn iter(&self) -> impl Iterator<Item = (Option<SourceId>, &SourceCounts)> {
        self.sources.iter().map(|(source, counts)| (*source, counts))
    }
}

#[cfg(test)]
mod tests {
    use tapedeck_schemas::event::{Gap, MarketHeartbeat, RejectDetail};

    use super::*;

    fn input(seq: u64, source: &str, session: Option<&str>) -> DecidedInput {
        let session = session.map(|name| name.parse().unwrap());
        DecidedInput { cause: Offset::new(seq, 0), source: source.parse().ok(), session }
    }

    fn reject(seq: u64) -> Event {
        let (reason, detail) = (RejectReason::UnknownInstrument, RejectDetail::NoDefinition);
        Rejected { reason, detail, subject: "md".into(), source: None, seq: Some(seq), instrument: None }.into()
    }

    fn of<'a>(counts: &'a Counts, source: &str) -> &'a SourceCounts {
        counts.of(source.parse().ok()).unwrap()
    }

    fn no_numbers(_: &SourceId) -> bool {
        false
    }

    #[test]
    fn each_event_counts_once_for_its_source_and_its_session() {
        let mut counts = Counts::default();
        let accepted: Event = MarketHeartbeat { instrument: "v.A".parse().unwrap(), ts_recv: 1, ts_event: None }.into();
        counts.count(&input(1, "a", Some("s")), &accepted, false, no_numbers);
        counts.count(&input(2, "a", Some("s")), &accepted, true, no_numbers);
        let gap = Gap {
            source: "a".parse().unwrap(),
            session: "s".parse().unwrap(),
            instrument: "v.A".parse().unwrap(),
            expected: 3,
            got: 5,
        };
        counts.count(&input(3, "a", Some("t")), &gap.into(), false, no_numbers);
        for seq in [4, 5] {
            counts.count(&input(seq, "a", Some("t")), &reject(seq), false, no_numbers);
        }
        counts.count(&input(6, "a", None), &reject(6), false, no_numbers);
        counts.count(&input(7, "?", None), &reject(7), false, no_numbers);
        let source = of(&counts, "a");
        assert_eq!((source.all.accepted, source.all.late, source.all.gaps), (2, 1, 1));
        let (count, first) = &source.all.rejects[&RejectReason::UnknownInstrument];
        assert_eq!((*count, first.cause, first.fact.seq), (3, Offset::new(4, 0), Some(4)));
        let sessions: Vec<_> = source
            .sessions
            .iter()
            .map(|(session, (last, counts))| {
                let rejects: u64 = counts.rejects.values().map(|(count, _)| count).sum();
                (session.to_string(), last.seq, counts.accepted, counts.late, counts.gaps, rejects)
            })
            .collect();
        assert_eq!(sessions, [("s".into(), 2, 2, 1, 0, 0), ("t".into(), 5, 0, 0, 1, 2)]);
        assert_eq!(of(&counts, "?").all.rejects[&RejectReason::UnknownInstrument].0, 1);
    }

    #[test]
    fn beyond_the_bounds_the_session_and_the_source_that_were_idle_longest_are_dropped() {
        let mut counts = Counts::default();
        for n in 0..COUNTED_SESSIONS_MAX as u64 {
            counts.count(&input(n + 1, "a", Some(&format!("s{n}"))), &reject(1), false, no_numbers);
        }
        counts.count(&input(90, "a", Some("s0")), &reject(1), false, no_numbers);
        counts.count(&input(91, "a", Some("new")), &reject(1), false, no_numbers);
        let names: Vec<String> = of(&counts, "a").sessions.keys().map(|session| session.to_string()).collect();
        assert!(
            names.len() == COUNTED_SESSIONS_MAX && names.contains(&"s0".into()) && !names.contains(&"s1".into()),
            "{names:?}"
        );
        assert_eq!(of(&counts, "a").all.rejects[&RejectReason::UnknownInstrument].0, COUNTED_SESSIONS_MAX as u64 + 2);
        counts.count(&input(92, "a", Some("s1")), &reject(1), false, no_numbers);
        let returned = of(&counts, "a").sessions.keys().any(|session| session.as_str() == "s1");
        assert!(!returned, "its counts would lack what came before");
        // Ten times as many names as there is space for: a source with numbers keeps its counts, and the newest has
        // some.
        for n in 0..10 * COUNTED_SOURCES_MAX as u64 {
            let is_numbered = |source: &SourceId| source.as_str() == "a";
            counts.count(&input(100 + n, &format!("b{n}"), Some("s")), &reject(1), false, is_numbered);
            assert_eq!(of(&counts, &format!("b{n}")).sessions.len(), 1);
        }
        assert_eq!(counts.iter().count(), COUNTED_SOURCES_MAX);
        assert_eq!(of(&counts, "a").sessions.len(), COUNTED_SESSIONS_MAX);
    }
}
