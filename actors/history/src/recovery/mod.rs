//! Finds out what the streams of a partition lost, and which records of its tape can be trusted.

mod facts;
mod inbox;
mod tape;

use tapedeck_runtime::{Bus, BusError, database, witness};
use tapedeck_schemas::event::{CopiedRecords, LostMessages, TapeCreated};
use tapedeck_schemas::generation::{Generation, Lineage, StreamFamily};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::record::{RecordHash, Writer};
use tokio_postgres::Client;

use crate::error::HistoryError;
use facts::HeldCommands;
pub use facts::LostFacts;
use inbox::{InboxWalk, LackingInbox};
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
    /// The last record that can be trusted: every record up to it rests on messages that the inboxes hold. 0 if there
    /// is none.
    pub trusted: u64,
    /// What is lost: a sentence each; empty if nothing is.
    pub lost: Vec<String>,
    /// The facts that are lost.
    pub facts: LostFacts,
    /// The greatest sequence up to which a projection is complete.
    pub projected: u64,
    /// Whether the rows in Postgres are of an earlier generation of the tape.
    pub has_rows_of_earlier: bool,
    /// The rows of records up to this one are of the tape.
    agreed: u64,
}

impl Survey {
    /// Reads the tape, the inboxes and the progress of the projections of a partition.
    ///
    /// # Errors
    /// If the tape is that of another system, or is continued by a later generation.
    pub async fn gather(bus: &Bus, client: &Client, partition: u16) -> Result<Self, HistoryError> {
        let (rows_of, checkpoints) = database::checkpoints(client, partition).await?;
        let (found, fault) = first_record(bus, partition, rows_of).await?;
        let tape_stream = bus.generations().tape_stream(partition);
        let mut survey = Self {
            next: found.clone(),
            tape_last: bus.last_sequence(&tape_stream).await?,
            tape_stream,
            trusted: 0,
            lost: Vec::from_iter(fault),
            facts: LostFacts::default(),
            projected: checkpoints.iter().map(|checkpoint| checkpoint.seq).max().unwrap_or(0),
            has_rows_of_earlier: false,
            agreed: 0,
        };
        let mut is_sealed = false;
        match rows_of {
            Some((tape, generation)) if tape != found.tape => survey.lose_tape(&found, tape, generation)?,
            Some((_, generation)) if generation > found.generation => {
                survey.lose_later(bus, &found, generation).await?;
            }
            rows_of => {
                survey.has_rows_of_earlier = rows_of.is_some_and(|(_, generation)| generation < found.generation);
                if !survey.has_rows_of_earlier {
                    let compared = witness::compare_checkpoints(bus, &survey.tape_stream, &checkpoints).await?;
                    survey.agreed = if compared.mismatches.is_empty() { survey.projected } else { compared.agreed };
                    survey.lost.extend(compared.mismatches.iter().map(ToString::to_string));
                }
                is_sealed = survey.is_sealed(bus, &found).await?;
            }
        }
        let lineage = found.lineage();
        let commands = match survey.next.tape == found.tape {
            true => survey.walk(bus, &lineage).await?,
            false => survey.finish_inboxes(open_inboxes(bus, partition, &lineage).await?).await?,
        };
        if survey.lost.is_empty() && is_sealed {
            survey.lost.push(format!("{} is sealed, and no generation continues it", survey.tape_stream));
        }
        if !survey.lost.is_empty() {
            // Rows of an earlier generation were compared when this one was begun.
            let after = if survey.has_rows_of_earlier { u64::MAX } else { survey.trusted.min(survey.agreed) };
            survey.facts.add_rows(client, partition, after, &commands).await?;
        }
        survey.next.copied = survey.copies(bus, &lineage).await?;
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

    /// The rows are of a later generation: it is lost, or is the one that should be surveyed.
    async fn lose_later(&mut self, bus: &Bus, found: &TapeCreated, later: Generation) -> Result<(), HistoryError> {
        match bus.tape_of(found.partition, later).await {
            Err(error) if error.stop().is_some() => self.lost.push(format!("the rows in Postgres are of {error}")),
            Err(error) => return Err(error.into()),
            Ok(_) => {
                let later = StreamFamily::Tape.stream(found.partition, later);
                let found = &self.tape_stream;
                return Err(HistoryError::Range(format!(
                    "the rows in Postgres are of {later}, which continues {found}; give --generations {later}"
                )));
            }
        }
        self.next.generation = later;
        Ok(())
    }

    /// Whether the stream is sealed, and no generation continues it.
    ///
    /// # Errors
    /// If one does.
    async fn is_sealed(&self, bus: &Bus, found: &TapeCreated) -> Result<bool, HistoryError> {
        let stream = &self.tape_stream;
        if !bus.stream(stream).await?.cached_info().config.sealed {
            return Ok(false);
        }
        let mut number = found.generation;
        while let Some(next) = number.get().checked_add(1).and_then(Generation::new) {
            number = next;
            let later = StreamFamily::Tape.stream(found.partition, number);
            if bus.find_stream(&later).await?.is_none() {
                break;
            }
            if bus.tape_of(found.partition, number).await.is_ok_and(|tape| tape.tape == found.tape) {
                let why = format!("{stream} is sealed, and {later} continues it; give --generations {later}");
                return Err(HistoryError::Range(why));
            }
        }
        Ok(true)
    }

    /// The stream holds another tape than the one that is projected: nothing of the latter is left.
    fn lose_tape(&mut self, found: &TapeCreated, tape: TapeId, generation: Generation) -> Result<(), HistoryError> {
        let Self { tape_stream, tape_last, .. } = self;
        if *tape_last > 1 {
            return Err(HistoryError::Range(format!(
                "{tape_stream} holds {tape_last} records of tape {}, but the rows in Postgres are of tape {tape}: \
                 compare --nats-url and --database-url with those of the groups. If both are right, and tape {} is not \
                 in use, delete the stream, run `tapedeck provision`, and repeat",
                found.tape, found.tape
            )));
        }
        let number = generation.get();
        self.lost.push(format!(
            "{tape_stream} holds no record of tape {tape}, generation {number}, of which the rows in Postgres are"
        ));
        self.next = TapeCreated { tape, generation, copied: Vec::new(), lost: Vec::new(), ..found.clone() };
        Ok(())
    }

    /// Reads the tape with the inboxes beside it.
    async fn walk(&mut self, bus: &Bus, lineage: &Lineage) -> Result<HeldCommands, HistoryError> {
        let partition = self.next.partition;
        let mut walk = TapeWalk::open(bus, partition, lineage, self.tape_last);
        let mut inboxes = open_inboxes(bus, partition, lineage).await?;
        let mut is_trusted = true;
        while let Some(record) = walk.next().await? {
            let inbox = inboxes.iter_mut().find(|inbox| inbox.reader == record.header.writer);
            if let (Some(inbox), Some(last)) = (inbox, record.entries.last()) {
                match is_trusted {
                    true => is_trusted = inbox.compare(record.header.inbox, last.cause).await?,
                    false => inbox.discard(record.header.inbox, last.cause),
                }
            }
            match is_trusted {
                true => {
                    self.trusted = record.seq;
                    if record.seq > self.agreed {
                        self.facts.hold(record.seq, &record.entries);
                    }
                }
                false => self.facts.discard(record.seq, &record.entries),
            }
        }
        if let Some(fault) = &walk.fault {
            self.lost.push(format!("{} ends the readable part of {}: {fault}", walk.last + 1, self.tape_stream));
        }
        if is_trusted {
            self.trusted = walk.last; // invalid records at the end are copied as well
        }
        while let Some((seq, entries)) = walk.next_unchecked().await? {
            self.facts.discard(seq, &entries);
        }
        self.finish_inboxes(inboxes).await
    }

    /// Reads the rest of the inboxes; what that of commands holds.
    async fn finish_inboxes(&mut self, inboxes: Vec<InboxWalk>) -> Result<HeldCommands, HistoryError> {
        let mut held = HeldCommands { lost: 0..=0, held: 0 };
        for inbox in inboxes {
            let is_control = inbox.reader == Writer::Control;
            let LackingInbox { sentences, missing, commands } = inbox.finish().await?;
            self.lost.extend(sentences);
            self.next.lost.extend(missing);
            if is_control {
                held = commands;
            }
        }
        self.next.lost = joined(std::mem::take(&mut self.next.lost));
        Ok(held)
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

/// The first record of the tape. If the stream has lost it, one with the identity that the rows have, and the loss.
async fn first_record(
    bus: &Bus,
    partition: u16,
    rows_of: Option<(TapeId, Generation)>,
) -> Result<(TapeCreated, Option<String>), HistoryError> {
    let error = match bus.tape(partition).await {
        Ok(found) => return Ok((found, None)),
        Err(error) => error,
    };
    let (BusError::LostBeginning { .. }, Some((tape, _))) = (&error, rows_of) else { return Err(error.into()) };
    let inbox = bus.stream(&bus.generations().inbox_stream(partition)).await?;
    let placement = inbox.cached_info().config.subjects.clone();
    let generation = bus.generations().tape(partition);
    let found = TapeCreated { generation, ..TapeCreated::first(tape, partition, placement) };
    Ok((found, Some(error.to_string())))
}

async fn open_inboxes(bus: &Bus, partition: u16, lineage: &Lineage) -> Result<Vec<InboxWalk>, HistoryError> {
    let mut inboxes = Vec::new();
    for (reader, inbox) in tapedeck_groups::inboxes() {
        inboxes.push(InboxWalk::open(bus, partition, lineage, reader, inbox).await?);
    }
    Ok(inboxes)
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
