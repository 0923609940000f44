//! Which messages of the tape are valid records: those that decode, name the writer of their subject, and carry the
//! hash of that writer's last valid record. Written independently of the kernel's reader.

use std::collections::BTreeMap;

use tapedeck_schemas::record::{self, Entry, Header, RecordHash, Writer};

use super::rules::{Checks, Rule, Violation};
use super::streams::Author;

/// The end of each writer's chain.
#[derive(Debug, Default)]
pub(super) struct Reading {
    chains: BTreeMap<Writer, RecordHash>,
}

impl Reading {
    /// Reads the next message. The error says why it is invalid.
    fn read(&mut self, writer: Option<Writer>, payload: &[u8]) -> Result<(Header, Vec<Entry>), String> {
        let writer = writer.ok_or("its subject is that of no writer")?;
        let (header, entries) = record::decode(payload).map_err(|error| error.to_string())?;
        if header.writer != writer {
            return Err(format!("a record of {} on the subject of {writer}", header.writer));
        }
        let chain = self.chains.get(&writer).copied().unwrap_or_default();
        if header.prev_hash != chain {
            return Err(format!("it follows {:?}, not {chain:?}", header.prev_hash));
        }
        self.chains.insert(writer, RecordHash::of(payload));
        Ok((header, entries))
    }

    /// Reads a stored message and checks that its author may have sent it. `None` if it is invalid.
    pub(super) fn classify(
        &mut self,
        seq: u64,
        writer: Option<Writer>,
        payload: &[u8],
        author: Author,
        checks: &mut Checks,
    ) -> Result<Option<(Header, Vec<Entry>)>, Violation> {
        let read = self.read(writer, payload);
        if author == Author::Foreign {
            // A valid record of a newer build would stop every reader, by design, so no run contains one.
            checks.check(Rule::ForeignIsInvalid, read.is_err(), || {
                format!("sequence {seq} is a foreign message and a valid record")
            })?;
            return Ok(None);
        }
        let fault = match &read {
            Err(why) => Some(why.clone()),
            Ok((_, entries)) if entries.is_empty() => Some("it has no events".into()),
            Ok((header, entries)) => {
                (record::encode(header, entries) != payload).then(|| "it is not encoded canonically".into())
            }
        };
        checks.check(Rule::OwnRecordsAreValid, fault.is_none(), || {
            format!("sequence {seq} by {author:?}: {}", fault.unwrap_or_default())
        })?;
        Ok(read.ok())
    }
}
