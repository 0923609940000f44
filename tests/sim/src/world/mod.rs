//! One run: its processes, broker and database, and the schedule that draws the next event. A file for each kind of
//! event.

mod aftermath;
mod checking;
mod delivery;
mod faults;
mod groups;
mod healing;
mod loss;
mod projecting;
mod publishing;

use std::collections::BTreeMap;

use tapedeck_schemas::event::{Event, TapeCreated};
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::ids::{OrderId, TapeId};
use tapedeck_schemas::record::{self, Writer};
use tapedeck_schemas::subject::{self, MarketKind, TapeSubject};

use crate::broker::{Arrived, Broker, StreamConfig};
use crate::checker::{Author, Checker, Violation};
use crate::database::{Database, Projector};
use crate::faults::{CrashPoint, Fault, Happened};
use crate::market::{INSTRUMENTS, Operators, Walk};
use crate::message::{Headers, Message, Publish};
use crate::network::Network;
use crate::paper::{PaperFaults, order_of};
use crate::process::Process;
use crate::publisher::{Items, Publisher};
use crate::random::Random;
use crate::settings::Settings;
use loss::LossPlan;

/// The stream of the tape.
pub const TAPE: &str = "TAPE_0_G1";
/// The inbox of ingest.
pub const INBOX: &str = "INBOX_0_G1";
/// The inbox of control.
pub const COMMAND: &str = "COMMAND_0_G1";
const STREAMS: [&str; 3] = [TAPE, INBOX, COMMAND];

/// A header that only the checker reads: the sender of a message.
const AUTHOR: &str = "Sim-Author";
/// The broker's clock at the start of a run, ns: 5 s before a full minute, at which sums of rejections are due.
const BEGIN_NS: u64 = 1_767_571_195_000_000_000;
const MS: u64 = 1_000_000;

/// A violated rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("step {step}: {rule}: {detail}")]
pub struct Failure {
    /// The name of the rule.
    pub rule: String,
    /// What was expected and what was found.
    pub detail: String,
    /// The step of the run.
    pub step: u64,
}

/// The state of one run.
pub struct World {
    settings: Settings,
    created: TapeCreated,
    paper_faults: PaperFaults,
    broker: Broker,
    network: Network,
    database: Database,
    checker: Checker,
    processes: Vec<Process>,
    publishers: Vec<Publisher>,
    projectors: Vec<Projector>,
    walks: Vec<Walk>,
    /// How far each publisher's clock is ahead, ns.
    skews: Vec<i64>,
    items_left: u64,
    operators: Operators,
    /// Orders on the tape that operators may cancel.
    orders: Vec<OrderId>,
    /// The messages that were purged from the beginning of a stream, until they are restored.
    trimmed: BTreeMap<&'static str, Vec<Message>>,
    /// The last sequence of each stream that the checker was given.
    checked_to: BTreeMap<&'static str, u64>,
    /// The state of each machine when it was drained at the end.
    drained: BTreeMap<Writer, String>,
    schedule: Random,
    /// A stream for each fault, so that a run without one fault draws the same for the others.
    chances: BTreeMap<Fault, Random>,
    step: u64,
    now: u64,
    /// Monotonic clock of the processes, ns.
    clock: u64,
    uids: u64,
    healing: bool,
    /// The loss of messages that ends the run, if there is one.
    loss: Option<LossPlan>,
    loss_happened: bool,
    /// The copy of the database that it is restored from after the loss.
    old_database: Option<Database>,
    witness_is_away: bool,
    happened: Happened,
    trace: bool,
}

impl World {
    /// A run before its first step.
    pub fn new(settings: Settings, trace: bool) -> Self {
        let seed = settings.seed;
        let mut tape = [0; 16];
        tape[..8].copy_from_slice(&seed.to_be_bytes());
        let created = TapeCreated::first(TapeId(tape), 0, vec!["md.>".into()]);
        let paper_faults =
            PaperFaults { twice: settings.rate(Fault::PaperTwice), never: settings.rate(Fault::PaperNever) };
        let checker = Checker::new(created.clone()).with_paper_faults(paper_faults);
        let stream = |name: &str, subjects: &[&str]| StreamConfig {
            name: name.into(),
            subjects: subjects.iter().map(|subject| subject.to_string()).collect(),
            max_bytes: None,
            max_messages: None,
            max_message_bytes: Some(266_240),
            duplicate_window: 100 * MS,
        };
        let streams = vec![stream(TAPE, &["tape.0.g1.*"]), stream(INBOX, &["md.>"]), stream(COMMAND, &["cmd.0.>"])];
        Self {
            broker: Broker::new(settings.replicas, streams),
            network: Network::default(),
            database: Database::default(),
            checker,
            processes: Vec::new(),
            publishers: Vec::new(),
            projectors: Vec::new(),
            walks: INSTRUMENTS.iter().map(|instrument| Walk::new(seed, instrument)).collect(),
            skews: vec![0; INSTRUMENTS.len()],
            items_left: settings.items,
            operators: Operators::new(seed),
            orders: Vec::new(),
            trimmed: BTreeMap::new(),
            checked_to: BTreeMap::new(),
            drained: BTreeMap::new(),
            schedule: Random::of(seed, "schedule"),
            chances: Fault::ALL.iter().map(|fault| (*fault, Random::of(seed, fault.as_str()))).collect(),
            step: 0,
            now: BEGIN_NS,
            clock: 0,
            uids: 0,
            healing: false,
            loss: LossPlan::of(&settings),
            loss_happened: false,
            old_database: None,
            witness_is_away: false,
            happened: Happened::default(),
            created,
            paper_faults,
            settings,
            trace,
        }
    }

    /// Runs the random steps. Then either repairs all faults and checks that all work is finished, or loses messages
    /// and checks who stops.
    pub fn run(mut self) -> (Result<(), Failure>, Happened) {
        let result = self.begin().and_then(|()| self.live()).and_then(|()| match self.loss.take() {
            Some(loss) => self.lose(loss),
            None => self.heal(),
        });
        self.count_events();
        for (rule, checked) in self.checker.checked() {
            self.happened.add(rule, checked);
        }
        (result, self.happened)
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.put_first_record();
        let is_late = self.settings.rate(Fault::PaperLate) > 0 && self.random_of(Fault::PaperLate).one_in(2);
        if is_late {
            self.count(Fault::PaperLate);
        }
        for command in Operators::setup(is_late) {
            let subject = subject::command_subject(0, command.request.verb());
            self.put(subject, named([(AUTHOR, "operator".into())]), command.encode());
        }
        for writer in tapedeck_groups::writers() {
            self.start(writer, true);
        }
        for index in 0..self.walks.len() {
            let (uid, walk) = (self.uid(), &self.walks[index]);
            let subject = subject::market_subject(&walk.instrument, MarketKind::Batch);
            self.publishers.push(Publisher::new(uid, subject, walk.session(), Items::Market(Vec::new())));
        }
        self.check_stored()
    }

    /// Appends the first record of the tape, as the keeper does.
    fn put_first_record(&mut self) {
        let record = self.created.first_record();
        let headers = named([(AUTHOR, "keeper".into())]);
        self.put(subject::tape_subject(0, Generation::FIRST, Writer::Keeper), headers, record);
    }

    fn live(&mut self) -> Result<(), Failure> {
        let steps = self.loss.as_ref().map_or(self.settings.steps, |loss| loss.step);
        let copy_step = self.loss.as_ref().and_then(|loss| loss.copy_step);
        while self.step < steps {
            if copy_step == Some(self.step) {
                self.old_database = Some(self.database.copy());
            }
            self.step += 1;
            let elapsed = MS * self.schedule.between(1, 10);
            self.now += elapsed;
            self.clock += 4 * elapsed;
            self.act()?;
            self.check_stored()?;
        }
        Ok(())
    }

    /// Draws and executes one event.
    fn act(&mut self) -> Result<(), Failure> {
        match self.schedule.below(100) {
            0..24 => self.feed_any(),
            24..44 => self.shell_any(),
            44..56 => self.deliver_out(),
            56..64 => self.agree_any(),
            64..78 => self.deliver_back(),
            78..86 => self.publish_any(),
            86..90 => self.new_item(),
            90 => self.new_command(),
            91..95 => self.project_any(),
            95..98 => self.start_any(),
            _ => self.inject_or_repair(),
        }
    }

    fn uid(&mut self) -> u64 {
        self.uids += 1;
        self.uids
    }

    /// The random numbers of a fault.
    fn random_of(&mut self, fault: Fault) -> &mut Random {
        self.chances.get_mut(&fault).expect("each fault has a stream")
    }

    /// Whether a fault occurs now.
    fn occurs(&mut self, fault: Fault) -> bool {
        let rate = self.settings.rate(fault);
        !self.healing && self.random_of(fault).one_in(rate)
    }

    fn count(&mut self, fault: Fault) {
        self.log(|| format!("fault: {}", fault.as_str()));
        self.happened.count(fault.as_str());
    }

    /// Whether a process crashes at this point.
    fn crashes_at(&mut self, at: CrashPoint) -> bool {
        let rate = self.settings.rate(Fault::Crash);
        let crashes = !self.healing && self.random_of(Fault::Crash).one_in(rate * 8);
        if crashes {
            self.count(Fault::Crash);
            self.log(|| format!("crash at {}", at.as_str()));
            self.happened.count(at.as_str());
        }
        crashes
    }

    fn log(&self, what: impl FnOnce() -> String) {
        if self.trace {
            eprintln!("{:>5} tape {:>4} | {}", self.step, self.broker.last_seq(TAPE), what());
        }
    }

    fn failure(&self, rule: &str, detail: String) -> Failure {
        Failure { rule: rule.into(), detail, step: self.step }
    }

    fn checked(&self, result: Result<(), Violation>) -> Result<(), Failure> {
        result.map_err(|violation| self.failure(violation.rule, violation.detail))
    }

    /// Publishes a message without faults.
    fn put(&mut self, subject: String, headers: Headers, payload: Vec<u8>) {
        let stream = self.broker.stream_of(&subject).map(str::to_string);
        let arrived = self.broker.publish(self.now, Publish { subject, headers, payload: payload.into() });
        if let (Arrived::Proposed(_), Some(stream)) = (arrived, stream) {
            while let Some((ticket, reply)) = self.broker.agree(self.now, &stream) {
                self.network.agreed(ticket, reply);
            }
        }
    }

    /// Gives the checker the messages stored since the last call.
    fn check_stored(&mut self) -> Result<(), Failure> {
        for stream in STREAMS {
            let mut seq = self.checked_to.get(stream).copied().unwrap_or(0);
            while seq < self.broker.last_seq(stream) {
                seq += 1;
                let Some(message) = self.broker.get(stream, seq) else { continue };
                let author = author(message);
                if self.trace {
                    eprintln!("{:>5} {stream} {seq} on {} by {author:?}", self.step, message.subject);
                    let entries = record::decode(&message.payload).map(|(_, entries)| entries).unwrap_or_default();
                    entries.iter().for_each(|entry| eprintln!("{:>22} <- {} {:?}", "", entry.cause, entry.event));
                }
                let result = self.checker.stored(stream, message, author);
                self.checked(result)?;
            }
            self.checked_to.insert(stream, seq);
        }
        Ok(())
    }

    /// Counts the kinds of the facts on the tape, for the coverage of a campaign.
    fn count_events(&mut self) {
        for seq in 1..=self.broker.last_seq(TAPE) {
            let Some(message) = self.broker.get(TAPE, seq) else { continue };
            let entries = record::decode(&message.payload).map(|(_, entries)| entries).unwrap_or_default();
            for entry in &entries {
                self.happened.count(entry.event.kind().name());
                self.count_paper_faults(&entry.event);
            }
            self.happened.add("events", entries.len() as u64);
        }
        self.happened.add("steps", self.step);
    }

    /// Counts the orders that are subject to faults of the simulated exchange.
    fn count_paper_faults(&mut self, event: &Event) {
        match event {
            Event::OrderSubmitted(sent) if self.paper_faults.never(&sent.order.id) => self.count(Fault::PaperNever),
            Event::OrderSubmitted(_) => {}
            event if order_of(event).is_some_and(|order| self.paper_faults.twice(&order)) => {
                self.count(Fault::PaperTwice)
            }
            _ => {}
        }
    }
}

/// Headers from names and values.
fn named(pairs: impl IntoIterator<Item = (&'static str, String)>) -> Headers {
    let mut headers = Headers::default();
    for (name, value) in pairs {
        match name {
            "Nats-Msg-Id" => headers.message_id = Some(value),
            "Nats-Expected-Last-Subject-Sequence" => headers.expected_last_subject_sequence = value.parse().ok(),
            "Nats-Expected-Last-Sequence" => headers.expected_last_sequence = value.parse().ok(),
            _ => headers.others.push((name.into(), value)),
        }
    }
    headers
}

fn author(message: &Message) -> Author {
    let author = message.headers.others.iter().find(|(name, _)| name == AUTHOR).map(|(_, value)| value.as_str());
    match author {
        Some("keeper") => Author::Keeper,
        Some("publisher") => Author::Publisher,
        Some("operator") => Author::Operator,
        Some(node) => node.parse().map_or(Author::Foreign, Author::Node),
        None => Author::Foreign,
    }
}

/// The owner of a subject of the tape.
fn tape_subject(subject: &str) -> TapeSubject<'_> {
    TapeSubject::parse(0, Generation::FIRST, subject)
}
