//! What must happen after streams have lost messages that they had acknowledged: each process that knows of the loss
//! stops, and no other does.
//!
//! The model of the checker holds what was lost, so the other rules end with the loss. A process, a database or a
//! record on the tape witnesses a loss of the messages up to a sequence if it rests on them. It witnesses nothing any
//! more if the same messages are stored again at their sequences.

use std::collections::BTreeMap;
use std::sync::Arc;

use tapedeck_kernel::driver::Stop;
use tapedeck_schemas::record::Writer;

use super::Checker;
use super::rules::{Checks, Rule, Violation};
use super::streams::Author;
use crate::message::Message;

/// The name of a stream, and a sequence in it.
pub type Place = (&'static str, u64);

/// A stream that has lost messages.
#[derive(Debug, Clone)]
pub struct LostMessages {
    /// The last sequence up to which it holds the messages that it held before.
    pub kept: u64,
    /// The subjects and payloads of the messages after it that are lost, in order.
    pub lost: Vec<(String, Arc<[u8]>)>,
    /// Whether the stream was created again.
    pub is_replaced: bool,
}

/// A process that has survived a loss, and what it knows of its streams.
#[derive(Debug, Clone)]
pub struct Survivor {
    /// The number of the process.
    pub node: u64,
    /// The last message of the tape that it has read, or that it knows to be stored.
    pub tape: Place,
    /// The last message that it has read of its inbox, if it reads one.
    pub inbox: Option<Place>,
    /// Whether it knows when its streams were created.
    pub knows_streams: bool,
}

/// A loss, and who knows of it.
#[derive(Debug, Clone)]
pub struct Loss {
    /// The streams that have lost messages, by name.
    pub streams: BTreeMap<&'static str, LostMessages>,
    /// The place on the tape up to which the rows of the database are projected.
    pub projected: Place,
    /// Whether the witness answers, which compares the database with the tape.
    pub witness_answers: bool,
    /// The processes that have survived.
    pub survivors: Vec<Survivor>,
    /// The last message of its inbox on which records rest that are left on the tape, of each writer that reads one.
    pub causes: BTreeMap<Writer, Place>,
}

impl Loss {
    fn is_lost(&self, (stream, seq): Place) -> bool {
        self.streams.get(stream).is_some_and(|lost| seq > lost.kept)
    }

    fn is_known_to_be_replaced(&self, survivor: &Survivor, stream: &str) -> bool {
        survivor.knows_streams && self.streams.get(stream).is_some_and(|lost| lost.is_replaced)
    }

    /// Whether the rows were projected from lost records, and the witness says so.
    pub fn is_witnessed_by_rows(&self) -> bool {
        self.witness_answers && self.is_lost(self.projected)
    }

    /// Whether a surviving process knows of it.
    pub fn is_witnessed_by_a_reader(&self) -> bool {
        let mut places = self.survivors.iter().flat_map(|one| one.places().map(move |place| (one, place)));
        places.any(|(one, (_, place))| self.is_witnessed_by(one, place))
    }

    /// Whether records that are left on the tape rest on lost messages of an inbox.
    pub fn is_witnessed_by_a_digest(&self) -> bool {
        self.causes.values().any(|place| self.is_lost(*place))
    }

    fn is_witnessed_by(&self, survivor: &Survivor, place: Place) -> bool {
        self.is_lost(place) || self.is_known_to_be_replaced(survivor, place.0)
    }
}

impl Survivor {
    /// The last message that it knows in each of its streams, and the rule about it.
    fn places(&self) -> impl Iterator<Item = (Rule, Place)> {
        let inbox = self.inbox.map(|inbox| (Rule::LostMessageStopsItsReader, inbox));
        [(Rule::LostRecordStopsItsReader, self.tape)].into_iter().chain(inbox)
    }
}

/// How a process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By a fence: its group starts again, without what it knew.
    Fenced,
    Drained,
    Loss,
}

/// A loss, and what happened after it.
#[derive(Debug)]
pub(super) struct Losses {
    loss: Loss,
    /// The last sequence of each stream up to which the lost messages are stored again.
    stored_again: BTreeMap<&'static str, u64>,
    ends: BTreeMap<u64, End>,
}

impl Losses {
    fn new(loss: Loss) -> Self {
        let stored_again = loss.streams.iter().map(|(stream, lost)| (*stream, lost.kept)).collect();
        Self { loss, stored_again, ends: BTreeMap::new() }
    }

    /// Whether the stream holds the same messages as before the loss, up to a place.
    fn holds(&self, (stream, seq): Place) -> bool {
        self.stored_again.get(stream).is_none_or(|again| seq <= *again)
    }

    fn holds_for(&self, survivor: &Survivor, place: Place) -> bool {
        self.holds(place) && !self.loss.is_known_to_be_replaced(survivor, place.0)
    }

    /// A message was stored.
    fn stored(&mut self, stream: &str, message: &Message) {
        let (Some(lost), Some(again)) = (self.loss.streams.get(stream), self.stored_again.get_mut(stream)) else {
            return;
        };
        if message.seq == *again + 1 {
            let index = usize::try_from(*again - lost.kept).unwrap_or(usize::MAX);
            let is_same =
                |(subject, payload): &(String, Arc<[u8]>)| (subject, payload) == (&message.subject, &message.payload);
            *again += u64::from(lost.lost.get(index).is_some_and(is_same));
        }
    }

    /// A process has appended a record at `seq`.
    fn appended(&self, node: u64, writer: Writer, seq: u64, checks: &mut Checks) -> Result<(), Violation> {
        let loss = &self.loss;
        let detail = |place: Place| format!("{writer} {node} appends {seq}, but {place:?} is known to be lost");
        if loss.is_witnessed_by_rows() {
            checks.check(Rule::ProjectedLossStopsAll, self.holds(loss.projected), || detail(loss.projected))?;
        }
        for survivor in loss.survivors.iter().filter(|survivor| survivor.node == node) {
            for (rule, place) in survivor.places().filter(|(_, place)| loss.is_witnessed_by(survivor, *place)) {
                checks.check(rule, self.holds_for(survivor, place), || detail(place))?;
            }
        }
        match loss.causes.get(&writer).filter(|cause| loss.is_lost(**cause)) {
            Some(cause) => checks.check(Rule::LostCauseStopsItsWriter, self.holds(*cause), || detail(*cause)),
            None => Ok(()),
        }
    }

    /// A process has stopped. Only a loss that it, the database or a record of its writer witnesses is a reason.
    fn stopped(&mut self, node: u64, writer: Writer, stop: &Stop, checks: &mut Checks) -> Result<(), Violation> {
        let end = match stop {
            Stop::Fenced { .. } => End::Fenced,
            Stop::Drained => End::Drained,
            _ => End::Loss,
        };
        self.ends.insert(node, end);
        if end != End::Loss {
            return Ok(());
        }
        let loss = &self.loss;
        let is_known = |one: &Survivor| one.places().any(|(_, place)| loss.is_witnessed_by(one, place));
        let by_reader = loss.survivors.iter().any(|one| one.node == node && is_known(one));
        let by_digest = loss.causes.get(&writer).is_some_and(|cause| loss.is_lost(*cause));
        checks.check(Rule::OnlyAWitnessStops, by_reader || by_digest || loss.is_witnessed_by_rows(), || {
            format!("{writer} {node} knows of no loss, and stops: {stop}")
        })
    }

    /// A projector has compared the database with the tape, and has begun to read or refused.
    fn projector_opened(&self, refused: Option<&str>, checks: &mut Checks) -> Result<(), Violation> {
        let projected = self.loss.projected;
        checks.check(Rule::ProjectorRefusesALoss, refused.is_some() || self.holds(projected), || {
            format!("the projector continues after {projected:?}, which is lost")
        })?;
        checks.check(Rule::OnlyAWitnessStops, refused.is_none() || self.loss.is_lost(projected), || {
            format!("the projector knows of no loss, and stops: {refused:?}")
        })
    }

    /// The end of the run: these processes are running, and have had the time to compare their streams.
    fn finish(&self, running: &[(u64, Writer)], checks: &mut Checks) -> Result<(), Violation> {
        let loss = &self.loss;
        let detail =
            |node: u64, place: Place| format!("node {node} has not stopped, but {place:?} is known to be lost");
        if loss.is_witnessed_by_rows() {
            let first = running.first().map_or(0, |(node, _)| *node);
            let holds = running.is_empty() || self.holds(loss.projected);
            checks.check(Rule::ProjectedLossStopsAll, holds, || detail(first, loss.projected))?;
        }
        for survivor in &loss.survivors {
            for (rule, place) in survivor.places().filter(|(_, place)| loss.is_witnessed_by(survivor, *place)) {
                let has_stopped = matches!(self.ends.get(&survivor.node), Some(End::Loss | End::Drained));
                let holds = has_stopped || self.holds_for(survivor, place);
                let end = self.ends.get(&survivor.node);
                checks.check(rule, holds, || format!("{}: {end:?}", detail(survivor.node, place)))?;
            }
        }
        for (writer, cause) in loss.causes.iter().filter(|(_, cause)| loss.is_lost(**cause)) {
            let still = running.iter().find(|(_, other)| other == writer).map(|(node, _)| *node);
            let holds = still.is_none() || self.holds(*cause);
            checks.check(Rule::LostCauseStopsItsWriter, holds, || detail(still.unwrap_or(0), *cause))?;
        }
        Ok(())
    }
}

impl Checker {
    /// Streams have lost messages. From now on only the rules about losses are checked.
    pub fn lost(&mut self, loss: Loss) {
        self.losses = Some(Losses::new(loss));
    }

    /// A message was stored after a loss.
    pub(super) fn stored_after_loss(
        &mut self,
        stream: &str,
        message: &Message,
        author: Author,
    ) -> Result<(), Violation> {
        let Some(losses) = &mut self.losses else { return Ok(()) };
        if let (Author::Node(node), Some(writer)) = (author, self.streams.writer_of(&message.subject)) {
            losses.appended(node, writer, message.seq, &mut self.checks)?;
        }
        losses.stored(stream, message);
        Ok(())
    }

    /// A process stopped after a loss.
    pub fn stopped(&mut self, node: u64, writer: Writer, stop: &Stop) -> Result<(), Violation> {
        self.losses.as_mut().map_or(Ok(()), |losses| losses.stopped(node, writer, stop, &mut self.checks))
    }

    /// A projector was started after a loss; `refused` is why it did not begin to read.
    pub fn projector_opened(&mut self, refused: Option<&str>) -> Result<(), Violation> {
        self.losses.as_ref().map_or(Ok(()), |losses| losses.projector_opened(refused, &mut self.checks))
    }

    /// The end of a run with a loss. These processes are running.
    pub fn finish_after_loss(&mut self, running: &[(u64, Writer)]) -> Result<(), Violation> {
        self.losses.as_ref().map_or(Ok(()), |losses| losses.finish(running, &mut self.checks))
    }
}
