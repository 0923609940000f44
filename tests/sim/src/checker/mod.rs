//! The checker of a simulated run: rules that hold after every step, written from the design and not from the driver.
//!
//! Its inputs are the stored messages with their authors, and the reports of nodes, publishers and the projector. It
//! keeps its own folds and never reads the state of a driver. Each message is processed once, when stored. Each rule
//! has a name ([`Rule`]) and a test that violates it. The kernel's [`Invariants`] are evaluated over the facts as well.

mod answers;
mod claims;
mod commands;
mod database;
mod inboxes;
mod invalid_records;
mod losses;
mod market_facts;
mod orders;
mod ownership;
mod publications;
mod reading;
mod rules;
mod streams;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use tapedeck_kernel::invariants::{self, InvariantId, Invariants};
use tapedeck_kernel::{Fact, Inbox, Reads};
use tapedeck_projections::Rows;
use tapedeck_schemas::event::{CancelRejected, CancelRejection, Event, TapeCreated};
use tapedeck_schemas::ids::{InstrumentId, OrderId};
use tapedeck_schemas::market::MarketEvent;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, Header, Writer};

pub use losses::{Loss, LostMessages, Place, Survivor};
pub use rules::{Rule, Violation};
pub use streams::Author;

use crate::message::Message;
use crate::paper::{self, PaperFaults, order_of};
use answers::Answers;
use rules::Checks;
use streams::Stream;

/// The rules of one run, and the folds that they need.
pub struct Checker {
    created: TapeCreated,
    checks: Checks,
    streams: streams::Streams,
    reading: reading::Reading,
    ownership: ownership::Ownership,
    invariants: Invariants,
    answers: Vec<Answers>,
    invalid_records: invalid_records::InvalidRecords,
    publications: publications::Publications,
    commands: commands::Commands,
    market_facts: market_facts::MarketFacts,
    orders: orders::Orders,
    database: database::Database,
    repeats: Repeats,
    /// A loss of messages, after which only its own rules are checked.
    losses: Option<losses::Losses>,
}

/// The reports of a simulated exchange that repeats some.
#[derive(Default)]
struct Repeats {
    paper_faults: PaperFaults,
    reports: BTreeSet<String>,
}

impl Repeats {
    /// The fact for the invariants. A repeated report is an intended fault, so a fact without effect replaces it. The
    /// facts that other writers append on it are checked.
    fn without_repeats<'a>(&mut self, entry: &'a Entry) -> Cow<'a, Entry> {
        let is_twice = order_of(&entry.event).is_some_and(|order| self.paper_faults.twice(&order));
        if !is_twice || self.reports.insert(format!("{:?}", entry.event)) {
            return Cow::Borrowed(entry);
        }
        let (order, instrument) = (
            OrderId::default(),
            InstrumentId { venue: "none".parse().expect("a name"), symbol: "none".parse().expect("a name") },
        );
        let event = CancelRejected { order, instrument, reason: CancelRejection::NotWorking }.into();
        Cow::Owned(Entry { event, ..entry.clone() })
    }
}

impl Checker {
    /// The rules of a run on this tape.
    pub fn new(tape: TapeCreated) -> Self {
        let answers = tapedeck_groups::machines(&tape).into_iter().map(Answers::new).collect();
        let partition = tape.partition;
        Self {
            created: tape,
            checks: Checks::default(),
            streams: streams::Streams::new(partition),
            reading: reading::Reading::default(),
            ownership: ownership::Ownership::default(),
            invariants: Invariants::new(),
            answers,
            invalid_records: invalid_records::InvalidRecords::default(),
            publications: publications::Publications::default(),
            commands: commands::Commands::default(),
            market_facts: market_facts::MarketFacts::default(),
            orders: orders::Orders::default(),
            database: database::Database::new(partition),
            repeats: Repeats::default(),
            losses: None,
        }
    }

    /// The same, for a simulated exchange with faults.
    pub fn with_paper_faults(mut self, paper_faults: PaperFaults) -> Self {
        self.answers = paper::machines(&self.created, paper_faults).into_iter().map(Answers::new).collect();
        self.repeats.paper_faults = paper_faults;
        self
    }

    /// A message was stored; called once for each, per stream in order of sequence.
    pub fn stored(&mut self, stream: &str, message: &Message, author: Author) -> Result<(), Violation> {
        if self.losses.is_some() {
            return self.stored_after_loss(stream, message, author);
        }
        match self.streams.stored(stream, message, author, &mut self.checks)? {
            Stream::Tape => self.on_tape(message, author),
            Stream::Inbox => self.in_inbox(message, author),
            Stream::Command => {
                self.commands.stored(message);
                self.add_message(Inbox::Command, message);
                Ok(())
            }
            Stream::Other => Ok(()),
        }
    }

    /// The beginning of a stream was purged.
    pub fn trimmed(&mut self, stream: &str) {
        if self.streams.is_inbox(stream) {
            self.publications.trimmed();
        }
    }

    /// A publisher intends to publish item `n` (from 1) of its session on this subject. Called in order, before the
    /// item is sent for the first time.
    pub fn intended(&mut self, subject: &str, session: &str, n: u64, event: &MarketEvent) -> Result<(), Violation> {
        if self.losses.is_some() {
            return Ok(());
        }
        self.publications.intended((subject, session), n, event, &mut self.checks)
    }

    /// A publisher takes its items up to `n` for stored.
    pub fn acknowledged(&mut self, subject: &str, session: &str, n: u64) -> Result<(), Violation> {
        if self.losses.is_some() {
            return Ok(());
        }
        self.publications.acknowledged((subject, session), n, &mut self.checks)
    }

    /// The projector has committed the tape up to `seq`. All rows are compared if `seq` is the same as before, which
    /// must occur once before [`Checker::finish`].
    pub fn projected(&mut self, seq: u64, tables: &BTreeMap<&'static str, Rows>) -> Result<(), Violation> {
        if self.losses.is_some() {
            return Ok(());
        }
        self.database.projected(seq, self.streams.tape_last(), tables, &mut self.checks)
    }

    /// The end of a run at rest without faults: all inputs are answered, all orders finished, all records projected.
    pub fn finish(&mut self) -> Result<(), Violation> {
        self.publications.finish(&mut self.checks)?;
        self.market_facts.finish(&self.publications, &mut self.checks)?;
        self.orders.finish(&mut self.checks)?;
        for answers in &self.answers {
            answers.finish(&mut self.checks)?;
        }
        self.invalid_records.finish(&mut self.checks)?;
        of_invariants(self.invariants.finish())?;
        self.database.finish(&mut self.checks)
    }

    /// How often each rule was evaluated.
    pub fn checked(&self) -> BTreeMap<&'static str, u64> {
        let invariants = self.invariants.checked().into_iter().map(|(id, count)| (InvariantId::name(id), count));
        self.checks.counts().into_iter().chain(invariants).collect()
    }

    fn in_inbox(&mut self, message: &Message, author: Author) -> Result<(), Violation> {
        for (at, item) in self.publications.stored(message, author, &mut self.checks)? {
            self.market_facts.waits(at, item);
        }
        self.add_message(Inbox::Market, message);
        Ok(())
    }

    fn add_message(&mut self, inbox: Inbox, message: &Message) {
        for answers in &mut self.answers {
            answers.message(inbox, message);
        }
    }

    fn on_tape(&mut self, message: &Message, author: Author) -> Result<(), Violation> {
        let (seq, writer) = (message.seq, self.streams.writer_of(&message.subject));
        let read = self.reading.classify(seq, writer, &message.payload, author, &mut self.checks)?;
        self.check_first(seq, author, read.as_ref())?;
        let last = writer.and_then(|writer| self.streams.last_of.insert(writer, seq)).unwrap_or(0);
        let Some((header, entries)) = read else {
            self.invalid_records.found(seq, writer);
            return Ok(());
        };
        if let Author::Node(node) = author {
            ownership::Ownership::fence(message, last, node, &mut self.checks)?;
            self.ownership.record(node, seq, &header, &entries, &mut self.checks)?;
        }
        self.check_facts(seq, &header, &entries)?;
        if let Author::Node(node) = author {
            self.check_invalid_records(node, header.writer, seq, last, &entries)?;
        }
        self.database.record(seq, header.writer, message.stamp, entries);
        Ok(())
    }

    fn check_first(&mut self, seq: u64, author: Author, read: Option<&(Header, Vec<Entry>)>) -> Result<(), Violation> {
        if seq != 1 {
            return Ok(());
        }
        let first = read.and_then(|(_, entries)| entries.first()).map(|entry| &entry.event);
        let created = matches!(first, Some(Event::TapeCreated(created)) if *created == self.created);
        self.checks.check(Rule::TapeBeginsAsCreated, created && author == Author::Keeper, || {
            format!("{author:?} begins the tape with {first:?}, expected {:?}", self.created)
        })
    }

    /// Checks the facts of a valid record.
    fn check_facts(&mut self, seq: u64, header: &Header, entries: &[Entry]) -> Result<(), Violation> {
        let &Header { writer, inbox, .. } = header;
        if writer == Writer::Ingest {
            entries.iter().try_for_each(|entry| self.market_facts.fact(entry, &self.publications, &mut self.checks))?;
        }
        if writer == Writer::Control {
            entries.iter().try_for_each(|entry| self.commands.fact(entry, &mut self.checks))?;
        }
        let to_input = |entry: &Entry| match &entry.event {
            Event::Epoch(_) | Event::Progress(_) => None,
            event => Some(Fact { writer, at: entry.at, event: event.clone() }),
        };
        let facts: Vec<Option<Fact>> = entries.iter().map(to_input).collect();
        for answers in &mut self.answers {
            if answers.writer == writer {
                answers.record(seq, inbox, entries, &mut self.checks)?;
            }
            answers.facts(seq, &facts);
        }
        for (index, entry) in (0..).zip(entries) {
            let offset = Offset::new(seq, index);
            let entry = &*self.repeats.without_repeats(entry);
            let inbox = header.inbox_generation();
            of_invariants(self.invariants.observe(&invariants::TapeFact { offset, writer, inbox, entry }))?;
            self.orders.fact(offset, entry);
        }
        Ok(())
    }

    fn check_invalid_records(
        &mut self,
        node: u64,
        writer: Writer,
        seq: u64,
        fence: u64,
        entries: &[Entry],
    ) -> Result<(), Violation> {
        let reads_tape = |answers: &Answers| answers.writer == writer && matches!(answers.reads, Reads::Tape(_));
        let reads_tape = self.answers.iter().any(reads_tape);
        let read = entries.iter().map(|entry| entry.cause.seq).max().filter(|_| reads_tape);
        self.invalid_records.appended(invalid_records::Append { node, writer, seq, fence, read }, &mut self.checks)
    }
}

/// The first violation of the kernel's invariants.
fn of_invariants(found: Vec<invariants::Violation>) -> Result<(), Violation> {
    match found.into_iter().next() {
        None => Ok(()),
        Some(first) => Err(Violation { rule: first.id.name(), detail: format!("{}: {}", first.offset, first.detail) }),
    }
}
