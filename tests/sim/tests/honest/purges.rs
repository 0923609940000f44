//! Scripts for the effects of a purge on messages, sequences and message ids.

use crate::named::{Script, last};
use crate::script::{Step, With as _, config, publish};

pub(crate) fn scripts() -> Vec<Script> {
    vec![
        a_purge_removes_an_idle_subject(),
        a_purge_of_everything(),
        a_purge_past_the_end(),
        a_purge_of_nothing(),
        a_purge_and_ids(),
    ]
}

fn a_purge_removes_an_idle_subject() -> Script {
    let (idle, busy) = (|| publish("QUIET.q", "q"), || publish("QUIET.b", "b"));
    let steps = vec![
        idle().step(),
        busy().step(),
        busy().step(),
        Step::Purge(2),
        last("QUIET.q"),
        last("QUIET.b"),
        Step::Bounds,
        Step::Get(1),
        idle().after(1).step(),
        idle().after(0).step(),
        idle().after(4).step(),
        busy().after(3).step(),
    ];
    (vec![config("QUIET")], steps)
}

fn a_purge_of_everything() -> Script {
    let a = || publish("ALL.a", "a");
    let steps = vec![
        Step::Bounds,
        Step::Purge(0),
        Step::Bounds,
        a().step(),
        a().step(),
        Step::Purge(3),
        Step::Bounds,
        last("ALL.a"),
        a().after(2).step(),
        a().after(0).step(),
        Step::Bounds,
        Step::Purge(0),
        Step::Bounds,
        a().after(0).step(),
    ];
    (vec![config("ALL")], steps)
}

fn a_purge_past_the_end() -> Script {
    let a = || publish("PAST.a", "a");
    let steps = vec![
        a().step(),
        a().step(),
        Step::Purge(10),
        Step::Bounds,
        a().after(2).step(),
        a().at_end(2).step(),
        a().after(0).step(),
        Step::Bounds,
        Step::Purge(5),
        Step::Bounds,
    ];
    (vec![config("PAST")], steps)
}

fn a_purge_of_nothing() -> Script {
    let a = || publish("NOTHING.a", "a");
    let steps = vec![
        Step::Purge(1),
        Step::Bounds,
        Step::Purge(5),
        Step::Bounds,
        a().step(),
        a().step(),
        a().step(),
        Step::Purge(2),
        Step::Purge(2),
        Step::Bounds,
        Step::Purge(1),
        Step::Bounds,
        a().step(),
    ];
    (vec![config("NOTHING")], steps)
}

/// Whether the id of a purged message is remembered.
fn a_purge_and_ids() -> Script {
    let a = |id| publish("GONE.a", "a").id(id).step();
    let steps = vec![
        a("m1"),
        a("m2"),
        a("m3"),
        Step::Purge(2),
        a("m1"),
        a("m2"),
        Step::Purge(100),
        a("m1"),
        a("m2"),
        a("m3"),
        Step::Purge(0),
        a("m1"),
        a("m2"),
        a("m3"),
    ];
    (vec![config("GONE")], steps)
}
