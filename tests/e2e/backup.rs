//! Lost read models are restored: from a dump, by the scripts of the manifests, and from the tape alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use tapedeck_servers::{NatsServer, Postgres};

use crate::common::{Process, System, json, text};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../k8s/components/postgres-backup");

/// Runs a script of the manifests with the environment of its pod.
fn script(name: &str, url: &str, dir: &Path) -> Result<String, String> {
    let (user, rest) = url.strip_prefix("postgres://").unwrap().split_once(':').unwrap();
    let (password, rest) = rest.split_once('@').unwrap();
    let (address, database) = rest.split_once('/').unwrap();
    let (host, port) = address.split_once(':').unwrap();
    std::fs::write(dir.join("password"), password).unwrap();
    let mut command = Command::new("sh");
    command.arg(PathBuf::from(SCRIPTS).join(name)).env("PASSWORD_FILE", dir.join("password"));
    command.envs([("PGHOST", host), ("PGPORT", port), ("PGUSER", user), ("PGDATABASE", database)]);
    command.env("PGPASSFILE", dir.join("pgpass")).env("BACKUPS", dir);
    let output = command.output().unwrap();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The binary with the addresses of its servers.
struct Deployment(System);

impl Deployment {
    fn ok(&self, args: &[&str]) -> String {
        self.0.ok(args)
    }

    fn group(&self, name: &str) -> Process {
        Process::start(&mut self.0.command(&["run", name, "--partition", "0", "--http", "127.0.0.1:0"]))
    }

    /// Waits until every event is answered and projected, and the tape does not grow.
    fn wait_quiet(&self) {
        let mut before = String::new();
        loop {
            std::thread::sleep(std::time::Duration::from_millis(700));
            let output = self.0.run(&["status", "--json"]);
            let partition = json(&text(&output.stdout))["partitions"][0].take();
            let decided = partition["writers"][0]["decided"] == partition["market_inbox_last"];
            let now = partition["tape_last"].to_string();
            if output.status.success() && decided && now == before {
                return;
            }
            before = now;
        }
    }

    fn assert_verified(&self) {
        let verdict = json(&self.ok(&["verify", "--json"]));
        assert_eq!(verdict["findings"].as_array().unwrap().len(), 0, "{verdict}");
    }
}

#[test]
fn read_models_are_restored_from_a_dump_and_from_the_tape_alone() {
    let mut system = System::new();
    let nats = NatsServer::start(&system.path().join("nats"), 0).unwrap();
    let postgres = Postgres::start(&system.path().join("postgres"), 0).unwrap();
    let url = postgres.url();
    system.use_servers(&nats.url(), &url);
    let deployment = Deployment(system);
    let backups = tempfile::tempdir().unwrap();
    deployment.ok(&["provision"]);
    deployment.ok(&["migrate"]);
    let setup = backups.path().join("setup.toml");
    std::fs::write(&setup, tapedeck_feeds::Setup::default_toml()).unwrap();
    deployment.ok(&["control", "apply", "--no-wait", setup.to_str().unwrap()]);
    assert!(script("restore.sh", &url, backups.path()).unwrap_err().contains("no dump in"));
    let others = tapedeck_groups::names().filter(|name| *name != "projector");
    let groups: Vec<_> = others.map(|name| deployment.group(name)).collect();
    let projector = deployment.group("projector");
    deployment.ok(&["publish", "--events", "10000"]);
    deployment.wait_quiet();
    let output = script("backup.sh", &url, backups.path()).unwrap();
    assert!(output.starts_with("dumped "), "{output}");
    deployment.ok(&["publish", "--events", "10000", "--seed", "2"]);
    deployment.wait_quiet();
    // Restore the dump, which is older than the tape: the projector continues from it.
    assert_eq!(projector.terminate(), Some(0));
    let output = script("restore.sh", &url, backups.path()).unwrap();
    assert!(output.starts_with("restored "), "{output}");
    let verdict = json(&deployment.ok(&["verify", "--json"]));
    let is_older = verdict["rows"]["records_v1"].as_u64() < verdict["records"].as_u64().map(|records| records - 10);
    assert!(is_older, "the dump is not older than the tape: {verdict}");
    let projector = deployment.group("projector");
    deployment.wait_quiet();
    deployment.assert_verified();
    // Restore from the tape alone.
    assert_eq!(projector.terminate(), Some(0));
    let drop = Command::new("psql").args([&url, "-q", "-c", "DROP SCHEMA tapedeck CASCADE"]).output().unwrap();
    assert!(drop.status.success(), "{}", text(&drop.stderr));
    deployment.ok(&["migrate"]);
    let projector = deployment.group("projector");
    deployment.wait_quiet();
    deployment.assert_verified();
    for process in groups.into_iter().chain([projector]) {
        assert_eq!(process.terminate(), Some(0));
    }
}
