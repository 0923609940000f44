//! Reads a tape: every sequence in order, with the hash chain of each writer checked. Every reader skips the same
//! invalid records.

use std::collections::BTreeMap;

use tapedeck_schemas::event::Event;
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::record::{self, Entry, Header, RecordError, RecordHash, Writer};

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
    /// An invalid record: it is on no writer's subject, does not decode, names another writer than its subject, or does
    /// not continue the writer's chain. Readers skip and report it. Its sequence still counts for the writer's fence.
    Invalid {
        /// Writer of its subject; `None` if the subject is not a writer's.
        writer: Option<Writer>,
        /// Reason why it is invalid.
        why: String,
        /// Whether the record decodes and names the writer of its subject, but does not continue the writer's chain. An
        /// earlier record may then have been altered or lost.
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
    /// A record continues its writer's chain, but has a format, kind or version that this build does not know. The
    /// reader stops; it must not skip the record.
    #[error("sequence {seq}: {what}; run a newer build")]
    Newer {
        /// Stream sequence of the record.
        seq: u64,
        /// The unknown contents.
        what: String,
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

/// The last sequence read, and the end of each writer's chain at that sequence.
#[derive(Debug, Clone)]
pub struct TapeReader {
    tape: TapeId,
    last: u64,
    unfiltered: bool,
    chains: BTreeMap<Writer, RecordHash>,
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
        Self { last: seq, chains: BTreeMap::from([(writer, hash)]), ..Self::filtered(tape) }
    }

    /// The last sequence read; 0 at the start.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Reads the next message, on the subject of `writer` (`None`: the subject is not a writer's).
    pub fn read(&mut self, seq: u64, writer: Option<Writer>, payload: &[u8]) -> Result<TapeRead, TapeFault> {
        if (self.unfiltered && seq != self.last + 1) || seq <= self.last {
            return Err(TapeFault::NotNext { expected: self.last + 1, got: seq });
        }
        self.last = seq;
        let read = self.classify(seq, writer, payload)?;
        if seq == 1 {
            self.check_first(&read)?;
        }
        Ok(read)
    }

    fn classify(&mut self, seq: u64, writer: Option<Writer>, payload: &[u8]) -> Result<TapeRead, TapeFault> {
        let invalid = |why: String| TapeRead::Invalid { writer, why, breaks_chain: false };
        let Some(subject) = writer else { return Ok(invalid("on no writer's subject".into())) };
        let (header, read) = match record::decode(payload) {
            Ok((header, entries)) => (header, Ok(entries)),
            // Arbitrary bytes may look like a newer format, but they do not continue the chain, which is checked below.
            Err(RecordError::Unknown(what)) => match record::decode_header(payload) {
                Some(header) => (header, Err(what)),
                None => return Ok(invalid(what)),
            },
            Err(error) => return Ok(invalid(error.to_string())),
        };
        if header.writer != subject {
            return Ok(invalid(format!("a record of {} on the subject of {subject}", header.writer)));
        }
        let chain = self.chains.entry(subject).or_default();
        if header.prev_hash != *chain {
            let why = format!("chains to {:?}, but the last record has the hash {chain:?}", header.prev_hash);
            return Ok(TapeRead::Invalid { writer, why, breaks_chain: true });
        }
        let entries = read.map_err(|what| TapeFault::Newer { seq, what })?;
        let hash = RecordHash::of(payload);
        *chain = hash;
        Ok(TapeRead::Record(TapeRecord { seq, header, hash, entries }))
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
