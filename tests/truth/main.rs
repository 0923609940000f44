//! What the commands, the exit statuses and `/readyz` say in situations in which something is wrong. The test prints a
//! table of all situations, and fails if one of them is not told as it is.

#[path = "../e2e/common.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests")]
mod common;
#[path = "../e2e/processes.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests")]
mod processes;

mod cluster;
mod commands;
mod publishing;
mod servers;
mod table;

use table::Table;

#[test]
fn every_situation_is_told_as_it_is() {
    let table = Table::default();
    let checks: [fn(&Table); 3] = [commands::check, servers::check, cluster::check];
    let shared = &table;
    let ended = std::thread::scope(|scope| {
        let running = checks.map(|check| scope.spawn(move || check(shared)));
        running.map(|one| one.join().is_ok())
    });
    table.finish(50);
    assert_eq!(ended, [true; 3], "a part of the table ended early");
}
