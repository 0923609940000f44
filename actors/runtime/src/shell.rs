//! The loop that runs the driver of any machine: it pulls inputs, performs appends and reports outcomes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use bytes::Bytes;
use futures_util::StreamExt as _;
use tapedeck_kernel::driver::{Input, Output, ProcessIdentity, Stop};
use tapedeck_kernel::{Answer, Driver, Inbox, Machine, Reads};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::reason::Reason;
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::subject::{self, TapeSubject};

use crate::DrainSignal;
use crate::bus::{Bus, BusError};
use crate::metrics::GroupMetrics;
use crate::status::GroupStatus;
use crate::tail::{StoredMessage, Tail};

/// Most messages handed to the driver before its outputs are polled.
const TAKE_MAX: usize = 1024;
/// A standby takes over if inputs wait and the owner has appended nothing for this long.
const TAKEOVER_AFTER: Duration = Duration::from_secs(15);
/// An owner with unanswered inputs appends a heartbeat after this long, well before a standby takes over.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
/// How often the loop checks its clocks while no input arrives.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The environment of a group's loop.
#[derive(Debug, Clone)]
pub struct Place {
    /// The connection to NATS; each group has its own.
    pub bus: Bus,
    /// Number of the partition.
    pub partition: u16,
    /// Identity of the partition's tape.
    pub tape: TapeId,
    /// The process that runs the group.
    pub identity: ProcessIdentity,
    /// Receives the group's progress.
    pub status: Arc<GroupStatus>,
    /// Receives the group's counts.
    pub metrics: GroupMetrics,
}

/// Answers a question about a machine, given the machine, the question and the number of unread input messages.
pub type Answerer<M> = fn(&M, &str, u64) -> Vec<u8>;

/// Why a group's loop ended without being drained.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// A request to NATS failed.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The driver stopped and cannot continue.
    #[error("{group} on partition {partition} stopped: {stop}")]
    Stopped {
        /// Name of the group.
        group: &'static str,
        /// Number of the partition.
        partition: u16,
        /// The driver's reason.
        stop: Stop,
    },
}

/// Runs a machine until it is drained.
///
/// When fenced, it drops the machine's state and follows the tape as a standby, unless the record that fenced it is not
/// of a running owner ([`FencedBy::should_reclaim`](tapedeck_kernel::driver::FencedBy)): then it takes over again.
/// With an `answerer`, the owner answers questions about its machine on `ask.<partition>.<writer>`.
pub async fn run<M: Machine>(
    group: Place,
    make: impl Fn() -> M,
    answerer: Option<Answerer<M>>,
    drain: DrainSignal,
) -> Result<(), ShellError> {
    let mut standby = false;
    let mut met = false;
    loop {
        let mut running = Loop::start(&group, make(), standby, drain.clone()).await?;
        running.questions = match answerer {
            Some(answerer) => Some((subscribe(&group, M::WRITER).await?, answerer)),
            None => None,
        };
        let stop = running.run().await;
        group.status.set_reason(Some(stop.reason()));
        group.metrics.ready.set(0);
        match stop {
            Stop::Drained => return Ok(()),
            Stop::Fenced { seq, by } => {
                standby = !by.should_reclaim(&mut met);
                let (group, partition) = (group.status.group, group.partition);
                tracing::warn!(group, partition, seq, standby, %by, "fenced");
            }
            stop => return Err(ShellError::Stopped { group: group.status.group, partition: group.partition, stop }),
        }
    }
}

async fn subscribe(group: &Place, writer: Writer) -> Result<Subscriber, BusError> {
    let subject = subject::question_subject(group.partition, writer);
    let subscribed = group.bus.client().subscribe(subject.clone()).await;
    subscribed.map_err(|error| BusError::request(format!("subscribing to {subject}"), error))
}

type Pending = Pin<Box<dyn Future<Output = (u64, Instant, Answer)> + Send>>;

struct Loop<'a, M: Machine> {
    group: &'a Place,
    driver: Driver<M>,
    tape: Tail,
    inbox: Option<Tail>,
    in_flight: Option<Pending>,
    drain: DrainSignal,
    stream: String,
    subject: String,
    owner_last_seen: Instant,
    last_poll: Instant,
    inbox_seq: u64,
    caught_up: bool,
    questions: Option<(Subscriber, Answerer<M>)>,
}

impl<'a, M: Machine> Loop<'a, M> {
    async fn start(group: &'a Place, machine: M, standby: bool, drain: DrainSignal) -> Result<Self, ShellError> {
        let bus = &group.bus;
        let partition = group.partition;
        let stream = subject::tape_stream(partition);
        let subject = subject::tape_subject(partition, M::WRITER);
        let inbox = match M::reads() {
            Reads::Tape(_) => None,
            Reads::Inbox(Inbox::Market) => Some(subject::inbox_stream(partition)),
            Reads::Inbox(Inbox::Command) => Some(subject::command_stream(partition)),
        };
        let mut driver = Driver::follow(machine, group.tape, group.identity.clone());
        if !standby {
            driver.take_over(bus.last_on(&stream, &subject).await?);
        }
        Ok(Self {
            group,
            driver,
            tape: Tail::new(bus, stream.clone(), String::new(), 1),
            inbox: inbox.map(|inbox| Tail::new(bus, inbox, String::new(), 1)),
            in_flight: None,
            drain,
            stream,
            subject,
            owner_last_seen: Instant::now(),
            last_poll: Instant::now(),
            inbox_seq: 0,
            caught_up: false,
            questions: None,
        })
    }

    async fn run(mut self) -> Stop {
        loop {
            if *self.drain.borrow() {
                self.driver.handle(Input::Drain);
            }
            while let Some(output) = self.driver.poll() {
                if let Some(stop) = self.perform(output) {
                    return stop;
                }
            }
            self.report();
            // By the clock, not on an idle tape: other writers may append without a pause.
            if self.last_poll.elapsed() > POLL_INTERVAL {
                self.last_poll = Instant::now();
                if self.driver.is_owner() && self.owner_last_seen.elapsed() > HEARTBEAT_INTERVAL {
                    self.driver.handle(Input::Heartbeat);
                }
                self.consider_take_over().await;
            }
            self.wait().await;
        }
    }

    fn perform(&mut self, output: Output) -> Option<Stop> {
        let metrics = &self.group.metrics;
        match output {
            Output::Append { attempt, failures, expected, payload } => {
                let bus = self.group.bus.clone();
                let stream = self.stream.clone();
                let subject = self.subject.clone();
                self.in_flight = Some(Box::pin(async move {
                    if failures > 0 {
                        // Only after a failure: a sleep of zero takes a millisecond.
                        tokio::time::sleep(back_off(failures)).await;
                    }
                    let sent = Instant::now();
                    let answer = bus.append(&stream, &subject, expected, Bytes::from_owner(payload)).await;
                    (attempt, sent, answer)
                }));
            }
            Output::Committed { events, .. } => {
                metrics.records.inc();
                metrics.events.inc_by(events as u64);
            }
            Output::InvalidRecord { seq, why } => {
                metrics.invalid_records.inc();
                let partition = self.group.partition;
                tracing::error!(offset = %format!("p{partition}:{seq}"), why, "skipped an invalid record on the tape");
            }
            Output::Stopped(stop) => return Some(stop),
        }
        None
    }

    /// Waits for the next message, reply or request, and hands the driver everything that has arrived.
    async fn wait(&mut self) {
        let wants_tape = self.driver.wants_tape();
        let wants_inbox = self.driver.wants_inbox();
        let tape = &mut self.tape;
        let inbox = self.inbox.as_mut();
        let answer = async {
            match self.in_flight.as_mut() {
                Some(pending) => pending.await,
                None => std::future::pending().await,
            }
        };
        let from_inbox = async {
            match inbox {
                Some(inbox) => inbox.next().await,
                None => std::future::pending().await,
            }
        };
        let question = async {
            match self.questions.as_mut() {
                Some((subscriber, _)) => subscriber.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! { biased;
            (attempt, sent, answer) = answer => {
                self.in_flight = None;
                self.answered(attempt, sent, answer);
            }
            changed = self.drain.changed(), if !*self.drain.borrow() => {
                if changed.is_err() {
                    self.driver.handle(Input::Drain); // the sender is gone: the process is stopping
                }
            }
            Some(question) = question => self.answer(question).await,
            stored = from_inbox, if wants_inbox => {
                self.take_inbox(&stored);
                self.take_more();
            }
            stored = tape.next(), if wants_tape => {
                self.take_tape(&stored);
                self.take_more();
            }
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
    }

    /// Answers a question, if this process is the owner. A standby may be behind and does not reply.
    async fn answer(&mut self, question: async_nats::Message) {
        let (Some((_, answerer)), Some(reply)) = (&self.questions, question.reply) else { return };
        if self.driver.is_owner() {
            let behind = self.inbox.as_ref().unwrap_or(&self.tape).behind();
            let answer = answerer(self.driver.machine(), &String::from_utf8_lossy(&question.payload), behind);
            if let Err(error) = self.group.bus.client().publish(reply, answer.into()).await {
                tracing::warn!(%error, "cannot reply to a question");
            }
        }
    }

    fn answered(&mut self, attempt: u64, sent: Instant, answer: Answer) {
        match &answer {
            Answer::Committed(_) => self.group.metrics.append.observe(sent.elapsed().as_secs_f64()),
            Answer::Rejected(why) => {
                self.group.metrics.conflicts.inc();
                self.group.status.set_reason(Some(Reason::AppendPending));
                tracing::error!(stream = self.stream, why, "append rejected by JetStream; retrying with backoff");
            }
            other => {
                self.group.metrics.conflicts.inc();
                tracing::info!(stream = self.stream, answer = ?other, "append not acknowledged; retrying");
            }
        }
        self.driver.handle(Input::Answer { attempt, answer });
    }

    fn take_tape(&mut self, stored: &StoredMessage) {
        let subject = TapeSubject::parse(self.group.partition, &stored.subject);
        if subject.writer() == Some(M::WRITER) {
            self.owner_last_seen = Instant::now();
        }
        self.driver.handle(Input::Tape { seq: stored.seq, subject, payload: &stored.payload });
    }

    fn take_inbox(&mut self, stored: &StoredMessage) {
        let StoredMessage { seq, subject, stamp, payload } = stored;
        self.inbox_seq = *seq;
        self.driver.handle(Input::Inbox { seq: *seq, subject, stamp: *stamp, payload });
    }

    /// Takes the messages that have been received already, so that their decisions share one record.
    fn take_more(&mut self) {
        for _ in 0..TAKE_MAX {
            let from_inbox = self.driver.wants_inbox().then(|| self.inbox.as_mut().and_then(Tail::try_next)).flatten();
            if let Some(stored) = &from_inbox {
                self.take_inbox(stored);
            }
            let from_tape = self.driver.wants_tape().then(|| self.tape.try_next()).flatten();
            if let Some(stored) = &from_tape {
                self.take_tape(stored);
            }
            if from_inbox.is_none() && from_tape.is_none() {
                break;
            }
        }
    }

    async fn consider_take_over(&mut self) {
        let is_gone = self.owner_last_seen.elapsed() > TAKEOVER_AFTER;
        if self.driver.is_owner() || !is_gone || !self.driver.has_waiting_inputs() {
            return;
        }
        match self.group.bus.last_on(&self.stream, &self.subject).await {
            Ok(last) => {
                let (group, partition) = (self.group.status.group, self.group.partition);
                tracing::warn!(group, partition, "the owner stopped appending; taking over");
                self.driver.take_over(last);
            }
            Err(error) => tracing::warn!(%error, "cannot take over; retrying"),
        }
    }

    fn report(&mut self) {
        let (status, driver) = (&self.group.status, &self.driver);
        let (tape_seq, inbox_seq) = match driver.is_idle() {
            true => (driver.tape_last(), self.inbox_seq),
            false => (status.tape_seq(), status.inbox_seq()),
        };
        status.set_progress(tape_seq, inbox_seq, driver.own_last(), driver.at());
        let source = self.inbox.as_ref().unwrap_or(&self.tape);
        self.caught_up &= source.is_open();
        self.caught_up |= source.is_caught_up() && driver.is_idle();
        let reason = match driver.is_owner() {
            true if !self.caught_up => Some(Reason::Recovering),
            true => (driver.failures() > 0).then_some(Reason::AppendPending),
            false if source.is_caught_up() => Some(Reason::Standby),
            false => Some(Reason::Recovering),
        };
        status.set_reason(reason);
        // A standby has recovered when it has read the whole stream.
        if self.caught_up || (!driver.is_owner() && source.is_caught_up()) {
            status.set_recovered();
        }
        self.group.metrics.ready.set(reason.is_none().into());
        let behind = source.behind();
        status.set_behind(behind);
        self.group.metrics.lag.set(i64::try_from(behind).unwrap_or(i64::MAX));
    }
}

/// None at first, then doubling from 20 ms to 5 s.
pub(crate) fn back_off(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        n => Duration::from_millis(10 << n.min(9)).min(Duration::from_secs(5)),
    }
}
