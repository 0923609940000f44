//! The sequences and authors of stored messages, whatever they contain.

use std::collections::BTreeMap;
use std::sync::Arc;

use tapedeck_schemas::generation::Generations;
use tapedeck_schemas::record::Writer;

use super::rules::{Checks, Rule, Violation};
use crate::message::Message;

/// The sender of a stored message.
///
/// A node is one run of a process of one writer. A restarted process is another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Author {
    /// A writer's driver.
    Node(u64),
    /// The creator of the tape.
    Keeper,
    /// A publisher of the simulator.
    Publisher,
    /// An operator of the simulator.
    Operator,
    /// Any other. It never sends a valid record.
    Foreign,
}

/// A message on the tape, kept to check later reports of drivers.
#[derive(Debug)]
pub(super) struct OnTape {
    pub(super) author: Author,
    pub(super) writer: Option<Writer>,
    pub(super) payload: Arc<[u8]>,
    pub(super) committed: bool,
}

/// The kind of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stream {
    Tape,
    Inbox,
    Command,
    Other,
}

/// The last sequence of each stream, and the messages of the tape.
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
        let generations = Generations::default();
        let names = [
            (generations.tape_stream(partition), Stream::Tape),
            (generations.inbox_stream(partition), Stream::Inbox),
            (generations.command_stream(partition), Stream::Command),
        ];
        let subject = |writer: &Writer| (generations.tape_subject(partition, *writer), *writer);
        let subjects = Writer::ALL.iter().map(subject).collect();
        Self { names, last: BTreeMap::new(), subjects, last_of: BTreeMap::new(), tape: Vec::new() }
    }

    /// The writer of a subject of the tape.
    pub(super) fn writer_of(&self, subject: &str) -> Option<Writer> {
        self.subjects.iter().find(|(own, _)| own == subject).map(|(_, writer)| *writer)
    }

    /// Whether this is the inbox of market events.
    pub(super) fn is_inbox(&self, stream: &str) -> bool {
        self.names.iter().any(|(name, what)| name == stream && *what == Stream::Inbox)
    }

    /// The last sequence of the tape.
    pub(super) fn tape_last(&self) -> u64 {
        self.tape.len() as u64
    }

    /// The message at a sequence of the tape.
    pub(super) fn on_tape(&mut self, seq: u64) -> Option<&mut OnTape> {
        let index = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.tape.get_mut(index)
    }

    /// Adds a stored message; returns the kind of its stream.
    pub(super) fn stored(
        &mut self,
        stream: &str,
        message: &Message,
        author: Author,
        checks: &mut Checks,
    ) -> Result<Stream, Violation> {
        let which = self.names.iter().find(|(name, _)| name == stream).map_or(Stream::Other, |(_, which)| *which);
        let last = self.last.get(stream).copied().unwrap_or(0);
        checks.check(Rule::SequencesAreContiguous, message.seq == last + 1, || {
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
