//! A new join that is restored from a saved state, and reads on from the record or message that holds the last input
//! handled, decides and ends as the join whose state was saved.

use tapedeck_kernel::merge::MergeJoin;
use tapedeck_kernel::{Decided, InboxMessage};
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::offset::Offset;

use crate::tape::Tape;
use crate::toys::{CLOCK, Echo, Gate, Toy};

const VALUES: [&[u8]; 5] = [&[3, 2, 7], &[5], &[2, CLOCK, 4], &[1, 15], &[CLOCK]];

fn decide_all<M: Toy>(join: &mut MergeJoin<M>) -> Vec<(Offset, Decided)> {
    std::iter::from_fn(|| join.decide_next()).collect()
}

/// Saves the state before the first input and after each one. `push` hands a join the message of this number, from 1.
fn restores_at_every_cut<M: Toy>(push: impl Fn(&mut MergeJoin<M>, u64)) {
    let mut whole = MergeJoin::new(M::default());
    (1..=VALUES.len() as u64).for_each(|number| push(&mut whole, number));
    let mut saved = vec![(Offset::START, whole.save())];
    let mut decisions = Vec::new();
    while let Some((offset, decided)) = whole.decide_next() {
        saved.push((offset, whole.save()));
        decisions.push((offset, decided));
    }
    assert_eq!(saved.len(), 11);
    for (handled, (_, bytes)) in saved.iter().enumerate() {
        let mut restored = MergeJoin::new(M::default());
        restored.restore(bytes).unwrap();
        let input = restored.cursor.input;
        let read_on = |number: &u64| {
            let mut probe = MergeJoin::new(M::default());
            push(&mut probe, *number);
            probe.inputs.back().is_some_and(|(offset, _)| offset.seq >= input.seq)
        };
        (1..=VALUES.len() as u64).filter(read_on).for_each(|number| push(&mut restored, number));
        assert_eq!(decide_all(&mut restored), decisions[handled..], "after {input}");
        assert_eq!(restored.save(), saved[10].1, "after {input}");
    }
}

#[test]
fn a_machine_that_reads_an_inbox_continues_from_every_saved_state() {
    restores_at_every_cut::<Gate>(|join, seq| {
        let (generation, stamp, payload) = (Generation::FIRST, 10 * seq, VALUES[seq as usize - 1]);
        join.push_message(&InboxMessage { generation, seq, subject: "", stamp, payload });
    });
}

#[test]
fn a_machine_that_reads_the_tape_continues_from_every_saved_state() {
    let mut tape = Tape::new();
    VALUES.iter().for_each(|values| _ = tape.write_values(values));
    let records = tape.records();
    restores_at_every_cut::<Echo>(|join, number| join.push_facts(records[number as usize].clone()));
}
