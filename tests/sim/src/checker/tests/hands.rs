//! A writer run by hand: what a machine makes of its inputs, as entries. The plainest owner there can be.

use tapedeck_kernel::driver::UNANSWERED_CLOCKS_MAX;
use tapedeck_kernel::{Fact, Inbox, Machine, MachineInput, Reads, step};
use tapedeck_schemas::event::Progress;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, Writer};

/// A machine, and the answers that are not on the tape yet.
struct Hand<M: Machine> {
    machine: M,
    ticks: u32,
    last: Option<Entry>,
    due: Vec<Entry>,
}

/// A writer of any sort.
pub(super) trait Writing {
    fn writer(&self) -> Writer;
    fn fact(&mut self, at: Offset, fact: &Fact);
    fn message(&mut self, inbox: Inbox, seq: u64, subject: &str, stamp: u64, payload: &[u8]);
    /// The answers that are due, which are due no longer.
    fn due(&mut self) -> Vec<Entry>;
    /// The Progress that closes a silence, if there is one.
    fn close(&mut self) -> Option<Entry>;
}

pub(super) fn hand<M: Machine>(machine: M) -> Box<dyn Writing> {
    Box::new(Hand { machine, ticks: 0, last: None, due: Vec::new() })
}

impl<M: Machine> Hand<M> {
    fn input(&mut self, cause: Offset, input: &M::Input) {
        let decided = step(&mut self.machine, cause, input);
        let at = self.machine.time(input);
        let progress = Entry { cause, index: 0, at, event: Progress {}.into() };
        if !decided.is_empty() {
            (self.ticks, self.last) = (0, None);
            self.due.extend((0..).zip(decided).map(|(index, event)| Entry { cause, index, at, event }));
            return;
        }
        self.ticks += u32::from(input.is_clock());
        self.last = Some(progress);
        if self.ticks == UNANSWERED_CLOCKS_MAX {
            let progress = self.close();
            self.due.extend(progress);
        }
    }
}

impl<M: Machine> Writing for Hand<M> {
    fn writer(&self) -> Writer {
        M::WRITER
    }

    fn fact(&mut self, at: Offset, fact: &Fact) {
        if matches!(M::reads(), Reads::Tape(writers) if writers.contains(&fact.writer)) {
            let input = M::Input::from_fact(fact.clone()).expect("it reads the tape");
            self.input(at, &input);
        }
    }

    fn message(&mut self, inbox: Inbox, seq: u64, subject: &str, stamp: u64, payload: &[u8]) {
        if M::reads() == Reads::Inbox(inbox) {
            for (index, input) in (0..).zip(M::Input::from_message(subject, stamp, payload)) {
                self.input(Offset::new(seq, index), &input);
            }
        }
    }

    fn due(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.due)
    }

    fn close(&mut self) -> Option<Entry> {
        self.ticks = 0;
        self.last.take()
    }
}
