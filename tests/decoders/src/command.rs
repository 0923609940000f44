//! Operators' commands: each message is answered by exactly one fact, and what is readable is written back the same.

use tapedeck_control::Control;
use tapedeck_kernel::{CommandEntry, MachineInput, step};
use tapedeck_schemas::command::{COMMAND_BYTES_MAX, Command};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

use crate::facts;

/// The last tokens of subjects, as the first byte of an input picks them; none of the last is a verb.
pub const VERBS: [&str; 8] = ["limits", "weights", "halt", "resume", "cancel", "fund", "nothing", ""];

/// The first byte picks the verb of the subject, the rest is the message.
pub fn check(input: &[u8]) {
    let Some((first, payload)) = input.split_first() else { return };
    let subject = format!("cmd.0.{}", VERBS[usize::from(*first) % VERBS.len()]);
    let [entry] = &CommandEntry::from_message(&subject, 7, payload)[..] else { panic!("not one entry") };
    if let Ok(command) = &entry.command {
        assert!(payload.len() <= COMMAND_BYTES_MAX, "over the bound");
        assert_eq!(Command::decode(&command.encode()).as_ref(), Ok(command));
    }
    let at = Offset::new(1, 0);
    let mut control = Control::new(tapedeck_groups::params(), tapedeck_groups::strategies());
    let events = step(&mut control, at, entry);
    let [event] = &events[..] else { panic!("{} answers: {events:?}", events.len()) };
    facts::stand_on_the_tape(Writer::Control, at, 7, &events);
    if let Event::CommandRefused(fact) = event {
        facts::is_plain(&fact.detail, &fact.subject);
    } else {
        assert!(entry.command.is_ok(), "{event:?} for what cannot be read");
    }
}
