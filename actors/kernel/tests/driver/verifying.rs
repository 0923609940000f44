//! Verification fails on any change of a decision, and names its cause.

use tapedeck_kernel::{Difference, TapeRecord, Verifier};
use tapedeck_schemas::event::{Event, Progress};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, Writer};

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
