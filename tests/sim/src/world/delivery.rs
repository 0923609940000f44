//! The delivery of requests and replies, with loss, duplication and reordering.

use tapedeck_kernel::{Answer, reply};

use super::{COMMAND, Failure, INBOX, STREAMS, TAPE, World};
use crate::broker::Arrived;
use crate::faults::{CrashPoint, Fault};
use crate::message::Reply;
use crate::network::{Place, Sender};

impl World {
    /// Delivers a request to the broker: the oldest, or one that overtakes it. It may be lost or duplicated.
    pub(super) fn deliver_out(&mut self) -> Result<(), Failure> {
        let waiting = self.network.out();
        if waiting == 0 {
            return Ok(());
        }
        let nth = match self.occurs(Fault::ReorderedRequest) {
            true => self.random_of(Fault::ReorderedRequest).index(waiting),
            false => 0,
        };
        let Some((mut flight, overtakes)) = self.network.take_out(nth) else { return Ok(()) };
        if overtakes {
            self.count(Fault::ReorderedRequest);
        }
        if self.occurs(Fault::LostRequest) {
            self.count(Fault::LostRequest);
            return Ok(());
        }
        if self.occurs(Fault::DuplicatedRequest) {
            self.count(Fault::DuplicatedRequest);
            self.network.send(flight.clone());
        }
        flight.place = match self.broker.publish(self.now, flight.publish.clone()) {
            Arrived::Proposed(ticket) => Place::Proposed(ticket),
            Arrived::Answered(reply) => {
                self.log(|| format!("broker to {:?} attempt {}: {reply:?}", flight.sender, flight.attempt));
                Place::Back(reply)
            }
        };
        self.network.send(flight);
        self.check_stored()
    }

    /// Agrees on a proposal of any stream.
    pub(super) fn agree_any(&mut self) -> Result<(), Failure> {
        let stream = STREAMS[self.schedule.index(STREAMS.len())];
        let stream = if self.broker.proposed(stream) > 0 { stream } else { TAPE };
        self.agree(stream)
    }

    /// Agrees on all proposals.
    pub(super) fn agree_all(&mut self) -> Result<(), Failure> {
        for stream in [TAPE, INBOX, COMMAND] {
            while self.broker.proposed(stream) > 0 {
                self.agree(stream)?;
            }
        }
        Ok(())
    }

    fn agree(&mut self, stream: &str) -> Result<(), Failure> {
        if let Some((ticket, reply)) = self.broker.agree(self.now, stream) {
            self.log(|| format!("{stream}: {reply:?}"));
            self.network.agreed(ticket, reply);
        }
        self.check_stored()
    }

    /// Delivers a reply to its sender. It may be lost.
    pub(super) fn deliver_back(&mut self) -> Result<(), Failure> {
        let waiting = self.network.back();
        if waiting == 0 {
            return Ok(());
        }
        let nth = self.schedule.index(waiting);
        let Some((sender, attempt, answer)) = self.network.take_back(nth) else { return Ok(()) };
        if self.occurs(Fault::LostAnswer) {
            if matches!(answer, Reply::Ack { .. }) {
                self.count(Fault::LostAnswer);
            }
            return Ok(());
        }
        if matches!(answer, Reply::Error { err_code: 10164, .. }) {
            self.count(Fault::InFlightRefused);
        }
        match sender {
            Sender::Process(uid) => self.answer_process(uid, attempt, &answer),
            Sender::Publisher(uid) => self.answer_publisher(uid, attempt, &answer),
        }
    }

    fn answer_process(&mut self, uid: u64, attempt: u64, answer: &Reply) -> Result<(), Failure> {
        let Some(index) = self.processes.iter().position(|process| process.uid == uid) else { return Ok(()) };
        if self.processes[index].paused {
            // The real reply waits in the socket until the process resumes; here it is lost.
            return Ok(());
        }
        if self.crashes_at(CrashPoint::Answered) {
            self.processes.remove(index);
            return Ok(());
        }
        let process = &mut self.processes[index];
        if process.pending.as_ref().is_none_or(|pending| pending.attempt != attempt) {
            self.count(Fault::LateAnswer);
        }
        self.processes[index].answer(attempt, answer_of(answer));
        self.settle(index)
    }
}

/// The meaning of a reply, by the code that interprets the real ones.
pub(super) fn answer_of(answer: &Reply) -> Answer {
    match answer {
        Reply::Ack { seq, .. } => reply::Reply::Ack(*seq),
        Reply::Error { err_code, description, .. } => {
            reply::Reply::Error { err_code: u64::from(*err_code), description }
        }
        Reply::NoResponders => reply::Reply::None,
    }
    .into()
}
