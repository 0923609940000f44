//! Commands: each message is answered by exactly one fact, and a decoded command encodes to an equal one.

use tapedeck_control::Control;
use tapedeck_kernel::testing::Stepper;
use tapedeck_kernel::{CommandEntry, MachineInput};
use tapedeck_schemas::command::{COMMAND_BYTES_MAX, Command};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

use crate::facts;

/// The last tokens of subjects, selected by the first byte of an input; the last two are not verbs.
pub const VERBS: [&str; 8] = ["limits", "weights", "halt", "resume", "cancel", "fund", "nothing", ""];

/// The first byte selects the verb of the subject, the rest is the message.
pub fn check(input: &[u8]) {
    let Some((first, payload)) = input.split_first() else { return };
    let subject = format!("cmd.0.{}", VERBS[usize::from(*first) % VERBS.len()]);
    let [entry] = &CommandEntry::from_message(&subject, 7, payload)[..] else { panic!("not one entry") };
    if let Ok(command) = &entry.command {
        assert!(payload.len() <= COMMAND_BYTES_MAX, "longer than COMMAND_BYTES_MAX");
        assert_eq!(Command::decode(&command.encode()).as_ref(), Ok(command));
    }
    let at = Offset::new(1, 0);
    let control = Control::new(tapedeck_groups::params(), tapedeck_groups::strategies());
    let events = Stepper::new(control).step(at, entry).events;
    let [event] = &events[..] else { panic!("{} facts: {events:?}", events.len()) };
    facts::assert_record_round_trip(Writer::Control, at, 7, &events);
    if let Event::CommandRefused(fact) = event {
        facts::assert_plain_text(&fact.reason.words(), &fact.subject);
    } else {
        assert!(entry.command.is_ok(), "{event:?} for a malformed command");
    }
}
