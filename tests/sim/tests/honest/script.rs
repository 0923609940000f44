//! The steps of a script, their answers, and the model's side.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tapedeck_sim::broker::{Arrived, Broker, Replicas, StreamConfig};
use tapedeck_sim::message::{Headers, Message, Publish, Reply};

use crate::real::Real;

/// A duplicate window longer than any run, ns.
pub(crate) const LONG: u64 = 120_000_000_000;

/// A request to the server or to the model.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Publish(Publish),
    /// The last message on a subject, read from the leader.
    Last(String),
    Get(u64),
    Purge(u64),
    Limits {
        max_bytes: Option<u64>,
        max_messages: Option<u64>,
    },
    /// First and last sequence.
    Bounds,
    Sleep(Duration),
    /// A change of the leader, with nothing in flight.
    Handover,
}

/// The answer to a step, for comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Reply(Reply),
    Message(Option<Held>),
    Count(u64),
    Bounds(u64, u64),
    Done,
}

/// A stored message, without its stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) seq: u64,
    pub(crate) subject: String,
    /// Name and value, sorted.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload: Vec<u8>,
}

/// A publish, built up.
pub(crate) fn publish(subject: &str, payload: impl AsRef<[u8]>) -> Publish {
    Publish { subject: subject.into(), headers: Headers::default(), payload: Arc::from(payload.as_ref()) }
}

/// Headers that a test adds to a publish.
pub(crate) trait With {
    fn id(self, id: &str) -> Self;
    fn after(self, subject_sequence: u64) -> Self;
    fn at_end(self, sequence: u64) -> Self;
    fn step(self) -> Step;
}

impl With for Publish {
    fn id(mut self, id: &str) -> Self {
        self.headers.message_id = Some(id.into());
        self
    }
    fn after(mut self, subject_sequence: u64) -> Self {
        self.headers.expected_last_subject_sequence = Some(subject_sequence);
        self
    }
    fn at_end(mut self, sequence: u64) -> Self {
        self.headers.expected_last_sequence = Some(sequence);
        self
    }
    fn step(self) -> Step {
        Step::Publish(self)
    }
}

/// A stream with the subjects `<name>.>`.
pub(crate) fn config(name: &str) -> StreamConfig {
    StreamConfig {
        name: name.into(),
        subjects: vec![format!("{name}.>")],
        max_bytes: None,
        max_messages: None,
        max_message_bytes: None,
        duplicate_window: LONG,
    }
}

/// All headers as name and value, sorted.
pub(crate) fn header_lines(headers: &Headers) -> Vec<(String, String)> {
    let mut lines = headers.others.clone();
    let mut add = |name: &str, value: Option<String>| lines.extend(value.map(|value| (name.to_string(), value)));
    add("Nats-Msg-Id", headers.message_id.clone());
    add("Nats-Expected-Last-Subject-Sequence", headers.expected_last_subject_sequence.map(|n| n.to_string()));
    add("Nats-Expected-Last-Sequence", headers.expected_last_sequence.map(|n| n.to_string()));
    lines.sort();
    lines
}

fn message(message: Option<&Message>) -> Answer {
    Answer::Message(message.map(|Message { seq, subject, headers, payload, .. }| Held {
        seq: *seq,
        subject: subject.clone(),
        headers: header_lines(headers),
        payload: payload.to_vec(),
    }))
}

/// The answer of the model. Nothing is in flight between two steps.
fn model(broker: &mut Broker, now: u64, stream: &str, step: &Step) -> Answer {
    match step {
        Step::Publish(publish) => Answer::Reply(match broker.publish(now, publish.clone()) {
            Arrived::Answered(reply) => reply,
            Arrived::Proposed(ticket) => {
                // No other stream of the script has an open proposal.
                let taker = broker.stream_of(&publish.subject).expect("taken").to_string();
                let (agreed, reply) = broker.agree(now, &taker).expect("proposed");
                assert_eq!(agreed, ticket);
                reply
            }
        }),
        Step::Last(subject) => message(broker.last_on(stream, subject).expect("a leader")),
        Step::Get(seq) => message(broker.get(stream, *seq)),
        Step::Purge(seq) => Answer::Count(broker.purge(stream, *seq)),
        Step::Limits { max_bytes, max_messages } => {
            broker.set_limits(stream, *max_bytes, *max_messages);
            Answer::Done
        }
        Step::Bounds => Answer::Bounds(broker.first_seq(stream), broker.last_seq(stream)),
        Step::Sleep(_) => Answer::Done,
        Step::Handover => {
            broker.lose_leader(now, stream, 0);
            broker.elect(stream);
            Answer::Done
        }
    }
}

/// Runs a script on both sides, with new streams, until `next` has no more steps; returns the kinds of replies.
///
/// # Errors
/// The first difference.
pub(crate) async fn compare(
    real: &Real,
    streams: Vec<StreamConfig>,
    mut next: impl FnMut(usize, &Broker) -> Option<Step>,
) -> Result<BTreeSet<String>, String> {
    let mut both = Both::start(real, streams).await;
    while let Some(step) = next(both.count, &both.broker) {
        both.step(real, step).await?;
    }
    held(real, &both.name, &both.broker).await.map(|()| both.kinds)
}

/// A script that runs on both sides.
pub(crate) struct Both {
    pub(crate) name: String,
    pub(crate) broker: Broker,
    /// The kinds of the replies so far.
    kinds: BTreeSet<String>,
    started: Instant,
    count: usize,
}

impl Both {
    /// Creates the streams. Steps without a subject refer to the first.
    pub(crate) async fn start(real: &Real, streams: Vec<StreamConfig>) -> Self {
        for config in &streams {
            real.create(config).await;
        }
        let name = streams[0].name.clone();
        let broker = Broker::new(real.replicas, streams);
        Self { name, broker, kinds: BTreeSet::new(), started: Instant::now(), count: 0 }
    }

    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap()
    }

    pub(crate) async fn step(&mut self, real: &Real, step: Step) -> Result<(), String> {
        let now = self.now();
        let wanted = real.answer(&self.name, &step).await;
        let got = match (&step, real.replicas) {
            // There is no other server.
            (Step::Handover, Replicas::One) => Answer::Done,
            _ => model(&mut self.broker, now, &self.name, &step),
        };
        if let Answer::Reply(reply) = &wanted {
            self.kinds.insert(kind(reply));
        }
        let at = self.count;
        self.count += 1;
        if wanted == got {
            return Ok(());
        }
        let (name, on, step) = (&self.name, real.replicas, shown(&step));
        Err(format!("{name} on {on:?}, step {at}: {step}\n  server: {wanted:?}\n  model:  {got:?}\n"))
    }

    pub(crate) async fn steps(&mut self, real: &Real, steps: Vec<Step>) -> Result<(), String> {
        for step in steps {
            self.step(real, step).await?;
        }
        Ok(())
    }
}

/// Compares all stored messages.
pub(crate) async fn held(real: &Real, name: &str, broker: &Broker) -> Result<(), String> {
    let bounds = Answer::Bounds(broker.first_seq(name), broker.last_seq(name));
    let wanted = real.answer(name, &Step::Bounds).await;
    if wanted != bounds {
        return Err(format!("{name}, at the end:\n  server: {wanted:?}\n  model:  {bounds:?}\n"));
    }
    for seq in broker.first_seq(name).max(1)..=broker.last_seq(name) {
        let (wanted, got) = (real.answer(name, &Step::Get(seq)).await, message(broker.get(name, seq)));
        if wanted != got {
            return Err(format!("{name}, stored at {seq}:\n  server: {wanted:?}\n  model:  {got:?}\n"));
        }
    }
    Ok(())
}

fn kind(reply: &Reply) -> String {
    match reply {
        Reply::Ack { duplicate, .. } => (if *duplicate { "duplicate" } else { "stored" }).into(),
        Reply::Error { err_code: 10071, .. } => "wrong last sequence".into(),
        Reply::Error { description, .. } => description.clone(),
        Reply::NoResponders => "no responders".into(),
    }
}

fn shown(step: &Step) -> String {
    match step {
        Step::Publish(Publish { subject, headers, payload }) => {
            format!("publish {} bytes on {subject}, {:?}", payload.len(), header_lines(headers))
        }
        other => format!("{other:?}"),
    }
}
