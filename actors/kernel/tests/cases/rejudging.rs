//! Re-judging a tape: it can fail, and names the input at which it does.

use tapedeck_kernel::{Difference, Rejudge, TapeRead, TapeReader, TapeRecord};
use tapedeck_schemas::event::{Event, Progress};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, Writer};

use super::reading::tape_with_owner;
use crate::model::TAPE;
use crate::model::toys::{Echo, Toy};

/// The price that `tape_with_owner` answers, by two events.
const PRICE: Offset = Offset::new(3, 0);

fn records<const L: u32>() -> Vec<TapeRecord> {
    let mut reader = TapeReader::new(TAPE);
    let mut records = Vec::new();
    for (seq, message) in (1..).zip(tape_with_owner::<L>().messages) {
        let TapeRead::Record(record) = reader.read(seq, message.subject, &message.payload).unwrap() else { continue };
        records.push(record);
    }
    records
}

fn rejudge<const L: u32>(records: &[TapeRecord]) -> Result<Rejudge<Echo<L>>, Difference> {
    let mut rejudge = Rejudge::new(Echo::fresh());
    records.iter().try_for_each(|record| rejudge.record(record))?;
    Ok(rejudge)
}

/// Judges the tape again after its decisions were tampered with.
fn after(tamper: impl FnOnce(&mut Vec<Entry>)) -> Result<Rejudge<Echo>, Difference> {
    let mut records = records::<1>();
    let decisions = records.iter_mut().rfind(|record| record.header.writer == Writer::Signal).unwrap();
    tamper(&mut decisions.entries);
    rejudge(&records)
}

#[test]
fn what_was_decided_is_decided_again() {
    let rejudge = after(|_| {}).unwrap();
    assert_eq!((rejudge.inputs, rejudge.events, rejudge.followed), (1, 2, 0));
    assert_eq!(rejudge.progress(), PRICE);
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
        match after(tamper) {
            Err(Difference::Decision { cause, writer, .. }) => assert_eq!((cause, writer), (PRICE, "signal"), "{nth}"),
            other => panic!("tampering {nth} gives {other:?}"),
        }
    }
}

#[test]
fn a_decision_on_no_input_is_a_difference_and_one_on_an_input_yet_to_come_is_left_waiting() {
    let moved = after(|entries| entries.iter_mut().for_each(|entry| entry.cause = Offset::new(2, 0)));
    assert!(matches!(moved, Err(Difference::Cause(_))), "{moved:?}");
    let early = after(|entries| entries.push(Entry { cause: Offset::new(99, 0), ..entries[1].clone() }));
    assert!(early.unwrap().wants_input());
}

#[test]
fn decisions_of_another_logic_are_followed_and_not_compared() {
    let rejudge = rejudge::<2>(&records::<1>()).unwrap();
    assert_eq!((rejudge.inputs, rejudge.events, rejudge.followed), (0, 0, 1));
}
