//! A writer run by hand: what a machine makes of its inputs, as entries. The plainest owner there can be.

use tapedeck_kernel::driver::UNANSWERED_CLOCKS_MAX;
use tapedeck_kernel::{AnyMachine as _, BoxedMachine, Decided, Fact, Inbox, Reads};
use tapedeck_schemas::event::Progress;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, Writer};

use crate::message::Message;

/// A machine, and the answers that are not on the tape yet.
pub(super) struct Hand {
    machine: BoxedMachine,
    ticks: u32,
    last: Option<Entry>,
    due: Vec<Entry>,
}

impl Hand {
    pub(super) fn new(machine: BoxedMachine) -> Self {
        Self { machine, ticks: 0, last: None, due: Vec::new() }
    }

    fn decided(&mut self, cause: Offset, Decided { events, at, is_clock }: Decided) {
        let progress = Entry { cause, index: 0, at, event: Progress {}.into() };
        if !events.is_empty() {
            (self.ticks, self.last) = (0, None);
            self.due.extend((0..).zip(events).map(|(index, event)| Entry { cause, index, at, event }));
            return;
        }
        self.ticks += u32::from(is_clock);
        self.last = Some(progress);
        if self.ticks == UNANSWERED_CLOCKS_MAX {
            let progress = self.close();
            self.due.extend(progress);
        }
    }

    pub(super) fn writer(&self) -> Writer {
        self.machine.about().writer
    }

    pub(super) fn fact(&mut self, at: Offset, fact: &Fact) {
        if self.machine.about().reads_facts_of(fact.writer) {
            let input = self.machine.from_fact(fact.clone()).expect("it reads the tape");
            let decided = self.machine.run(at, &input);
            self.decided(at, decided);
        }
    }

    pub(super) fn message(&mut self, inbox: Inbox, message: &Message) {
        if self.machine.about().reads == Reads::Inbox(inbox) {
            let inputs = self.machine.from_message(&message.subject, message.stamp, &message.payload);
            for (index, input) in (0..).zip(inputs) {
                let at = Offset::new(message.seq, index);
                let decided = self.machine.run(at, &input);
                self.decided(at, decided);
            }
        }
    }

    /// The answers that are due, which are due no longer.
    pub(super) fn due(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.due)
    }

    /// The Progress that closes a silence, if there is one.
    pub(super) fn close(&mut self) -> Option<Entry> {
        self.ticks = 0;
        self.last.take()
    }
}
