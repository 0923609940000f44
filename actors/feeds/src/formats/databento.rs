//! Databento's binary encoding, DBN: files `.dbn` and `.dbn.zst`, versions 1 to 3 of the format.
//!
//! Format: <https://databento.com/docs/standards-and-conventions/databento-binary-encoding>, read with the crate
//! `dbn`. The schema `trades` gives trades; `mbp-1` and `tbbo` give a quote for each record, and after it a trade if
//! the action is Trade (the quote is the book before the trade); `bbo-1s` and `bbo-1m` give quotes; any other is an
//! error. The receive time is `ts_recv`; in `bbo-…` that is the end of the interval, and there is no time of the venue.
//!
//! The symbol is that of the mappings in the header, for the instrument id at `ts_recv`. The venue is the one that
//! flags say; without them, it is the name of the dataset: `GLBX.MDP3` gives the venue `glbx-mdp3`. A record has no
//! natural key: its `sequence` is that of a message, which may report several events.

mod header;
mod records;
mod symbols;

use std::io::{BufRead, ErrorKind};
use std::path::PathBuf;

use dbn::decode::dbn::fsm::{DbnFsm, ProcessResult};
use dbn::{Record as _, RecordHeader, Schema, VersionUpgradePolicy};
use tapedeck_schemas::ids::{InstrumentId, Token};

use records::{DbnEvents, Symbols};
use symbols::SymbolsById;

use super::{FileEntry, FormatReader, NeededFacts, cut};
use crate::FeedError;
use crate::defect::{Defect, kind};
use crate::input::{InputFile, read_error_after};

const MAGIC: &[u8] = b"DBN";
/// The length of every record is a multiple of this many bytes.
const RECORD_STEP: usize = 8;
const AGAIN: &str = "copy or download it again";

struct Databento {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    records: DbnFsm,
    /// How many records were read.
    number: u64,
    events: DbnEvents,
    /// The second entry of the last record.
    later: Option<FileEntry>,
    statements: Vec<String>,
}

pub(super) fn is(input: &InputFile) -> bool {
    input.head.starts_with(MAGIC)
}

pub(super) fn open(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let InputFile { path, mut reader, facts, .. } = input;
    let malformed = |defect: Defect| FeedError::malformed(&path, 0, defect, MAGIC);
    let bytes = header::read(&mut reader).map_err(|source| read_error_after(&path, 0, source))?;
    let metadata = bytes.and_then(|bytes| header::metadata(&bytes)).map_err(malformed)?;
    let schema = schema(metadata.schema).map_err(malformed)?;
    let (venue, how) = venue(facts.venue, given, &metadata.dataset).map_err(malformed)?;
    let by_id = SymbolsById::new(&metadata).map_err(malformed)?;
    let records = DbnFsm::builder()
        .skip_metadata(true)
        .upgrade_policy(VersionUpgradePolicy::AsIs)
        .input_dbn_version(Some(metadata.version))
        .and_then(|builder| builder.build())
        .map_err(|e| malformed(format!("cannot read the records: {e}").into()))?;
    let sampled = matches!(schema, Schema::Bbo1S | Schema::Bbo1M);
    let at_end = "receive time is the end of the interval: the schema has no other".to_string();
    let statements = [Some(how), sampled.then_some(at_end)].into_iter().flatten().collect();
    let events = DbnEvents::new(schema, Symbols::new(venue, by_id, given));
    Ok(Box::new(Databento { path, reader, records, number: 0, events, later: None, statements }))
}

/// The schema, if its records are read.
fn schema(schema: Option<Schema>) -> Result<Schema, Defect> {
    let wanted = "trades, mbp-1, tbbo, bbo-1s and bbo-1m are read";
    match schema {
        Some(read @ (Schema::Trades | Schema::Mbp1 | Schema::Tbbo | Schema::Bbo1S | Schema::Bbo1M)) => Ok(read),
        Some(other) => Err(format!("records of the schema {}; {wanted}", other.as_str()).into()),
        None => Err(format!("records of several schemas; files of one of them are read: {wanted}").into()),
    }
}

/// The venue, and a statement of how it is known.
fn venue(said: Option<Token>, given: Option<InstrumentId>, dataset: &str) -> Result<(Token, String), Defect> {
    match (said, given) {
        (Some(venue), Some(given)) if venue != given.venue => {
            let detail = format!("--venue is {venue}, and --instrument is {given}: leave one out");
            Err(Defect::new(kind::INSTRUMENT, detail))
        }
        (Some(venue), _) => Ok((venue, format!("venue {venue}, as --venue says"))),
        (None, Some(given)) => Ok((given.venue, format!("venue {}, as --instrument says", given.venue))),
        (None, None) => {
            let unnamed = |e| {
                let dataset = cut(dataset);
                let detail = format!("the dataset {dataset:?} does not name a venue ({e}): give --venue NAME");
                Defect::new(kind::VENUE, detail)
            };
            let venue = dataset.to_ascii_lowercase().replace('.', "-").parse::<Token>().map_err(unnamed)?;
            Ok((venue, format!("venue {venue} by the name of the dataset {dataset}")))
        }
    }
}

impl FormatReader for Databento {
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError> {
        if let Some(entry) = self.later.take() {
            return Ok(Some(entry));
        }
        if !self.read_record()? {
            return Ok(None);
        }
        let Some(record) = self.records.last_record() else { return Ok(None) };
        let (first, later) = self.events.read(&record).map_err(|defect| {
            let start = record.as_ref().get(..size_of::<RecordHeader>()).unwrap_or_default();
            FeedError::malformed(&self.path, self.number, defect, start)
        })?;
        self.later = later;
        Ok(Some(first))
    }

    fn needs(&self) -> NeededFacts {
        NeededFacts { venue: true, zone: false }
    }

    fn assumed(&self) -> Vec<String> {
        self.statements.clone()
    }
}

impl Databento {
    /// Reads the next record; `false` at the end of the file.
    fn read_record(&mut self) -> Result<bool, FeedError> {
        loop {
            match self.records.process() {
                ProcessResult::Record(()) => {
                    self.number += 1;
                    let bytes = self.records.last_record().map_or(0, |record| record.record_size());
                    // A view of the next record needs its alignment.
                    if !bytes.is_multiple_of(RECORD_STEP) {
                        return Err(self.unbounded(format!("a record of {bytes} bytes, want a multiple of 8")));
                    }
                    return Ok(true);
                }
                ProcessResult::ReadMore(_) => match self.reader.read(self.records.space()) {
                    Ok(0) if self.records.data().is_empty() => return Ok(false),
                    Ok(0) => {
                        self.number += 1;
                        return Err(self.unbounded(format!("the file ends within this record; {AGAIN}")));
                    }
                    Ok(count) => self.records.fill(count),
                    Err(source) if source.kind() == ErrorKind::Interrupted => {}
                    Err(source) => return Err(read_error_after(&self.path, self.number, source)),
                },
                ProcessResult::Err(error) => {
                    self.number += 1;
                    return Err(self.unbounded(format!("the record is malformed: {error}")));
                }
                ProcessResult::Metadata(_) => {
                    self.number += 1;
                    return Err(self.unbounded("a second header; give the files one by one".into()));
                }
            }
        }
    }

    /// The error of the current record, after which none can be read.
    fn unbounded(&self, detail: String) -> FeedError {
        let data = self.records.data();
        FeedError::unbounded(&self.path, self.number, detail, &data[..data.len().min(size_of::<RecordHeader>())])
    }
}
