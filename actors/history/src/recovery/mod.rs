//! Finds out what the streams of a partition lost, and which records of its tape can be trusted.

mod inbox;
mod tape;

use std::collections::BTreeMap;

use tapedeck_kernel::TapeRecord;
use tapedeck_runtime::{Bus, BusError, database, witness};
use tapedeck_schemas::event::{CopiedRecords, LostMessages, TapeCreated};
use tapedeck_schemas::generation::{Generation, Lineage, StreamFamily};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::record::RecordHash;
use tokio_postgres::Client;

use crate::error::HistoryError;
use inbox::InboxWalk;
use tape::TapeWalk;

/// What the streams and the database of a partition hold, and what they lack.
#[derive(Debug)]
pub struct Survey {
    /// The first fact of the next generation of the tape, but for its number.
    pub next: TapeCreated,
    /// Name of the stream that holds the records to copy.
    pub tape_stream: String,
    /// The last sequence of that stream.
    pub tape_last: u64,
    /// The last record that can be trusted: every record up to it rests on messages that the inboxes hold. 0 if the
    /// stream holds another tape.
    pub trusted: u64,
    /// What is lost: a sentence each; empty if nothing is.
    pub lost: Vec<String>,
    /// The facts of the records after the last trusted one that the tape still holds, by kind.
    pub discarded: BTreeMap<&'static str, u64>,
    /// The orders among them, and the orders that the rows in Postgres know from lost records.
    pub orders: Vec<LostOrder>,
    /// The greatest sequence up to which a projection is complete.
    pub projected: u64,
    /// Whether the rows in Postgres are of an earlier generation of the tape.
    pub has_rows_of_earlier: bool,
}

/// An order of which facts are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostOrder {
    /// The order.
    pub id: String,
    /// The lost facts about it, in order: kind and detail.
    pub facts: Vec<String>,
}

impl Survey {
    /// Reads the tape, the inboxes and the progress of the projections of a partition.
    pub async fn gather(bus: &Bus, client: &Client, partition: u16) -> Result<Self, HistoryError> {
        let generations = bus.generations();
        let tape_stream = generations.tape_stream(partition);
        let (rows_of, checkpoints) = database::checkpoints(client, partition).await?;
        let found = bus.tape(partition).await?;
        let mut survey = Self {
            next: found.clone(),
            tape_last: bus.last_sequence(&tape_stream).await?,
            tape_stream,
            trusted: 0,
            lost: Vec::new(),
            discarded: BTreeMap::new(),
            orders: Vec::new(),
            projected: checkpoints.iter().map(|checkpoint| checkpoint.seq).max().unwrap_or(0),
            has_rows_of_earlier: false,
        };
        match rows_of {
            Some((tape, generation)) if tape != found.tape => survey.lose_tape(&found, tape, generation),
            Some((_, generation)) if generation > found.generation => {
                survey.lose_later(bus, &found, generation).await?;
                survey.walk(bus, &found.lineage()).await?;
            }
            rows_of => {
                survey.has_rows_of_earlier = rows_of.is_some_and(|(_, generation)| generation < found.generation);
                survey.walk(bus, &found.lineage()).await?;
                if !survey.has_rows_of_earlier {
                    let mismatches = witness::mismatches(bus, &survey.tape_stream, &checkpoints).await?;
                    survey.lost.extend(mismatches.iter().map(ToString::to_string));
                }
            }
        }
        if !survey.lost.is_empty() && survey.trusted < survey.projected {
            survey.lost_rows(client, partition).await?;
        }
        survey.next.copied = survey.copies(bus, &found.lineage()).await?;
        Ok(survey)
    }

    /// Whether a new generation of the tape has to be begun.
    pub fn needs_generation(&self) -> bool {
        !self.lost.is_empty()
    }

    /// What has to be done; `None` if nothing is lost.
    pub fn needs(&self) -> Option<&'static str> {
        match (self.needs_generation(), self.has_rows_of_earlier) {
            (true, _) => Some("begin a new generation of the tape, and rebuild the read models"),
            (false, true) => Some("rebuild the read models"),
            (false, false) => None,
        }
    }

    /// The rows are of a later generation: its stream is lost, or is the one that should be surveyed.
    async fn lose_later(&mut self, bus: &Bus, found: &TapeCreated, later: Generation) -> Result<(), HistoryError> {
        let stream = StreamFamily::Tape.stream(found.partition, later);
        if bus.find_stream(&stream).await?.is_some() {
            return Err(HistoryError::Range(format!(
                "{} is generation {} of the tape, but the rows in Postgres are of {later}; set --generations to the \
                 generation in use",
                self.tape_stream, found.generation
            )));
        }
        self.lost.push(format!("{stream}, of which the rows in Postgres are, does not exist"));
        self.next.generation = later;
        Ok(())
    }

    /// The stream holds another tape than the one that is projected: nothing of the latter is left.
    fn lose_tape(&mut self, found: &TapeCreated, tape: TapeId, generation: Generation) {
        self.lost.push(format!(
            "{} holds tape {}, but the rows in Postgres are of tape {tape} (generation {generation}), of which no \
             record is left; if the stream is that of another system, correct the address instead",
            self.tape_stream, found.tape
        ));
        self.next = TapeCreated { tape, generation, copied: Vec::new(), lost: Vec::new(), ..found.clone() };
    }

    /// Reads the tape with the inboxes beside it.
    async fn walk(&mut self, bus: &Bus, lineage: &Lineage) -> Result<(), HistoryError> {
        let partition = self.next.partition;
        let mut walk = TapeWalk::open(bus, partition, lineage, self.tape_last);
        let mut inboxes = Vec::new();
        for (reader, inbox) in tapedeck_groups::inboxes() {
            inboxes.push(InboxWalk::open(bus, partition, lineage, reader, inbox).await?);
        }
        let mut is_trusted = true;
        while let Some(record) = walk.next().await? {
            let inbox = inboxes.iter_mut().find(|inbox| inbox.reader == record.header.writer);
            if let (true, Some(inbox), Some(last)) = (is_trusted, inbox, record.entries.last())
                && let Some(why) = inbox.compare(record.header.inbox, last.cause).await
            {
                self.lost.push(format!("{}: {why}", lineage.print_record(partition, record.seq)));
                is_trusted = false;
            }
            match is_trusted {
                true => self.trusted = record.seq,
                false => self.discard(&record),
            }
        }
        if let Some(fault) = walk.fault {
            self.lost.push(format!("{} ends the readable part of {}: {fault}", walk.last + 1, self.tape_stream));
        }
        if is_trusted {
            self.trusted = walk.last; // invalid records at the end are copied as well
        }
        for inbox in inboxes {
            let (stream, missing) = inbox.finish().await;
            let sentence = |lost: &LostMessages| format!("{stream} lost its messages {} to {}", lost.first, lost.last);
            self.lost.extend(missing.iter().map(sentence));
            self.next.lost.extend(missing);
        }
        self.next.lost = joined(std::mem::take(&mut self.next.lost));
        Ok(())
    }

    fn discard(&mut self, record: &TapeRecord) {
        for entry in &record.entries {
            *self.discarded.entry(entry.event.kind().name()).or_default() += 1;
            if let Some(order) = entry.event.about().order {
                self.lose_order(order.to_string(), entry.event.kind().name().into());
            }
        }
    }

    fn lose_order(&mut self, id: String, fact: String) {
        match self.orders.iter_mut().find(|order| order.id == id) {
            Some(order) => order.facts.push(fact),
            None => self.orders.push(LostOrder { id, facts: vec![fact] }),
        }
    }

    /// The orders that the rows know from records after the trusted ones, unless the tape has them.
    async fn lost_rows(&mut self, client: &Client, partition: u16) -> Result<(), HistoryError> {
        let read = "SELECT order_id, kind, detail FROM tapedeck.order_events \
                    WHERE partition = $1 AND seq > $2 ORDER BY seq, index";
        let after = i64::try_from(self.trusted).unwrap_or(i64::MAX);
        for row in client.query(read, &[&i64::from(partition), &after]).await? {
            let (id, kind, detail): (&str, &str, Option<&str>) = (row.get(0), row.get(1), row.get(2));
            let fact = format!("{kind} {}", detail.unwrap_or_default());
            if !self.orders.iter().any(|order| order.id == id && order.facts.iter().any(|known| known == kind)) {
                self.lose_order(id.into(), fact.trim_end().into());
            }
        }
        Ok(())
    }

    /// The copies that the next generation begins with.
    async fn copies(&self, bus: &Bus, lineage: &Lineage) -> Result<Vec<CopiedRecords>, HistoryError> {
        let mut copied = self.next.copied.clone();
        copied.retain(|copied| copied.last <= self.trusted);
        let is_own = copied.last().is_none_or(|copied| copied.last < self.trusted) && self.trusted > 1;
        if is_own {
            let missing = || BusError::request(format!("reading {}", self.tape_stream), "a record is missing");
            let message = bus.message(&self.tape_stream, self.trusted).await?.ok_or_else(missing)?;
            let hash = RecordHash::of(&message.payload);
            copied.push(CopiedRecords { generation: lineage.generation_of(self.trusted), last: self.trusted, hash });
        }
        Ok(copied)
    }
}

/// The ranges in order, with those that touch each other as one.
fn joined(mut lost: Vec<LostMessages>) -> Vec<LostMessages> {
    lost.sort_by_key(|lost| (lost.reader as u8, lost.generation, lost.first));
    let mut joined: Vec<LostMessages> = Vec::new();
    for next in lost {
        match joined.last_mut() {
            Some(last)
                if (last.reader, last.generation) == (next.reader, next.generation) && last.last + 1 >= next.first =>
            {
                last.last = last.last.max(next.last)
            }
            _ => joined.push(next),
        }
    }
    joined
}
