//! A minimal owner: a machine whose decisions become entries without a driver.

use tapedeck_kernel::any::BoxedInput;
use tapedeck_kernel::driver::UNANSWERED_CLOCKS_MAX;
use tapedeck_kernel::{AnyMachine as _, BoxedMachine, Cause, Decided, Fact, Inbox, Reads};
use tapedeck_schemas::event::Progress;
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::{Entry, InboxPrefix, Writer};

use super::super::inboxes::InboxDigests;
use crate::message::Message;

/// A machine, and its answers that are not on the tape.
pub(super) struct Owner {
    machine: BoxedMachine,
    now: TapeTime,
    clocks: u32,
    last: Option<Entry>,
    due: Vec<Entry>,
    inbox: InboxDigests,
}

impl Owner {
    pub(super) fn new(machine: BoxedMachine) -> Self {
        Self { machine, now: 0, clocks: 0, last: None, due: Vec::new(), inbox: InboxDigests::default() }
    }

    fn input(&mut self, cause: Offset, input: &BoxedInput) {
        self.now = self.now.max(self.machine.advances(input).unwrap_or_default());
        let Decided { events, at } = self.machine.run(Cause { offset: cause, now: self.now }, input);
        if self.writer() == Writer::Ingest && !events.is_empty() {
            self.now = self.now.max(at);
        }
        let progress = Entry { cause, index: 0, at: self.now, event: Progress {}.into() };
        if !events.is_empty() {
            (self.clocks, self.last) = (0, None);
            self.due.extend((0..).zip(events).map(|(index, event)| Entry { cause, index, at, event }));
            return;
        }
        self.clocks += u32::from(self.machine.is_clock(input));
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
            self.input(at, &input);
        }
        let reads_time = matches!(self.machine.info().reads, Reads::Inbox(Inbox::Command));
        if reads_time && fact.writer == Writer::Ingest {
            self.now = self.now.max(fact.at);
        }
    }

    pub(super) fn message(&mut self, inbox: Inbox, message: &Message) {
        if self.machine.info().reads == Reads::Inbox(inbox) {
            self.inbox.push(message);
            let inputs = self.machine.inputs_of_message(&message.subject, message.stamp, &message.payload);
            for (index, input) in (0..).zip(inputs) {
                self.input(Offset::new(message.seq, index), &input);
            }
        }
    }

    /// The inbox up to the last of these answers.
    pub(super) fn inbox(&self, answers: &[Entry]) -> Option<InboxPrefix> {
        self.inbox.up_to(answers.last()?.cause)
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
