//! Every rule holds on a sound history, and is broken by what it must catch.

mod bench;
mod hands;
mod tampers;

use bench::Bench;

use super::Rule;

#[test]
fn a_sound_history_passes_and_evaluates_every_rule() {
    let mut bench = Bench::begun().until("OrderFilled", 3);
    bench.finish().unwrap();
    println!("{:?} {:#?}", bench.seen, bench.judge.checked());
}
