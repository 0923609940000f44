//! `replay` on real servers: exact bounds, equal output to subjects and to files, and resumption after interruptions.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::Value;
use tapedeck_history::{Filter, Range, RangeBound, Replay, TapeRange, resolve};
use tapedeck_runtime::Bus;
use tapedeck_schemas::json::JsonTimes;
use tapedeck_schemas::market;
use tapedeck_schemas::subject::parse_market_subject;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::common::{Process, System, capture, json, text};

/// A running system with the market of a small capture on its tape.
struct RecordedMarket {
    system: System,
    _up: Process,
    /// Definitions, quotes, trades and clock advances, as `tape --json` prints them.
    facts: Vec<Value>,
}

impl RecordedMarket {
    fn start(frames: u64) -> Self {
        let system = System::new();
        let up = system.up();
        let market = capture(system.path(), "btc.jsonl", "BTCUSDT", frames);
        system.ok(&["publish", market.to_str().unwrap()]);
        let count = |kind| system.ok(&["tape", "--json", "--kind", kind]).lines().count() as u64;
        while count("Quote") + count("Trade") < frames {
            std::thread::sleep(Duration::from_millis(100));
        }
        let tape = system.ok(&["tape", "--json", "--writer", "ingest"]);
        let kinds = ["InstrumentDefined", "Quote", "Trade", "ClockAdvanced"];
        let facts = tape.lines().map(json).filter(|fact| kinds.iter().any(|kind| fact["kind"] == *kind)).collect();
        Self { system, _up: up, facts }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.system.path().join(name)
    }

    /// The output of a replay to standard output, one map a line.
    fn replayed(&self, args: &[&str]) -> Vec<Value> {
        let out = self.system.ok(&[&["replay", "--to-file", "-"], args].concat());
        out.lines().map(json).collect()
    }

    /// The quotes and trades of the tape for which `picks` holds, given sequence and time.
    fn market_facts(&self, picks: impl Fn(u64, u64) -> bool) -> Vec<&Value> {
        let n = |fact: &Value, name: &str| fact[name].as_str().unwrap().parse::<u64>().unwrap();
        let priced = self.facts.iter().filter(|fact| fact["kind"] == "Quote" || fact["kind"] == "Trade");
        priced.filter(|fact| picks(seq(fact), n(fact, "at"))).collect()
    }
}

/// The stream sequence of a fact.
fn seq(fact: &Value) -> u64 {
    let place = fact["offset"].as_str().unwrap().strip_prefix("p0g1:").unwrap();
    place.split('.').next().unwrap().parse().unwrap()
}

fn nats_url(system: &System) -> String {
    let connection = std::fs::read_to_string(system.path().join("connection.toml")).unwrap();
    let url = connection.lines().find_map(|line| line.strip_prefix("nats_url = ")).unwrap();
    url.trim_matches('"').to_string()
}

/// The lines have the fields of the facts, and in addition only source, session and number.
fn assert_same(lines: &[Value], facts: &[&Value]) {
    assert_eq!(lines.len(), facts.len());
    for (seq, (line, fact)) in (1u64..).zip(lines.iter().zip(facts)) {
        let mut line = line.as_object().unwrap().clone();
        let mut body = fact["body"].as_object().unwrap().clone();
        body.retain(|_, value| !value.is_null());
        let kind = line.remove("kind").unwrap();
        assert_eq!(kind.as_str().unwrap(), fact["kind"].as_str().unwrap().to_lowercase());
        assert_eq!((line.remove("source"), line.remove("seq")), (Some("replay".into()), Some(seq.into())));
        assert!(line.remove("session").is_some());
        assert_eq!(line, body);
    }
}

#[test]
fn a_range_is_exact_at_both_ends_by_offset_sequence_time_and_age() {
    let recorded = RecordedMarket::start(600);
    let all = recorded.market_facts(|_, _| true);
    let (first, last) = (all[100], all[400]);
    let n = |fact: &Value, name: &str| fact[name].as_str().unwrap().parse::<u64>().unwrap();
    let offset = |fact: &Value| fact["offset"].as_str().unwrap().to_string();
    let time = |fact: &Value| {
        let ns = n(fact, "at") - 1_723_161_254_000_000_000;
        format!("2024-08-08T23:54:{:02}.{:09}Z", 14 + ns / 1_000_000_000, ns % 1_000_000_000)
    };
    let kinds = ["--kind", "Quote,Trade"];
    let between = |from: &str, to: &str| recorded.replayed(&[&kinds[..], &["--from", from, "--to", to]].concat());
    assert_same(&between(&offset(first), &offset(last)), &all[100..=400]);
    assert_same(&between(&time(first), &time(last)), &all[100..=400]);
    assert_same(&between(&offset(first), &offset(first)), &all[100..=100]);
    let (from, to) = (seq(first), seq(last));
    let records = recorded.market_facts(|seq, _| (from..=to).contains(&seq));
    assert_same(&between(&from.to_string(), &to.to_string()), &records);
    // An age is relative to the newest tape time, not to the wall clock.
    let newest = recorded.facts.iter().map(|fact| n(fact, "at")).max().unwrap();
    let newest_facts = recorded.market_facts(|_, at| at >= newest - 3_000_000_000);
    assert_same(&recorded.replayed(&[&kinds[..], &["--from", "-3s"]].concat()), &newest_facts);
    // Without a filter on kinds, the definitions in force come first.
    let led = recorded.replayed(&["--from", &offset(last), "--instrument", "binance.BTCUSDT"]);
    assert_eq!((led[0]["kind"].as_str(), led[0]["seq"].as_u64()), (Some("definition"), Some(1)));
    assert_eq!((led.len(), led[1]["seq"].as_u64()), (all.len() - 400 + 1, Some(2)));
    // Other facts are replayed on request, as maps.
    let maps = recorded.replayed(&["--account", "sim-p0", "--writer", "control"]);
    let funded = recorded.system.ok(&["tape", "--json", "--kind", "AccountFunded"]);
    let funded: Vec<_> = funded.lines().map(json).collect();
    assert!(!maps.is_empty());
    assert_eq!(maps, funded);
    let failed = recorded.system.run(&["replay", "--to-file", "-", "--from", "p1:1.0", "--to", "p0g1:9.0"]);
    assert_eq!(failed.status.code(), Some(2));
    assert!(text(&failed.stderr).contains("is on partition 0, not on 1 alone"), "{}", text(&failed.stderr));
}

#[tokio::test]
async fn subjects_and_files_of_both_formats_have_the_same_market() {
    let recorded = tokio::task::spawn_blocking(|| RecordedMarket::start(900)).await.unwrap();
    let url = nats_url(&recorded.system);
    let client = Bus::connect(&url, "consumer").await.unwrap().context().client();
    let mut consumer = client.subscribe("replay.t1.>").await.unwrap();
    client.flush().await.unwrap();
    let run = ["replay", "--run", "t1"];
    let (lines, packed) = (recorded.path("t1.jsonl"), recorded.path("t1.msgpack"));
    for path in [&lines, &packed] {
        recorded.system.ok(&[&run[..], &["--to-file", path.to_str().unwrap()]].concat());
    }
    recorded.system.ok(&[&run[..], &["--to-subject", "replay.t1"]].concat());
    let lines = std::fs::read_to_string(lines).unwrap();
    assert_eq!(lines.lines().filter(|line| !line.contains(r#""kind":"definition""#)).count(), 900);
    let mut packed_as_lines = Vec::new();
    let packed = std::fs::read(packed).unwrap();
    for expected in lines.lines() {
        let message = tokio::time::timeout(Duration::from_secs(60), consumer.next()).await.unwrap().unwrap();
        let subject = message.subject.replacen("replay.t1.", "md.", 1);
        let (instrument, kind) = parse_market_subject(&subject).unwrap();
        let event = market::decode(kind, &message.payload).remove(0).unwrap();
        assert_eq!(market::json_line(&instrument, &event, JsonTimes::Text), expected);
        packed_as_lines.extend(market::messagepack_map(&instrument, &event));
    }
    assert_eq!(packed, packed_as_lines);
    assert!(!recorded.path("replay-t1.resume").exists(), "a finished replay leaves no state");
    let own = recorded.system.run(&["replay", "--to-subject", "md"]);
    let why = "a running system would take messages on md.> for new ones";
    assert!(text(&own.stderr).contains(why), "{}", text(&own.stderr));
}

#[tokio::test]
async fn two_tapes_are_merged_by_time_and_each_keeps_its_order() {
    let system = System::new();
    let _up = Process::start(&mut system.command(&["up", "--partitions", "2"]));
    while !system.path().join("connection.toml").exists() || !system.run(&["status"]).status.success() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    system.ok(&["publish", "--events", "20000"]);
    let bus = Bus::connect(&nats_url(&system), "library").await.unwrap();
    let range = Range { from: None, to: Some(RangeBound::Time(1 << 62)) };
    let ranges = resolve(&bus, None, &range).await.unwrap();
    let play = async |ranges: &[TapeRange]| {
        let mut replay = Replay::of(&bus, ranges, &Filter::default()).await.unwrap();
        let mut all = Vec::new();
        while let Some(replayed) = replay.next().await.unwrap() {
            all.push(replayed);
        }
        assert_eq!(replay.records_read(), ranges.iter().map(|range| range.end).sum::<u64>());
        all
    };
    let (both, each) = (play(&ranges).await, [play(&ranges[..1]).await, play(&ranges[1..]).await]);
    assert!(each.iter().all(|one| one.len() > 1_000));
    for (partition, one) in (0..).zip(each) {
        assert!(both.iter().filter(|fact| fact.partition == partition).eq(&one), "partition {partition}");
    }
    assert!(both.is_sorted_by_key(|fact| fact.time));
    let ties = both.windows(2).filter(|two| two[0].time == two[1].time);
    assert!(ties.clone().count() > 0 && ties.clone().all(|two| two[0].partition <= two[1].partition));
    let error = resolve(&bus, None, &Range { from: Some("5.0".parse().unwrap()), to: None }).await.unwrap_err();
    assert!(error.to_string().contains("5.0 is a place on one tape, but there are 2 tapes"), "{error}");
}

/// The number of written facts in the state file of an unfinished replay.
fn facts_written(state: &Path) -> u64 {
    let text = std::fs::read_to_string(state).unwrap_or_default();
    text.lines().next().map_or(0, |line| json(line)["facts"].as_u64().unwrap())
}

#[test]
fn a_replay_killed_twice_resumes_to_the_same_bytes() {
    let recorded = RecordedMarket::start(3_000);
    let (whole, torn) = (recorded.path("whole.jsonl"), recorded.path("torn.jsonl"));
    let (whole_arg, torn_arg) = (whole.to_str().unwrap(), torn.to_str().unwrap());
    recorded.system.ok(&["replay", "--run", "k", "--to-file", whole_arg]);
    let undisturbed = std::fs::read(&whole).unwrap();
    let state = recorded.path("torn.jsonl.resume");
    let mut before = 0;
    for _ in 0..2 {
        let args = ["replay", "--run", "k", "--to-file", torn_arg, "--speed", "5x"];
        let killed = Process::start(&mut recorded.system.command(&args));
        while facts_written(&state) <= before {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(killed.signal("KILL"), None);
        before = facts_written(&state);
        assert!(before < 3_000 && state.exists(), "the replay finished before it was killed: {before}");
    }
    // A replay with other options does not resume this one, and a finished file is not overwritten.
    let assert_error = |args: &[&str], why: &str| {
        let output = recorded.system.run(&[&["replay", "--run", "k", "--to-file"], args].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
    };
    assert_error(&[torn_arg, "--kind", "Trade"], "its filter was");
    assert_error(&[torn_arg, "--to", "-1s"], "its range was");
    assert_error(&[whole_arg], "--fresh");
    recorded.system.ok(&["replay", "--run", "k", "--to-file", torn_arg]);
    assert_eq!(std::fs::read(&torn).unwrap(), undisturbed);
    assert!(!state.exists());
    recorded.system.ok(&["replay", "--run", "k", "--to-file", whole_arg, "--fresh"]);
    assert_eq!(std::fs::read(&whole).unwrap(), undisturbed);
}

#[tokio::test]
async fn an_interrupted_replay_to_subjects_resumes_with_its_numbers() {
    let recorded = tokio::task::spawn_blocking(|| RecordedMarket::start(2_000)).await.unwrap();
    let url = nats_url(&recorded.system);
    let client = Bus::connect(&url, "consumer").await.unwrap().context().client();
    let mut consumer = client.subscribe("replay.>").await.unwrap();
    client.flush().await.unwrap();
    let args = ["replay", "--to-subject", "replay.s", "--run", "s", "--kind", "Quote,Trade"];
    let mut first = recorded.system.command(&[&args[..], &["--speed", "5x"]].concat());
    let first = first.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let state = recorded.path("replay-s.resume");
    while facts_written(&state) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    std::process::Command::new("kill").args(["-TERM", &first.id().to_string()]).status().unwrap();
    let ended = tokio::task::spawn_blocking(move || first.wait_with_output().unwrap()).await.unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(text(&ended.stderr).contains("--resume continues"), "{}", text(&ended.stderr));
    let half = facts_written(&state);
    assert!(half > 0 && half < 2_000, "{half}");
    assert!(text(&recorded.system.run(&args).stderr).contains("run s was interrupted"));
    recorded.system.ok(&[&args[..], &["--resume"]].concat());
    assert!(
        text(&recorded.system.run(&[&args[..], &["--resume"]].concat()).stderr).contains("there is no interrupted run")
    );
    // A replay that is stopped by a signal waits for its acknowledgements: nothing is repeated.
    for seq in 1..=2_000 {
        let message = tokio::time::timeout(Duration::from_secs(60), consumer.next()).await.unwrap().unwrap();
        let (_, kind) = parse_market_subject(&message.subject.replacen("replay.s.", "md.", 1)).unwrap();
        assert_eq!(market::decode(kind, &message.payload).remove(0).unwrap().seq, seq);
    }
}

/// A proxy between a client and NATS. It can drop the bytes of the client, and close every connection.
#[derive(Default)]
struct FaultyProxy {
    drops: AtomicBool,
    dropped_bytes: AtomicU64,
    close: Notify,
}

impl FaultyProxy {
    /// Listens in front of `upstream`; the URL of the proxy.
    async fn start(self: &Arc<Self>, upstream: String) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let proxy = self.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (proxy, upstream) = (proxy.clone(), upstream.clone());
                tokio::spawn(async move {
                    let server = TcpStream::connect(upstream).await.unwrap();
                    tokio::select! {
                        () = proxy.forward(client, server) => {}
                        () = proxy.close.notified() => {}
                    }
                });
            }
        });
        url
    }

    async fn forward(&self, client: TcpStream, server: TcpStream) {
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let down = tokio::io::copy(&mut from_server, &mut to_client);
        let up = async {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
                if self.drops.load(Ordering::SeqCst) {
                    self.dropped_bytes.fetch_add(read as u64, Ordering::SeqCst);
                } else if to_server.write_all(&buffer[..read]).await.is_err() {
                    break;
                }
            }
        };
        tokio::join!(down, up).1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_lost_with_a_connection_are_sent_again() {
    let recorded = tokio::task::spawn_blocking(|| RecordedMarket::start(2_000)).await.unwrap();
    let url = nats_url(&recorded.system);
    let client = Bus::connect(&url, "consumer").await.unwrap().context().client();
    let mut consumer = client.subscribe("replay.w.>").await.unwrap();
    client.flush().await.unwrap();
    let proxy = Arc::new(FaultyProxy::default());
    let proxy_url = proxy.start(url.trim_start_matches("nats://").to_string()).await;
    let to = ["--to-subject", "replay.w", "--run", "w", "--kind", "Quote,Trade", "--speed", "5x"];
    let mut replay = recorded.system.command(&[&["replay", "--nats-url", &proxy_url], &to[..]].concat());
    let replay = replay.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let state = recorded.path("replay-w.resume");
    while facts_written(&state) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    proxy.drops.store(true, Ordering::SeqCst);
    while proxy.dropped_bytes.load(Ordering::SeqCst) < 4096 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    proxy.drops.store(false, Ordering::SeqCst);
    proxy.close.notify_waiters();
    let ended = tokio::task::spawn_blocking(move || replay.wait_with_output().unwrap()).await.unwrap();
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 2_000 {
        let next = tokio::time::timeout(Duration::from_secs(60), consumer.next()).await;
        let message = next.unwrap_or_else(|_| panic!("only {} of 2000 arrived", seen.len())).unwrap();
        let (_, kind) = parse_market_subject(&message.subject.replacen("replay.w.", "md.", 1)).unwrap();
        seen.insert(market::decode(kind, &message.payload).remove(0).unwrap().seq);
    }
    assert_eq!((seen.first(), seen.last()), (Some(&1), Some(&2_000)));
}
