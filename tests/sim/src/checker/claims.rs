//! What nodes say of themselves, held against what is stored.

use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

use super::Checker;
use super::rules::{Rule, Violation};
use super::streams::Author;

impl Checker {
    /// A node's driver said that its append is on the tape at `seq` with these bytes.
    pub fn committed(&mut self, node: u64, writer: Writer, seq: u64, payload: &[u8]) -> Result<(), Violation> {
        let author = Author::Node(node);
        let fault = match self.streams.on_tape(seq) {
            None => Some("nothing is stored there".to_string()),
            Some(there) if there.author != author => Some(format!("that is {:?}'s", there.author)),
            Some(there) if there.writer != Some(writer) => Some(format!("that is on {:?}'s subject", there.writer)),
            Some(there) if *there.payload != *payload => Some("other bytes are stored there".into()),
            Some(there) if there.committed => Some("it was said before: its effects happen twice".into()),
            Some(there) => {
                there.committed = true;
                None
            }
        };
        self.checks.check(Rule::CommittedIsStored, fault.is_none(), || {
            format!("{writer} {seq} is committed to node {node}, but {}", fault.unwrap_or_default())
        })
    }

    /// A node's driver stopped: it was fenced by what stands at `seq`.
    pub fn fenced(&mut self, node: u64, writer: Writer, seq: u64) -> Result<(), Violation> {
        let own_last = self.ownership.last_of(node, writer);
        let fault = match self.streams.on_tape(seq) {
            None => Some("nothing is stored there".to_string()),
            Some(there) if there.writer != Some(writer) => Some(format!("that is on {:?}'s subject", there.writer)),
            Some(there) if there.author == Author::Node(node) => Some("that is its own".into()),
            Some(_) if seq < own_last => Some(format!("it has appended at {own_last} since")),
            Some(_) => None,
        };
        self.checks.check(Rule::FencedByAnother, fault.is_none(), || {
            format!("node {node} says that {writer} {seq} fenced it, but {}", fault.unwrap_or_default())
        })?;
        self.invalid_records.fenced(node, seq);
        self.ownership.stopped(node, writer);
        Ok(())
    }

    /// A node's driver stopped, drained; `handed` is the last input that it was handed.
    pub fn drained(&mut self, node: u64, writer: Writer, handed: Offset, was_owner: bool) -> Result<(), Violation> {
        self.ownership.stopped(node, writer);
        if !was_owner {
            return Ok(());
        }
        let answers = self.answers.iter().find(|answers| answers.writer == writer);
        let left = answers.and_then(|answers| answers.unanswered(handed));
        self.checks.check(Rule::DrainedLeavesNothing, left.is_none(), || {
            format!("node {node} of {writer} drained, was handed {handed}, but {left:?} is not answered")
        })
    }

    /// A driver reported an invalid message.
    pub fn invalid_record(&mut self, node: u64, seq: u64) -> Result<(), Violation> {
        self.invalid_records.reported(node, seq, &mut self.checks)
    }
}
