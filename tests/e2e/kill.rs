//! The demo and its servers are killed at random moments; the last run has the same results as an undisturbed one.

use crate::common::{System, json};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Killed runs before the complete one.
const KILLS: u64 = 10;
/// The market is long and slow enough that ten killed runs do not publish all of it.
const ARGS: [&str; 6] = ["demo", "--json", "--events", "150000", "--lead-ms", "20"];

#[test]
fn a_demo_killed_ten_times_with_its_servers_has_the_same_totals_and_verifies() {
    let undisturbed = json(&System::new().ok(&ARGS));
    let system = System::new();
    let seed = match std::env::var("TAPEDECK_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64,
    };
    println!("TAPEDECK_SEED={seed}");
    let mut killed = 0;
    for round in 0..KILLS {
        let mut demo = system.command(&ARGS);
        let mut demo = demo.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
        // From before the servers are ready to the middle of the market.
        let millis = 100 + mix(seed.wrapping_add(round)) % 1_900;
        std::thread::sleep(Duration::from_millis(millis));
        killed += u64::from(demo.try_wait().unwrap().is_none());
        let pids = descendants(demo.id());
        println!("round {round}: killing {pids:?} after {millis} ms");
        let list: Vec<String> = pids.iter().map(u32::to_string).collect();
        let _ = Command::new("sh").args(["-c", &format!("kill -9 {}", list.join(" "))]).stderr(Stdio::null()).status();
        demo.wait().unwrap();
    }
    assert!(killed >= KILLS - 2, "only {killed} runs were killed in time: the market is too small for this machine");
    let report = json(&system.ok(&ARGS));
    println!("the last run sent {} and skipped {}", report["published"]["sent"], report["published"]["skipped"]);
    assert_eq!(report["market"], undisturbed["market"]);
    assert_eq!(report["rejects"], undisturbed["rejects"]);
    assert_eq!(report["gaps"], undisturbed["gaps"]);
    assert_eq!(report["verdict"]["findings"].as_array().unwrap().len(), 0, "{report}");
    assert!(report["fills"].as_u64().unwrap() > 0);
}

/// The finalizer of SplitMix64.
fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// A process and all its descendants.
fn descendants(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while next < found.len() {
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", found[next])).unwrap_or_default();
        let tasks = std::fs::read_dir(format!("/proc/{}/task", found[next]));
        let others = tasks
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
        let all: Vec<u32> = others
            .chain([children])
            .flat_map(|list| list.split_whitespace().filter_map(|p| p.parse().ok()).collect::<Vec<_>>())
            .collect();
        for child in all {
            if !found.contains(&child) {
                found.push(child);
            }
        }
        next += 1;
    }
    found
}
