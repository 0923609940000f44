//! A loss of messages that were acknowledged: streams lose their last messages in a crash of the server, or a stream is
//! created again. It is decided at the start of a run, and ends the part of the run to which the ordinary rules apply.

use std::collections::BTreeMap;
use std::sync::Arc;

use tapedeck_kernel::driver::Stop;
use tapedeck_kernel::guard::StreamLoss;
use tapedeck_kernel::{AnyMachine as _, Reads};
use tapedeck_schemas::record::{self, Writer};

use super::groups::stream_of;
use super::{COMMAND, Failure, INBOX, STREAMS, TAPE, World, author, tape_subject};
use crate::checker::{Author, Loss, LostMessages, Place, Survivor};
use crate::faults::Fault;
use crate::paper::machines;
use crate::random::Random;
use crate::settings::Settings;

/// The subject and the payload of a message.
type Content = (String, Arc<[u8]>);

/// The loss of a run.
#[derive(Debug, Clone)]
pub(super) struct LossPlan {
    /// How messages are lost.
    fault: Fault,
    /// The step after which they are lost.
    pub(super) step: u64,
    /// The step after which the copy of the database is made to which it is restored.
    pub(super) copy_step: Option<u64>,
    stops_witness: bool,
    /// Draws the rest of the run.
    random: Random,
}

impl LossPlan {
    /// Decides whether messages are lost in a run, how and when.
    pub(super) fn of(settings: &Settings) -> Option<Self> {
        let Settings { seed, steps, .. } = *settings;
        let kinds = [Fault::LostTail, Fault::ReplacedStream].into_iter().filter(|fault| settings.rate(*fault) > 0);
        let kinds: Vec<Fault> = kinds.collect();
        let first = *kinds.first()?;
        let mut random = Random::of(seed, first.as_str());
        if !random.one_in(3) {
            return None;
        }
        let fault = kinds[random.index(kinds.len())];
        let step = random.between(steps / 4, steps);
        let chosen = |fault: Fault| {
            let mut random = Random::of(seed, fault.as_str());
            (settings.rate(fault) > 0 && random.one_in(2)).then_some(random)
        };
        let copy_step = chosen(Fault::OldDatabase).map(|mut random| random.between(0, step));
        let stops_witness = chosen(Fault::WitnessAway).is_some();
        Some(Self { fault, step, copy_step, stops_witness, random })
    }
}

impl World {
    /// Loses messages and checks what happens then. If the streams to lose them are empty, the run ends as without.
    pub(super) fn lose(&mut self, plan: LossPlan) -> Result<(), Failure> {
        let LossPlan { fault, stops_witness, mut random, .. } = plan;
        self.healing = true;
        self.restore();
        let before: BTreeMap<&'static str, Vec<Content>> =
            STREAMS.iter().map(|stream| (*stream, self.contents(stream))).collect();
        let lost = self.draw_lost(fault, &mut random);
        if lost.is_empty() {
            return self.heal();
        }
        self.count(fault);
        self.network.clear();
        self.projectors.clear();
        for stream in STREAMS {
            self.broker.set_limits(stream, None, None);
            self.broker.lose_leader(self.now, stream, 0);
            self.broker.elect(stream);
        }
        for (stream, kept) in &lost {
            self.lose_messages(fault, stream, *kept, &mut random);
        }
        if let Some(copy) = self.old_database.take() {
            self.count(Fault::OldDatabase);
            self.database = copy;
        }
        if stops_witness {
            self.count(Fault::WitnessAway);
            self.witness_is_away = true;
        }
        self.crash_some(&mut random);
        let streams = lost.keys().map(|stream| (*stream, self.lost_messages(fault, stream, &before[stream])));
        let streams = streams.collect();
        self.witness_loss(streams);
        self.live_after_loss(random)
    }

    fn contents(&self, stream: &str) -> Vec<Content> {
        let messages = (1..=self.broker.last_seq(stream)).filter_map(|seq| self.broker.get(stream, seq));
        messages.map(|message| (message.subject.clone(), message.payload.clone())).collect()
    }

    /// The streams that lose messages, each with the last sequence that it keeps. A tape keeps its first record, which
    /// is old when others are lost, unless it is deleted.
    fn draw_lost(&self, fault: Fault, random: &mut Random) -> BTreeMap<&'static str, u64> {
        if fault == Fault::ReplacedStream {
            let stream = STREAMS[random.index(STREAMS.len())];
            let holds_any = self.broker.last_seq(stream) > 0;
            return holds_any.then_some((stream, 0)).into_iter().collect();
        }
        let which = random.between(1, 7);
        let mut lost = BTreeMap::new();
        for (bit, stream, least) in [(1, TAPE, 1), (2, INBOX, 0), (4, COMMAND, 0)] {
            let last = self.broker.last_seq(stream);
            if which & bit != 0 && last > least {
                let all = last - least;
                let most = [2, 10, 40, all][random.index(4)].min(all);
                lost.insert(stream, last - random.between(1, most));
            }
        }
        lost
    }

    fn lose_messages(&mut self, fault: Fault, stream: &'static str, kept: u64, random: &mut Random) {
        self.log(|| format!("{stream} loses the messages after {kept}: {}", fault.as_str()));
        match fault {
            Fault::ReplacedStream => self.broker.replace(stream),
            _ => self.broker.lose_tail(stream, kept),
        }
        if (fault, stream) == (Fault::ReplacedStream, TAPE) && random.one_in(2) {
            self.put_first_record();
        }
        self.checked_to.insert(stream, self.broker.last_seq(stream));
    }

    /// What a stream has lost of its former content. A tape that was created again may begin with the same record.
    fn lost_messages(&self, fault: Fault, stream: &str, before: &[Content]) -> LostMessages {
        let now = self.contents(stream);
        let kept = before.iter().zip(&now).take_while(|(one, other)| one == other).count();
        let is_replaced = fault == Fault::ReplacedStream;
        LostMessages { kept: kept as u64, lost: before[kept..].to_vec(), is_replaced }
    }

    /// Some processes and publishers do not survive the crash.
    fn crash_some(&mut self, random: &mut Random) {
        let percent = [0, 30, 60, 100][random.index(4)];
        self.processes.retain(|_| random.below(100) >= percent);
        for publisher in &mut self.publishers {
            if random.one_in(2) {
                publisher.crash();
            }
        }
    }

    /// Gives the checker the loss, and who knows of it.
    fn witness_loss(&mut self, streams: BTreeMap<&'static str, LostMessages>) {
        let projected = self.database.checkpoints().iter().map(|checkpoint| checkpoint.seq).max().unwrap_or(0);
        let survivors = self.processes.iter().map(|process| Survivor {
            node: process.uid,
            tape: (TAPE, (process.tape_next - 1).max(process.committed_last)),
            inbox: process.inbox.map(|inbox| (stream_of(inbox), process.inbox_next - 1)),
            knows_streams: process.was_told_streams,
        });
        let loss = Loss {
            streams,
            projected: (TAPE, projected),
            witness_answers: !self.witness_is_away,
            survivors: survivors.collect(),
            causes: self.last_causes(),
        };
        self.log(|| format!("{loss:?}"));
        let kinds = [
            ("loss-witnessed-by-rows", loss.is_witnessed_by_rows()),
            ("loss-witnessed-by-reader", loss.is_witnessed_by_a_reader()),
            ("loss-witnessed-by-digest", loss.is_witnessed_by_a_digest()),
        ];
        if kinds.iter().all(|(_, is_witness)| !is_witness) {
            self.happened.count("loss-unwitnessed");
        }
        kinds.iter().filter(|(_, is_witness)| *is_witness).for_each(|(kind, _)| self.happened.count(kind));
        self.checker.lost(loss);
        self.loss_happened = true;
    }

    /// The last message of its inbox on which a record on the tape rests, of each writer that reads an inbox.
    fn last_causes(&self) -> BTreeMap<Writer, Place> {
        let infos = machines(&self.created, self.paper_faults).into_iter().map(|machine| machine.info());
        let readers = infos.filter_map(|info| match info.reads {
            Reads::Inbox(inbox) => Some((info.writer, (stream_of(inbox), 0))),
            Reads::Tape(_) => None,
        });
        let mut causes: BTreeMap<Writer, Place> = readers.collect();
        for seq in 1..=self.broker.last_seq(TAPE) {
            let Some(message) = self.broker.get(TAPE, seq) else { continue };
            let writer = tape_subject(&message.subject).writer().filter(|_| matches!(author(message), Author::Node(_)));
            let Some((_, last)) = writer.and_then(|writer| causes.get_mut(&writer)) else { continue };
            let entries = record::decode(&message.payload).map(|(_, entries)| entries).unwrap_or_default();
            *last = entries.iter().map(|entry| entry.cause.seq).fold(*last, u64::max);
        }
        causes
    }
}

/// Under which name a stop after a loss is counted, except that by a fence or a drain.
pub(super) fn name_of(stop: &Stop) -> Option<&'static str> {
    Some(match stop {
        Stop::Fenced { .. } | Stop::Drained => return None,
        Stop::StreamLoss(loss) => match loss {
            StreamLoss::TapeReplaced { .. } => "tape-replaced",
            StreamLoss::TapeShort { .. } => "tape-short",
            StreamLoss::TapeChanged { .. } => "tape-changed",
            StreamLoss::Projected(_) => "tape-projected",
            StreamLoss::OtherTape(_) => "other-tape",
            StreamLoss::TapeMissing { .. }
            | StreamLoss::TapeLacks { .. }
            | StreamLoss::TapeHoles { .. }
            | StreamLoss::TapeDeleted
            | StreamLoss::TapeSealed
            | StreamLoss::InboxMissing { .. }
            | StreamLoss::InboxLacks { .. }
            | StreamLoss::InboxHoles { .. }
            | StreamLoss::InboxDeleted => "unread-after-loss",
            StreamLoss::InboxReplaced { .. } => "inbox-replaced",
            StreamLoss::InboxShort { .. } => "inbox-short",
            StreamLoss::InboxChanged { .. } => "inbox-changed",
        },
        Stop::InboxMismatch(_) | Stop::Cause(_) => "inbox-mismatch",
        Stop::WentBackwards { .. } => "went-backwards",
        Stop::Tape(_) | Stop::Inbox { .. } | Stop::OlderLogic { .. } | Stop::Sealed => "unread-after-loss",
    })
}
