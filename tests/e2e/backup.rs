//! The read models are lost and come back: from a dump, by the very scripts of the manifests, and from the tape alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use tapedeck_servers::{NatsServer, Postgres};

use crate::common::{Process, System, json, text};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../k8s/components/postgres-backup");

/// Runs a script of the manifests as its pod would.
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

struct Site(System);

impl Site {
    fn ok(&self, args: &[&str]) -> String {
        self.0.ok(args)
    }

    fn group(&self, name: &str) -> Process {
        Process::start(&mut self.0.command(&["run", name, "--partition", "0", "--http", "127.0.0.1:0"]))
    }

    /// Until everything is judged and projected, and the tape has stopped growing.
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

    fn is_the_fold_of_the_tape(&self) {
        let verdict = json(&self.ok(&["verify", "--json"]));
        assert_eq!(verdict["findings"].as_array().unwrap().len(), 0, "{verdict}");
    }
}

#[test]
fn read_models_come_back_from_a_dump_and_from_the_tape_alone() {
    let mut system = System::new();
    let nats = NatsServer::start(&system.path().join("nats"), 0).unwrap();
    let postgres = Postgres::start(&system.path().join("postgres"), 0).unwrap();
    let url = postgres.url();
    system.use_servers(&nats.url(), &url);
    let site = Site(system);
    let backups = tempfile::tempdir().unwrap();
    site.ok(&["provision"]);
    site.ok(&["migrate"]);
    let setup = backups.path().join("setup.toml");
    std::fs::write(&setup, tapedeck_feeds::Setup::default_toml()).unwrap();
    site.ok(&["control", "apply", setup.to_str().unwrap()]);
    assert!(script("restore.sh", &url, backups.path()).unwrap_err().contains("no dump in"));
    let groups: Vec<_> = tapedeck_groups::writers().map(|writer| site.group(writer.as_str())).collect();
    let projector = site.group("projector");
    site.ok(&["publish", "--events", "10000"]);
    site.wait_quiet();
    let said = script("backup.sh", &url, backups.path()).unwrap();
    assert!(said.starts_with("dumped "), "{said}");
    site.ok(&["publish", "--events", "10000", "--seed", "2"]);
    site.wait_quiet();
    // Back to the dump, which is older than the tape: the projector goes on from there.
    assert_eq!(projector.terminate(), Some(0));
    let said = script("restore.sh", &url, backups.path()).unwrap();
    assert!(said.starts_with("restored "), "{said}");
    let verdict = json(&site.ok(&["verify", "--json"]));
    let older = verdict["rows"]["records_v1"].as_u64() < verdict["records"].as_u64().map(|records| records - 10);
    assert!(older, "the dump is not older than the tape: {verdict}");
    let projector = site.group("projector");
    site.wait_quiet();
    site.is_the_fold_of_the_tape();
    // And from nothing.
    assert_eq!(projector.terminate(), Some(0));
    let drop = Command::new("psql").args([&url, "-q", "-c", "DROP SCHEMA tapedeck CASCADE"]).output().unwrap();
    assert!(drop.status.success(), "{}", text(&drop.stderr));
    site.ok(&["migrate"]);
    let projector = site.group("projector");
    site.wait_quiet();
    site.is_the_fold_of_the_tape();
    for process in groups.into_iter().chain([projector]) {
        assert_eq!(process.terminate(), Some(0));
    }
}
