//! `bench bytes`: bytes of an event on the tape and in the inbox, beside the form of a record at commit b461f93, and
//! the time of encoding and decoding in both forms.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use tapedeck_runtime::Bus;
use tapedeck_runtime::tail::Tail;
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::record::{self, Entry, Header, RecordEncoder, encode_entry};
use tapedeck_schemas::subject;
use tapedeck_servers::NatsServer;

use crate::blocks::{MESSAGE_BYTES, compressed_part};
use crate::former;
use crate::replay::run_command;
use crate::table::Rates;

/// Greatest numbers of events of a record in the table by pace.
const PACES: [usize; 6] = [1, 4, 16, 64, 256, usize::MAX];
/// Rounds of the measurement of time.
const ROUNDS: usize = 25;

/// What is measured: see `bench bytes --help`.
#[derive(Debug)]
pub(crate) struct Options<'a> {
    pub(crate) tapedeck: &'a Path,
    pub(crate) market: &'a [PathBuf],
    pub(crate) events: u64,
    pub(crate) paced_events: u64,
    pub(crate) speed: &'a str,
}

pub(crate) async fn run(options: &Options<'_>) -> Result<()> {
    let dir = tempfile::tempdir()?;
    // Postgres runs as another user, which must be able to enter the directory.
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let (busy, paced) = (dir.path().join("busy"), dir.path().join("paced"));
    let mut demo = vec!["demo", "--fresh"];
    let events = options.events.to_string();
    let files: Vec<&str> =
        options.market.iter().map(|file| file.to_str().context("no UTF-8")).collect::<Result<_>>()?;
    if files.is_empty() {
        demo.extend(["--events", &events]);
    } else {
        demo.push("--market");
        demo.extend(&files);
    }
    demo.push("--dir");
    run_command(options.tapedeck, &demo, &busy)?;
    let nats = NatsServer::start(&busy.join("nats"), 0)?;
    println!("# busy: as fast as the groups decide\n");
    let bus = Bus::connect(&nats.url(), "bench").await?;
    report(&bus).await?;
    drop(nats);
    println!("\n# paced: published at the given speed\n");
    let system = System::start(options.tapedeck, &paced)?;
    let events = options.paced_events.to_string();
    let mut publish = vec!["publish"];
    match files.is_empty() {
        true => publish.extend(["--events", &events, "--speed", options.speed]),
        false => publish.extend(files.iter().copied().chain(["--speed", "recorded"])),
    }
    publish.push("--dir");
    run_command(options.tapedeck, &publish, &paced)?;
    tokio::time::sleep(Duration::from_secs(3)).await; // the groups decide the rest
    report(&Bus::connect(&system.nats_url()?, "bench").await?).await
}

/// A running `tapedeck up`.
struct System(Child, PathBuf);

impl System {
    fn start(tapedeck: &Path, dir: &Path) -> Result<Self> {
        let args = ["up", "--nats-port", "0", "--database-port", "0", "--http", "127.0.0.1:0", "--dir"];
        let child = Command::new(tapedeck).args(args).arg(dir).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let system = Self(child, dir.join("connection.toml"));
        let begun = Instant::now();
        while !system.1.exists() {
            ensure!(begun.elapsed() < Duration::from_secs(60), "the system did not start within 60 s");
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(system)
    }

    fn nats_url(&self) -> Result<String> {
        let file = std::fs::read_to_string(&self.1)?;
        let line = file.lines().find_map(|line| line.strip_prefix("nats_url = ")).context("no nats_url")?;
        Ok(line.trim_matches('"').into())
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

/// The messages of a stream, and JetStream's own bytes for each.
async fn messages(bus: &Bus, stream: String) -> Result<(Vec<(String, Bytes)>, usize)> {
    let state = bus.context().get_stream(&stream).await?.cached_info().state.clone();
    let mut tail = Tail::new(bus, stream, String::new(), 1);
    let mut all = Vec::new();
    while let Some(stored) = tail.next_until(state.last_sequence).await? {
        all.push((stored.subject.to_string(), stored.payload));
    }
    let payload: usize = all.iter().map(|(_, payload)| payload.len()).sum();
    Ok((all.clone(), (state.bytes as usize - payload) / all.len().max(1)))
}

/// Sums of a group of events.
#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    events: usize,
    before: usize,
    now: usize,
}

impl Sums {
    fn add(&mut self, events: usize, before: usize, now: usize) {
        self.events += events;
        self.before += before;
        self.now += now;
    }

    fn print(&self, name: &str) {
        let each = |bytes: usize| bytes as f64 / self.events.max(1) as f64;
        let (before, now) = (each(self.before), each(self.now));
        println!("{name:<24} {:>9} {before:>9.1} {now:>9.1} {:>7.2}", self.events, now / before);
    }
}

async fn report(bus: &Bus) -> Result<()> {
    let (tape, own) = messages(bus, subject::tape_stream(0, Generation::FIRST)).await?;
    let records: Vec<(Header, Vec<Entry>)> =
        tape.iter().map(|(_, payload)| record::decode(payload)).collect::<Result<_, _>>()?;
    let (mut all, mut kinds, mut paces) = (Sums::default(), BTreeMap::new(), [Sums::default(); PACES.len()]);
    let mut before = Vec::new();
    for ((subject, payload), (header, entries)) in tape.iter().zip(&records) {
        let former = former::encode(header, entries);
        all.add(entries.len(), former.len(), payload.len());
        let pace = PACES.iter().position(|most| entries.len() <= *most).context("no pace")?;
        paces[pace].add(entries.len(), former.len(), payload.len());
        by_kind(entries, &mut kinds);
        before.push((subject.clone(), Bytes::from(former)));
    }
    let events = all.events;
    println!("{} records, {:.1} events a record; bytes an event:\n", tape.len(), events as f64 / tape.len() as f64);
    println!("{:<24} {:>9} {:>9} {:>9} {:>7}", "payload", "events", "before", "now", "ratio");
    all.print("all");
    let mut least = 1;
    for (most, sums) in PACES.iter().zip(&paces).filter(|(_, sums)| sums.events > 0) {
        let to = if *most == usize::MAX { String::new() } else { most.to_string() };
        sums.print(&format!("  {least} to {to} a record"));
        least = most.saturating_add(1);
    }
    kinds.iter().for_each(|(kind, sums): (&&str, &Sums)| sums.print(&format!("  {kind}")));
    let per_event = |bytes: f64| bytes / events as f64;
    let own_all = (own * tape.len()) as f64;
    println!("\n{:<34} {:>9} {:>9}", "tape", "before", "now");
    println!("{:<34} {:>9.1} {:>9.1}", "JetStream's own", per_event(own_all), per_event(own_all));
    let stored = (per_event(own_all + all.before as f64), per_event(own_all + all.now as f64));
    println!("{:<34} {:>9.1} {:>9.1}", "stored", stored.0, stored.1);
    let parts = (compressed_part(&before, own).await?, compressed_part(&tape, own).await?);
    println!("{:<34} {:>9.1} {:>9.1}", "closed blocks with s2", stored.0 * parts.0, stored.1 * parts.1);
    inbox(bus).await?;
    println!();
    rates(&before, &tape, &records, events as u64);
    Ok(())
}

/// Adds the bytes that each event adds to its record; a text or id counts for the first event that has it.
fn by_kind(entries: &[Entry], kinds: &mut BTreeMap<&'static str, Sums>) {
    let mut encoder = RecordEncoder::default();
    for entry in entries {
        let size = encoder.size_max();
        encoder.push(entry);
        let mut alone = Vec::new();
        encode_entry(entry, &mut alone);
        kinds.entry(entry.event.kind().name()).or_default().add(1, alone.len(), encoder.size_max() - size);
    }
}

async fn inbox(bus: &Bus) -> Result<()> {
    let (messages, own) = messages(bus, subject::inbox_stream(0, Generation::FIRST)).await?;
    let payload: usize = messages.iter().map(|(_, payload)| payload.len()).sum();
    let kinds = messages.iter().map(|(subject, payload)| {
        let kind = subject.rsplit('.').next().and_then(|kind| kind.parse().ok());
        kind.map_or(1, |kind| tapedeck_schemas::market::decode(kind, payload).len())
    });
    let events = kinds.sum::<usize>() as f64;
    let stored = (payload + own * messages.len()) as f64 / events;
    println!("\ninbox: {} messages, {events} events", messages.len());
    println!("{:<34} {:>9.1}", "payload", payload as f64 / events);
    println!("{:<34} {:>9.1}", "stored", stored);
    println!("{:<34} {:>9.1}", "closed blocks with s2", stored * compressed_part(&messages, own).await?);
    assert!(own >= MESSAGE_BYTES - 4, "JetStream stores less than its least");
    Ok(())
}

/// Events per second of encoding and decoding, before and now.
fn rates(before: &[(String, Bytes)], now: &[(String, Bytes)], records: &[(Header, Vec<Entry>)], events: u64) {
    let mut rates = Rates::default();
    let mut measure = |name: &str, work: &mut dyn FnMut()| {
        let begun = Instant::now();
        work();
        rates.add(name, events, begun.elapsed().as_secs_f64());
    };
    let mut encoder = RecordEncoder::default();
    let mut encode = |header: &Header, entries: &[Entry]| {
        entries.iter().for_each(|entry| encoder.push(entry));
        encoder.finish(header)
    };
    for _ in 0..ROUNDS {
        measure("encode, before", &mut || records.iter().for_each(|(h, e)| drop(black_box(former::encode(h, e)))));
        measure("encode", &mut || records.iter().for_each(|(h, e)| drop(black_box(encode(h, e)))));
        measure("decode, before", &mut || before.iter().for_each(|(_, p)| drop(black_box(former::decode(p)))));
        measure("decode", &mut || now.iter().for_each(|(_, p)| drop(black_box(record::decode(p)))));
    }
    rates.print("decode, before");
}
