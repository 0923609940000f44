//! Only the node of the last epoch appends to a writer's subject, and each append is fenced.

use std::collections::BTreeMap;

use tapedeck_schemas::event::{Epoch, Event};
use tapedeck_schemas::record::{Entry, Header, Writer};

use super::rules::{Checks, Rule, Violation};
use crate::message::Message;

/// The owners of one writer's subject.
#[derive(Debug, Default)]
struct Owners {
    /// Number of the last epoch; 0 before any.
    epoch: u64,
    /// The node that began it, until it stops.
    owner: Option<u64>,
    /// The nonce of each node that ever began.
    nonces: BTreeMap<u64, u64>,
    /// The node of each nonce.
    nodes: BTreeMap<u64, u64>,
    /// Last record of each node.
    last: BTreeMap<u64, u64>,
}

/// The owners of every writer's subject.
#[derive(Debug, Default)]
pub(super) struct Ownership {
    writers: BTreeMap<Writer, Owners>,
}

impl Ownership {
    /// A node's message expects the last sequence on the subject, be it of a valid record or not.
    pub(super) fn fence(
        message: &Message,
        last_on_subject: u64,
        node: u64,
        checks: &mut Checks,
    ) -> Result<(), Violation> {
        let (headers, seq) = (&message.headers, message.seq);
        let fenced = headers.expected_last_subject_sequence == Some(last_on_subject) && headers.message_id.is_none();
        checks.check(Rule::AppendsAreFenced, fenced, || {
            format!("sequence {seq} by node {node} follows {last_on_subject} on its subject, with {headers:?}")
        })
    }

    /// A node's valid record.
    pub(super) fn record(
        &mut self,
        node: u64,
        seq: u64,
        header: &Header,
        entries: &[Entry],
        checks: &mut Checks,
    ) -> Result<(), Violation> {
        let owners = self.writers.entry(header.writer).or_default();
        let writer = header.writer;
        let is_within = entries.iter().skip(1).any(|entry| matches!(entry.event, Event::Epoch(_)));
        checks.check(Rule::EpochStandsFirst, !is_within, || format!("{writer} {seq}: an Epoch within a record"))?;
        if let Some(Event::Epoch(epoch)) = entries.first().map(|entry| &entry.event) {
            owners.begin(node, seq, epoch, writer, checks)?;
        }
        let owner = owners.owner;
        checks.check(Rule::EpochStandsFirst, owner == Some(node) || owners.nonces.contains_key(&node), || {
            format!("{writer} {seq}: node {node} appends before its Epoch")
        })?;
        checks.check(Rule::OnlyTheOwnerAppends, owner == Some(node), || {
            format!("{writer} {seq}: node {node} appends, but the owner is {owner:?}")
        })?;
        checks.check(Rule::EpochsCountUp, header.epoch == owners.epoch, || {
            format!("{writer} {seq}: a record of epoch {} within epoch {}", header.epoch, owners.epoch)
        })?;
        owners.last.insert(node, seq);
        Ok(())
    }

    /// The node's last record on the writer's subject; 0 for none.
    pub(super) fn last_of(&self, node: u64, writer: Writer) -> u64 {
        self.writers.get(&writer).and_then(|owners| owners.last.get(&node)).copied().unwrap_or(0)
    }

    /// A node stopped: it must begin another epoch before it appends again.
    pub(super) fn stopped(&mut self, node: u64, writer: Writer) {
        let owners = self.writers.entry(writer).or_default();
        if owners.owner == Some(node) {
            owners.owner = None;
        }
    }
}

impl Owners {
    fn begin(
        &mut self,
        node: u64,
        seq: u64,
        epoch: &Epoch,
        writer: Writer,
        checks: &mut Checks,
    ) -> Result<(), Violation> {
        let expected = self.epoch + 1;
        checks.check(Rule::EpochsCountUp, epoch.number == expected, || {
            format!("{writer} {seq}: node {node} begins epoch {}, expected {expected}", epoch.number)
        })?;
        let nonce = *self.nonces.entry(node).or_insert(epoch.owner);
        let named = *self.nodes.entry(epoch.owner).or_insert(node);
        checks.check(Rule::NonceNamesNode, nonce == epoch.owner && named == node, || {
            format!("{writer} {seq}: node {node} (nonce {nonce}) begins as {}, which is node {named}", epoch.owner)
        })?;
        (self.epoch, self.owner) = (epoch.number, Some(node));
        Ok(())
    }
}
