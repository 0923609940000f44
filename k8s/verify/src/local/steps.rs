//! The steps of a local run, in their order, and what each prints.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::{Cluster, Options, Running, Servers};
use crate::manifests::Manifests;
use crate::pod::Here;

/// Events of each load of the synthetic market.
const LOAD: &str = "60000";

/// Runs all steps in `dir`.
pub fn run(options: &Options, dir: &std::path::Path) -> Result<()> {
    let began = Instant::now();
    let say = |what: &str| println!("{:7.2} s  {what}", began.elapsed().as_secs_f64());
    let text = std::fs::read_to_string(&options.rendered)
        .with_context(|| format!("cannot read {}", options.rendered.display()))?;
    let all = Manifests::parse(&text)?;
    say(&format!("{} objects rendered", all.objects.len()));
    let servers = Servers::start(&all, dir)?;
    let (nats, postgres) = servers.addresses();
    say("nats-server (shipped configuration and accounts) and postgres are up");
    let addresses = [("nats.tapedeck-data.svc:4222", nats), ("postgres.tapedeck-data.svc:5432", postgres)];
    let addresses = addresses.map(|(service, address)| (service.to_string(), address)).into();
    let binary = options.binary.canonicalize().context("the binary")?;
    let here = Here { binary, addresses, dir: dir.join("pods") };
    let mut cluster = Cluster { all, here, servers, groups: Default::default(), dir: dir.into() };
    for job in ["provision", "migrate", "control-setup"] {
        cluster.job(job)?;
        say(&format!("job {job} is done"));
    }
    for group in tapedeck_groups::names() {
        cluster.start_group(group)?;
    }
    for group in tapedeck_groups::names() {
        cluster.wait_ready(group)?;
    }
    say("all groups are ready");
    publish_market(&cluster, options)?;
    while cluster.count("OrderSubmitted")? == 0 {
        std::thread::sleep(super::LOOK);
    }
    println!("from nothing to trading: {:.2} s", began.elapsed().as_secs_f64());
    let named = cluster.metrics_are_there(&options.rules)?;
    say(&format!("{named} metrics that alert rules name are served"));
    let orders = cluster.count("OrderSubmitted")?;
    treat_badly(&mut cluster, &say)?;
    cluster.wait_quiet()?;
    let more = cluster.count("OrderSubmitted")?;
    ensure!(more > orders, "nothing was traded while groups were killed: {orders} orders before and after");
    let verdict = cluster.ok("reader", &["verify", "--json"])?;
    let verdict: serde_json::Value = serde_json::from_str(&verdict).context("verify --json")?;
    ensure!(verdict["findings"].as_array().is_some_and(Vec::is_empty), "verify found: {}", verdict["findings"]);
    cluster.ok("reader", &["status"])?;
    say(&format!("{more} orders; verify is clean: nothing lost, nothing twice, nothing decided by two"));
    for group in tapedeck_groups::names() {
        drain(&mut cluster, group)?;
    }
    say("all groups drained, exit 0 each");
    Ok(())
}

fn publish_market(cluster: &Cluster, options: &Options) -> Result<()> {
    let mut args = vec!["publish"];
    args.extend(options.market.iter().filter_map(|path| path.to_str()));
    if options.market.is_empty() {
        args.extend(["--events", LOAD]);
    }
    cluster.ok("publisher", &args).map(|_| ())
}

/// A load in the background: another seed each time, at a pace that lasts for the step.
fn load(cluster: &Cluster, seed: usize) -> Result<Running> {
    let seed = seed.to_string();
    let args = ["publish", "--events", LOAD, "--seed", &seed, "--speed", "4x"];
    let mut command = cluster.command("publisher", &args)?;
    Ok(Running(command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn()?))
}

/// Every group in turn under load: killed, then rolled onto another copy of the binary; then a second pod beside each.
fn treat_badly(cluster: &mut Cluster, say: &impl Fn(&str)) -> Result<()> {
    let mut seed = 100;
    let mut next_load = |cluster: &Cluster| -> Result<Running> {
        seed += 1;
        load(cluster, seed)
    };
    let mut current = next_load(cluster)?;
    for group in tapedeck_groups::names() {
        let killed = cluster.groups.get_mut(group).context("started")?.running.signal("KILL")?;
        ensure!(!killed.success(), "{group} was not there to be killed");
        std::thread::sleep(Duration::from_millis(200));
        cluster.start_group(group)?;
        let took = cluster.wait_ready(group)?;
        say(&format!("{group} killed with -9, ready again after {:.2} s", took.as_secs_f64()));
    }
    finish(&mut current)?;
    current = next_load(cluster)?;
    let next = cluster.dir.join("tapedeck-next");
    std::fs::copy(&cluster.here.binary, &next)?;
    cluster.here.binary = next;
    // Readers of the tape before its writers.
    for group in tapedeck_groups::names().rev() {
        let took = drain(cluster, group)?;
        cluster.start_group(group)?;
        let ready = cluster.wait_ready(group)?;
        let (took, ready) = (took.as_secs_f64(), ready.as_secs_f64());
        say(&format!("{group} rolled: drained in {took:.2} s, the next one ready after {ready:.2} s"));
    }
    finish(&mut current)?;
    current = next_load(cluster)?;
    for group in tapedeck_groups::names() {
        let (pod, http) = cluster.pod(group, true)?;
        let mut second = Running(pod.start(&cluster.here.binary)?);
        while super::get(&http, "/startupz").is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")) {
            ensure!(second.0.try_wait()?.is_none(), "the second {group} ended: {}", pod.said());
            std::thread::sleep(super::LOOK);
        }
        // Both are there; the second owns, the first follows it.
        std::thread::sleep(Duration::from_millis(500));
        let status = second.signal("TERM")?;
        ensure!(status.success(), "the second {group} did not drain: {status}");
        // The first takes over only once inputs have waited for a while: a new one does at once.
        drain(cluster, group)?;
        cluster.start_group(group)?;
        cluster.wait_ready(group)?;
    }
    say("a second pod beside each group: harmless");
    finish(&mut current)
}

/// A load must end well.
fn finish(load: &mut Running) -> Result<()> {
    let status = load.0.wait()?;
    ensure!(status.success(), "the publisher failed: {status}");
    Ok(())
}

fn drain(cluster: &mut Cluster, group: &str) -> Result<Duration> {
    let began = Instant::now();
    let running = cluster.groups.get_mut(group).context("started")?;
    let status = running.running.signal("TERM")?;
    ensure!(status.success(), "{group} did not drain: {status}; it said: {}", running.pod.said());
    Ok(began.elapsed())
}
