//! The steps of a local run, in order.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::{Cluster, Options, Running, Servers};
use crate::manifests::Manifests;
use crate::pod::LocalMachine;

/// Quotes and trades of each session of the synthetic market.
const LOAD_EVENTS: &str = "60000";

/// Runs all steps in `dir`.
pub fn run(options: &Options, dir: &std::path::Path) -> Result<()> {
    let started = Instant::now();
    let say = |message: &str| println!("{:7.2} s  {message}", started.elapsed().as_secs_f64());
    let text = std::fs::read_to_string(&options.rendered)
        .with_context(|| format!("cannot read {}", options.rendered.display()))?;
    let all = Manifests::parse(&text)?;
    say(&format!("{} objects rendered", all.objects.len()));
    let servers = Servers::start(&all, dir)?;
    let (nats, postgres) = servers.addresses();
    say("nats-server (shipped configuration and accounts) and postgres started");
    let addresses = [("nats.tapedeck-data.svc:4222", nats), ("postgres.tapedeck-data.svc:5432", postgres)];
    let addresses = addresses.map(|(service, address)| (service.to_string(), address)).into();
    let binary = options.binary.canonicalize().context("no binary")?;
    let here = LocalMachine { binary, addresses, dir: dir.join("pods") };
    let mut cluster = Cluster { all, here, servers, groups: Default::default(), dir: dir.into() };
    for job in ["provision", "migrate", "control-setup"] {
        cluster.run_job(job)?;
        say(&format!("job {job} completed"));
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
        std::thread::sleep(super::POLL_INTERVAL);
    }
    println!("from nothing to trading: {:.2} s", started.elapsed().as_secs_f64());
    let metrics = cluster.check_metrics(&options.rules)?;
    say(&format!("all {metrics} metrics of the alert rules are served"));
    let orders = cluster.count("OrderSubmitted")?;
    inject_faults(&mut cluster, &say)?;
    cluster.wait_quiet()?;
    let orders_after = cluster.count("OrderSubmitted")?;
    ensure!(orders_after > orders, "no order was submitted while groups were killed: {orders} before and after");
    let verdict = cluster.ok("reader", &["verify", "--json"])?;
    let verdict: serde_json::Value = serde_json::from_str(&verdict).context("verify --json")?;
    ensure!(verdict["findings"].as_array().is_some_and(Vec::is_empty), "verify reports: {}", verdict["findings"]);
    cluster.ok("reader", &["status"])?;
    say(&format!("{orders_after} orders; verify reports no difference"));
    for group in tapedeck_groups::names() {
        drain(&mut cluster, group)?;
    }
    say("all groups drained with exit status 0");
    Ok(())
}

fn publish_market(cluster: &Cluster, options: &Options) -> Result<()> {
    let mut args = vec!["publish"];
    args.extend(options.market.iter().filter_map(|path| path.to_str()));
    if options.market.is_empty() {
        args.extend(["--events", LOAD_EVENTS]);
    }
    cluster.ok("publisher", &args).map(|_| ())
}

/// Starts a publisher in the background, at a speed that lasts for a step.
fn load(cluster: &Cluster, seed: usize) -> Result<Running> {
    let seed = seed.to_string();
    let args = ["publish", "--no-wait", "--events", LOAD_EVENTS, "--seed", &seed, "--speed", "4x"];
    let mut command = cluster.command("publisher", &args)?;
    Ok(Running(command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn()?))
}

/// Under load, each group in turn is killed, then upgraded to a copy of the binary, then gets a second pod.
fn inject_faults(cluster: &mut Cluster, say: &impl Fn(&str)) -> Result<()> {
    let mut seed = 100;
    let mut next_load = |cluster: &Cluster| -> Result<Running> {
        seed += 1;
        load(cluster, seed)
    };
    let mut current = next_load(cluster)?;
    for group in tapedeck_groups::names() {
        let killed = cluster.groups.get_mut(group).context("not started")?.running.signal("KILL")?;
        ensure!(!killed.success(), "{group} had exited before it was killed");
        std::thread::sleep(Duration::from_millis(200));
        cluster.start_group(group)?;
        let took = cluster.wait_ready(group)?;
        say(&format!("{group} killed, ready again after {:.2} s", took.as_secs_f64()));
    }
    finish(&mut current)?;
    current = next_load(cluster)?;
    let next = cluster.dir.join("tapedeck-next");
    std::fs::copy(&cluster.here.binary, &next)?;
    cluster.here.binary = next;
    for group in tapedeck_groups::names().rev() {
        let drained = drain(cluster, group)?.as_secs_f64();
        cluster.start_group(group)?;
        let ready = cluster.wait_ready(group)?.as_secs_f64();
        say(&format!("{group} upgraded: drained in {drained:.2} s, the new pod ready after {ready:.2} s"));
    }
    finish(&mut current)?;
    current = next_load(cluster)?;
    for group in tapedeck_groups::names() {
        let (pod, http) = cluster.pod(group, true)?;
        let mut second = Running(pod.start(&cluster.here.binary)?);
        while super::get(&http, "/startupz").is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")) {
            ensure!(second.0.try_wait()?.is_none(), "the second pod of {group} exited: {}", pod.log_tail());
            std::thread::sleep(super::POLL_INTERVAL);
        }
        // Both run; the second is the owner, the first a standby.
        std::thread::sleep(Duration::from_millis(500));
        let status = second.signal("TERM")?;
        ensure!(status.success(), "the second pod of {group} did not drain: {status}");
        // The standby notices that the owner is gone, and takes over.
        cluster.wait_ready(group)?;
    }
    say("a second pod of each group did no harm");
    finish(&mut current)
}

/// Waits for a publisher, which must succeed.
fn finish(load: &mut Running) -> Result<()> {
    let status = load.0.wait()?;
    ensure!(status.success(), "the publisher failed: {status}");
    Ok(())
}

fn drain(cluster: &mut Cluster, group: &str) -> Result<Duration> {
    let started = Instant::now();
    let running = cluster.groups.get_mut(group).context("not started")?;
    let status = running.running.signal("TERM")?;
    ensure!(status.success(), "{group} did not drain: {status}; end of its log: {}", running.pod.log_tail());
    Ok(started.elapsed())
}
