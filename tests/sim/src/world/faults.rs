//! Faults of the environment: lost leaders, full and trimmed streams, paused processes, foreign bytes.

use tapedeck_schemas::event::Event;
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::record::{self, Header, RecordHash, Writer};
use tapedeck_schemas::subject::{self, TapeSubject};

use super::{Failure, INBOX, STREAMS, TAPE, World};
use crate::faults::Fault;
use crate::message::Headers;

impl World {
    /// Injects a fault, or repairs one.
    pub(super) fn inject_or_repair(&mut self) -> Result<(), Failure> {
        match self.schedule.below(10) {
            0 => self.lose_leader(),
            1 => self.elect_any(),
            2 => self.fill_up(),
            3 => self.make_room(),
            4 => self.trim(),
            5 => self.restore(),
            6 => self.pause(),
            7 => self.drain_any()?,
            _ => self.foreign(),
        }
        Ok(())
    }

    fn any_stream(&mut self, fault: Fault) -> &'static str {
        STREAMS[self.random_of(fault).index(STREAMS.len())]
    }

    fn lose_leader(&mut self) {
        let stream = self.any_stream(Fault::LeaderLost);
        if !self.broker.has_leader(stream) || !self.occurs(Fault::LeaderLost) {
            return;
        }
        self.count(Fault::LeaderLost);
        let proposed = self.broker.proposed(stream);
        let kept = self.random_of(Fault::LeaderLost).index(proposed + 1);
        self.log(|| format!("{stream} loses its leader, {kept} proposals are kept"));
        self.broker.lose_leader(self.now, stream, kept);
        let broker = &self.broker;
        self.network.lose_proposals(|subject| broker.stream_of(subject) == Some(stream));
    }

    fn elect_any(&mut self) {
        let stream = self.any_stream(Fault::LeaderLost);
        self.broker.elect(stream);
    }

    fn fill_up(&mut self) {
        let stream = self.any_stream(Fault::FullStream);
        if self.occurs(Fault::FullStream) {
            self.count(Fault::FullStream);
            self.broker.set_limits(stream, Some(1), None);
        }
    }

    fn make_room(&mut self) {
        for stream in STREAMS {
            self.broker.set_limits(stream, None, None);
        }
    }

    /// Purges the beginning of a stream. The last record of each writer stays on the tape: a purge of it would reset
    /// the writer's fence at the broker. No process can protect itself from that, so only the keeper may purge.
    fn trim(&mut self) {
        let stream = self.any_stream(Fault::TrimmedStream);
        let first = self.broker.first_seq(stream).max(1);
        let subject_of = |writer| subject::tape_subject(0, Generation::FIRST, writer);
        let last_of = |writer: Writer| self.broker.last_on(TAPE, &subject_of(writer)).ok().flatten();
        let last = match stream {
            TAPE => tapedeck_groups::writers().filter_map(last_of).map(|message| message.seq).min().unwrap_or(0),
            other => self.broker.last_seq(other),
        };
        if last <= first || self.trimmed.contains_key(stream) || !self.occurs(Fault::TrimmedStream) {
            return;
        }
        self.count(Fault::TrimmedStream);
        let until = self.random_of(Fault::TrimmedStream).between(first + 1, last);
        self.log(|| format!("{stream} is trimmed before {until}"));
        let gone = (first..until).filter_map(|seq| self.broker.get(stream, seq).cloned()).collect();
        self.trimmed.insert(stream, gone);
        self.broker.purge(stream, until);
        self.checker.trimmed(stream);
    }

    /// Puts back the purged messages.
    pub(super) fn restore(&mut self) {
        for (stream, gone) in std::mem::take(&mut self.trimmed) {
            self.log(|| format!("{stream} is restored"));
            self.broker.put_back(stream, gone);
        }
    }

    fn pause(&mut self) {
        if self.processes.is_empty() {
            return;
        }
        let count = self.processes.len();
        let index = self.random_of(Fault::Paused).index(count);
        if self.processes[index].paused {
            self.processes[index].paused = false;
            self.count(Fault::Paused);
        } else if self.occurs(Fault::Paused) {
            self.processes[index].paused = true;
        }
    }

    fn drain_any(&mut self) -> Result<(), Failure> {
        let owners = (0..self.processes.len()).filter(|index| !self.processes[*index].paused);
        let owners: Vec<usize> = owners.collect();
        if owners.is_empty() || !self.schedule.one_in(3) {
            return Ok(());
        }
        let index = owners[self.schedule.index(owners.len())];
        self.drain(index)
    }

    /// Publishes foreign bytes on any subject.
    fn foreign(&mut self) {
        let kinds = [Fault::ForeignOnTape, Fault::ForeignInMarket, Fault::ForeignCommand];
        let fault = kinds[self.schedule.index(kinds.len())];
        if !self.occurs(fault) {
            return;
        }
        let subject = match fault {
            Fault::ForeignOnTape => self.subject_on_tape(),
            Fault::ForeignInMarket => self.market_subject(),
            _ => "cmd.0.halt".into(),
        };
        let payload = self.foreign_bytes(fault, &subject);
        let stream = self.broker.stream_of(&subject).unwrap_or(INBOX).to_string();
        if self.broker.has_leader(&stream) {
            self.count(fault);
            self.put(subject, Headers::default(), payload);
        }
    }

    fn subject_on_tape(&mut self) -> String {
        let random = self.random_of(Fault::ForeignOnTape);
        match random.below(9) {
            0 => "tape.0.g1.unknown".into(),
            1 => "tape.0.g1.keeper".into(),
            _ => subject::tape_subject(0, Generation::FIRST, super::groups::draw_writer(random)),
        }
    }

    fn market_subject(&mut self) -> String {
        let subjects = ["md.sim.ALPHAUSD.quote", "md.sim.BRAVOUSD.batch", "md.sim.UNLISTED.trade", "md.nonsense"];
        subjects[self.random_of(Fault::ForeignInMarket).index(subjects.len())].into()
    }

    fn foreign_bytes(&mut self, fault: Fault, subject: &str) -> Vec<u8> {
        let own = super::tape_subject(subject);
        let writer = own.writer().unwrap_or(Writer::Control);
        let random = self.random_of(fault);
        let prev_hash = RecordHash([1 + random.below(250) as u8; 32]);
        match random.below(5) {
            0 if fault == Fault::ForeignInMarket && random.one_in(2) => flood(random.between(2, 300)),
            0 => Vec::new(),
            1 => b"hello".to_vec(),
            2 => record::encode(&Header { writer, epoch: 9, prev_hash, inbox: None }, &[]),
            // A copy of a stored message, which is not valid at another place.
            // A first record would begin the chain of a writer of a later build, and stop every reader, as it must.
            3 => match self.copy_of_any(fault).unwrap_or_default() {
                copy if matches!(own, TapeSubject::Unknown(_)) && begins_a_chain(&copy) => Vec::new(),
                copy => copy,
            },
            _ => (0..random.between(1, 40)).map(|_| random.below(256) as u8).collect(),
        }
    }

    fn copy_of_any(&mut self, fault: Fault) -> Option<Vec<u8>> {
        let stream = self.any_stream(fault);
        let last = self.broker.last_seq(stream).max(1);
        let seq = self.random_of(fault).between(1, last);
        self.broker.get(stream, seq).map(|message| message.payload.to_vec())
    }

    /// Updates the list of recently submitted orders.
    pub(super) fn note_orders(&mut self) {
        let last = self.broker.last_seq(TAPE);
        for seq in last.saturating_sub(40)..=last {
            let Some(message) = self.broker.get(TAPE, seq) else { continue };
            let Ok((_, entries)) = record::decode(&message.payload) else { continue };
            let submitted = entries.iter().filter_map(|entry| match &entry.event {
                Event::OrderSubmitted(sent) => Some(sent.order.id),
                _ => None,
            });
            let orders: Vec<OrderId> = submitted.collect();
            self.orders.extend(orders);
        }
        let extra = self.orders.len().saturating_sub(16);
        self.orders.drain(..extra);
    }
}

/// A message of many events that do not decode.
fn flood(events: u64) -> Vec<u8> {
    let events: Vec<String> = (1..=events).map(|seq| format!(r#"{{"source":"flood","seq":{seq}}}"#)).collect();
    format!("[{}]", events.join(",")).into_bytes()
}

fn begins_a_chain(payload: &[u8]) -> bool {
    record::read(payload).outer.is_some_and(|outer| outer.prev_hash == RecordHash::default())
}
