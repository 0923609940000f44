//! Reading a tape as every reader must: each sequence in turn, each writer's hash chain checked, void records
//! skipped by all in the same way.

use std::collections::BTreeMap;

use tapedeck_schemas::event::Event;
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::record::{self, Entry, Header, RecordError, RecordHash, Writer};

/// A valid record, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapeRecord {
    /// Its stream sequence.
    pub seq: u64,
    /// Its header.
    pub header: Header,
    /// Hash of its bytes.
    pub hash: RecordHash,
    /// Its events, in order: the index is that of the offset.
    pub entries: Vec<Entry>,
}

/// What a message on the tape turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TapeRead {
    /// A record.
    Record(TapeRecord),
    /// Not a record of the writer whose subject it is on, or one that does not chain: skipped, with an alarm. Its
    /// sequence still counts for that writer's fence.
    Invalid {
        /// Whose subject it is on, if anybody's.
        writer: Option<Writer>,
        /// What is wrong with it.
        why: String,
        /// Whether it is a record of its writer that does not follow the writer's last one: something between was
        /// altered or lost. Other void records harm nobody.
        breaks_chain: bool,
    },
}

/// Why reading cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TapeFault {
    /// A sequence is missing: something was purged, lost or filtered away.
    #[error("tape sequence {expected} should follow, but {got} came: records are missing")]
    NotNext {
        /// The sequence that should have come.
        expected: u64,
        /// The one that came.
        got: u64,
    },
    /// A record of newer code: stop, never skip.
    #[error("sequence {seq}: {what}; run a newer build")]
    Newer {
        /// Where.
        seq: u64,
        /// What is not known.
        what: String,
    },
    /// The first record is not the keeper's, or names another tape.
    #[error("sequence {seq}: this is not the tape {want} ({found})")]
    WrongTape {
        /// Where.
        seq: u64,
        /// The tape that was expected.
        want: TapeId,
        /// What was found.
        found: String,
    },
}

/// A reader's place on a tape, and the end of each writer's chain there.
#[derive(Debug, Clone)]
pub struct TapeReader {
    tape: TapeId,
    last: u64,
    unfiltered: bool,
    chains: BTreeMap<Writer, RecordHash>,
}

impl TapeReader {
    /// Reads every record from the first.
    pub fn new(tape: TapeId) -> Self {
        Self { tape, last: 0, unfiltered: true, chains: BTreeMap::new() }
    }

    /// Reads one writer's subject alone: the chain shows what it missed.
    pub fn filtered(tape: TapeId) -> Self {
        Self { unfiltered: false, ..Self::new(tape) }
    }

    /// Reads one writer's subject alone, from behind a record of its that was read before.
    pub fn filtered_after(tape: TapeId, writer: Writer, seq: u64, hash: RecordHash) -> Self {
        Self { last: seq, chains: BTreeMap::from([(writer, hash)]), ..Self::filtered(tape) }
    }

    /// The last sequence read; 0 at the start.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Takes the next message, which came on the subject of `writer` (`None`: on no writer's subject).
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
            // Stray bytes may look like newer code's; what is newer code's chains like any other record.
            Err(RecordError::Unknown(what)) => match record::decode_header(payload) {
                Some(header) => (header, Err(what)),
                None => return Ok(invalid(what)),
            },
            Err(error) => return Ok(invalid(error.to_string())),
        };
        if header.writer != subject {
            return Ok(invalid(format!("says it is {}'s, on the subject of {subject}", header.writer)));
        }
        let chain = self.chains.entry(subject).or_default();
        if header.prev_hash != *chain {
            let why = format!("chains to {:?}, the last was {chain:?}", header.prev_hash);
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
                Some(Event::TapeCreated(created)) => format!("it is {}", created.tape),
                _ => "its first record does not create a tape".into(),
            },
            TapeRead::Invalid { why, .. } => format!("its first record is invalid: {why}"),
        };
        Err(TapeFault::WrongTape { seq: 1, want: self.tape, found })
    }
}
