//! The answers to the groups' checks of their streams, as the leaders and the database would give them.

use tapedeck_kernel::driver::Input;
use tapedeck_kernel::guard::{StreamState, StreamsAnswer, StreamsQuestion, WitnessAnswer};

use super::groups::stream_of;
use super::{Failure, TAPE, World};

impl World {
    /// Answers the open check of a process.
    pub(super) fn answer_check(&mut self, index: usize, question: StreamsQuestion) -> Result<(), Failure> {
        let inbox = self.processes[index].inbox.map(stream_of);
        let answer = self.stream_states(inbox, question);
        self.happened.count(if answer.is_some() { "streams-checked" } else { "streams-unread" });
        let clock = self.clock;
        let process = &mut self.processes[index];
        process.was_told_streams |= answer.is_some();
        let driver = &mut process.driver;
        driver.advance(clock);
        driver.handle(Input::Streams { number: question.number, answer: answer.map(Box::new) });
        self.settle(index)
    }

    /// The state of the tape and the inbox; `None` if one of them has no leader.
    pub(super) fn stream_states(&self, inbox: Option<&str>, question: StreamsQuestion) -> Option<StreamsAnswer> {
        let witness = match question.asks_witness {
            true if self.witness_is_away => WitnessAnswer::Missing,
            true => self.witness(),
            false => WitnessAnswer::NotAsked,
        };
        let tape = Some(self.stream_state(TAPE, question.tape, question.tape_next)?);
        let inbox = match inbox {
            Some(inbox) => Some(self.stream_state(inbox, question.inbox, question.inbox_next)?),
            None => None,
        };
        Some(StreamsAnswer { witness, tape, inbox })
    }

    fn stream_state(&self, stream: &str, seq: u64, next: u64) -> Option<StreamState> {
        let stored = self.broker.get(stream, seq);
        let message = stored.map(|message| (message.subject.clone(), message.payload.to_vec()));
        let stamp = stored.map_or(0, |message| message.stamp);
        let (first, last) = (self.broker.first_seq(stream), self.broker.last_seq(stream));
        let created = self.broker.created(stream);
        let lacks_next = (first..=last).contains(&next) && self.broker.get(stream, next).is_none();
        let messages = if first == 0 { 0 } else { last + 1 - first };
        let state = StreamState { created, first, last, messages, message, stamp, lacks_next, is_sealed: false };
        self.broker.has_leader(stream).then_some(state)
    }

    fn witness(&self) -> WitnessAnswer {
        match self.database.check_tape(&self.broker) {
            Ok(()) => WitnessAnswer::Agrees,
            Err(mismatch) => WitnessAnswer::Differs(mismatch),
        }
    }
}
