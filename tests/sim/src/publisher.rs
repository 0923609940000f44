//! Publishers and operators: the real publication protocol, in processes that crash and read their items again.

use std::sync::Arc;

use tapedeck_kernel::Answer;
use tapedeck_kernel::publication::{Publication, PublicationStep};
use tapedeck_schemas::command::Command;
use tapedeck_schemas::market::{self, MarketEvent};

use crate::message::Message;

/// A message whose result is not known.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The number of the attempt, over all processes of the session.
    pub attempt: u64,
    /// The number of the last item in the message.
    pub through: u64,
    /// The encoded items.
    pub payload: Arc<[u8]>,
    /// The next step.
    pub stage: Stage,
}

/// The next step with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Send it.
    Ready,
    /// Wait for the reply.
    Sent,
    /// Read the last message of the subject.
    ReadLast,
}

/// The items of a session, in order. They survive a crash.
#[derive(Debug)]
pub enum Items {
    /// Market events; a message may hold several.
    Market(Vec<MarketEvent>),
    /// A command, encoded.
    Command(Box<Command>),
}

impl Items {
    fn len(&self) -> u64 {
        match self {
            Items::Market(events) => events.len() as u64,
            Items::Command(_) => 1,
        }
    }

    fn pack(&self, from: u64, through: u64) -> Vec<u8> {
        match self {
            Items::Market(events) => market::encode_batch(&events[from as usize..through as usize]),
            Items::Command(command) => command.encode(),
        }
    }
}

/// One session on one subject.
#[derive(Debug)]
pub struct Publisher {
    /// The number of the publisher.
    pub uid: u64,
    /// The subject to publish on.
    pub subject: String,
    /// The name of the session.
    pub session: String,
    /// The items to send.
    pub items: Items,
    /// The message whose result is not known.
    pub pending: Option<Pending>,
    /// The state of the protocol; `None` until the last message of the subject was read.
    pub publication: Option<Publication>,
    attempts: u64,
}

impl Publisher {
    /// A publisher that has read nothing yet.
    pub fn new(uid: u64, subject: String, session: String, items: Items) -> Self {
        Self { uid, subject, session, items, pending: None, publication: None, attempts: 0 }
    }

    /// Whether it sends market events, not a command.
    pub fn is_market(&self) -> bool {
        matches!(self.items, Items::Market(_))
    }

    /// Adds a market event; returns its number, from 1.
    pub fn receive(&mut self, event: MarketEvent) -> u64 {
        if let Items::Market(events) = &mut self.items {
            events.push(event);
        }
        self.items.len()
    }

    /// The number of items that are known to be stored.
    pub fn through(&self) -> u64 {
        self.publication.as_ref().map_or(0, Publication::through)
    }

    /// Whether all items are known to be stored.
    pub fn is_done(&self) -> bool {
        self.publication.is_some() && self.through() == self.items.len()
    }

    /// The process loses its memory.
    pub fn crash(&mut self) {
        (self.publication, self.pending) = (None, None);
    }

    /// Continues after the last message of the subject.
    pub fn adopt(&mut self, last: Option<&Message>) {
        let publication = self.publication.get_or_insert_with(|| Publication::new(self.session.clone()));
        let is_new = match last {
            None => {
                publication.adopt_none();
                false
            }
            Some(last) => publication.adopt(last.seq, |name| {
                last.headers.others.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
            }),
        };
        match &mut self.pending {
            Some(pending) if !is_new => pending.stage = Stage::Ready,
            _ => self.pending = None,
        }
    }

    /// Prepares the next message, with at most `most` items.
    pub fn prepare(&mut self, most: u64) {
        let (None, Some(publication)) = (&self.pending, &self.publication) else { return };
        let from = publication.through();
        let through = (from + most.max(1)).min(self.items.len());
        if through > from {
            let payload = self.items.pack(from, through).into();
            self.pending = Some(Pending { attempt: 0, through, payload, stage: Stage::Ready });
        }
    }

    /// The next attempt to send the prepared message, with its headers.
    pub fn attempt(&mut self) -> Option<(Pending, Vec<(&'static str, String)>)> {
        let (Some(pending), Some(publication)) = (&mut self.pending, &self.publication) else { return None };
        if pending.stage != Stage::Ready {
            return None;
        }
        self.attempts += 1;
        (pending.attempt, pending.stage) = (self.attempts, Stage::Sent);
        Some((pending.clone(), publication.headers(pending.through)))
    }

    /// Processes a reply; one to an attempt that was given up is ignored, as the client library does.
    pub fn answer(&mut self, attempt: u64, answer: Answer) {
        let (Some(pending), Some(publication)) = (&mut self.pending, &mut self.publication) else { return };
        if pending.attempt != attempt || pending.stage != Stage::Sent {
            return;
        }
        match publication.answer(pending.through, answer) {
            PublicationStep::Stored => self.pending = None,
            PublicationStep::ReadLast => pending.stage = Stage::ReadLast,
            PublicationStep::Retry => pending.stage = Stage::Ready,
            // The process ends with an error and is started again.
            PublicationStep::GiveUp(_) => self.crash(),
        }
    }
}
