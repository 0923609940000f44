//! The whole, started as processes from what an overlay renders, and treated badly: kill -9, drain, a rolling upgrade
//! and a second pod, all under load. Whatever is found wanting is an error.

mod servers;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::manifests::{Manifests, Object};
use crate::pod::{Here, Pod, files, tied};
use servers::Servers;
pub use steps::run;

const APP: &str = "tapedeck";
/// How often to look whether something has come about.
const LOOK: Duration = Duration::from_millis(50);

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the overlay renders.
    pub rendered: PathBuf,
    /// The binary of the image.
    pub binary: PathBuf,
    /// Recorded market data to publish; none: the synthetic market.
    pub market: Vec<PathBuf>,
    /// Alert rules whose metrics must be there.
    pub rules: PathBuf,
}

/// A process that ends with its owner.
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

/// A group's pod that runs.
struct Group {
    pod: Pod,
    http: String,
    running: Running,
}

/// The whole.
struct Cluster {
    all: Manifests,
    here: Here,
    servers: Servers,
    groups: BTreeMap<String, Group>,
    dir: PathBuf,
}

impl Cluster {
    /// A pod of a group, its own or a second one beside it.
    fn pod(&self, group: &str, second: bool) -> Result<(Pod, String)> {
        let set = self.all.find("StatefulSet", APP, group).with_context(|| format!("no set {group}"))?;
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

    /// Until a group answers that it is ready; it must not end meanwhile.
    fn wait_ready(&mut self, name: &str) -> Result<Duration> {
        let began = Instant::now();
        let group = self.groups.get_mut(name).with_context(|| format!("{name} was not started"))?;
        while !get(&group.http, "/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            if let Some(status) = group.running.0.try_wait()? {
                anyhow::bail!("{name} ended ({status}); it said: {}", group.pod.said());
            }
            std::thread::sleep(LOOK);
        }
        Ok(began.elapsed())
    }

    /// A job of the manifests, to its end.
    fn job(&self, name: &str) -> Result<()> {
        let job = self.all.find("Job", APP, name).with_context(|| format!("no Job {name}"))?;
        Pod::new(&self.all, job, 0, None, &self.here)?.complete(&self.here.binary, 10)
    }

    /// A command with a role's credentials.
    fn command(&self, role: &str, args: &[&str]) -> Result<Command> {
        let folder = self.dir.join("credentials").join(role);
        std::fs::create_dir_all(&folder)?;
        let volume = serde_json::json!({"secret": {"secretName": format!("nkey-{role}")}});
        files(&self.all, APP, &Object(volume), &folder)?;
        let mut command = tied(&self.here.binary);
        command.args(args).current_dir(&self.dir).stdin(Stdio::null()).env_clear();
        command.env("TAPEDECK_NATS_URL", self.servers.nats_url()).env("TAPEDECK_NATS_NKEY", folder.join("seed"));
        command.env("TAPEDECK_DATABASE_URL", self.servers.database_url());
        command.env("TAPEDECK_DATABASE_PASSWORD_FILE", self.servers.password_file());
        Ok(command)
    }

    fn said(&self, role: &str, args: &[&str]) -> Result<Output> {
        Ok(self.command(role, args)?.output()?)
    }

    /// A command that must succeed; what it printed.
    fn ok(&self, role: &str, args: &[&str]) -> Result<String> {
        let output = self.said(role, args)?;
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        ensure!(output.status.success(), "{role} {args:?}: {}\n{out}\n{err}", output.status);
        Ok(out)
    }

    /// How many facts of a kind are on the tapes.
    fn count(&self, kind: &str) -> Result<usize> {
        Ok(self.ok("reader", &["tape", "--json", "--kind", kind])?.lines().count())
    }

    /// Until all that was published is decided on and projected, and the tapes have stopped growing.
    fn wait_quiet(&self) -> Result<()> {
        let mut before = String::new();
        loop {
            std::thread::sleep(Duration::from_millis(700));
            let output = self.said("reader", &["status", "--json"])?;
            let status: serde_json::Value = serde_json::from_slice(&output.stdout).context("status")?;
            let partitions = status["partitions"].as_array().cloned().unwrap_or_default();
            let decided = |one: &serde_json::Value| one["writers"][0]["decided"] == one["market_inbox_last"];
            let ends: Vec<String> = partitions.iter().map(|one| one["tape_last"].to_string()).collect();
            let now = ends.join(" ");
            if output.status.success() && partitions.iter().all(decided) && now == before {
                return Ok(());
            }
            before = now;
        }
    }

    /// The metrics that the alert rules name must be served by some group.
    fn metrics_are_there(&self, rules: &Path) -> Result<usize> {
        let mut served = BTreeSet::new();
        for group in self.groups.values() {
            let text = get(&group.http, "/metrics").context("no metrics")?;
            served.extend(names(&text));
        }
        let mut named = BTreeSet::new();
        for entry in std::fs::read_dir(rules).with_context(|| format!("no {}", rules.display()))? {
            named.extend(names(&std::fs::read_to_string(entry?.path())?));
        }
        let missing: Vec<&String> = named.difference(&served).collect();
        ensure!(missing.is_empty(), "alert rules name metrics that no group serves: {missing:?}");
        Ok(named.len())
    }
}

/// The metrics of ours that a text names.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("tapedeck_")).map(String::from).collect()
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// An answer over HTTP, whole; none if there is none.
fn get(address: &str, path: &str) -> Option<String> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer.replacen("HTTP/1.0", "HTTP/1.1", 1))
}
