//! Records that a later build could write: every reader stops at the same sequence, and a fleet of two builds stops
//! safely and continues when it is upgraded.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tapedeck_kernel::testing::{malformed_outer_headers, records_of_a_newer_build};
use tapedeck_runtime::Bus;
use tapedeck_schemas::event::ClockAdvanced;
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Header, InboxDigest, InboxPrefix, RecordHash, Writer};
use tapedeck_servers::NatsServer;

use crate::common::{Process, System, capture, json, python3, text};

/// The least sequence that a text names as `sequence N`.
fn sequence_in(text: &str) -> Option<u64> {
    let after = text.split("sequence ").skip(1);
    after.filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()).min()
}

/// Status and body of a GET request.
fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let reply = crate::groups::get(address.port(), path);
    let status = reply.split(' ').nth(1)?.parse().ok()?;
    Some((status, reply.split_once("\r\n\r\n")?.1.to_string()))
}

fn read_tape(url: &str, partition: usize) -> (bool, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/examples/python/read_tape.py");
    let output = Command::new(python3())
        .args([script, "--server", url, "--partition", &partition.to_string()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.success(), text(&output.stderr))
}

/// One tape for each way in which a record can be new: the example in Python and the commands stop at that record.
#[tokio::test]
async fn the_commands_and_the_example_in_python_stop_at_each_kind_of_newer_record() {
    let first = Header { writer: Writer::Risk, epoch: 1, prev_hash: RecordHash::default(), inbox: None };
    let mut ways: Vec<(&str, &str, Vec<u8>)> =
        records_of_a_newer_build(&first).into_iter().map(|(way, payload)| (way, "risk", payload)).collect();
    ways.push(("writer", "venue", record::encode(&first, &[])));
    let inbox = Some(InboxPrefix { generation: Generation::FIRST, digest: InboxDigest::default() });
    let clock = Entry { cause: Offset::START, index: 1, at: 5, event: ClockAdvanced { time: 5 }.into() };
    ways.push(("inbox of a writer that reads none", "risk", record::encode(&Header { inbox, ..first }, &[clock])));
    let system = System::new();
    let nats = NatsServer::start(&system.path().join("nats"), 0).unwrap();
    let mut streams = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../nats/streams.toml")).unwrap();
    streams.truncate(streams.find("[[partition]]").unwrap());
    (0..=ways.len()).for_each(|p| streams += &format!("[[partition]]\nmarket = [\"md.v{p}.>\"]\n"));
    let file = system.path().join("streams.toml");
    std::fs::write(&file, streams.replace("_184", "_18").replace("1_073_741_824", "1_073_741")).unwrap();
    let url = nats.url();
    system.ok(&["provision", "--nats-url", &url, "--streams", file.to_str().unwrap()]);
    let bus = Bus::connect(&url, "test").await.unwrap();
    for (partition, (way, writer, payload)) in ways.iter().enumerate() {
        // A message that does not chain is skipped, whatever it holds.
        let mut unchained = payload.clone();
        let hash = unchained.windows(32).position(|bytes| bytes == [0; 32]).expect("the hash of the outer header");
        unchained[hash] = 1;
        let subject = format!("tape.{partition}.g1.{writer}");
        for bytes in [unchained, payload.clone()] {
            bus.context().publish(subject.clone(), bytes.into()).await.unwrap().await.unwrap();
        }
        let (ok, stderr) = read_tape(&url, partition);
        assert!(!ok && stderr.contains("not understood"), "{way}: {stderr}");
        assert_eq!(sequence_in(&stderr.replace("skipped invalid record 2", "")), Some(3), "{way}: {stderr}");
        let mark = format!("p{partition}:1");
        for args in [vec!["tape", "--from", &mark], vec!["replay", "--from", &mark, "--to-file", "-"]] {
            let output = system.run(&[&args[..], &["--nats-url", &url]].concat());
            let stderr = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{way}: {args:?}: {stderr}");
            assert_eq!(sequence_in(&stderr), Some(3), "{way}: {args:?}: {stderr}");
        }
    }
    // Messages without the outer header of every format are invalid, and skipped.
    let (partition, malformed) = (ways.len(), malformed_outer_headers(&first));
    for (_, payload) in &malformed {
        let subject = format!("tape.{partition}.g1.risk");
        bus.context().publish(subject, payload.clone().into()).await.unwrap().await.unwrap();
    }
    let (ok, stderr) = read_tape(&url, partition);
    assert!(ok, "the tape without a newer record is read to its end: {stderr}");
    assert_eq!(stderr.matches("skipped invalid record").count(), malformed.len(), "{stderr}");
    let output = system.run(&["tape", "--from", &format!("p{partition}:1"), "--nats-url", &url]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr).matches("invalid record").count(), malformed.len(), "{}", text(&output.stderr));
}

/// The groups of a partition as processes of their own, each of one of two builds.
struct Fleet<'a> {
    system: &'a System,
    groups: BTreeMap<String, (Process, SocketAddr)>,
}

impl Fleet<'_> {
    /// Starts a group, after its former process has ended.
    fn start(&mut self, binary: &Path, group: &str) {
        if let Some((process, _)) = self.groups.remove(group) {
            assert_eq!(process.terminate(), Some(0), "{group} is drained");
        }
        let http = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let own = self.system.command(&["run", group, "--partition", "0", "--http", &http.to_string()]);
        // The same arguments and environment, with the given build.
        let mut command = Command::new(binary);
        command.args(own.get_args()).stdin(Stdio::null());
        command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.groups.insert(group.into(), (Process::start(&mut command), http));
    }

    fn readiness(&self, group: &str) -> (u16, String) {
        get(self.groups[group].1, "/readyz").unwrap_or_default()
    }

    /// Waits until every group satisfies the condition.
    fn wait_for(&self, what: &str, holds: impl Fn(&str, u16, &str) -> bool) {
        let begun = std::time::Instant::now();
        for group in self.groups.keys() {
            loop {
                let (status, body) = self.readiness(group);
                if holds(group, status, &body) {
                    break;
                }
                assert!(begun.elapsed() < Duration::from_secs(60), "{group} is not {what}: {status} {body}");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// With `TAPEDECK_NEXT`: a binary of this commit whose records have the next format number (`./dev mixed` builds it).
#[test]
#[ignore = "needs a second build of the binary: ./dev mixed"]
fn a_fleet_of_two_builds_stops_safely_and_continues_when_upgraded() {
    let next = PathBuf::from(std::env::var_os("TAPEDECK_NEXT").expect("TAPEDECK_NEXT: path of the next build"));
    let old = Path::new(env!("CARGO_BIN_EXE_tapedeck"));
    let mut system = System::new();
    let _servers = system.provisioned();
    let mut fleet = Fleet { system: &system, groups: BTreeMap::new() };
    let names: Vec<&str> = tapedeck_groups::names().collect();
    names.iter().for_each(|group| fleet.start(old, group));
    fleet.wait_for("ready", |_, status, _| status == 200);
    let setup = concat!(env!("CARGO_MANIFEST_DIR"), "/../feeds/setup/default.toml");
    system.ok(&["control", "apply", "--no-wait", setup]);
    let capture = capture(system.path(), "market.txt", "BTCUSDT", 30_000);
    let publish = ["publish", "--no-wait", capture.to_str().unwrap(), "--speed", "20x"];
    let publishing = Process::start(&mut system.command(&publish));
    std::thread::sleep(Duration::from_secs(3));

    fleet.start(&next, "signal");
    fleet.wait_for("stopped", |group, status, body| match group {
        "signal" => status == 200,
        _ => status == 503 && body.contains("record-not-understood"),
    });
    let stops: BTreeMap<&str, Option<u64>> = names
        .iter()
        .filter(|name| **name != "signal")
        .map(|name| (*name, sequence_in(&fleet.readiness(name).1)))
        .collect();
    let stop = stops["ingest"];
    assert!(stop.is_some() && stops.values().all(|other| *other == stop), "one sequence: {stops:?}");
    assert!(fleet.readiness("risk").1.contains("epoch is of build 0."), "{}", fleet.readiness("risk").1);
    for (path, status) in [("/livez", 200), ("/startupz", 200)] {
        assert_eq!(get(fleet.groups["risk"].1, path).unwrap().0, status, "{path}: a restart would stop again");
    }
    let tape = system.run(&["tape"]);
    assert_eq!((tape.status.code(), sequence_in(&text(&tape.stderr))), (Some(2), stop));
    assert_eq!(system.run(&["verify", "--json"]).status.code(), Some(2));

    names.iter().filter(|group| **group != "signal").for_each(|group| fleet.start(&next, group));
    fleet.wait_for("ready", |_, status, _| status == 200);
    assert_eq!(publishing.wait(), Some(0), "the publisher never noticed");
    let verified = loop {
        let output = Command::new(&next).args(["status", "--json"]).envs(servers(&system)).output().unwrap();
        let status = json(&text(&output.stdout));
        let partition = &status["partitions"][0];
        if output.status.success() && partition["writers"][0]["decided"] == partition["market_inbox_last"] {
            break Command::new(&next).args(["verify", "--json"]).envs(servers(&system)).output().unwrap();
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    let verdict = json(&text(&verified.stdout));
    assert_eq!((verified.status.code(), &verdict["findings"]), (Some(0), &serde_json::json!([])), "{verdict}");
    assert!(verdict.to_string().contains("risk"), "{verdict}");
}

fn servers(system: &System) -> Vec<(String, String)> {
    let command = system.command(&["status"]);
    let found = command.get_envs().filter_map(|(name, value)| Some((name.to_str()?.into(), value?.to_str()?.into())));
    found.collect()
}
