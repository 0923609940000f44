//! What of the tape is a record and what is invalid, from the design's words: it decodes, is of the writer whose subject
//! it is on, and carries the hash of that writer's last valid record. Written apart from the kernel's reader.

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
    /// Reads the next message; why it is invalid, if it is.
    fn read(&mut self, writer: Option<Writer>, payload: &[u8]) -> Result<(Header, Vec<Entry>), String> {
        let writer = writer.ok_or("on no writer's subject")?;
        let (header, entries) = record::decode(payload).map_err(|error| error.to_string())?;
        if header.writer != writer {
            return Err(format!("of {}, on the subject of {writer}", header.writer));
        }
        let chain = self.chains.get(&writer).copied().unwrap_or_default();
        if header.prev_hash != chain {
            return Err(format!("chains to {:?}, not to {chain:?}", header.prev_hash));
        }
        self.chains.insert(writer, RecordHash::of(payload));
        Ok((header, entries))
    }

    /// Reads a stored message and judges that its author may have sent it. None if it is invalid.
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
            // A chained record of a newer build would stop every reader, as it should: the world does not send any.
            checks.check(Rule::ForeignIsVoid, read.is_err(), || {
                format!("sequence {seq} is foreign, but a valid record")
            })?;
            return Ok(None);
        }
        let fault = match &read {
            Err(why) => Some(why.clone()),
            Ok((_, entries)) if entries.is_empty() => Some("no events".into()),
            Ok((header, entries)) => {
                (record::encode(header, entries) != payload).then(|| "not as this build encodes it".into())
            }
        };
        checks.check(Rule::OwnRecordsAreSound, fault.is_none(), || {
            format!("sequence {seq} by {author:?}: {}", fault.unwrap_or_default())
        })?;
        Ok(read.ok())
    }
}
