//! The judge finds nothing wrong with the real drivers, however they are restarted, rivalled, fenced and drained.
//!
//! Not the simulator: a broker that never fails but for lost answers, one node a writer and at times a second.

use std::sync::Arc;

use tapedeck_kernel::driver::{Answer, Driver, Input, Output, Owner, Stop};
use tapedeck_kernel::{Inbox, Machine, Reads};
use tapedeck_schemas::record::Writer;

use super::super::{Author, Judge, Violation};
use super::bench::{Bench, SUBJECT, Verdict, created, fence, funding, params};
use crate::message::{Headers, Message};

/// What is stored, and a source of chance.
struct World {
    bench: Bench,
    tape: Vec<Message>,
    inbox: Vec<Message>,
    command: Vec<Message>,
    random: u64,
    nodes: u64,
    stops: [u64; 2],
}

impl World {
    fn chance(&mut self, per_cent: u64) -> bool {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % 100 < per_cent
    }

    fn last_on(&self, writer: Writer) -> u64 {
        let subject = format!("tape.0.{writer}");
        self.tape.iter().rev().find(|message| message.subject == subject).map_or(0, |message| message.seq)
    }

    fn store(&mut self, writer: Writer, headers: Headers, payload: &[u8], author: Author) -> Result<u64, Violation> {
        let message = self.bench.message("TAPE_0", &format!("tape.0.{writer}"), headers, payload.to_vec());
        let seq = message.seq;
        self.tape.push(message.clone());
        self.bench.judge.stored("TAPE_0", &message, author).map(|()| seq)
    }

    /// The broker's answer, which may be lost.
    fn append(&mut self, node: u64, writer: Writer, expected: u64, payload: &[u8]) -> Result<Answer, Violation> {
        let last = self.last_on(writer);
        if last != expected {
            return Ok(Answer::WrongLast(Some(last)));
        }
        let seq = self.store(writer, fence(expected), payload, Author::Node(node))?;
        Ok(if self.chance(10) { Answer::Unknown } else { Answer::Committed(seq) })
    }
}

/// A node, of any writer.
trait Turn {
    fn turn(&mut self, world: &mut World) -> Result<bool, Violation>;
    fn drain(&mut self);
    fn again(&self, world: &mut World) -> Box<dyn Turn>;
}

struct Node<M: Machine> {
    id: u64,
    make: fn() -> M,
    driver: Driver<M>,
    read: usize,
    read_inbox: usize,
    in_flight: Option<Arc<[u8]>>,
    handed: tapedeck_schemas::position::Position,
}

fn node<M: Machine>(make: fn() -> M, id: u64, world: &World) -> Node<M> {
    let mut driver = Driver::follow(make(), created().tape, Owner { nonce: id, build: "test".into() });
    driver.take_over(world.last_on(M::WRITER));
    Node { id, make, driver, read: 0, read_inbox: 0, in_flight: None, handed: Default::default() }
}

impl<M: Machine> Node<M> {
    /// Hands on one message of each sort; whether there was any.
    fn read(&mut self, world: &World) -> bool {
        let inbox = match M::reads() {
            Reads::Inbox(Inbox::Market) => Some(&world.inbox),
            Reads::Inbox(Inbox::Command) => Some(&world.command),
            Reads::Tape(_) => None,
        };
        let mut any = false;
        if let Some(next) = inbox.and_then(|inbox| inbox.get(self.read_inbox)).filter(|_| self.driver.wants_inbox()) {
            let Message { seq, subject, stamp, payload, .. } = next;
            self.driver.handle(Input::Inbox { seq: *seq, subject, stamp: *stamp, payload });
            (self.read_inbox, any) = (self.read_inbox + 1, true);
        }
        if let Some(next) = world.tape.get(self.read).filter(|_| self.driver.wants_tape()) {
            let writer = next.subject.strip_prefix("tape.0.").and_then(|writer| writer.parse().ok());
            if inbox.is_none() || writer == Some(M::WRITER) {
                self.driver.handle(Input::Tape { seq: next.seq, writer, payload: &next.payload });
            }
            (self.read, any) = (self.read + 1, true);
        }
        self.handed = self.handed.max(self.driver.last_input());
        any
    }

    fn stopped(&mut self, stop: Stop, world: &mut World) -> Verdict {
        match stop {
            Stop::Fenced(seq) => {
                world.stops[0] += 1;
                world.bench.judge.fenced(self.id, M::WRITER, seq)
            }
            Stop::Drained => {
                world.stops[1] += 1;
                world.bench.judge.drained(self.id, M::WRITER, self.handed, true)
            }
            other => panic!("{}: {other}", M::WRITER),
        }
    }
}

impl<M: Machine> Turn for Node<M> {
    fn turn(&mut self, world: &mut World) -> Result<bool, Violation> {
        let mut any = self.read(world);
        while let Some(output) = self.driver.poll() {
            any = true;
            match output {
                Output::Append { attempt, expected, payload, .. } => {
                    let answer = world.append(self.id, M::WRITER, expected, &payload)?;
                    self.in_flight = Some(payload);
                    self.driver.handle(Input::Answer { attempt, answer });
                }
                Output::Committed { seq, .. } => {
                    let payload = self.in_flight.take().expect("it was sent");
                    world.bench.judge.committed(self.id, M::WRITER, seq, &payload)?;
                }
                Output::Void { seq, .. } => world.bench.judge.void(self.id, seq)?,
                Output::Stopped(stop) => {
                    self.stopped(stop, world)?;
                    *self = node(self.make, self.id, world);
                    break;
                }
            }
            self.read(world);
        }
        Ok(any)
    }

    fn drain(&mut self) {
        self.driver.handle(Input::Drain);
    }

    fn again(&self, world: &mut World) -> Box<dyn Turn> {
        world.nodes += 1;
        Box::new(node(self.make, world.nodes, world))
    }
}

fn start(seed: u64) -> (World, Vec<Box<dyn Turn>>) {
    let bench = Bench::new();
    let (tape, inbox, command) = (Vec::new(), Vec::new(), Vec::new());
    let mut world = World { bench, tape, inbox, command, random: seed, nodes: 10, stops: [0; 2] };
    let first = world.bench.keeper();
    let payload = tapedeck_schemas::record::encode(&first.header, &first.entries);
    world.store(Writer::Keeper, first.headers, &payload, Author::Keeper).unwrap();
    let nodes: Vec<Box<dyn Turn>> = vec![
        Box::new(node(tapedeck_ingest::Ingest::new, 1, &world)),
        Box::new(node(|| tapedeck_control::Control::new(params(), tapedeck_signal::strategies()), 2, &world)),
        Box::new(node(|| tapedeck_signal::Signal::new(0), 3, &world)),
        Box::new(node(|| tapedeck_risk::Risk::new(created().tape, 0), 4, &world)),
        Box::new(node(tapedeck_execution::Execution::new, 5, &world)),
        Box::new(node(|| tapedeck_venue::Venue::new(created().tape), 6, &world)),
        Box::new(node(tapedeck_portfolio::Portfolio::new, 7, &world)),
    ];
    (world, nodes)
}

fn trouble(world: &mut World, nodes: &mut Vec<Box<dyn Turn>>, nth: usize) -> Verdict {
    if world.chance(2) {
        nodes[nth] = nodes[nth].again(world); // killed
    } else if world.chance(2) {
        nodes[nth].drain();
    } else if world.chance(1) && nodes.len() < 12 {
        let rival = nodes[nth].again(world);
        nodes.push(rival);
    } else if world.chance(1) {
        let writer = Writer::ALL[1 + nth % 7];
        world.store(writer, Headers::default(), b"void", Author::Foreign)?;
    }
    Ok(())
}

fn run(seed: u64) -> Result<(Judge, [u64; 2]), Violation> {
    let (mut world, mut nodes) = start(seed);
    for n in 0..260 {
        match n {
            0 => world.bench.item(super::bench::definition())?,
            5 => world.bench.command("fund", funding())?,
            _ => world.bench.quote()?,
        }
        (world.inbox, world.command) = (world.bench.inbox.clone(), world.bench.commands.clone());
        for nth in 0..nodes.len() {
            trouble(&mut world, &mut nodes, nth)?;
            while world.chance(70) && nodes[nth].turn(&mut world)? {}
        }
    }
    // Rivals take the subject from each other for ever: at the end one node a writer goes on.
    nodes.truncate(7);
    for _ in 0..200_000 {
        let mut any = false;
        for node in &mut nodes {
            any |= node.turn(&mut world)?;
        }
        if !any {
            break;
        }
    }
    project(&mut world)?;
    world.bench.judge.acknowledged(SUBJECT, super::bench::SESSION, 1)?;
    world.bench.judge.finish()?;
    Ok((world.bench.judge, world.stops))
}

fn project(world: &mut World) -> Verdict {
    let mut reader = tapedeck_kernel::TapeReader::new(created().tape);
    for message in world.tape.clone() {
        let writer = message.subject.strip_prefix("tape.0.").and_then(|writer| writer.parse().ok());
        let read = reader.read(message.seq, writer, &message.payload).unwrap();
        if let tapedeck_kernel::TapeRead::Record(record) = read {
            world.bench.fold_in(&message, record.header.writer, &record.entries);
        }
    }
    let seq = world.tape.len() as u64;
    world.bench.judge.projected(seq, &world.bench.fold.tables)?;
    world.bench.judge.projected(seq, &world.bench.fold.tables)
}

#[test]
fn the_real_drivers_pass() {
    let mut stops = [0; 2];
    for seed in 0..40 {
        match run(seed) {
            Err(violation) => panic!("seed {seed}: {violation:?}"),
            Ok((_, more)) => stops = [stops[0] + more[0], stops[1] + more[1]],
        }
    }
    assert!(stops[0] > 20 && stops[1] > 20, "fenced and drained: {stops:?}");
}
