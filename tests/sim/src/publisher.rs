//! Publishers and operators: real publications, in processes that die and resume what they had in a file.

use std::sync::Arc;

use tapedeck_kernel::Answer;
use tapedeck_kernel::publication::{Publication, PublicationStep};
use tapedeck_schemas::command::Command;
use tapedeck_schemas::market::{self, MarketEvent};

use crate::message::Message;

/// A message that is on its way, or being asked info.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Counts this publication's attempts over all its lives.
    pub attempt: u64,
    /// The item that the message reaches through.
    pub through: u64,
    /// Its bytes.
    pub payload: Arc<[u8]>,
    /// Where it is.
    pub stage: Stage,
}

/// What is done about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// To be sent.
    Ready,
    /// Sent, not answered.
    Sent,
    /// The subject's last message is to be read.
    Look,
}

/// What a session has to send, in order: what it would read again after a crash.
#[derive(Debug)]
pub enum Items {
    /// Market events; several fit into a message.
    Market(Vec<MarketEvent>),
    /// A command.
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
    /// Its number.
    pub uid: u64,
    /// Where.
    pub subject: String,
    /// As whom.
    pub session: String,
    /// What it means to send.
    pub items: Items,
    /// What is on its way.
    pub pending: Option<Pending>,
    /// Where it stands; none until it has looked.
    pub publication: Option<Publication>,
    attempts: u64,
}

impl Publisher {
    /// Before it has looked where it stands.
    pub fn new(uid: u64, subject: String, session: String, items: Items) -> Self {
        Self { uid, subject, session, items, pending: None, publication: None, attempts: 0 }
    }

    /// Whether it sends the market, or a command.
    pub fn is_market(&self) -> bool {
        matches!(self.items, Items::Market(_))
    }

    /// Something new to send; its number, from 1. Nothing for an operator.
    pub fn receive(&mut self, event: MarketEvent) -> u64 {
        if let Items::Market(events) = &mut self.items {
            events.push(event);
        }
        self.items.len()
    }

    /// Items that are known to be stored.
    pub fn through(&self) -> u64 {
        self.publication.as_ref().map_or(0, Publication::through)
    }

    /// Whether all is known to be stored.
    pub fn is_done(&self) -> bool {
        self.publication.is_some() && self.through() == self.items.len()
    }

    /// The process is gone, and its memory with it.
    pub fn crash(&mut self) {
        (self.publication, self.pending) = (None, None);
    }

    /// Stands behind the last message of its subject.
    pub fn adopt(&mut self, last: Option<&Message>) {
        let publication = self.publication.get_or_insert_with(|| Publication::new(self.session.clone()));
        let news = match last {
            None => {
                publication.adopt_none();
                false
            }
            Some(last) => publication.adopt(last.seq, |name| {
                last.headers.others.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
            }),
        };
        match &mut self.pending {
            Some(pending) if !news => pending.stage = Stage::Ready,
            _ => self.pending = None,
        }
    }

    /// The next message, of at most so many items.
    pub fn prepare(&mut self, most: u64) {
        let (None, Some(publication)) = (&self.pending, &self.publication) else { return };
        let from = publication.through();
        let through = (from + most.max(1)).min(self.items.len());
        if through > from {
            let payload = self.items.pack(from, through).into();
            self.pending = Some(Pending { attempt: 0, through, payload, stage: Stage::Ready });
        }
    }

    /// Numbers the next attempt at the message that is ready, with its headers.
    pub fn attempt(&mut self) -> Option<(Pending, Vec<(&'static str, String)>)> {
        let (Some(pending), Some(publication)) = (&mut self.pending, &self.publication) else { return None };
        if pending.stage != Stage::Ready {
            return None;
        }
        self.attempts += 1;
        (pending.attempt, pending.stage) = (self.attempts, Stage::Sent);
        Some((pending.clone(), publication.headers(pending.through)))
    }

    /// Takes in an answer; one to an attempt that was given up is dropped, as the client library does.
    pub fn answer(&mut self, attempt: u64, answer: Answer) {
        let (Some(pending), Some(publication)) = (&mut self.pending, &mut self.publication) else { return };
        if pending.attempt != attempt || pending.stage != Stage::Sent {
            return;
        }
        match publication.answer(pending.through, answer) {
            PublicationStep::Stored => self.pending = None,
            PublicationStep::ReadLast => pending.stage = Stage::Look,
            PublicationStep::Retry => pending.stage = Stage::Ready,
            // The process ends with an error; whoever runs it starts it again.
            PublicationStep::GiveUp(_) => self.crash(),
        }
    }
}
