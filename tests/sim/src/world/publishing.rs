//! The steps of publishers and operators.

use tapedeck_kernel::Answer;
use tapedeck_schemas::subject;

use super::delivery::answer_of;
use super::{AUTHOR, Failure, World, named};
use crate::faults::{CrashPoint, Fault};
use crate::message::{Publish, Reply};
use crate::network::{Flight, Place, Sender};
use crate::publisher::{Items, Publisher, Stage};

/// Most operators at once. Two on one subject may interfere with each other's attempts.
const OPERATORS_MAX: usize = 3;

impl World {
    /// A publisher receives a market event.
    pub(super) fn new_item(&mut self) -> Result<(), Failure> {
        if self.items_left == 0 {
            return Ok(());
        }
        self.items_left -= 1;
        let index = self.schedule.index(self.walks.len());
        if self.occurs(Fault::ClockStep) {
            self.count(Fault::ClockStep);
            self.skews[index] = [0, 700, -700, 8_000, -8_000][self.random_of(Fault::ClockStep).index(5)] * 1_000_000;
        }
        let event = self.walks[index].next(self.now.saturating_add_signed(self.skews[index]));
        let publisher = &mut self.publishers[index];
        let n = publisher.receive(event.clone());
        let result = self.checker.intended(&publisher.subject, &publisher.session, n, &event);
        self.checked(result)
    }

    /// An operator sends a command, while others may be in flight.
    pub(super) fn new_command(&mut self) -> Result<(), Failure> {
        if self.publishers.iter().filter(|publisher| !publisher.is_market()).count() >= OPERATORS_MAX {
            return Ok(());
        }
        self.note_orders();
        let uid = self.uid();
        let session = format!("operator-{uid}");
        let command = self.operators.next(session.clone(), &self.orders);
        let subject = subject::command_subject(0, command.request.verb());
        self.publishers.push(Publisher::new(uid, subject, session, Items::Command(Box::new(command))));
        Ok(())
    }

    /// Lets a publisher continue.
    pub(super) fn publish_any(&mut self) -> Result<(), Failure> {
        let index = self.schedule.index(self.publishers.len());
        self.publish(index)
    }

    /// Performs the next step of a publisher.
    pub(super) fn publish(&mut self, index: usize) -> Result<(), Failure> {
        let most = self.schedule.between(1, 8);
        let publisher = &mut self.publishers[index];
        let stage = publisher.pending.as_ref().map(|pending| pending.stage);
        if publisher.publication.is_none() || stage == Some(Stage::ReadLast) {
            return self.read_last(index);
        }
        match stage {
            None => publisher.prepare(most),
            Some(Stage::Sent) => {
                let (uid, attempt) = (publisher.uid, publisher.pending.as_ref().map_or(0, |pending| pending.attempt));
                let lost = !self.network.holds(Sender::Publisher(uid), attempt);
                if lost || self.occurs(Fault::TimeoutThoughStored) {
                    self.publishers[index].answer(attempt, Answer::Unknown);
                }
            }
            Some(Stage::Ready) => self.send(index),
            Some(Stage::ReadLast) => {}
        }
        self.acknowledge(index)
    }

    fn read_last(&mut self, index: usize) -> Result<(), Failure> {
        let publisher = &mut self.publishers[index];
        let Some(stream) = self.broker.stream_of(&publisher.subject) else { return Ok(()) };
        let Ok(last) = self.broker.last_on(stream, &publisher.subject) else { return Ok(()) };
        publisher.adopt(last);
        if self.crashes_at(CrashPoint::PublisherRead) {
            self.publishers[index].crash();
        }
        self.acknowledge(index)
    }

    fn send(&mut self, index: usize) {
        let publisher = &mut self.publishers[index];
        let author = if publisher.is_market() { "publisher" } else { "operator" };
        let Some((pending, pairs)) = publisher.attempt() else { return };
        let headers = named(pairs.into_iter().chain([(AUTHOR, author.into())]));
        let publish = Publish { subject: publisher.subject.clone(), headers, payload: pending.payload };
        let (sender, attempt) = (Sender::Publisher(publisher.uid), pending.attempt);
        self.network.send(Flight { sender, attempt, publish, place: Place::Out });
        if self.crashes_at(CrashPoint::PublisherSent) {
            self.publishers[index].crash();
        }
    }

    pub(super) fn answer_publisher(&mut self, uid: u64, attempt: u64, answer: &Reply) -> Result<(), Failure> {
        let Some(index) = self.publishers.iter().position(|publisher| publisher.uid == uid) else { return Ok(()) };
        if self.crashes_at(CrashPoint::PublisherAnswered) {
            self.publishers[index].crash();
            return Ok(());
        }
        self.publishers[index].answer(attempt, answer_of(answer));
        self.acknowledge(index)
    }

    /// Checks the number of items that the publisher knows to be stored; removes an operator that is done.
    fn acknowledge(&mut self, index: usize) -> Result<(), Failure> {
        let publisher = &self.publishers[index];
        if !publisher.is_market() {
            if publisher.is_done() {
                self.publishers.remove(index);
            }
            return Ok(());
        }
        let result = self.checker.acknowledged(&publisher.subject, &publisher.session, publisher.through());
        self.checked(result)
    }
}
