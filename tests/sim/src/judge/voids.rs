//! Every reader meets the same void messages, and says so. Never what a reader makes of it.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::record::Writer;

use super::rules::{Checks, Rule, Violation};

/// The void messages, and who reported them.
#[derive(Debug, Default)]
pub(super) struct Voids {
    voids: BTreeMap<u64, Option<Writer>>,
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

impl Voids {
    /// A message on the tape is void.
    pub(super) fn found(&mut self, seq: u64, writer: Option<Writer>) {
        self.voids.insert(seq, writer);
    }

    /// A node met what it calls void.
    pub(super) fn reported(&mut self, node: u64, seq: u64, checks: &mut Checks) -> Result<(), Violation> {
        checks.check(Rule::VoidsAreVoid, self.voids.contains_key(&seq), || {
            format!("node {node} calls {seq} void, which is a valid record, or not on the tape")
        })?;
        self.reported.entry(node).or_default().insert(seq);
        Ok(())
    }

    /// A node was fenced by what stands at `seq`: if that is void, it has noticed.
    pub(super) fn fenced(&mut self, node: u64, seq: u64) {
        if self.voids.contains_key(&seq) {
            self.reported.entry(node).or_default().insert(seq);
        }
    }

    /// A node appended: it has met every void message that it must have read to do so.
    pub(super) fn appended(&self, append: Append, checks: &mut Checks) -> Result<(), Violation> {
        let Append { node, writer, seq, fence, read } = append;
        let is_known = |void: u64| self.reported.get(&node).is_some_and(|known| known.contains(&void));
        for (void, subject) in self.voids.range(..seq) {
            let on_own = *subject == Some(writer) && *void <= fence;
            let on_the_way = read.is_some_and(|read| *void < read);
            if on_own || on_the_way {
                checks.check(Rule::VoidsAreNoticed, is_known(*void), || {
                    format!("node {node} appends {writer} {seq} without having reported the void {void}")
                })?;
            }
        }
        Ok(())
    }

    /// At rest somebody has met each.
    pub(super) fn finish(&self, checks: &mut Checks) -> Result<(), Violation> {
        for void in self.voids.keys() {
            let known = self.reported.values().any(|known| known.contains(void));
            checks.check(Rule::VoidsAreNoticed, known, || format!("nobody ever reported the void {void}"))?;
        }
        Ok(())
    }
}
