//! Servers end with the process that started them, even when that is killed; then they start again on the same data.

mod common;

use common::{directory, holders, is_alive, psql, request, within};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tapedeck_servers::{NatsServer, Postgres};

/// Set for the process that holds the servers: this same test, run once more.
const HOLD: &str = "TAPEDECK_TEST_HOLD";

#[test]
fn killed_with_their_parent_they_are_gone_and_start_again_on_their_data() {
    if let Some(dir) = std::env::var_os(HOLD) {
        return hold(Path::new(&dir));
    }
    let dir = directory();
    let (nats_dir, postgres_dir) = (dir.path().join("nats"), dir.path().join("postgres"));
    let name = "killed_with_their_parent_they_are_gone_and_start_again_on_their_data";
    let holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(HOLD, dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut holder = Killed(holder);
    within(120, "the servers are up", || dir.path().join("up").exists());
    let servers: Vec<u32> = [holders(&nats_dir), holders(&postgres_dir)].concat();
    assert!(servers.len() >= 4, "nats, postgres and some of its processes, all with the lock: {servers:?}");
    holder.0.kill().unwrap();
    holder.0.wait().unwrap();
    // At once, while the old ones are perhaps still dying.
    let nats = NatsServer::start(&nats_dir, 0).unwrap();
    let postgres = Postgres::start(&postgres_dir, 0).unwrap();
    let survivors: Vec<u32> = servers.into_iter().filter(|pid| is_alive(*pid)).collect();
    assert_eq!(survivors, [0; 0], "they outlived their parent");
    assert!(request(&nats.url(), "kept.x", "two").contains("\"seq\":2"));
    assert_eq!(psql(&postgres.url(), "select n from kept").unwrap(), "1");
}

/// A process that does not outlive a failed test.
struct Killed(Child);

impl Drop for Killed {
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
