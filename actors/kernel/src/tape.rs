//! Reads a tape: every sequence in order, with the hash chain of each writer checked. Every reader skips the same
//! invalid records.

use std::collections::BTreeMap;

use tapedeck_schemas::event::Event;
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::reason::Reason;
use tapedeck_schemas::record::{self, Entry, Header, RecordHash, Writer};
use tapedeck_schemas::subject::TapeSubject;

/// A valid record, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapeRecord {
    /// Stream sequence.
    pub seq: u64,
    /// Decoded header.
    pub header: Header,
    /// Hash of the bytes of the record.
    pub hash: RecordHash,
    /// Entries in order: entry `i` is the fact at offset `seq.i`.
    pub entries: Vec<Entry>,
}

/// A message of the tape, as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TapeRead {
    /// A valid record.
    Record(TapeRecord),
    /// An invalid record: it does not continue the chain of the writer of its subject, whatever it holds. It may be on
    /// no writer's subject, have no outer header, name another writer, or another previous record. Readers skip and
    /// report it. Its sequence still counts for the writer's fence.
    Invalid {
        /// Writer of its subject; `None` if the subject is not a writer's.
        writer: Option<Writer>,
        /// Reason why it is invalid.
        why: String,
        /// Whether the record decodes and names the writer of its subject, but another previous record. An earlier
        /// record may then have been altered or lost.
        breaks_chain: bool,
    },
}

/// The reason why a tape cannot be read further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TapeFault {
    /// A sequence is missing or repeated: messages were purged, lost or filtered.
    #[error("expected tape sequence {expected}, got {got}: records are missing or repeated")]
    NotNext {
        /// The next sequence.
        expected: u64,
        /// The sequence received.
        got: u64,
    },
    /// A record continues its writer's chain, but this build does not understand it: its format, its writer, or a kind,
    /// version, field or value in it. The reader stops; it must not skip the record.
    #[error("sequence {seq}: a record of {writer} is not understood: {what}; {}", written_by(build.as_deref()))]
    NotUnderstood {
        /// Stream sequence of the record.
        seq: u64,
        /// Name of the writer: the last token of the subject.
        writer: String,
        /// The part that is not understood.
        what: String,
        /// Build of the writer's last epoch that could be read, up to this record.
        build: Option<String>,
    },
    /// The first record is not `TapeCreated`, or is that of another tape.
    #[error("sequence {seq}: this is not the tape {want}: {found}")]
    WrongTape {
        /// Stream sequence of the record.
        seq: u64,
        /// The expected tape.
        want: TapeId,
        /// Description of the first record.
        found: String,
    },
}

impl TapeFault {
    /// The reason for which the reader's group is not ready.
    pub fn reason(&self) -> Reason {
        match self {
            TapeFault::NotNext { .. } => Reason::RecordsMissing,
            TapeFault::NotUnderstood { .. } => Reason::RecordNotUnderstood,
            TapeFault::WrongTape { .. } => Reason::OtherTape,
        }
    }
}

/// The last sequence read, and the end of each writer's chain at that sequence.
#[derive(Debug, Clone)]
pub struct TapeReader {
    tape: TapeId,
    last: u64,
    unfiltered: bool,
    chains: BTreeMap<Writer, ChainEnd>,
}

/// The end of a writer's chain.
#[derive(Debug, Clone, Default)]
struct ChainEnd {
    /// Hash of the writer's last valid record; zeros before the first.
    last: RecordHash,
    /// Build of the writer's last epoch.
    build: Option<String>,
}

fn written_by(build: Option<&str>) -> String {
    match build {
        Some(build) => {
            format!("the writer's last readable epoch is of build {build}; deploy that build or a newer one")
        }
        None => "no epoch of the writer is readable; deploy a newer build".into(),
    }
}

impl TapeReader {
    /// A reader of every record, from the first.
    pub fn new(tape: TapeId) -> Self {
        Self { tape, last: 0, unfiltered: true, chains: BTreeMap::new() }
    }

    /// A reader of one writer's subject: missing records show in the chain.
    pub fn filtered(tape: TapeId) -> Self {
        Self { unfiltered: false, ..Self::new(tape) }
    }

    /// A reader of one writer's subject after a record that was read before.
    pub fn filtered_after(tape: TapeId, writer: Writer, seq: u64, hash: RecordHash) -> Self {
        Self {
            last: seq,
            chains: BTreeMap::from([(writer, ChainEnd { last: hash, build: None })]),
            ..Self::filtered(tape)
        }
    }

    /// The last sequence read; 0 at the start.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Reads the next message.
    pub fn read(&mut self, seq: u64, subject: TapeSubject<'_>, payload: &[u8]) -> Result<TapeRead, TapeFault> {
        if (self.unfiltered && seq != self.last + 1) || seq <= self.last {
            return Err(TapeFault::NotNext { expected: self.last + 1, got: seq });
        }
        self.last = seq;
        let read = self.classify(seq, subject, payload)?;
        if seq == 1 {
            self.check_first(&read)?;
        }
        Ok(read)
    }

    fn classify(&mut self, seq: u64, subject: TapeSubject<'_>, payload: &[u8]) -> Result<TapeRead, TapeFault> {
        let writer = subject.writer();
        let invalid = |why: String| Ok(TapeRead::Invalid { writer, why, breaks_chain: false });
        let name = match subject {
            TapeSubject::Writer(writer) => writer.as_str(),
            TapeSubject::Unknown(name) => name,
            TapeSubject::Foreign => return invalid("on no writer's subject".into()),
        };
        let record = record::read(payload);
        let Some(outer) = record.outer else {
            return invalid(record.error.map_or_else(String::new, |error| error.to_string()));
        };
        if let Some(writer) = writer.filter(|writer| *writer as u64 != outer.writer) {
            let number = outer.writer;
            return invalid(format!("a record of writer number {number} on the subject of {writer}"));
        }
        // The first record of a writer that this build does not know stops the reader, so its chain has no records.
        let chain = writer.and_then(|writer| self.chains.get(&writer));
        let last = chain.map_or_else(RecordHash::default, |chain| chain.last);
        if outer.prev_hash != last {
            let why = format!("chains to {:?}, but the last record has the hash {last:?}", outer.prev_hash);
            return Ok(TapeRead::Invalid { writer, why, breaks_chain: writer.is_some() && record.error.is_none() });
        }
        let build = record.entries.iter().rev().find_map(|entry| match &entry.event {
            Event::Epoch(epoch) => Some(epoch.build.clone()),
            _ => None,
        });
        let (Some(writer), None) = (writer, &record.error) else {
            let what = record.error.map_or_else(|| "this build has no such writer".into(), |error| error.to_string());
            let build = build.or_else(|| chain?.build.clone());
            return Err(TapeFault::NotUnderstood { seq, writer: name.into(), what, build });
        };
        let header = Header { writer, epoch: outer.epoch, prev_hash: outer.prev_hash, inbox: record.inbox };
        let hash = RecordHash::of(payload);
        let chain = self.chains.entry(writer).or_default();
        chain.last = hash;
        chain.build = build.or(chain.build.take());
        Ok(TapeRead::Record(TapeRecord { seq, header, hash, entries: record.entries }))
    }

    fn check_first(&self, read: &TapeRead) -> Result<(), TapeFault> {
        let found = match read {
            TapeRead::Record(TapeRecord { entries, .. }) => match entries.first().map(|entry| &entry.event) {
                Some(Event::TapeCreated(created)) if created.tape == self.tape => return Ok(()),
                Some(Event::TapeCreated(created)) => format!("its first record creates {}", created.tape),
                _ => "its first record does not create a tape".into(),
            },
            TapeRead::Invalid { why, .. } => format!("its first record is invalid: {why}"),
        };
        Err(TapeFault::WrongTape { seq: 1, want: self.tape, found })
    }
}
