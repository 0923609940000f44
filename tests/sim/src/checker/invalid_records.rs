//! Every reader meets the same invalid messages, and says so. Never what a reader makes of it.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::record::Writer;

use super::rules::{Checks, Rule, Violation};

/// The invalid messages, and who reported them.
#[derive(Debug, Default)]
pub(super) struct InvalidRecords {
    invalid_records: BTreeMap<u64, Option<Writer>>,
    reported: BTreeMap<u64, BTreeSet<u64>>,
}

/// A node's append: what it shows of how far the node has read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Append {
    pub(super) node: u64,
    pub(super) writer: Writer,
    pub(super) seq: u64,
    /// The last message on its own subject that it knows of.
    pub(super) fence: u64,
    /// The tape's sequence that it has read to, where its inputs come from the tape.
    pub(super) read: Option<u64>,
}

impl InvalidRecords {
    /// A message on the tape is invalid.
    pub(super) fn found(&mut self, seq: u64, writer: Option<Writer>) {
        self.invalid_records.insert(seq, writer);
    }

    /// A node met what it calls invalid.
    pub(super) fn reported(&mut self, node: u64, seq: u64, checks: &mut Checks) -> Result<(), Violation> {
        checks.check(Rule::InvalidRecordsAreInvalid, self.invalid_records.contains_key(&seq), || {
            format!("node {node} calls {seq} invalid, which is a valid record, or not on the tape")
        })?;
        self.reported.entry(node).or_default().insert(seq);
        Ok(())
    }

    /// A node was fenced by what stands at `seq`: if that is invalid, it has noticed.
    pub(super) fn fenced(&mut self, node: u64, seq: u64) {
        if self.invalid_records.contains_key(&seq) {
            self.reported.entry(node).or_default().insert(seq);
        }
    }

    /// A node appended: it has met every invalid message that it must have read to do so.
    pub(super) fn appended(&self, append: Append, checks: &mut Checks) -> Result<(), Violation> {
        let Append { node, writer, seq, fence, read } = append;
        let is_known = |invalid: u64| self.reported.get(&node).is_some_and(|known| known.contains(&invalid));
        for (invalid, subject) in self.invalid_records.range(..seq) {
            let on_own = *subject == Some(writer) && *invalid <= fence;
            let on_the_way = read.is_some_and(|read| *invalid < read);
            if on_own || on_the_way {
                checks.check(Rule::InvalidRecordsAreReported, is_known(*invalid), || {
                    format!("node {node} appends {writer} {seq} without having reported the invalid record {invalid}")
                })?;
            }
        }
        Ok(())
    }

    /// At rest somebody has met each.
    pub(super) fn finish(&self, checks: &mut Checks) -> Result<(), Violation> {
        for invalid in self.invalid_records.keys() {
            let known = self.reported.values().any(|known| known.contains(invalid));
            checks.check(Rule::InvalidRecordsAreReported, known, || {
                format!("nobody ever reported the invalid record {invalid}")
            })?;
        }
        Ok(())
    }
}
