//! What the driver of a node reports about itself, compared with the tape.

use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

use super::Checker;
use super::rules::{Rule, Violation};
use super::streams::Author;

impl Checker {
    /// A node's driver reported that its append is on the tape at `seq` with these bytes.
    pub fn committed(&mut self, node: u64, writer: Writer, seq: u64, payload: &[u8]) -> Result<(), Violation> {
        if self.losses.is_some() {
            return Ok(());
        }
        let author = Author::Node(node);
        let fault = match self.streams.on_tape(seq) {
            None => Some("nothing is stored there".to_string()),
            Some(stored) if stored.author != author => Some(format!("it was appended by {:?}", stored.author)),
            Some(stored) if stored.writer != Some(writer) => {
                Some(format!("it is on the subject of {:?}", stored.writer))
            }
            Some(stored) if *stored.payload != *payload => Some("other bytes are stored there".into()),
            Some(stored) if stored.committed => Some("it was reported before".into()),
            Some(stored) => {
                stored.committed = true;
                None
            }
        };
        self.checks.check(Rule::CommittedIsStored, fault.is_none(), || {
            format!("node {node} reports {writer} {seq} as committed, but {}", fault.unwrap_or_default())
        })
    }

    /// A node's driver stopped: it was fenced at `seq`.
    pub fn fenced(&mut self, node: u64, writer: Writer, seq: u64) -> Result<(), Violation> {
        if self.losses.is_some() {
            return Ok(());
        }
        let own_last = self.ownership.last_of(node, writer);
        let fault = match self.streams.on_tape(seq) {
            None => Some("nothing is stored there".to_string()),
            Some(stored) if stored.writer != Some(writer) => {
                Some(format!("it is on the subject of {:?}", stored.writer))
            }
            Some(stored) if stored.author == Author::Node(node) => Some("it is its own record".into()),
            Some(_) if seq < own_last => Some(format!("its last record is at {own_last}")),
            Some(_) => None,
        };
        self.checks.check(Rule::FencedByAnother, fault.is_none(), || {
            format!("node {node} reports that {writer} {seq} fenced it, but {}", fault.unwrap_or_default())
        })?;
        self.invalid_records.fenced(node, seq);
        self.ownership.stopped(node, writer);
        Ok(())
    }

    /// A node's driver was drained; `handed` is the last input that it was given.
    pub fn drained(&mut self, node: u64, writer: Writer, handed: Offset, was_owner: bool) -> Result<(), Violation> {
        if self.losses.is_some() {
            return Ok(());
        }
        self.ownership.stopped(node, writer);
        if !was_owner {
            return Ok(());
        }
        let answers = self.answers.iter().find(|answers| answers.writer == writer);
        let unanswered = answers.and_then(|answers| answers.unanswered(handed));
        self.checks.check(Rule::DrainedLeavesNothing, unanswered.is_none(), || {
            format!("node {node} of {writer} drained at {handed}, but {unanswered:?} is not answered")
        })
    }

    /// A driver reported an invalid message.
    pub fn invalid_record(&mut self, node: u64, seq: u64) -> Result<(), Violation> {
        if self.losses.is_some() {
            return Ok(());
        }
        self.invalid_records.reported(node, seq, &mut self.checks)
    }
}
