//! Each reader reports the same invalid records.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::record::Writer;

use super::rules::{Checks, Rule, Violation};

/// The invalid messages, and the nodes that reported each.
#[derive(Debug, Default)]
pub(super) struct InvalidRecords {
    invalid_records: BTreeMap<u64, Option<Writer>>,
    reported: BTreeMap<u64, BTreeSet<u64>>,
}

/// A node's append, and how far the node had read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Append {
    pub(super) node: u64,
    pub(super) writer: Writer,
    pub(super) seq: u64,
    /// The last message on its own subject that it has read.
    pub(super) fence: u64,
    /// The sequence that it has read to, if its inputs come from the tape.
    pub(super) read: Option<u64>,
}

impl InvalidRecords {
    /// A message on the tape is invalid.
    pub(super) fn found(&mut self, seq: u64, writer: Option<Writer>) {
        self.invalid_records.insert(seq, writer);
    }

    /// A node reported an invalid record.
    pub(super) fn reported(&mut self, node: u64, seq: u64, checks: &mut Checks) -> Result<(), Violation> {
        checks.check(Rule::InvalidRecordsAreInvalid, self.invalid_records.contains_key(&seq), || {
            format!("node {node} reports {seq} as invalid, which is a valid record or not on the tape")
        })?;
        self.reported.entry(node).or_default().insert(seq);
        Ok(())
    }

    /// A node was fenced at `seq`, which reports an invalid record there.
    pub(super) fn fenced(&mut self, node: u64, seq: u64) {
        if self.invalid_records.contains_key(&seq) {
            self.reported.entry(node).or_default().insert(seq);
        }
    }

    /// A node appended: it has reported each invalid record that it had read.
    pub(super) fn appended(&self, append: Append, checks: &mut Checks) -> Result<(), Violation> {
        let Append { node, writer, seq, fence, read } = append;
        let is_known = |invalid: u64| self.reported.get(&node).is_some_and(|known| known.contains(&invalid));
        for (invalid, subject) in self.invalid_records.range(..seq) {
            let on_own = *subject == Some(writer) && *invalid <= fence;
            let before_input = read.is_some_and(|read| *invalid < read);
            if on_own || before_input {
                checks.check(Rule::InvalidRecordsAreReported, is_known(*invalid), || {
                    format!("node {node} appends {writer} {seq} without having reported the invalid record {invalid}")
                })?;
            }
        }
        Ok(())
    }

    /// At rest each invalid record was reported.
    pub(super) fn finish(&self, checks: &mut Checks) -> Result<(), Violation> {
        for invalid in self.invalid_records.keys() {
            let known = self.reported.values().any(|known| known.contains(invalid));
            checks.check(Rule::InvalidRecordsAreReported, known, || {
                format!("no node reported the invalid record {invalid}")
            })?;
        }
        Ok(())
    }
}
