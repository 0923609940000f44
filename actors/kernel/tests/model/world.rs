//! A seeded scheduler of drivers and of the network between them and the tape, with faults.

use std::collections::BTreeMap;

use tapedeck_kernel::driver::{Input, Output, Stop};
use tapedeck_kernel::{Answer, Reads};
use tapedeck_schemas::event::Progress;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Header, RecordHash, Writer};

use super::node::{Node, Request};
use super::toys::{TICK, Toy, fact_of};
use super::{Rng, Tape, checks};

/// Rounds without faults after which a run that is not idle counts as stuck.
const HEALING_ROUNDS_MAX: usize = 20_000;

/// The state of one run.
pub(crate) struct World<M: Toy> {
    pub(crate) tape: Tape,
    pub(crate) inbox: Vec<Vec<u8>>,
    pub(crate) nodes: Vec<Node<M>>,
    /// Whether faults are injected.
    pub(crate) faults: bool,
    /// Number of possible crash points until the acting node crashes.
    pub(crate) crash_in: Option<u64>,
    /// Count of each situation, so that a test can assert that its runs cover them.
    pub(crate) happened: BTreeMap<&'static str, u64>,
    network: Vec<Request>,
    rng: Rng,
    uids: u64,
    trace: bool,
}

impl<M: Toy> World<M> {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            tape: Tape::new(),
            inbox: Vec::new(),
            nodes: Vec::new(),
            faults: true,
            crash_in: None,
            happened: BTreeMap::new(),
            network: Vec::new(),
            rng: Rng(seed),
            uids: 0,
            trace: std::env::var_os("TAPEDECK_SEED").is_some(),
        }
    }

    /// Runs `steps` random steps, then runs without faults until idle, and checks the result.
    pub(crate) fn run(mut self, steps: usize) -> Self {
        for _ in 0..steps {
            self.step();
        }
        self.faults = false;
        self.heal();
        if self.rng.one_in(2) {
            let owner = self.nodes.iter().position(|node| node.driver.is_owner()).unwrap();
            self.drain(owner);
            self.heal_until(|world| world.nodes.iter().all(|node| !node.draining));
            self.quiesce_followers();
            checks::followers_agree(&self);
        }
        checks::all(&self);
        self
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            eprintln!("{:>4} {}", self.tape.last(), what());
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.happened.entry(what).or_default() += 1;
    }

    fn step(&mut self) {
        let node = self.rng.below(self.nodes.len().max(1));
        let active = self.nodes.get(node).is_some_and(|node| !node.paused);
        match self.rng.below(100) {
            0..14 => self.new_input(),
            14..44 if active && !self.reads_tape() && !self.rng.one_in(4) => self.feed_inbox(node),
            14..44 if active => self.feed_tape(node),
            44..58 if active => self.feed_inbox(node),
            58..74 => self.deliver_request(),
            74..86 if active => self.deliver_answer(node),
            86..88 if self.faults && active => self.time_out(node),
            88 if self.faults => self.other_message(),
            89 if self.faults && self.rng.one_in(3) && active => self.crash(node),
            90 if self.faults && self.rng.one_in(2) && !self.nodes.is_empty() => {
                self.nodes[node].paused = !self.nodes[node].paused;
            }
            91 if self.rng.one_in(4) && active => self.drain(node),
            92..95 => self.start_or_claim(node),
            _ => {}
        }
    }

    fn reads_tape(&self) -> bool {
        matches!(M::reads(), Reads::Tape(_))
    }

    fn new_input(&mut self) {
        let values: Vec<u8> = (0..1 + self.rng.below(3)).map(|_| self.value()).collect();
        self.input(&values);
    }

    fn value(&mut self) -> u8 {
        if self.rng.one_in(3) { TICK } else { 1 + self.rng.below(200) as u8 }
    }

    /// Writes one message with these values to the input of the machine.
    pub(crate) fn input(&mut self, values: &[u8]) {
        match M::reads() {
            Reads::Inbox(_) => self.inbox.push(values.to_vec()),
            Reads::Tape(_) => {
                let time = 10 * self.tape.last();
                let mut events: Vec<_> = values.iter().map(|&value| fact_of(value, time)).collect();
                if self.rng.one_in(4) {
                    // Not an input, but it has an index.
                    events.insert(self.rng.below(values.len() + 1), Progress {}.into());
                }
                let events = events.into_iter().map(|event| (Offset::new(time, 0), time, event)).collect();
                self.tape.write(Writer::Ingest, 1, events);
            }
        }
    }

    pub(crate) fn feed_tape(&mut self, node: usize) {
        if self.nodes[node].feed_tape(&self.tape) {
            self.settle(node);
        }
    }

    pub(crate) fn feed_inbox(&mut self, node: usize) {
        if self.nodes[node].feed_inbox(&self.inbox) {
            self.settle(node);
        }
    }

    /// Performs the outputs of the driver until there are none; a crash may occur between any two.
    pub(crate) fn settle(&mut self, node: usize) {
        loop {
            if self.crashes_here() {
                return self.crash(node);
            }
            let Some(output) = self.nodes[node].driver.poll() else { break };
            if self.crashes_here() {
                self.count("said, never done");
                return self.crash(node);
            }
            self.say(|| format!("node {} says {output:?}", self.nodes[node].uid));
            if let Output::Committed { .. } = output {
                let told = self.nodes[node].told == self.nodes[node].outstanding.as_ref().map(|sent| sent.attempt);
                self.count(if told { "committed by ack" } else { "committed by the tape" });
            }
            if let Some(request) = self.nodes[node].perform(output, &self.tape) {
                self.network.push(request);
            }
        }
        if let Some(stop) = self.nodes[node].stopped.clone() {
            self.count(match stop {
                Stop::Fenced { .. } => "fenced",
                Stop::Drained => "drained",
                stop => panic!("stopped without cause: {stop}"),
            });
            checks::drained(self, node);
            self.crash(node);
        }
    }

    fn crashes_here(&mut self) -> bool {
        if let Some(left) = &mut self.crash_in {
            *left = left.wrapping_sub(1);
            return *left == u64::MAX;
        }
        self.faults && self.rng.one_in(120)
    }

    /// Ends the process; its requests stay in transit.
    fn crash(&mut self, node: usize) {
        self.say(|| format!("node {} is gone", self.nodes[node].uid));
        self.count(if self.nodes[node].stopped.is_some() { "stopped" } else { "crashed" });
        self.nodes.swap_remove(node);
    }

    fn drain(&mut self, node: usize) {
        self.nodes[node].draining = true;
        self.nodes[node].driver.handle(Input::Drain);
        self.settle(node);
    }

    /// Starts a process, or makes a standby take over. Sometimes its read of the last sequence is stale.
    fn start_or_claim(&mut self, node: usize) {
        if self.nodes.len() < 2 && (self.nodes.is_empty() || self.faults && self.rng.one_in(3)) {
            self.uids += 1;
            self.nodes.push(Node::new(self.uids));
            return;
        }
        if self.nodes[node].claims || self.nodes[node].paused {
            return;
        }
        let stale = self.faults && self.rng.one_in(8);
        let seq = if stale { self.rng.below(self.tape.messages.len() + 1) as u64 } else { self.tape.last() };
        let read = (1..=seq).rev().find(|&seq| self.tape.at(seq).subject == Some(M::WRITER));
        self.claim(node, read.unwrap_or(0));
    }

    pub(crate) fn claim(&mut self, node: usize, last_own: u64) {
        self.say(|| format!("node {} takes over behind {last_own}", self.nodes[node].uid));
        self.nodes[node].claims = true;
        self.nodes[node].driver.take_over(last_own);
        self.settle(node);
    }

    /// Delivers a request to JetStream, or loses, repeats or rejects it; its answer is delivered or lost.
    fn deliver_request(&mut self) {
        if self.network.is_empty() {
            return;
        }
        let at = self.rng.below(self.network.len());
        let fate = if self.faults { self.rng.below(14) } else { 0 };
        let request = if fate == 13 { self.network[at].clone() } else { self.network.swap_remove(at) };
        let answer = match fate {
            9 => return self.say(|| format!("request lost: node {} attempt {}", request.node, request.attempt)),
            10 => Answer::Unknown,
            11 => Answer::Refused("insufficient storage".into()),
            _ => self.broker(&request),
        };
        self.say(|| format!("broker, fate {fate}, to node {} attempt {}: {answer:?}", request.node, request.attempt));
        if let Some(node) = self.nodes.iter_mut().find(|node| node.uid == request.node && fate != 12) {
            node.answers.push((request.attempt, answer));
        }
    }

    fn broker(&mut self, request: &Request) -> Answer {
        match self.tape.append(request.node, M::WRITER, request.expected, &request.payload) {
            Answer::WrongLast(_) => {
                self.count("wrong last");
                Answer::WrongLast(self.rng.one_in(2).then(|| self.tape.last_on(M::WRITER)))
            }
            answer => {
                let alive = self.nodes.iter().any(|node| node.uid == request.node);
                self.count(if alive { "stored" } else { "stored after its sender was gone" });
                answer
            }
        }
    }

    fn deliver_answer(&mut self, node: usize) {
        let waiting = self.nodes[node].answers.len();
        if waiting == 0 {
            return;
        }
        let at = self.rng.below(waiting);
        let (attempt, answer) = self.nodes[node].answers.swap_remove(at);
        if self.nodes[node].outstanding.as_ref().is_none_or(|sent| sent.attempt != attempt) {
            self.count("late answer");
        } else if let Answer::Committed(_) = answer {
            self.nodes[node].told = Some(attempt);
        }
        self.say(|| format!("node {} hears of attempt {attempt}: {answer:?}", self.nodes[node].uid));
        self.nodes[node].driver.handle(Input::Answer { attempt, answer });
        self.settle(node);
    }

    fn time_out(&mut self, node: usize) {
        let Some(attempt) = self.nodes[node].outstanding.as_ref().map(|request| request.attempt) else { return };
        self.nodes[node].answers.push((attempt, Answer::Unknown));
    }

    /// Writes garbage, a record of another writer or one that does not chain, on any subject, or a valid record that no
    /// machine reads.
    fn other_message(&mut self) {
        let subject = match self.rng.below(6) {
            0 => Some(M::WRITER),
            1 => Some(Writer::Ingest),
            2 => None,
            _ => Some(Writer::Risk),
        };
        let prev_hash = RecordHash([1 + self.rng.below(250) as u8; 32]);
        let payload = match self.rng.below(5) {
            0 => b"hello".to_vec(),
            1 => record::encode(&Header { writer: Writer::Control, epoch: 1, prev_hash: RecordHash::default() }, &[]),
            2 => record::encode(&Header { writer: subject.unwrap_or(M::WRITER), epoch: 9, prev_hash }, &[]),
            3 => Vec::new(),
            _ => {
                self.tape.write(Writer::Risk, 1, vec![(Offset::new(1, 0), 5, fact_of(3, 5))]);
                return;
            }
        };
        self.say(|| format!("foreign message on {subject:?}: {payload:?}"));
        self.tape.put(subject, payload);
    }

    /// Runs without faults until one owner has answered every input.
    pub(crate) fn heal(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.paused = false);
        self.heal_until(|world| {
            let owners = world.nodes.iter().filter(|node| node.driver.is_owner()).count();
            owners == 1 && world.nodes.iter().any(|node| node.driver.is_idle())
        });
    }

    fn heal_until(&mut self, done: impl Fn(&Self) -> bool) {
        for _ in 0..HEALING_ROUNDS_MAX {
            if !self.heal_round() && done(self) {
                return;
            }
        }
        panic!("stuck: nothing is wrong any more, yet the run does not come to rest");
    }

    /// One round of every node and request; returns whether any of them acted. A process is started only if none is
    /// taking over or the owner.
    fn heal_round(&mut self) -> bool {
        let before = (self.progress_mark(), self.network.len());
        if !self.nodes.iter().any(|node| node.claims) {
            if self.nodes.is_empty() {
                self.uids += 1;
                self.nodes.push(Node::new(self.uids));
            }
            self.claim(0, self.tape.last_on(M::WRITER));
        }
        while !self.network.is_empty() {
            self.deliver_request();
        }
        for uid in self.nodes.iter().map(|node| node.uid).collect::<Vec<_>>() {
            let mut acts = [Self::feed_tape, Self::feed_inbox, Self::hear_or_time_out];
            acts.rotate_left(self.rng.below(3));
            for act in acts {
                if let Some(node) = self.nodes.iter().position(|node| node.uid == uid) {
                    act(self, node);
                }
            }
        }
        before != (self.progress_mark(), self.network.len())
    }

    fn hear_or_time_out(&mut self, node: usize) {
        if self.nodes[node].answers.is_empty() && !self.network.iter().any(|on_way| on_way.node == self.nodes[node].uid)
        {
            self.time_out(node);
        }
        self.deliver_answer(node);
    }

    fn quiesce_followers(&mut self) {
        for node in &mut self.nodes {
            while node.feed_tape(&self.tape) || node.feed_inbox(&self.inbox) {}
        }
    }

    fn progress_mark(&self) -> (u64, Vec<(u64, u64, Offset, usize)>) {
        let marks = self.nodes.iter().map(|node| {
            (node.uid, node.driver.tape_last(), node.fed, node.answers.len() + usize::from(node.outstanding.is_some()))
        });
        (self.tape.last(), marks.collect())
    }
}
