//! Counts the facts on the tape, independently of `verify` and of the machines, and checks that causes ascend.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use async_nats::jetstream::Message;
use tapedeck_kernel::{TapeRead, TapeReader};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::generation::Lineage;
use tapedeck_schemas::market::published;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::subject::TapeSubject;

use crate::inbox::Counter;
use crate::streams::{MARK, header};

/// The counts of the tape up to a sequence.
pub struct TapeTally {
    reader: TapeReader,
    /// Last sequence read.
    pub read: u64,
    /// The totals of ingest's facts.
    pub counter: Counter,
    /// Sequences of the command inbox that control has answered.
    pub commands: BTreeSet<u64>,
    /// Epochs by writer.
    pub epochs: BTreeMap<&'static str, u64>,
    /// Ids of submitted orders.
    pub orders: BTreeSet<String>,
    /// Invalid records that break no chain.
    pub invalid_records: u64,
    /// Forged records that break a writer's chain: sequence and writer.
    pub forged: Vec<(u64, Writer)>,
    answered: BTreeMap<Writer, (Offset, u32)>,
}

impl TapeTally {
    /// The counts of an empty tape.
    pub fn new(tape: impl Into<Lineage>) -> Self {
        Self {
            reader: TapeReader::new(tape),
            read: 0,
            counter: Counter::default(),
            commands: BTreeSet::new(),
            epochs: BTreeMap::new(),
            orders: BTreeSet::new(),
            invalid_records: 0,
            forged: Vec::new(),
            answered: BTreeMap::new(),
        }
    }

    /// Counts the next message of the tape.
    pub fn take(&mut self, seq: u64, message: &Message) -> Result<()> {
        self.read = seq;
        let is_hostile = header(message, MARK).is_some();
        let subject = TapeSubject::parse(0, self.reader.lineage().generation, &message.subject);
        match self.reader.read(seq, subject, &message.payload)? {
            TapeRead::Invalid { why, .. } if !is_hostile => {
                bail!("tape {seq}: a record of a machine is invalid: {why}")
            }
            TapeRead::Invalid { breaks_chain: true, writer: Some(writer), .. } => self.forged.push((seq, writer)),
            TapeRead::Invalid { .. } => self.invalid_records += 1,
            TapeRead::Record(_) if is_hostile => bail!("tape {seq}: a hostile record is valid"),
            TapeRead::Record(record) => {
                for entry in &record.entries {
                    self.event(seq, record.header.writer, entry.cause, entry.index, &entry.event)?;
                }
            }
        }
        Ok(())
    }

    fn event(&mut self, seq: u64, writer: Writer, cause: Offset, index: u32, event: &Event) -> Result<()> {
        if let Event::Epoch(_) = event {
            *self.epochs.entry(writer.as_str()).or_default() += 1;
            return Ok(());
        }
        if let Event::Progress(_) = event {
            return Ok(());
        }
        if let Some((last, last_index)) = self.answered.insert(writer, (cause, index))
            && (cause, index) <= (last, last_index)
        {
            bail!("tape {seq}: {writer} answers cause {cause} ({index}) after {last} ({last_index})");
        }
        match event {
            Event::Rejected(fact) => self.counter.reject(fact.reason),
            Event::RejectedMany(fact) => {
                self.counter.reject_many(fact.reason, fact.count);
                self.counter.gaps += fact.gaps;
            }
            Event::Gap(_) => self.counter.gaps += 1,
            Event::OrderSubmitted(fact) if !self.orders.insert(fact.order.id.to_string()) => {
                bail!("tape {seq}: order {} was submitted twice", fact.order.id)
            }
            fact => {
                if let Some((instrument, event)) = published(fact) {
                    self.counter.accept(instrument, &event.body);
                }
            }
        }
        if writer == Writer::Control {
            self.commands.insert(cause.seq);
        }
        Ok(())
    }
}
