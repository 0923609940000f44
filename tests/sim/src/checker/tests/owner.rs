//! A minimal owner: a machine whose decisions become entries without a driver.

use tapedeck_kernel::driver::UNANSWERED_CLOCKS_MAX;
use tapedeck_kernel::{AnyMachine as _, BoxedMachine, Decided, Fact, Inbox, Reads};
use tapedeck_schemas::event::Progress;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, Writer};

use crate::message::Message;

/// A machine, and its answers that are not on the tape.
pub(super) struct Owner {
    machine: BoxedMachine,
    clocks: u32,
    last: Option<Entry>,
    due: Vec<Entry>,
}

impl Owner {
    pub(super) fn new(machine: BoxedMachine) -> Self {
        Self { machine, clocks: 0, last: None, due: Vec::new() }
    }

    fn decided(&mut self, cause: Offset, Decided { events, at, is_clock }: Decided) {
        let progress = Entry { cause, index: 0, at, event: Progress {}.into() };
        if !events.is_empty() {
            (self.clocks, self.last) = (0, None);
            self.due.extend((0..).zip(events).map(|(index, event)| Entry { cause, index, at, event }));
            return;
        }
        self.clocks += u32::from(is_clock);
        self.last = Some(progress);
        if self.clocks == UNANSWERED_CLOCKS_MAX {
            let progress = self.progress();
            self.due.extend(progress);
        }
    }

    pub(super) fn writer(&self) -> Writer {
        self.machine.info().writer
    }

    pub(super) fn fact(&mut self, at: Offset, fact: &Fact) {
        if self.machine.info().reads_facts_of(fact.writer) {
            let input = self.machine.input_of_fact(fact.clone()).expect("it reads the tape");
            let decided = self.machine.run(at, &input);
            self.decided(at, decided);
        }
    }

    pub(super) fn message(&mut self, inbox: Inbox, message: &Message) {
        if self.machine.info().reads == Reads::Inbox(inbox) {
            let inputs = self.machine.inputs_of_message(&message.subject, message.stamp, &message.payload);
            for (index, input) in (0..).zip(inputs) {
                let at = Offset::new(message.seq, index);
                let decided = self.machine.run(at, &input);
                self.decided(at, decided);
            }
        }
    }

    /// Takes the answers that are due.
    pub(super) fn due(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.due)
    }

    /// Takes the Progress that answers the unanswered inputs, if there are any.
    pub(super) fn progress(&mut self) -> Option<Entry> {
        self.clocks = 0;
        self.last.take()
    }
}
