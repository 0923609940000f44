//! Servers end when the process that started them is killed, and start again on the same data.

mod common;

use common::{directory, holders, is_alive, psql, request, within};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tapedeck_servers::{NatsServer, Postgres};

/// Set in the child that holds the servers: this test, run in a second process.
const HOLD: &str = "TAPEDECK_TEST_HOLD";

#[test]
fn servers_end_with_a_killed_parent_and_start_again_on_their_data() {
    if let Some(dir) = std::env::var_os(HOLD) {
        return hold(Path::new(&dir));
    }
    let dir = directory();
    let (nats_dir, postgres_dir) = (dir.path().join("nats"), dir.path().join("postgres"));
    let name = "servers_end_with_a_killed_parent_and_start_again_on_their_data";
    let holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(HOLD, dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut holder = KillOnDrop(holder);
    within(120, "the servers are up", || dir.path().join("up").exists());
    let servers: Vec<u32> = [holders(&nats_dir), holders(&postgres_dir)].concat();
    assert!(servers.len() >= 4, "nats, postgres and its children hold the locks: {servers:?}");
    holder.0.kill().unwrap();
    holder.0.wait().unwrap();
    // The earlier servers may still be exiting.
    let nats = NatsServer::start(&nats_dir, 0).unwrap();
    let postgres = Postgres::start(&postgres_dir, 0).unwrap();
    let survivors: Vec<u32> = servers.into_iter().filter(|pid| is_alive(*pid)).collect();
    assert_eq!(survivors, [0; 0], "servers outlived their parent");
    assert!(request(&nats.url(), "kept.x", "two").contains("\"seq\":2"));
    assert_eq!(psql(&postgres.url(), "select n from kept").unwrap(), "1");
}

/// A process that is killed if the test fails.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

fn hold(dir: &Path) {
    let nats = NatsServer::start(&dir.join("nats"), 0).unwrap();
    request(&nats.url(), "$JS.API.STREAM.CREATE.KEPT", r#"{"name":"KEPT","subjects":["kept.*"],"storage":"file"}"#);
    assert!(request(&nats.url(), "kept.x", "one").contains("\"seq\":1"));
    let postgres = Postgres::start(&dir.join("postgres"), 0).unwrap();
    psql(&postgres.url(), "create table kept as select 1 as n").unwrap();
    std::fs::write(dir.join("up"), "").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(600));
}
