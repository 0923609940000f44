//! Verification fails on any change of a decision, and names its cause.

use tapedeck_kernel::state::BadState;
use tapedeck_kernel::{
    Cause, CommandEntry, Difference, Inbox, InboxMessage, Machine, Out, Reads, TapeRecord, Verifier,
};
use tapedeck_schemas::event::{ClockAdvanced, Event, Progress};
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::{Entry, Header, InboxDigest, InboxPrefix, RecordHash, Writer};

use crate::reading::tape_with_owner;
use crate::toys::Echo;

/// The price on which the owner of `tape_with_owner` decided two events.
const PRICE: Offset = Offset::new(3, 0);

fn verify<const L: u32>(records: &[TapeRecord]) -> Result<Verifier<Echo<L>>, Difference> {
    let mut verifier = Verifier::new(Echo::default(), 3);
    records.iter().try_for_each(|record| verifier.record(record))?;
    Ok(verifier)
}

/// Verifies the tape after a change of its decisions.
fn verify_after(tamper: impl FnOnce(&mut Vec<Entry>)) -> Result<Verifier<Echo>, Difference> {
    let mut records = tape_with_owner::<1>().records();
    let decisions = records.iter_mut().rfind(|record| record.header.writer == Writer::Signal).unwrap();
    tamper(&mut decisions.entries);
    verify(&records)
}

#[test]
fn equal_decisions_verify() {
    let verifier = verify_after(|_| {}).unwrap();
    assert_eq!((verifier.inputs, verifier.events, verifier.followed), (1, 2, 0));
    assert_eq!(verifier.progress(), PRICE);
}

#[test]
fn any_change_of_a_decision_is_a_difference_at_its_cause() {
    let tampers: [fn(&mut Vec<Entry>); 6] = [
        |entries| {
            let Event::SignalRaised(signal) = &mut entries[1].event else { panic!("{entries:?}") };
            signal.confidence += Ratio::whole(1);
        },
        |entries| drop(entries.remove(0)),
        |entries| entries.push(entries[1].clone()),
        |entries| entries.swap(0, 1),
        |entries| entries[0].at += 1,
        |entries| {
            entries.truncate(1);
            entries[0].event = Progress {}.into();
        },
    ];
    for (nth, tamper) in tampers.into_iter().enumerate() {
        match verify_after(tamper) {
            Err(Difference::Decision { cause, writer, .. }) => assert_eq!((cause, writer), (PRICE, "signal"), "{nth}"),
            other => panic!("change {nth} gives {other:?}"),
        }
    }
}

#[test]
fn a_decision_on_no_input_is_a_difference_and_one_on_a_future_input_waits() {
    let moved = verify_after(|entries| entries.iter_mut().for_each(|entry| entry.cause = Offset::new(2, 0)));
    assert!(matches!(moved, Err(Difference::Cause(_))), "{moved:?}");
    let early = verify_after(|entries| entries.push(Entry { cause: Offset::new(99, 0), ..entries[1].clone() }));
    assert!(early.unwrap().wants_input());
}

#[test]
fn decisions_of_another_logic_are_followed_and_not_compared() {
    let verifier = verify::<2>(&tape_with_owner::<1>().records()).unwrap();
    assert_eq!((verifier.inputs, verifier.events, verifier.followed), (0, 0, 1));
}

/// Reads an inbox beside the tape, and decides one event on each message. `SAVED`: whether its state is saved.
#[derive(Debug, Clone, Default)]
struct Beside<const SAVED: bool>;

impl<const SAVED: bool> Machine for Beside<SAVED> {
    type Input = CommandEntry;
    type Observed = ();
    const WRITER: Writer = Writer::Control;
    const LOGIC: u32 = 1;
    const STATE: u32 = 1;
    fn reads() -> Reads {
        Reads::Inbox(Inbox::Command)
    }
    fn observe(&mut self, _cause: Cause, _input: &CommandEntry) {}
    fn decide(&self, _cause: Cause, _input: &CommandEntry, _observed: &(), out: &mut Out) {
        out.push(ClockAdvanced { time: 7 });
    }
    fn apply(&mut self, _cause: Cause, _observed: &(), _own: &Event) {}
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }
    fn restore(&self, _saved: &[u8]) -> Result<Self, BadState> {
        if SAVED { Ok(Self) } else { Err(BadState("for the test".into())) }
    }
}

/// Verifies a tape on which ingest reaches each of `times`, and `Beside` then decides on a message at the paired time.
fn verify_beside<const SAVED: bool>(times: &[(TapeTime, TapeTime)]) -> Result<(), Difference> {
    verify_read::<SAVED>(times, |_| {})
}

/// The same, where each message reads as `change` makes it.
fn verify_read<const SAVED: bool>(
    times: &[(TapeTime, TapeTime)],
    change: impl Fn(&mut InboxMessage<'_>),
) -> Result<(), Difference> {
    let generation = Generation::FIRST;
    let mut digest = InboxDigest::default();
    let record = |seq, writer, inbox, entry| TapeRecord {
        seq,
        generation,
        header: Header { writer, epoch: 1, prev_hash: RecordHash::default(), inbox },
        hash: RecordHash::default(),
        entries: vec![entry],
    };
    let mut verifier = Verifier::new(Beside::<SAVED>, 1);
    for (message, (reached, decided)) in (1..).zip(times) {
        let entry = |at: &TapeTime, time| {
            let event = ClockAdvanced { time }.into();
            Entry { cause: Offset::new(message, 0), index: 0, at: *at, event }
        };
        digest = digest.after(message, "cmd.0.halt", b"now");
        let inbox = Some(InboxPrefix { generation, digest });
        verifier.record(&record(2 * message, Writer::Ingest, None, entry(reached, 1)))?;
        verifier.record(&record(2 * message + 1, Writer::Control, inbox, entry(decided, 7)))?;
        let mut message = InboxMessage { generation, seq: message, subject: "cmd.0.halt", stamp: 5, payload: b"now" };
        change(&mut message);
        verifier.inbox(&message)?;
    }
    Ok(())
}

#[test]
fn the_tape_time_of_decisions_on_an_inbox_is_bounded() {
    assert_eq!(verify_beside::<true>(&[(10, 10), (20, 15), (30, 15)]), Ok(()));
    for times in [&[(10, 11)][..], &[(10, 10), (20, 9)], &[(10, 5), (20, 21)]] {
        let difference = verify_beside::<true>(times).unwrap_err();
        assert!(matches!(difference, Difference::Time { writer: "control", .. }), "{times:?}: {difference}");
    }
}

#[test]
fn an_inbox_other_than_that_of_the_decisions_is_a_difference() {
    let differs = |change: &dyn Fn(&mut InboxMessage<'_>)| {
        let difference = verify_read::<true>(&[(10, 10), (20, 15)], change).unwrap_err();
        assert!(matches!(difference, Difference::Inbox(_)), "{difference}");
    };
    differs(&|message| message.payload = b"later");
    differs(&|message| message.subject = "cmd.0.resume");
    differs(&|message| message.generation = Generation::new(2).unwrap());
    differs(&|message| (message.subject, message.payload) = ("cmd.0.hal", b"tnow"));
    // A restored inbox may have other stamps.
    assert_eq!(verify_read::<true>(&[(10, 10)], |message| message.stamp = 6), Ok(()));
}

#[test]
fn a_machine_whose_state_is_not_whole_is_a_difference() {
    let difference = verify_beside::<false>(&[(10, 10)]).unwrap_err();
    assert!(matches!(&difference, Difference::State { what, .. } if what.contains("for the test")), "{difference}");
}
