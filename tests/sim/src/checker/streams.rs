//! What is stored where, by whom, in which order. Never what it means.

use std::collections::BTreeMap;
use std::sync::Arc;

use tapedeck_schemas::record::Writer;
use tapedeck_schemas::subject;

use super::rules::{Checks, Rule, Violation};
use crate::message::Message;

/// Who sent a stored message.
///
/// A node is one life of one process that hosts one writer: started again, it is another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Author {
    /// A writer's driver.
    Node(u64),
    /// Whoever made the tape.
    Keeper,
    /// Our own publishers, on their publications. Whoever sends what it did not intend, or sends again, is foreign.
    Publisher,
    /// Whoever sends commands.
    Operator,
    /// Anybody else: what it sends to a tape is never a valid record, to an inbox anything.
    Foreign,
}

/// A message on the tape, as far as claims about it are judged later.
#[derive(Debug)]
pub(super) struct OnTape {
    pub(super) author: Author,
    pub(super) writer: Option<Writer>,
    pub(super) payload: Arc<[u8]>,
    pub(super) committed: bool,
}

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stream {
    Tape,
    Inbox,
    Command,
    Other,
}

/// Every stream's last sequence, and the tape's messages.
#[derive(Debug)]
pub(super) struct Streams {
    names: [(String, Stream); 3],
    last: BTreeMap<String, u64>,
    subjects: Vec<(String, Writer)>,
    /// Last sequence on each writer's subject.
    pub(super) last_of: BTreeMap<Writer, u64>,
    pub(super) tape: Vec<OnTape>,
}

impl Streams {
    pub(super) fn new(partition: u16) -> Self {
        let names = [
            (subject::tape_stream(partition), Stream::Tape),
            (subject::inbox_stream(partition), Stream::Inbox),
            (subject::command_stream(partition), Stream::Command),
        ];
        let subjects = Writer::ALL.iter().map(|writer| (format!("tape.{partition}.{writer}"), *writer)).collect();
        Self { names, last: BTreeMap::new(), subjects, last_of: BTreeMap::new(), tape: Vec::new() }
    }

    /// The writer whose subject it is, if anybody's.
    pub(super) fn writer_of(&self, subject: &str) -> Option<Writer> {
        self.subjects.iter().find(|(own, _)| own == subject).map(|(_, writer)| *writer)
    }

    /// Whether the market waits there.
    pub(super) fn is_inbox(&self, stream: &str) -> bool {
        self.names.iter().any(|(name, what)| name == stream && *what == Stream::Inbox)
    }

    /// The tape's last sequence.
    pub(super) fn tape_last(&self) -> u64 {
        self.tape.len() as u64
    }

    /// The message at a sequence of the tape.
    pub(super) fn on_tape(&mut self, seq: u64) -> Option<&mut OnTape> {
        let index = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.tape.get_mut(index)
    }

    /// Takes a stored message in; says which stream it is on.
    pub(super) fn stored(
        &mut self,
        stream: &str,
        message: &Message,
        author: Author,
        checks: &mut Checks,
    ) -> Result<Stream, Violation> {
        let which = self.names.iter().find(|(name, _)| name == stream).map_or(Stream::Other, |(_, which)| *which);
        let last = self.last.get(stream).copied().unwrap_or(0);
        checks.check(Rule::StreamsCount, message.seq == last + 1, || {
            format!("{stream} stores sequence {} after {last}", message.seq)
        })?;
        self.last.insert(stream.into(), message.seq);
        let writer = if which == Stream::Tape { self.writer_of(&message.subject) } else { None };
        let may = match author {
            Author::Node(_) => writer.is_some_and(|writer| writer != Writer::Keeper),
            Author::Keeper => writer == Some(Writer::Keeper),
            Author::Publisher => which == Stream::Inbox,
            Author::Operator => which == Stream::Command,
            Author::Foreign => true,
        };
        checks.check(Rule::AuthorsKeepToTheirStreams, may, || {
            format!("{author:?} published {stream} {} on {}", message.seq, message.subject)
        })?;
        if which == Stream::Tape {
            self.tape.push(OnTape { author, writer, payload: message.payload.clone(), committed: false });
        }
        Ok(which)
    }
}
