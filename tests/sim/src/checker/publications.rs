//! The events that publishers intend to publish are in the inbox: all of them, once, in order.
//!
//! There is one exception by design. If another session has published on the subject after a session's last message, or
//! that message was purged, then the session cannot read whether its message was stored, and a new process cannot read
//! how much was. It sends items again, and ingest rejects the duplicates. Only then may a publication repeat items.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::market::{self, MarketEvent};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::subject::parse_market_subject;

use super::rules::{Checks, Rule, Violation};
use super::streams::Author;
use crate::message::Message;

/// Header: the session that publishes.
const SESSION: &str = "Tapedeck-Session";
/// Header: the number of the session's items up to and with this message.
const THROUGH: &str = "Tapedeck-Through";
/// Header: whether the session is the only one that ever published on the subject.
const ALONE: &str = "Tapedeck-Alone";

/// An intended event: the index of its publication, and its index there.
pub(super) type Item = (usize, usize);

/// A publisher's session on a subject.
#[derive(Debug)]
struct Publication {
    subject: String,
    session: String,
    items: Vec<MarketEvent>,
    /// The index of the item expected next.
    next: usize,
    /// The number of stored items.
    stored: usize,
    /// Whether another session has published on the subject after this one, or the inbox was purged.
    overtaken: bool,
}

/// The publications of a run, by subject and session.
#[derive(Debug, Default)]
pub(super) struct Publications {
    publications: Vec<Publication>,
    by_subject: BTreeMap<String, Vec<usize>>,
    /// The sessions that published on each subject; a foreign message counts as an empty one.
    sessions: BTreeMap<String, BTreeSet<String>>,
    /// Whether the inbox was purged, so that a publisher may not have seen other sessions.
    trimmed: bool,
}

impl Publications {
    fn publication(&mut self, subject: &str, session: &str) -> usize {
        let of_subject = self.by_subject.entry(subject.into()).or_default();
        if let Some(publication) =
            of_subject.iter().find(|publication| self.publications[**publication].session == session)
        {
            return *publication;
        }
        of_subject.push(self.publications.len());
        self.publications.push(Publication {
            subject: subject.into(),
            session: session.into(),
            items: Vec::new(),
            next: 0,
            stored: 0,
            overtaken: false,
        });
        self.publications.len() - 1
    }

    /// The intended event.
    pub(super) fn event(&self, item: Item) -> &MarketEvent {
        &self.publications[item.0].items[item.1]
    }

    /// The subject that it is published on.
    pub(super) fn subject(&self, item: Item) -> &str {
        &self.publications[item.0].subject
    }

    /// A publisher intends to publish item `n`.
    pub(super) fn intended(
        &mut self,
        (subject, session): (&str, &str),
        n: u64,
        event: &MarketEvent,
        checks: &mut Checks,
    ) -> Result<(), Violation> {
        let publication = self.publication(subject, session);
        let items = &mut self.publications[publication].items;
        checks.check(Rule::ItemsAreNumbered, n == items.len() as u64 + 1, || {
            format!("{subject} {session}: item {n} is intended after {}", items.len())
        })?;
        items.push(event.clone());
        Ok(())
    }

    /// The beginning of the inbox was purged, perhaps with the last message of a publication.
    pub(super) fn trimmed(&mut self) {
        self.trimmed = true;
        self.publications.iter_mut().for_each(|publication| publication.overtaken = true);
    }

    /// A message was stored in the inbox; returns the offset of each intended event in it.
    pub(super) fn stored(
        &mut self,
        message: &Message,
        author: Author,
        checks: &mut Checks,
    ) -> Result<Vec<(Offset, Item)>, Violation> {
        let of_subject = self.by_subject.get(&message.subject).cloned().unwrap_or_default();
        let sessions = self.sessions.entry(message.subject.clone()).or_default();
        sessions.insert(header(message, SESSION).unwrap_or_default().into());
        let is_shared = sessions.len() > 1 && !self.trimmed;
        let mut found = Vec::new();
        if author == Author::Publisher {
            let events = events(message);
            let publication = of_subject
                .iter()
                .copied()
                .find(|publication| self.publications[*publication].begin(message, &events).is_some());
            checks.check(Rule::InboxAsIntended, publication.is_some(), || {
                let publications: Vec<_> =
                    of_subject.iter().map(|publication| self.publications[*publication].state()).collect();
                let (seq, subject) = (message.seq, &message.subject);
                format!("inbox {seq} on {subject} does not continue any of {publications:?}: {events:?}")
            })?;
            found = publication.map(|publication| self.take(publication, message, &events)).unwrap_or_default();
            if let Some(publication) = publication {
                self.publications[publication].overtaken = false;
                self.publications[publication].check_headers(message, is_shared, checks)?;
            }
        }
        for publication in of_subject {
            self.publications[publication].overtaken |= found.first().is_none_or(|(_, item)| item.0 != publication);
        }
        Ok(found)
    }

    fn take(&mut self, publication: usize, message: &Message, events: &[MarketEvent]) -> Vec<(Offset, Item)> {
        let state = &mut self.publications[publication];
        let from = state.begin(message, events).unwrap_or(state.next);
        state.next = from + events.len();
        state.stored = state.stored.max(state.next);
        let items = (0..).zip(from..state.next);
        items.map(|(index, item)| (Offset::new(message.seq, index), (publication, item))).collect()
    }

    /// A publisher takes its items up to `n` for stored.
    pub(super) fn acknowledged(
        &mut self,
        (subject, session): (&str, &str),
        n: u64,
        checks: &mut Checks,
    ) -> Result<(), Violation> {
        let publication = self.publication(subject, session);
        let stored = self.publications[publication].stored as u64;
        checks.check(Rule::AcknowledgedIsStored, n <= stored, || {
            format!("{subject} {session}: {n} items are taken for stored, but only {stored} are")
        })
    }

    /// At rest all items are stored.
    pub(super) fn finish(&self, checks: &mut Checks) -> Result<(), Violation> {
        for publication in &self.publications {
            checks.check(Rule::AllIntendedIsStored, publication.stored == publication.items.len(), || {
                format!(
                    "{} on {}: of {} items {} are stored",
                    publication.session,
                    publication.subject,
                    publication.items.len(),
                    publication.stored
                )
            })?;
        }
        Ok(())
    }
}

impl Publication {
    /// The item that the message begins with, if it continues this publication.
    fn begin(&self, message: &Message, events: &[MarketEvent]) -> Option<usize> {
        if header(message, SESSION).is_some_and(|session| session != self.session) || events.is_empty() {
            return None;
        }
        let at = |from: usize| self.items.get(from..from + events.len()).is_some_and(|items| items == events);
        let again = if self.overtaken { 0..self.next } else { 0..0 };
        std::iter::once(self.next).chain(again).find(|from| at(*from))
    }

    fn check_headers(&self, message: &Message, is_shared: bool, checks: &mut Checks) -> Result<(), Violation> {
        let Some(session) = header(message, SESSION) else { return Ok(()) };
        let through = header(message, THROUGH).and_then(|through| through.parse().ok());
        checks.check(Rule::HeadersNameTheLastItem, through == Some(self.next), || {
            format!("inbox {}: {session} names item {through:?}, but ends with {}", message.seq, self.next)
        })?;
        let is_marked_alone = header(message, ALONE) == Some("yes");
        checks.check(Rule::HeadersNameTheLastItem, !(is_marked_alone && is_shared), || {
            format!(
                "inbox {}: {session} is marked as alone on {}, but others published there",
                message.seq, self.subject
            )
        })
    }

    fn state(&self) -> String {
        let next = self.items.get(self.next);
        format!("{} (next is item {} of {}, {next:?})", self.session, self.next + 1, self.items.len())
    }
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.headers.others.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

/// The events of a publisher's message; none if any of them does not decode.
fn events(message: &Message) -> Vec<MarketEvent> {
    let Ok((_, kind)) = parse_market_subject(&message.subject) else { return Vec::new() };
    market::decode(kind, &message.payload).into_iter().collect::<Result<_, _>>().unwrap_or_default()
}
