//! Requests in flight together. On three replicas the answers depend on the agreements in between, so the test searches
//! for an order of arrivals and agreements with which the model gives the same answers.

use std::time::Instant;

use tapedeck_sim::broker::{Arrived, Broker, Replicas, StreamConfig, Ticket};
use tapedeck_sim::message::{Publish, Reply};

use crate::random::Random;
use crate::real::Real;
use crate::script::{With as _, config, held, publish};

/// Requests that one client sends without waiting. The leader checks them in the same order.
type Burst = Vec<Publish>;

/// The number of answers that only requests in flight get. Without any, the bursts have tested nothing.
#[derive(Debug, Default)]
struct Seen {
    in_flight: u32,
    duplicate_in_flight: u32,
}

/// Runs all bursts; returns the differences.
pub(crate) async fn run(real: &Real) -> Vec<String> {
    let mut seen = Seen::default();
    let mut differences = Vec::new();
    for (stream, make) in scripts() {
        differences.extend(compare(real, stream, make, &mut seen).await.err());
    }
    let proposes = real.replicas == Replicas::Three;
    if proposes && (seen.in_flight == 0 || seen.duplicate_in_flight == 0) {
        differences.push(format!("the bursts were not in flight together: {seen:?}"));
    }
    differences
}

fn on(name: &str, subject: &str, i: u64) -> Publish {
    publish(&format!("{name}.{subject}"), i.to_be_bytes())
}

/// Makes the next burst from the stored messages.
type Make = Box<dyn FnMut(usize, &Broker) -> Option<Burst>>;

fn scripts() -> Vec<(StreamConfig, Make)> {
    vec![
        // Of many requests with the same correct expectation one is stored.
        (
            config("RACE"),
            Box::new(|at, broker| {
                let last = broker.last_seq("RACE");
                (at < 10).then(|| (0..10).map(|i| on("RACE", "a", i).after(last)).collect())
            }),
        ),
        // A request in flight on the subject, with an expectation or without, rejects the next one that has one.
        (
            config("MIXED"),
            Box::new(|at, broker| {
                let last = broker.last_on("MIXED", "MIXED.a").expect("a leader").map_or(0, |m| m.seq);
                let burst = vec![
                    on("MIXED", "a", 1),
                    on("MIXED", "a", 2).after(last + 1),
                    on("MIXED", "b", 3),
                    on("MIXED", "a", 4).after(last),
                    on("MIXED", "a", 5),
                ];
                (at < 5).then_some(burst)
            }),
        ),
        // Proposals count in the expected sequence of the stream, so such requests can be pipelined.
        (
            config("PIPE"),
            Box::new(|at, broker| {
                let last = broker.last_seq("PIPE");
                let burst = (0..10).map(|i| on("PIPE", "a", i).at_end(if i == 7 { last } else { last + i.min(7) }));
                (at < 5).then(|| burst.collect())
            }),
        ),
        // An id in flight is rejected, and not a duplicate.
        (
            config("IDS"),
            Box::new(|at, _| (at < 5).then(|| (0..6).map(|i| on("IDS", "a", i).id(&format!("m{at}"))).collect())),
        ),
        // Proposals count in the limits: the repeated id at the end of a burst shows that its first request was still
        // in flight when those in between were rejected.
        (StreamConfig { max_messages: Some(3), ..config("ROOM") }, Box::new(|at, _| fill("ROOM", at))),
        (StreamConfig { max_bytes: Some(3 * FILLING), ..config("SPACE") }, Box::new(|at, _| fill("SPACE", at))),
        // Random requests.
        (StreamConfig { max_messages: Some(150), ..config("ANY") }, {
            let mut random = Random::new(7);
            Box::new(move |at, broker| (at < 25).then(|| (0..8).map(|i| any(&mut random, broker, i)).collect()))
        }),
    ]
}

/// A bound of the bytes that each of the next requests takes.
const FILLING: u64 = 90;

/// Three bursts; before the last there is space for one more message.
fn fill(name: &str, at: usize) -> Option<Burst> {
    let id = format!("m{at}");
    let mut burst = vec![on(name, "a", 0).id(&id); 2];
    if at == 2 {
        burst.splice(1..1, (0..5).map(|i| on(name, "a", i)));
    }
    (at < 3).then_some(burst)
}

fn any(random: &mut Random, broker: &Broker, i: u64) -> Publish {
    let subject = ["ANY.a", "ANY.b"][random.below(2) as usize];
    let mut request = publish(subject, i.to_be_bytes());
    let own = broker.last_on("ANY", subject).expect("a leader").map_or(0, |message| message.seq);
    if random.below(3) == 0 {
        request = request.id(&format!("m{}", random.below(40)));
    }
    match random.below(6) {
        0 | 1 => request.after(own + random.below(2)),
        2 => request.at_end(broker.last_seq("ANY") + random.below(i + 1)),
        _ => request,
    }
}

async fn compare(real: &Real, stream: StreamConfig, mut make: Make, seen: &mut Seen) -> Result<(), String> {
    let name = stream.name.clone();
    real.create(&stream).await;
    let started = Instant::now();
    let mut broker = Broker::new(real.replicas, vec![stream]);
    let mut at = 0;
    while let Some(burst) = make(at, &broker) {
        let now = u64::try_from(started.elapsed().as_nanos()).unwrap();
        let answers = real.publish_together(at % real.clients.len(), &burst).await;
        for answer in &answers {
            match answer {
                Reply::Error { err_code: 10164, .. } => seen.in_flight += 1,
                Reply::Error { err_code: 10158, .. } => seen.duplicate_in_flight += 1,
                _ => {}
            }
        }
        let path = Path { broker: broker.clone(), at: 0, open: Vec::new() };
        broker = explain(now, &name, &burst, &answers, path).ok_or_else(|| {
            format!("{name}, burst {at}: the model cannot give these answers\n  {burst:?}\n  {answers:?}\n")
        })?;
        at += 1;
    }
    held(real, &name, &broker).await
}

/// A partial order of arrivals and agreements.
struct Path {
    broker: Broker,
    at: usize,
    open: Vec<(Ticket, usize)>,
}

/// The model after an order of arrivals and agreements that gives these answers, if there is one.
fn explain(now: u64, stream: &str, burst: &[Publish], answers: &[Reply], mut path: Path) -> Option<Broker> {
    loop {
        let arrived = burst.get(path.at).and_then(|publish| {
            let mut broker = path.broker.clone();
            let mut open = path.open.clone();
            match broker.publish(now, publish.clone()) {
                Arrived::Answered(answer) if answer == answers[path.at] => {}
                Arrived::Answered(_) => return None,
                Arrived::Proposed(ticket) => open.push((ticket, path.at)),
            }
            explain(now, stream, burst, answers, Path { broker, at: path.at + 1, open })
        });
        if arrived.is_some() {
            return arrived;
        }
        let Some((ticket, answer)) = path.broker.agree(now, stream) else {
            return (path.at == burst.len()).then_some(path.broker);
        };
        let (_, of) = path.open.iter().find(|(open, _)| *open == ticket).expect("proposed here");
        if answers[*of] != answer {
            return None;
        }
    }
}
