//! A standby takes over from an owner that was killed or stopped, in a group that has no inputs.

use std::process::Command;
use std::time::{Duration, Instant};

use tapedeck_servers::NatsServer;

use crate::common::System;
use crate::groups::{Group, get};

/// The promised bound; the test fails at three times it.
const BOUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 6;

fn signal(group: &Group, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &group.child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn is_ready(group: &Group) -> bool {
    get(group.port, "/readyz").contains("200 OK")
}

/// Waits until the group is a standby that has read the tape.
fn wait_standby(group: &Group) {
    crate::groups::until("no standby", || get(group.port, "/readyz").contains("standby"));
}

#[test]
fn a_standby_of_an_idle_group_takes_over_from_a_killed_or_stopped_owner() {
    let mut system = System::new();
    let nats = NatsServer::start(&system.path().join("nats"), 0).unwrap();
    system.use_servers(&nats.url(), "postgres://none");
    system.ok(&["provision"]);
    let mut standby = Group::start(&system, "control");
    standby.wait_ready(&system);
    let mut delays = Vec::new();
    for round in 0..ROUNDS {
        // A process that starts claims the group.
        let mut owner = Group::start(&system, "control");
        owner.wait_ready(&system);
        wait_standby(&standby);
        let is_stopped = round % 2 == 1;
        signal(&owner, if is_stopped { "STOP" } else { "KILL" });
        let begun = Instant::now();
        crate::groups::until("no takeover", || is_ready(&standby));
        delays.push((if is_stopped { "stopped" } else { "killed" }, begun.elapsed()));
        if is_stopped {
            signal(&owner, "CONT");
            wait_standby(&owner);
        }
        assert!(is_ready(&standby), "one that is back does not take over from a live owner");
    }
    println!("takeover: {delays:?}");
    assert!(delays.iter().all(|(_, delay)| *delay < 3 * BOUND), "{delays:?}");
}
