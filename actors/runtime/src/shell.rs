//! The one loop that runs any machine's driver: pull, step, append, await, go on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use bytes::Bytes;
use futures_util::StreamExt as _;
use tapedeck_kernel::driver::{Input, Output, Owner, Stop};
use tapedeck_kernel::{Answer, Driver, Inbox, Machine, Reads};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::subject;

use crate::DrainSignal;
use crate::bus::{Bus, BusError};
use crate::metrics::GroupMetrics;
use crate::status::GroupStatus;
use crate::tail::{StoredMessage, Tail};

/// Most messages taken in before the driver is asked what to do.
const TAKE_MAX: usize = 1024;
/// A standby takes over when inputs have waited this long without a word of the owner.
const TAKEOVER_AFTER: Duration = Duration::from_secs(15);
/// An owner that judged in silence speaks up after this long, well before a standby takes over.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);
/// How often the loop looks up when nothing happens.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// What a group needs to run.
#[derive(Debug, Clone)]
pub struct Place {
    /// The connection; each group has its own.
    pub bus: Bus,
    /// Which partition.
    pub partition: u16,
    /// Its tape.
    pub tape: TapeId,
    /// Who runs it.
    pub owner: Owner,
    /// Where it says how it is.
    pub status: Arc<GroupStatus>,
    /// Where it counts.
    pub metrics: GroupMetrics,
}

/// Answers a question about a machine: the machine, what is asked, and how many messages wait for it.
pub type Answerer<M> = fn(&M, &str, u64) -> Vec<u8>;

/// Why a group's loop ended, when it was not drained.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// The broker could not be asked.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The driver stopped for good.
    #[error("{group} on partition {partition} stopped: {stop}")]
    Stopped {
        /// Which group.
        group: &'static str,
        /// On which partition.
        partition: u16,
        /// Why.
        stop: Stop,
    },
}

/// Runs a machine until it is drained. Fenced, it drops its state and follows as a standby; or, if nobody alive fenced
/// it ([`FencedBy::is_to_be_challenged`](tapedeck_kernel::driver::FencedBy)), it claims the subject again.
///
/// With an `answerer` the owner answers questions about its machine on `ask.<partition>.<writer>`.
pub async fn run<M: Machine>(
    group: Place,
    make: impl Fn() -> M,
    answerer: Option<Answerer<M>>,
    drain: DrainSignal,
) -> Result<(), ShellError> {
    let (mut standby, mut met) = (false, false);
    loop {
        let mut running = Loop::start(&group, make(), standby, drain.clone()).await?;
        running.questions = match answerer {
            Some(answerer) => Some((subscribe(&group, M::WRITER).await?, answerer)),
            None => None,
        };
        let stop = running.run().await;
        group.status.set_ready(false);
        group.metrics.ready.set(0);
        match stop {
            Stop::Drained => return Ok(()),
            Stop::Fenced { seq, by } => {
                standby = !by.is_to_be_challenged(&mut met);
                let (group, partition) = (group.status.group, group.partition);
                tracing::warn!(group, partition, seq, standby, "fenced; by {by}");
            }
            stop => return Err(ShellError::Stopped { group: group.status.group, partition: group.partition, stop }),
        }
    }
}

async fn subscribe(group: &Place, writer: Writer) -> Result<Subscriber, BusError> {
    let subject = subject::question_subject(group.partition, writer);
    let subscribed = group.bus.client().subscribe(subject.clone()).await;
    subscribed.map_err(|error| BusError::request(format!("listening on {subject}"), error))
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
        let (bus, partition) = (&group.bus, group.partition);
        let stream = subject::tape_stream(partition);
        let subject = subject::tape_subject(partition, M::WRITER);
        let inbox = match M::reads() {
            Reads::Tape(_) => None,
            Reads::Inbox(Inbox::Market) => Some(subject::inbox_stream(partition)),
            Reads::Inbox(Inbox::Command) => Some(subject::command_stream(partition)),
        };
        let mut driver = Driver::follow(machine, group.tape, group.owner.clone());
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
            // Told by the clock and not by silence: the tape may well move on without the owner.
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
                let (bus, stream, subject) = (self.group.bus.clone(), self.stream.clone(), self.subject.clone());
                self.in_flight = Some(Box::pin(async move {
                    if failures > 0 {
                        // Never for nothing: the shortest sleep is a millisecond.
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
                tracing::error!(offset = %format!("p{partition}:{seq}"), why, "invalid record on the tape, skipped");
            }
            Output::Stopped(stop) => return Some(stop),
        }
        None
    }

    /// Waits for the next thing to happen, and takes in all that has.
    async fn wait(&mut self) {
        let (wants_tape, wants_inbox) = (self.driver.wants_tape(), self.driver.wants_inbox());
        let (tape, inbox) = (&mut self.tape, self.inbox.as_mut());
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
                    self.driver.handle(Input::Drain); // whoever could ask for it is gone
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

    /// A standby is silent: it may be behind.
    async fn answer(&mut self, question: async_nats::Message) {
        let (Some((_, answerer)), Some(reply)) = (&self.questions, question.reply) else { return };
        if self.driver.is_owner() {
            let waiting = self.inbox.as_ref().unwrap_or(&self.tape).behind();
            let answer = answerer(self.driver.machine(), &String::from_utf8_lossy(&question.payload), waiting);
            if let Err(error) = self.group.bus.client().publish(reply, answer.into()).await {
                tracing::warn!(%error, "cannot answer a question");
            }
        }
    }

    fn answered(&mut self, attempt: u64, sent: Instant, answer: Answer) {
        match &answer {
            Answer::Committed(_) => self.group.metrics.append.observe(sent.elapsed().as_secs_f64()),
            Answer::Refused(why) => {
                self.group.metrics.conflicts.inc();
                self.group.status.set_ready(false);
                tracing::error!(stream = self.stream, why, "the broker refuses to append; asking again slowly");
            }
            other => {
                self.group.metrics.conflicts.inc();
                tracing::info!(stream = self.stream, answer = ?other, "append not acknowledged");
            }
        }
        self.driver.handle(Input::Answer { attempt, answer });
    }

    fn take_tape(&mut self, stored: &StoredMessage) {
        let writer = writer_of(self.group.partition, &stored.subject);
        if writer == Some(M::WRITER) {
            self.owner_last_seen = Instant::now();
        }
        self.driver.handle(Input::Tape { seq: stored.seq, writer, payload: &stored.payload });
    }

    fn take_inbox(&mut self, stored: &StoredMessage) {
        let StoredMessage { seq, subject, stamp, payload } = stored;
        self.inbox_seq = *seq;
        self.driver.handle(Input::Inbox { seq: *seq, subject, stamp: *stamp, payload });
    }

    /// Takes what is here already, so that it goes out as one record.
    fn take_more(&mut self) {
        for _ in 0..TAKE_MAX {
            let before = self.driver.wants_inbox().then(|| self.inbox.as_mut().and_then(Tail::try_next)).flatten();
            if let Some(stored) = &before {
                self.take_inbox(stored);
            }
            let tape = self.driver.wants_tape().then(|| self.tape.try_next()).flatten();
            if let Some(stored) = &tape {
                self.take_tape(stored);
            }
            if before.is_none() && tape.is_none() {
                break;
            }
        }
    }

    async fn consider_take_over(&mut self) {
        let silent = self.owner_last_seen.elapsed() > TAKEOVER_AFTER;
        if self.driver.is_owner() || !silent || !self.driver.has_waiting_inputs() {
            return;
        }
        match self.group.bus.last_on(&self.stream, &self.subject).await {
            Ok(last) => {
                tracing::warn!(group = self.group.status.group, "the owner is silent: taking over");
                self.driver.take_over(last);
            }
            Err(error) => tracing::warn!(%error, "cannot take over yet"),
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
        let able = self.caught_up && driver.is_owner() && driver.failures() == 0;
        status.set_ready(able);
        // A standby has recovered, too, once it has read all that its owner has.
        if self.caught_up || (!driver.is_owner() && source.is_caught_up()) {
            status.set_recovered();
        }
        self.group.metrics.ready.set(able.into());
        let behind = source.behind();
        status.set_behind(behind);
        self.group.metrics.lag.set(i64::try_from(behind).unwrap_or(i64::MAX));
    }
}

/// Whose subject on the tape of `partition` this is.
pub fn writer_of(partition: u16, subject: &str) -> Option<Writer> {
    let (own, writer) = subject.strip_prefix("tape.")?.split_once('.')?;
    (own.parse() == Ok(partition)).then_some(())?;
    writer.parse().ok()
}

/// None at first, then doubling from 20 ms to 5 s.
pub(crate) fn back_off(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        n => Duration::from_millis(10 << n.min(9)).min(Duration::from_secs(5)),
    }
}
