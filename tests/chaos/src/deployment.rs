//! A deployment: private servers, one process a group, and publishers. Groups and publishers that exit are restarted.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tapedeck_feeds::Setup;
use tapedeck_runtime::Bus;
use tapedeck_servers::{NatsServer, Postgres};

use crate::load::Load;
use crate::logs::{Logs, Outage, Outages};
use crate::process::{POLL_INTERVAL, Process, Signal};

/// How long a command of `tapedeck` may take.
const COMMAND_MAX: Duration = Duration::from_secs(180);
/// How long a group may take to drain.
const DRAIN_MAX: Duration = Duration::from_secs(60);

/// A process of a group.
pub struct Member {
    /// The process.
    pub process: Process,
    /// `host:port` of its health checks.
    pub http: String,
}

/// The servers, groups and publishers of one deployment.
pub struct Deployment {
    /// Directory of all data and logs.
    pub dir: PathBuf,
    binary: PathBuf,
    /// nats-server; `None` while it is killed.
    pub nats: Option<NatsServer>,
    /// Postgres; `None` while it is killed.
    pub postgres: Option<Postgres>,
    pub(crate) nats_url: String,
    pub(crate) database_url: String,
    /// The generations of the streams, as `--generations` takes them; empty for the first.
    pub generations: String,
    /// Groups that are not restarted for now.
    pub held: BTreeSet<&'static str>,
    /// Items of publishers that are missing in the inbox, at the last check.
    pub missing: u64,
    /// The processes of each group, the oldest first.
    pub groups: BTreeMap<&'static str, Vec<Member>>,
    /// The sessions to publish.
    pub loads: Vec<Load>,
    /// Whether publishers are to run.
    pub publishing: bool,
    /// Whether the server may have lost a stream, so that publishers fail.
    pub may_lack_stream: bool,
    /// Commands that were started without waiting for them.
    pub background: Vec<Process>,
    /// Unexpected exits and log lines; each fails the round.
    pub problems: Vec<String>,
    /// Runs async code of the checks.
    pub runtime: tokio::runtime::Runtime,
    /// The connection of the checks.
    pub bus: Bus,
    /// The logs of all processes.
    pub logs: Logs,
    logs_read_at: Instant,
    pub(crate) nats_outage: Outage,
    pub(crate) postgres_outage: Outage,
    seed: u64,
    started: u64,
}

impl Deployment {
    /// Starts the servers in `dir`, which must not exist; `seed` is that of the first synthetic market.
    pub fn start(dir: &Path, binary: &Path, market: &[PathBuf], seed: u64) -> Result<Self> {
        std::fs::create_dir(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        std::fs::create_dir(dir.join("logs"))?;
        let nats = NatsServer::start(&dir.join("nats"), 0)?;
        let postgres = Postgres::start(&dir.join("postgres"), 0)?;
        let (nats_url, database_url) = (nats.url(), postgres.url());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let bus = runtime.block_on(Bus::connect(&nats_url, "chaos"))?;
        let setup = Setup::built_in();
        let mut loads = vec![Load::synthetic(seed, &setup)?];
        if !market.is_empty() {
            loads.push(Load::recorded(market, &setup)?);
        }
        let mut all = Self {
            dir: dir.into(),
            binary: binary.into(),
            nats: Some(nats),
            postgres: Some(postgres),
            nats_url,
            database_url,
            generations: String::new(),
            held: BTreeSet::new(),
            missing: 0,
            groups: tapedeck_groups::names().map(|group| (group, Vec::new())).collect(),
            loads,
            publishing: false,
            may_lack_stream: false,
            background: Vec::new(),
            problems: Vec::new(),
            runtime,
            bus,
            logs: Logs::default(),
            logs_read_at: Instant::now(),
            nats_outage: Outage::default(),
            postgres_outage: Outage::default(),
            seed,
            started: 0,
        };
        all.ok(&["provision"])?;
        all.ok(&["migrate"])?;
        let path = dir.join("setup.toml");
        std::fs::write(&path, include_str!("../../../actors/feeds/setup/default.toml"))?;
        all.ok(&["control", "apply", "--no-wait", &path.display().to_string()])?;
        Ok(all)
    }

    /// The URL of Postgres.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    fn spawn(&mut self, name: &str, args: &[&str]) -> Result<Process> {
        self.started += 1;
        let log = self.dir.join("logs").join(format!("{:05}-{name}.log", self.started));
        let dir = self.dir.join("none").display().to_string();
        let servers = [
            ("TAPEDECK_NATS_URL", self.nats_url.as_str()),
            ("TAPEDECK_DATABASE_URL", self.database_url.as_str()),
            ("TAPEDECK_DIR", dir.as_str()),
            ("TAPEDECK_GENERATIONS", self.generations.as_str()),
        ];
        Process::start(&self.binary, args, &servers, log)
    }

    /// Runs a command to its exit; its exit status and its output.
    pub fn run(&mut self, args: &[&str]) -> Result<(Option<i32>, String)> {
        let mut process = self.spawn(&args[..args.len().min(2)].join("-").replace('/', "_"), args)?;
        let status = process.wait(COMMAND_MAX)?;
        let output = process.output();
        let status = status.with_context(|| format!("{args:?} did not exit; output: {output}"))?;
        std::fs::remove_file(&process.log)?;
        Ok((status.code(), output))
    }

    /// Runs a command that must succeed; its output.
    pub fn ok(&mut self, args: &[&str]) -> Result<String> {
        let (code, output) = self.run(args)?;
        ensure!(code == Some(0), "{args:?}: exit status {code:?}: {output}");
        Ok(output)
    }

    /// Starts a command without waiting for it.
    pub fn start_command(&mut self, args: &[&str]) -> Result<()> {
        let process = self.spawn(args[0], args)?;
        self.background.push(process);
        Ok(())
    }

    /// Starts a further process of a group.
    pub fn start_member(&mut self, group: &'static str) -> Result<()> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let http = format!("127.0.0.1:{port}");
        let process = self.spawn(group, &["run", group, "--partition", "0", "--http", &http])?;
        self.groups.entry(group).or_default().push(Member { process, http });
        Ok(())
    }

    /// Checks every process that has exited, and restarts groups and publishers.
    pub fn supervise(&mut self) -> Result<()> {
        for group in tapedeck_groups::names() {
            let mut members = std::mem::take(self.groups.get_mut(group).context("a group")?);
            let mut left = Vec::new();
            for mut member in members.drain(..) {
                match member.process.try_wait()? {
                    None => left.push(member),
                    Some(status) => self.check_exit(group, &member.process, status),
                }
            }
            let is_empty = left.is_empty();
            self.groups.insert(group, left);
            if is_empty && !self.held.contains(group) {
                self.start_member(group)?;
            }
        }
        self.supervise_publishers()?;
        let mut background = std::mem::take(&mut self.background);
        for mut process in background.drain(..) {
            if process.try_wait()?.is_none() {
                self.background.push(process);
            }
        }
        Ok(())
    }

    fn check_exit(&mut self, name: &str, process: &Process, status: std::process::ExitStatus) {
        let log = process.log.display();
        let output = process.output();
        if output.contains("panicked at") {
            self.problems.push(format!("{name} panicked, see {log}"));
        } else if process.end_signal == Some(Signal::Term) && !status.success() {
            self.problems.push(format!("{name} did not drain ({status}), see {log}"));
        } else if process.end_signal.is_none() && !output.contains("cannot listen on") {
            self.problems.push(format!("{name} exited without a signal ({status}), see {log}"));
        }
        let is_drain = process.end_signal == Some(Signal::Term);
        let drain_time = process.signaled_at.filter(|_| is_drain).map(|sent| sent.elapsed());
        if let Some(time) = drain_time.filter(|time| *time > DRAIN_MAX) {
            self.problems.push(format!("{name} took {time:?} to drain, see {log}"));
        }
    }

    fn supervise_publishers(&mut self) -> Result<()> {
        for index in 0..self.loads.len() {
            self.check_publisher(index)?;
            let load = &self.loads[index];
            if self.publishing && load.running.is_none() && !load.done && !load.broken {
                let args = load.args.clone();
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                let process = self.spawn("publish", &args)?;
                self.loads[index].running = Some(process);
            }
        }
        Ok(())
    }

    /// Checks a publisher that has exited by itself. (A killed one is not in `running` any more.)
    fn check_publisher(&mut self, index: usize) -> Result<()> {
        let Some(process) = &mut self.loads[index].running else { return Ok(()) };
        let Some(status) = process.try_wait()? else { return Ok(()) };
        match self.loads[index].running.take() {
            Some(process) => self.publisher_exited(index, &process, status),
            None => Ok(()),
        }
    }

    /// A failure must be explained by an outage of NATS; then the publisher is restarted. A success must report the
    /// number of all items. The check of the inbox shows later whether they are stored.
    fn publisher_exited(&mut self, index: usize, process: &Process, status: std::process::ExitStatus) -> Result<()> {
        let output = process.output();
        if !status.success() {
            let outages = Outages { nats: self.nats_outage.may_show_since(Instant::now()), postgres: false };
            let lacks_stream = self.may_lack_stream && output.contains("stream not found");
            if output.contains("panicked at") || !(outages.explain_nats(&output) || lacks_stream) {
                self.loads[index].broken = true;
                let error = output.lines().last().unwrap_or_default();
                self.problems.push(format!("the publisher failed ({status}), see {}: {error}", process.log.display()));
            }
            return Ok(());
        }
        let load = &mut self.loads[index];
        load.done = true;
        let numbers: Vec<u64> = output.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
        if numbers.iter().sum::<u64>() != load.count || !(2..=3).contains(&numbers.len()) {
            self.problems.push(format!("{} items to publish, the publisher reports: {output}", load.count));
        }
        if !load.recorded {
            self.seed += 1;
            let next = Load::synthetic(self.seed, &Setup::built_in())?;
            self.loads.push(next);
        }
        Ok(())
    }

    /// Kills the running publishers.
    pub fn kill_publishers(&mut self) -> Result<()> {
        for index in 0..self.loads.len() {
            self.check_publisher(index)?;
            if let Some(mut process) = self.loads[index].running.take() {
                process.kill()?;
            }
        }
        Ok(())
    }

    /// Whether a synthetic market was published to its end. The next one has receive times in the past of the tape, so
    /// that little is traded.
    pub fn is_market_finished(&self) -> bool {
        self.loads.iter().any(|load| load.done && !load.recorded)
    }

    /// Reads the new lines of the logs; unexpected ones are problems.
    pub fn read_logs(&mut self) -> Result<()> {
        let since = self.logs_read_at;
        let now = Instant::now();
        let outages = Outages {
            nats: self.nats_outage.may_show_since(since),
            postgres: self.postgres_outage.may_show_since(since),
        };
        self.problems.append(&mut self.logs.read(&self.dir.join("logs"), outages)?);
        self.logs_read_at = now;
        Ok(())
    }

    /// Supervises all processes for this time.
    pub fn run_for(&mut self, time: Duration) -> Result<()> {
        let started = Instant::now();
        loop {
            crate::round::check_stopped()?;
            self.supervise()?;
            if started.elapsed() >= time {
                return Ok(());
            }
            std::thread::sleep(POLL_INTERVAL.min(time.saturating_sub(started.elapsed())));
        }
    }

    /// Stops all processes and, unless `keep`, removes the directory.
    pub fn stop(self, keep: bool) -> Result<()> {
        let dir = self.dir.clone();
        drop(self);
        if !keep {
            Postgres::remove_data(&dir.join("postgres"))?;
            std::fs::remove_dir_all(&dir)?;
        }
        Ok(())
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        // A stopped process does not handle SIGTERM.
        let _ = self.signal_nats(Signal::Cont);
        let _ = self.signal_postgres(Signal::Cont);
        let _ = self.kill_publishers();
        self.background.clear();
        self.groups.clear();
    }
}
