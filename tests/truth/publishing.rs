//! Publications: what became of the events, with all groups, without answers and without ingest.

use std::time::Duration;

use crate::common::{Process, System, capture};
use crate::processes::Group;
use crate::table::Table;

/// `groups` are all groups, and the tape holds the synthetic market already.
pub(crate) fn check(table: &Table, system: &System, groups: &mut [Group], at: &impl Fn(&str) -> usize) {
    let synthetic = ["publish", "--events", "5000", "--seed", "4"];
    table
        .situation("the synthetic market: what it injects is refused on purpose")
        .command(system, &synthetic, 0, &["accepted", "on purpose"])
        .command(system, &synthetic, 0, &["0 published", "skipped (already stored)", "on purpose"])
        .end();
    let twice = ["publish", "--events", "20000", "--seed", "6", "--speed", "2x"];
    let first = Process::start(&mut system.command(&twice));
    std::thread::sleep(Duration::from_millis(700));
    table
        .situation("one publication twice at the same time")
        .command(system, &twice, 0, &["accepted", "on purpose"])
        .holds(first.wait() == Some(0), "the first one ends without refusals too")
        .command(system, &twice, 0, &["0 published", "on purpose"])
        .end();
    let history = capture(system.path(), "history.jsonl", "BTCUSDT", 30);
    let history = history.to_str().unwrap();
    table
        .situation("history after live events")
        .command(system, &["publish", history], 0, &["31 accepted, 30 of them late, 0 refused, 0 gaps"])
        .command(system, &["status"], 0, &["30 of them late"])
        .end();
    table
        .situation("the same file again")
        .command(system, &["publish", history], 0, &["0 published, 31 skipped", "31 accepted"])
        .end();
    table
        .situation("the same file once more, as another session")
        .command(system, &["publish", history, "--again", "x"], 1, &["31 published", "30 refused", "30 duplicate"])
        .command(system, &["publish", history, "--again", "x"], 1, &["31 skipped", "30 duplicate"])
        .command(system, &["publish", "--again", "x"], 2, &["required arguments were not provided", "<FILE>"])
        .end();
    let again = ["publish", history, "--source", "other"];
    table
        .situation("the same file from another source")
        .command(system, &again, 1, &["30 refused", "30 duplicate; first: inbox.g1:"])
        .command(system, &[&again[..], &["--allow-rejects"]].concat(), 0, &["30 duplicate"])
        .command(system, &[&again[..], &["--json"]].concat(), 1, &[r#""duplicate":{"count":30,"injected":0,"first":"#])
        .command(system, &["status"], 0, &["rejected: 30 duplicate"])
        .end();

    let answers = at("answers");
    assert_eq!(groups[answers].terminate(), Some(0));
    let second = capture(system.path(), "second.jsonl", "ETHUSDT", 30);
    let publish = ["publish", second.to_str().unwrap(), "--timeout", "3"];
    table
        .situation("publish without answers")
        .command(system, &publish, 2, &["31 published", "stored, but not decided: no process of the group answers"])
        .readyz(groups[at("ingest")].port, 200, "ready")
        .status(system, 1, &["not-running(answers)"])
        .command(system, &[&publish[..], &["--no-wait"]].concat(), 2, &["cannot be used with"])
        .command(system, &["publish", second.to_str().unwrap(), "--no-wait"], 0, &["31 skipped"])
        .end();
    groups[answers] = Group::start(system, "answers");
    groups[answers].wait_ready(system);
    table
        .situation("answers is back")
        .command(system, &publish, 0, &["31 skipped", "31 accepted"])
        .status(system, 0, &["healthy"])
        .end();

    let ingest = at("ingest");
    assert_eq!(groups[ingest].terminate(), Some(0));
    let third = capture(system.path(), "third.jsonl", "ETHUSDT", 60);
    let publish = ["publish", third.to_str().unwrap(), "--timeout", "3"];
    table
        .situation("publish without ingest")
        .command(system, &publish, 2, &["stored, but not decided: ingest has decided INBOX_0_G1 up to"])
        .readyz(groups[answers].port, 200, "ready")
        .status(system, 1, &["not-running(ingest)"])
        .end();
    groups[ingest] = Group::start(system, "ingest");
    groups[ingest].wait_ready(system);
    // The first 30 have the ids of the events before.
    table
        .situation("ingest is back")
        .command(system, &publish, 1, &["0 published", "30 refused", "30 duplicate"])
        .status(system, 0, &["healthy"])
        .end();
}
