//! The loop that runs the driver of any machine: it pulls inputs, performs appends and reports outcomes.

mod place;
mod state;

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use bytes::Bytes;
use futures_util::StreamExt as _;
use tapedeck_kernel::driver::{Input, Output, Stop};
use tapedeck_kernel::{Answer, AnyMachine, Driver, InboxMessage, MachineInfo, Reads};
use tapedeck_schemas::reason::Reason;
use tapedeck_schemas::subject::TapeSubject;
use tokio::sync::watch;

use crate::bus::BusError;
use crate::retry::back_off;
use crate::tail::{StoredMessage, Tail};
use crate::witness::CheckedStreams;
use crate::{DrainSignal, liveness, witness};
use state::Stores;

pub use place::{Answerer, Place, ShellError, ShellTask};

/// Most messages handed to the driver before its outputs are polled.
const TAKE_MAX: usize = 1024;
/// How often the loop reports its state while no input arrives.
const REPORT_INTERVAL: Duration = Duration::from_millis(500);

/// How long a group that drains waits for its last append. Then it ends without: its inputs are in the streams, and the
/// next owner decides on them.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Runs a machine until it is drained.
///
/// When fenced, it drops the machine's state and follows the tape as a standby, unless the record that fenced it is not
/// of a running owner ([`FencedBy::should_reclaim`](tapedeck_kernel::driver::FencedBy)): then it takes over again.
/// On `ask.<partition>.<writer>` the owner replies to its standbys. A task that only follows appends nothing, and
/// answers questions on `ask.<partition>.answers` once it has read its input.
pub async fn run<M: AnyMachine>(
    group: Place,
    make: impl Fn() -> M,
    task: ShellTask<M>,
    drain: DrainSignal,
) -> Result<(), ShellError> {
    let mut standby = false;
    let mut met = false;
    loop {
        let mut running = Loop::start(&group, make(), standby, task, drain.clone());
        let stop = running.run().await?;
        let is_owner = matches!(task, ShellTask::Own) && stop.reason().is_loss();
        if let (true, Some(questions)) = (is_owner, running.questions.take()) {
            tokio::spawn(liveness::answer_stopped(group.bus.clone(), questions, drain.clone()));
        }
        // The reason of a stop for good is set with its text, once it is logged (`GroupStatus::set_stopped`).
        if !stop.reason().is_stop() {
            group.status.set_reason(Some(stop.reason()));
        }
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

type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The result of the request, or never if there is none.
async fn result<T>(request: Option<&mut Pending<T>>) -> T {
    match request {
        Some(request) => request.await,
        None => std::future::pending().await,
    }
}

struct Loop<'a, M: AnyMachine> {
    group: &'a Place,
    info: MachineInfo,
    task: ShellTask<M>,
    driver: Driver<M>,
    tape: Tail,
    inbox: Option<Tail>,
    /// The number of the attempt, and the append.
    in_flight: Option<(u64, Pending<(Instant, Answer)>)>,
    liveness: Option<Pending<Input<'static>>>,
    check: Option<Pending<CheckedStreams>>,
    stores: Stores,
    /// The times that the connection was lost.
    disconnects: watch::Receiver<u64>,
    drain: DrainSignal,
    /// Since when the group is to drain.
    draining: Option<Instant>,
    stream: String,
    subject: String,
    began: Instant,
    inbox_seq: u64,
    caught_up: bool,
    /// Requests to the owner. A standby does not subscribe, so that the server reports that no owner is there.
    questions: Option<Subscriber>,
}

impl<'a, M: AnyMachine> Loop<'a, M> {
    fn start(group: &'a Place, machine: M, standby: bool, task: ShellTask<M>, drain: DrainSignal) -> Self {
        let info = machine.info();
        let bus = &group.bus;
        let partition = group.partition;
        let generations = bus.generations();
        let stream = generations.tape_stream(partition);
        let subject = generations.tape_subject(partition, info.writer);
        let inbox = match info.reads {
            Reads::Tape(_) => None,
            Reads::Inbox(inbox) => {
                Some(Tail::new(bus, generations.stream(inbox.family(), partition), String::new(), 1))
            }
        };
        let (tape, identity) = (group.tape.clone(), group.identity.clone());
        let mut driver = match task {
            ShellTask::Own => Driver::follow(machine, tape, identity),
            ShellTask::Follow(_) => Driver::only_follow(machine, tape, identity),
        };
        if !standby {
            driver.claim();
        }
        if group.requires_witness {
            driver.require_witness();
        }
        Self {
            group,
            info,
            task,
            driver,
            tape: Tail::new(bus, stream.clone(), String::new(), 1),
            inbox,
            in_flight: None,
            liveness: None,
            check: None,
            stores: Stores::new(),
            disconnects: bus.disconnects(),
            drain,
            draining: None,
            stream,
            subject,
            began: Instant::now(),
            inbox_seq: 0,
            caught_up: false,
            questions: None,
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    async fn run(&mut self) -> Result<Stop, BusError> {
        loop {
            if self.is_draining() {
                self.driver.handle(Input::Drain);
                if self.draining.get_or_insert_with(Instant::now).elapsed() > DRAIN_MAX {
                    let (group, partition) = (self.group.status.group, self.group.partition);
                    tracing::warn!(group, partition, "decisions are not appended: the next owner decides again");
                    return Ok(Stop::Drained);
                }
            }
            self.driver.advance(self.now());
            self.notice_interruptions();
            if self.questions.is_none() && self.may_answer() {
                // Before the epoch is appended: a standby that reads the epoch must find the owner listening.
                self.questions = Some(self.subscribe().await?);
            }
            while let Some(output) = self.driver.poll() {
                if let Some(stop) = self.perform(output) {
                    return Ok(stop);
                }
            }
            if let Some(inbox) = &mut self.inbox {
                inbox.skip_to(self.driver.inbox_next());
            }
            self.report();
            self.wait().await;
        }
    }

    /// Tells the driver that reading was interrupted. An append that waits is given up, so that it is not sent before
    /// the streams are checked.
    fn notice_interruptions(&mut self) {
        let mut was_interrupted = self.tape.take_reopened();
        was_interrupted |= self.inbox.as_mut().is_some_and(Tail::take_reopened);
        was_interrupted |= self.disconnects.has_changed().unwrap_or(false);
        if !was_interrupted {
            return;
        }
        self.disconnects.mark_unchanged();
        self.check = None;
        self.driver.handle(Input::Interrupted);
        if let Some((attempt, _)) = self.in_flight.take() {
            self.driver.handle(Input::Answer { attempt, answer: Answer::Unknown });
        }
    }

    fn perform(&mut self, output: Output) -> Option<Stop> {
        let metrics = &self.group.metrics;
        match output {
            Output::Append { attempt, failures, expected, payload } => {
                let bus = self.group.bus.clone();
                let stream = self.stream.clone();
                let subject = self.subject.clone();
                let append = Box::pin(async move {
                    if failures > 0 {
                        // Only after a failure: a sleep of zero takes a millisecond.
                        tokio::time::sleep(back_off(failures)).await;
                    }
                    let sent = Instant::now();
                    let answer = bus.append(&stream, &subject, expected, Bytes::from_owner(payload)).await;
                    (sent, answer)
                });
                self.in_flight = Some((attempt, append));
            }
            Output::AskOwner { question } => {
                let subject = self.group.bus.generations().question_subject(self.group.partition, self.info.writer);
                self.liveness = Some(Box::pin(liveness::ask_owner(self.group.bus.clone(), subject, question)));
            }
            Output::ReadOwnLast => {
                let (bus, stream, subject) = (self.group.bus.clone(), self.stream.clone(), self.subject.clone());
                self.liveness = Some(Box::pin(liveness::read_last(bus, stream, subject)));
            }
            Output::CheckStreams(question) => {
                let (bus, partition, tape) = (self.group.bus.clone(), self.group.partition, self.group.tape.clone());
                let inbox = match self.info.reads {
                    Reads::Inbox(inbox) => Some(bus.generations().stream(inbox.family(), partition)),
                    Reads::Tape(_) => None,
                };
                self.check = Some(Box::pin(witness::check_streams(bus, partition, tape, inbox, question)));
            }
            Output::Committed { events, .. } => {
                metrics.records.inc();
                metrics.events.inc_by(events as u64);
            }
            Output::InvalidRecord { seq, why } => {
                metrics.invalid_records.inc();
                let offset = self.group.tape.print_record(self.group.partition, seq);
                tracing::error!(offset, why, "skipped an invalid record on the tape");
            }
            Output::Stopped(stop) => return Some(stop),
        }
        None
    }

    /// Whether to drain. If the sender of the signal is gone, the process is stopping.
    fn is_draining(&self) -> bool {
        *self.drain.borrow() || self.drain.has_changed().is_err()
    }

    /// Waits for the next message, reply or request, and hands the driver everything that has arrived.
    async fn wait(&mut self) {
        let now = self.now();
        let wants_tape = self.driver.wants_tape();
        let wants_inbox = self.driver.wants_inbox();
        let is_draining = self.is_draining();
        let tape = &mut self.tape;
        let inbox = self.inbox.as_mut();
        let in_flight = self.in_flight.as_mut();
        let attempt = in_flight.as_ref().map_or(0, |(attempt, _)| *attempt);
        let answer = result(in_flight.map(|(_, append)| append));
        let check = result(self.check.as_mut());
        let liveness = result(self.liveness.as_mut());
        let due = self.driver.deadline().map_or(REPORT_INTERVAL, |at| Duration::from_nanos(at.saturating_sub(now)));
        let from_inbox = async {
            match inbox {
                Some(inbox) => inbox.next_or_reopened().await,
                None => std::future::pending().await,
            }
        };
        let question = async {
            match self.questions.as_mut() {
                Some(subscriber) => subscriber.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! { biased;
            Ok(()) = self.disconnects.changed() => self.disconnects.mark_changed(),
            (sent, answer) = answer => {
                self.in_flight = None;
                self.answered(attempt, sent, answer);
            }
            _ = self.drain.changed(), if !is_draining => {}
            Some(question) = question => self.answer(question).await,
            found = liveness => {
                self.liveness = None;
                self.driver.handle(found);
            }
            found = check => {
                self.check = None;
                self.stores.checked(&found);
                self.driver.handle(found.input);
            }
            stored = from_inbox, if wants_inbox => if let Some(stored) = stored {
                self.take_inbox(&stored);
                self.take_more();
            },
            stored = tape.next_or_reopened(), if wants_tape => if let Some(stored) = stored {
                self.take_tape(&stored);
                self.take_more();
            },
            () = tokio::time::sleep(due.min(REPORT_INTERVAL)) => {}
        }
    }

    /// Whether questions are answered: those to the owner, or those about what is followed, once all of it is read.
    fn may_answer(&self) -> bool {
        match self.task {
            ShellTask::Own => self.driver.is_owner(),
            ShellTask::Follow(_) => self.group.status.is_recovered(),
        }
    }

    async fn subscribe(&mut self) -> Result<Subscriber, BusError> {
        let (bus, partition) = (&self.group.bus, self.group.partition);
        let (subject, subscribed) = match self.task {
            ShellTask::Own => {
                let subject = bus.generations().question_subject(partition, self.info.writer);
                (subject.clone(), bus.client().subscribe(subject).await)
            }
            // One of several processes answers.
            ShellTask::Follow(_) => {
                let subject = bus.generations().answers_subject(partition);
                (subject.clone(), bus.client().queue_subscribe(subject, self.group.status.group.into()).await)
            }
        };
        subscribed.map_err(|error| BusError::request(format!("subscribing to {subject}"), error))
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
        let subject = TapeSubject::parse(self.group.partition, self.group.tape.generation, &stored.subject);
        self.driver.handle(Input::Tape { seq: stored.seq, stamp: stored.stamp, subject, payload: &stored.payload });
    }

    fn take_inbox(&mut self, stored: &StoredMessage) {
        let Reads::Inbox(inbox) = self.info.reads else { return };
        let &StoredMessage { seq, ref subject, stamp, ref payload } = stored;
        let generation = self.group.bus.generations().of(inbox.family(), self.group.partition);
        self.inbox_seq = seq;
        self.driver.handle(Input::Inbox(InboxMessage { generation, seq, subject, stamp, payload }));
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
}
