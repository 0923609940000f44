//! Runs the rendered manifests of an overlay as local processes, with faults under load: SIGKILL, drain, a rolling
//! upgrade and a second pod. A failed check is an error.

mod servers;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::manifests::{Manifests, Object};
use crate::pod::{LocalMachine, Pod, command_with_parent_death, files};
use servers::Servers;
pub use steps::run;

const APP: &str = "tapedeck";
/// How often conditions are checked.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The inputs of a local run.
#[derive(Debug, Clone)]
pub struct Options {
    /// File with the output of `kubectl kustomize`.
    pub rendered: PathBuf,
    /// The binary of the image.
    pub binary: PathBuf,
    /// Recorded market data to publish; if empty, the synthetic market is published.
    pub market: Vec<PathBuf>,
    /// Folder of alert rules, whose metrics must be served.
    pub rules: PathBuf,
}

/// A process that is killed on drop.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn signal(&mut self, name: &str) -> Result<std::process::ExitStatus> {
        Command::new("kill").args([format!("-{name}"), self.0.id().to_string()]).status()?;
        Ok(self.0.wait()?)
    }
}

/// The running pod of a group.
struct Group {
    pod: Pod,
    http: String,
    running: Running,
}

/// The servers and groups of a local run.
struct Cluster {
    all: Manifests,
    here: LocalMachine,
    servers: Servers,
    groups: BTreeMap<String, Group>,
    dir: PathBuf,
}

impl Cluster {
    /// A pod of a group, its regular one or a second one, and the address of its HTTP port.
    fn pod(&self, group: &str, second: bool) -> Result<(Pod, String)> {
        let set = self.all.find("StatefulSet", APP, group).with_context(|| format!("no StatefulSet {group}"))?;
        let mut here = self.here.clone();
        if second {
            here.dir = here.dir.join("b");
        }
        let http = format!("127.0.0.1:{}", free_port()?);
        Ok((Pod::new(&self.all, set, 0, Some(&http), &here)?, http))
    }

    fn start_group(&mut self, group: &str) -> Result<()> {
        let (pod, http) = self.pod(group, false)?;
        let running = Running(pod.start(&self.here.binary)?);
        self.groups.insert(group.to_string(), Group { pod, http, running });
        Ok(())
    }

    /// Waits until a group is ready; the time that this took.
    fn wait_ready(&mut self, name: &str) -> Result<Duration> {
        let started = Instant::now();
        let group = self.groups.get_mut(name).with_context(|| format!("{name} was not started"))?;
        while !get(&group.http, "/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            if let Some(status) = group.running.0.try_wait()? {
                anyhow::bail!("{name} exited ({status}); end of its log: {}", group.pod.log_tail());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(started.elapsed())
    }

    /// Runs a Job of the manifests to completion.
    fn run_job(&self, name: &str) -> Result<()> {
        let job = self.all.find("Job", APP, name).with_context(|| format!("no Job {name}"))?;
        Pod::new(&self.all, job, 0, None, &self.here)?.complete(&self.here.binary, 10)
    }

    /// A `tapedeck` command with the credentials of a role.
    fn command(&self, role: &str, args: &[&str]) -> Result<Command> {
        let folder = self.dir.join("credentials").join(role);
        std::fs::create_dir_all(&folder)?;
        let volume = serde_json::json!({"secret": {"secretName": format!("nkey-{role}")}});
        files(&self.all, APP, &Object(volume), &folder)?;
        let mut command = command_with_parent_death(&self.here.binary);
        command.args(args).current_dir(&self.dir).stdin(Stdio::null()).env_clear();
        command.env("TAPEDECK_NATS_URL", self.servers.nats_url()).env("TAPEDECK_NATS_NKEY", folder.join("seed"));
        command.env("TAPEDECK_DATABASE_URL", self.servers.database_url());
        command.env("TAPEDECK_DATABASE_PASSWORD_FILE", self.servers.password_file());
        Ok(command)
    }

    fn output(&self, role: &str, args: &[&str]) -> Result<Output> {
        Ok(self.command(role, args)?.output()?)
    }

    /// Runs a command that must succeed; its output.
    fn ok(&self, role: &str, args: &[&str]) -> Result<String> {
        let output = self.output(role, args)?;
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        ensure!(output.status.success(), "{role} {args:?}: {}\n{out}\n{err}", output.status);
        Ok(out)
    }

    /// Number of facts of a kind on the tapes.
    fn count(&self, kind: &str) -> Result<usize> {
        Ok(self.ok("reader", &["tape", "--json", "--kind", kind])?.lines().count())
    }

    /// Waits until every published event is answered and projected, and the tapes do not grow.
    fn wait_quiet(&self) -> Result<()> {
        let mut before = String::new();
        loop {
            std::thread::sleep(Duration::from_millis(700));
            let output = self.output("reader", &["status", "--json"])?;
            let status: serde_json::Value = serde_json::from_slice(&output.stdout).context("status")?;
            let partitions = status["partitions"].as_array().cloned().unwrap_or_default();
            let is_decided = |one: &serde_json::Value| one["writers"][0]["decided"] == one["market_inbox_last"];
            let ends: Vec<String> = partitions.iter().map(|one| one["tape_last"].to_string()).collect();
            let now = ends.join(" ");
            if output.status.success() && partitions.iter().all(is_decided) && now == before {
                return Ok(());
            }
            before = now;
        }
    }

    /// The number of metrics in the alert rules; an error if a metric is served by no group.
    fn check_metrics(&self, rules: &Path) -> Result<usize> {
        let mut served = BTreeSet::new();
        for group in self.groups.values() {
            let text = get(&group.http, "/metrics").context("no metrics")?;
            served.extend(metric_names(&text));
        }
        let mut named = BTreeSet::new();
        for entry in std::fs::read_dir(rules).with_context(|| format!("no {}", rules.display()))? {
            named.extend(metric_names(&std::fs::read_to_string(entry?.path())?));
        }
        let missing: Vec<&String> = named.difference(&served).collect();
        ensure!(missing.is_empty(), "alert rules name metrics that no group serves: {missing:?}");
        Ok(named.len())
    }
}

/// The names of Tapedeck's metrics in a text.
fn metric_names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("tapedeck_")).map(String::from).collect()
}

/// A port of 127.0.0.1 that was just free.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The HTTP response to a GET request, or `None` if there is none.
fn get(address: &str, path: &str) -> Option<String> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    Some(response.replacen("HTTP/1.0", "HTTP/1.1", 1))
}
