//! Reads a tape: every sequence in order, with the hash chain of each writer checked. Every reader skips the same
//! invalid records.

use std::collections::BTreeMap;

use tapedeck_schemas::event::Event;
use tapedeck_schemas::generation::{Generation, Lineage};
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::reason::Reason;
use tapedeck_schemas::record::{self, Entry, Header, RecordHash, Writer};
use tapedeck_schemas::subject::TapeSubject;

use crate::checkpoint::{ChainEnd, TapeCheckpoint};

/// A valid record, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapeRecord {
    /// Stream sequence.
    pub seq: u64,
    /// The generation to which the record was appended first.
    pub generation: Generation,
    /// Decoded header.
    pub header: Header,
    /// Hash of the bytes of the record.
    pub hash: RecordHash,
    /// Entries in order: entry `i` is the fact at offset `seq.i`.
    pub entries: Vec<Entry>,
}

impl TapeRecord {
    /// The tape time that the record reaches, ns, if it is one of ingest; else 0.
    pub fn tape_time(&self) -> TapeTime {
        let of_ingest = self.entries.iter().filter(|_| self.header.writer == Writer::Ingest);
        of_ingest.map(|entry| entry.at).max().unwrap_or_default()
    }
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
    /// The first record is not `TapeCreated`, or is that of another tape or generation, or a copied record is not the
    /// one that the first record names.
    #[error("sequence {seq}: this is not the tape {}, generation {}: {found}", want.tape, want.generation)]
    WrongTape {
        /// Stream sequence of the record.
        seq: u64,
        /// The expected tape.
        want: Box<Lineage>,
        /// Description of the record.
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
    lineage: Lineage,
    unfiltered: bool,
    read: TapeCheckpoint,
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
    pub fn new(lineage: impl Into<Lineage>) -> Self {
        Self::after(lineage, TapeCheckpoint::default())
    }

    /// A reader of every record after a checkpoint. It does not check that the tape holds what was read before the
    /// checkpoint: the caller must ([`TapeCheckpoint::chains`]). For readers that only show: a machine has no state
    /// without the records before.
    pub fn after(lineage: impl Into<Lineage>, checkpoint: TapeCheckpoint) -> Self {
        Self { lineage: lineage.into(), unfiltered: true, read: checkpoint }
    }

    /// A reader of one writer's subject: missing records show in the chain.
    pub fn filtered(lineage: impl Into<Lineage>) -> Self {
        Self { unfiltered: false, ..Self::new(lineage) }
    }

    /// A reader of one writer's subject after a record that was read before.
    pub fn filtered_after(lineage: impl Into<Lineage>, writer: Writer, end: ChainEnd) -> Self {
        let read = TapeCheckpoint { seq: end.seq, last: end.hash, chains: BTreeMap::from([(writer, end)]) };
        Self { unfiltered: false, ..Self::after(lineage, read) }
    }

    /// The last sequence read; 0 at the start.
    pub fn last(&self) -> u64 {
        self.read.seq
    }

    /// Sequence and hash of the last message read, valid or not; zeros before the first.
    pub fn last_message(&self) -> (u64, RecordHash) {
        (self.read.seq, self.read.last)
    }

    /// The place up to which the tape is read.
    pub fn checkpoint(&self) -> &TapeCheckpoint {
        &self.read
    }

    /// The expected tape.
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Reads the next message.
    pub fn read(&mut self, seq: u64, subject: TapeSubject<'_>, payload: &[u8]) -> Result<TapeRead, TapeFault> {
        let last = self.read.seq;
        if (self.unfiltered && seq != last + 1) || seq <= last {
            return Err(TapeFault::NotNext { expected: last + 1, got: seq });
        }
        self.read.seq = seq;
        let read = self.classify(seq, subject, payload)?;
        self.read.last = match &read {
            TapeRead::Record(record) => record.hash,
            TapeRead::Invalid { .. } => RecordHash::of(payload),
        };
        let wrong = match seq {
            1 => self.check_first(&read),
            _ => self.check_copied(seq, payload),
        };
        match wrong {
            Some(found) => Err(TapeFault::WrongTape { seq, want: Box::new(self.lineage.clone()), found }),
            None => Ok(read),
        }
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
        let chain = writer.and_then(|writer| self.read.chains.get(&writer));
        let last = chain.map_or_else(RecordHash::default, |chain| chain.hash);
        if outer.prev_hash != last {
            let why = format!("chains to {:?}, but the last record has the hash {last:?}", outer.prev_hash);
            return Ok(TapeRead::Invalid { writer, why, breaks_chain: writer.is_some() && record.error.is_none() });
        }
        let build = record.entries.iter().rev().find_map(|entry| match &entry.event {
            Event::Epoch(epoch) => Some(epoch.build.clone()),
            _ => None,
        });
        let before = chain.map_or(0, |chain| chain.epoch);
        // The next owner reads the epoch of the last one, and fails to append if another has appended since.
        let epoch_follows = (before.max(1)..=before.saturating_add(1)).contains(&outer.epoch);
        let understood = match (writer, record.error) {
            (_, Some(error)) => Err(error.to_string()),
            (None, None) => Err("this build has no such writer".into()),
            (Some(_), None) if !epoch_follows => Err(format!("its epoch is {}, after {before}", outer.epoch)),
            (Some(writer), None) => Ok(writer),
        };
        let writer = understood.map_err(|what| {
            let build = build.clone().or_else(|| chain?.build.clone());
            TapeFault::NotUnderstood { seq, writer: name.into(), what, build }
        })?;
        let header = Header { writer, epoch: outer.epoch, prev_hash: outer.prev_hash, inbox: record.inbox };
        let hash = RecordHash::of(payload);
        let chain = self.read.chains.entry(writer).or_default();
        let build = build.or(chain.build.take());
        *chain = ChainEnd { seq, hash, epoch: outer.epoch, build };
        let generation = self.lineage.generation_of(seq);
        Ok(TapeRead::Record(TapeRecord { seq, generation, header, hash, entries: record.entries }))
    }

    /// Describes the first record if it does not create the expected generation of the expected tape.
    fn check_first(&self, read: &TapeRead) -> Option<String> {
        let TapeRead::Record(TapeRecord { entries, .. }) = read else {
            let TapeRead::Invalid { why, .. } = read else { return None };
            return Some(format!("its first record is invalid: {why}"));
        };
        let Some(Event::TapeCreated(created)) = entries.first().map(|entry| &entry.event) else {
            return Some("its first record does not create a tape".into());
        };
        let found = created.lineage();
        if !found.is_valid() {
            return Some("the copied records or lost messages that its first record names are not in order".into());
        }
        let same_name = (found.tape, found.generation) == (self.lineage.tape, self.lineage.generation);
        match same_name {
            false => Some(format!("its first record creates {}, generation {}", found.tape, found.generation)),
            true if found != self.lineage => {
                Some("its first record names other copied records or lost messages".into())
            }
            true => None,
        }
    }

    /// Describes a record that ends the copies of a generation and is not the one that the first record names.
    fn check_copied(&self, seq: u64, payload: &[u8]) -> Option<String> {
        let end = self.lineage.copied.iter().find(|copied| copied.last == seq)?;
        let hash = RecordHash::of(payload);
        let (want, generation) = (end.hash, end.generation);
        (hash != want).then(|| format!("its hash is {hash:?}, but the copy from generation {generation} has {want:?}"))
    }
}
