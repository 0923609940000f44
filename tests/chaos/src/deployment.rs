//! A deployment: private servers, every group as a process of its own, publishers; whatever ends is started again.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tapedeck_feeds::Setup;
use tapedeck_runtime::Bus;
use tapedeck_servers::{NatsServer, Postgres};

use crate::load::Load;
use crate::logs::{Absence, Away, Logs};
use crate::process::{LOOK, Process, Signal, family, signal};

/// How long a command of the binary may take.
const COMMAND_MAX: Duration = Duration::from_secs(180);
/// How long a group may take to drain.
const DRAIN_MAX: Duration = Duration::from_secs(60);

/// A process of a group, and where its health is asked for.
pub struct Member {
    /// The process.
    pub process: Process,
    /// `host:port`.
    pub http: String,
}

/// The whole.
pub struct Deployment {
    /// Where all of it lives.
    pub dir: PathBuf,
    binary: PathBuf,
    /// nats-server; none while it is down.
    pub nats: Option<NatsServer>,
    /// Postgres; none while it is down.
    pub postgres: Option<Postgres>,
    nats_url: String,
    database_url: String,
    /// The processes of each group, the oldest first.
    pub groups: BTreeMap<&'static str, Vec<Member>>,
    /// The publishers, running or not.
    pub loads: Vec<Load>,
    /// Whether publishers are to run.
    pub publishing: bool,
    /// Commands that run beside everything else.
    pub asides: Vec<Process>,
    /// What happened of itself, or otherwise than it must: each fails the round.
    pub complaints: Vec<String>,
    /// Runs what is asynchronous.
    pub runtime: tokio::runtime::Runtime,
    /// A connection of our own.
    pub bus: Bus,
    /// How often a process has said that the fence shut it out, and what else is in the logs.
    pub logs: Logs,
    /// When the logs were last read.
    decided: Instant,
    nats_away: Absence,
    postgres_away: Absence,
    seed: u64,
    started: u64,
}

impl Deployment {
    /// Starts everything in `dir`; `seed` names the first synthetic market.
    pub fn start(dir: &Path, binary: &Path, market: &[PathBuf], seed: u64) -> Result<Self> {
        std::fs::create_dir(dir).with_context(|| format!("{}: a new one is needed", dir.display()))?;
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
            groups: tapedeck_groups::names().map(|group| (group, Vec::new())).collect(),
            loads,
            publishing: false,
            asides: Vec::new(),
            complaints: Vec::new(),
            runtime,
            bus,
            logs: Logs::default(),
            decided: Instant::now(),
            nats_away: Absence::default(),
            postgres_away: Absence::default(),
            seed,
            started: 0,
        };
        all.ok(&["provision"])?;
        all.ok(&["migrate"])?;
        let path = dir.join("setup.toml");
        std::fs::write(&path, include_str!("../../../actors/feeds/setup/default.toml"))?;
        all.ok(&["control", "apply", &path.display().to_string()])?;
        Ok(all)
    }

    /// Where Postgres is.
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
        ];
        Process::start(&self.binary, args, &servers, log)
    }

    /// Runs a command to its end; its exit code and what it printed.
    pub fn run(&mut self, args: &[&str]) -> Result<(Option<i32>, String)> {
        let mut process = self.spawn(&args[..args.len().min(2)].join("-").replace('/', "_"), args)?;
        let ended = process.wait(COMMAND_MAX)?;
        let said = process.said();
        let status = ended.with_context(|| format!("{args:?} hung; it said: {said}"))?;
        std::fs::remove_file(&process.log)?;
        Ok((status.code(), said))
    }

    /// A command that must succeed; what it printed.
    pub fn ok(&mut self, args: &[&str]) -> Result<String> {
        let (code, said) = self.run(args)?;
        ensure!(code == Some(0), "{args:?}: exit {code:?}: {said}");
        Ok(said)
    }

    /// Starts a command and does not wait for it.
    pub fn aside(&mut self, args: &[&str]) -> Result<()> {
        let process = self.spawn(args[0], args)?;
        self.asides.push(process);
        Ok(())
    }

    /// Starts one more process of a group.
    pub fn start_member(&mut self, group: &'static str) -> Result<()> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let http = format!("127.0.0.1:{port}");
        let process = self.spawn(group, &["run", group, "--partition", "0", "--http", &http])?;
        self.groups.entry(group).or_default().push(Member { process, http });
        Ok(())
    }

    /// Looks after everything: what has ended is noted and started again.
    pub fn tend(&mut self) -> Result<()> {
        for group in tapedeck_groups::names() {
            let mut members = std::mem::take(self.groups.get_mut(group).context("a group")?);
            let mut left = Vec::new();
            for mut member in members.drain(..) {
                match member.process.ended()? {
                    None => left.push(member),
                    Some(status) => self.judge_end(group, &member.process, status),
                }
            }
            let is_empty = left.is_empty();
            self.groups.insert(group, left);
            if is_empty {
                self.start_member(group)?;
            }
        }
        self.tend_publishers()?;
        let mut asides = std::mem::take(&mut self.asides);
        for mut process in asides.drain(..) {
            if process.ended()?.is_none() {
                self.asides.push(process);
            }
        }
        Ok(())
    }

    fn judge_end(&mut self, name: &str, process: &Process, status: std::process::ExitStatus) {
        let log = process.log.display();
        let said = process.said();
        if said.contains("panicked at") {
            self.complaints.push(format!("{name} panicked, see {log}"));
        } else if process.ended_by == Some(Signal::Term) && !status.success() {
            self.complaints.push(format!("{name} did not drain ({status}), see {log}"));
        } else if process.ended_by.is_none() && !said.contains("cannot listen on") {
            self.complaints.push(format!("{name} ended by itself ({status}), see {log}"));
        }
        let drained = process.asked.filter(|_| process.ended_by == Some(Signal::Term)).map(|asked| asked.elapsed());
        if let Some(took) = drained.filter(|took| *took > DRAIN_MAX) {
            self.complaints.push(format!("{name} took {took:?} to drain, see {log}"));
        }
    }

    fn tend_publishers(&mut self) -> Result<()> {
        for index in 0..self.loads.len() {
            self.look_after_publisher(index)?;
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

    /// Judges a publisher that has ended by itself; what we kill is gone before this looks.
    fn look_after_publisher(&mut self, index: usize) -> Result<()> {
        let Some(process) = &mut self.loads[index].running else { return Ok(()) };
        let Some(status) = process.ended()? else { return Ok(()) };
        match self.loads[index].running.take() {
            Some(process) => self.publisher_ended(index, &process, status),
            None => Ok(()),
        }
    }

    /// By itself: at its end it says how much it had to do with it; otherwise the broker was away, and it is started
    /// again. Whether all of it is stored, the inbox tells later.
    fn publisher_ended(&mut self, index: usize, process: &Process, status: std::process::ExitStatus) -> Result<()> {
        let said = process.said();
        if !status.success() {
            let away = Away { nats: self.nats_away.shows_since(Instant::now()), postgres: false };
            if said.contains("panicked at") || !away.explains_nats(&said) {
                self.loads[index].broken = true;
                let said = said.lines().last().unwrap_or_default();
                self.complaints.push(format!("the publisher failed ({status}), see {}: {said}", process.log.display()));
            }
            return Ok(());
        }
        let load = &mut self.loads[index];
        load.done = true;
        let numbers: Vec<u64> = said.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
        if numbers.iter().sum::<u64>() != load.count || numbers.len() != 2 {
            self.complaints.push(format!("{} items were to be published; the publisher says: {said}", load.count));
        }
        if !load.recorded {
            self.seed += 1;
            let next = Load::synthetic(self.seed, &Setup::built_in())?;
            self.loads.push(next);
        }
        Ok(())
    }

    /// Kills the publishers.
    pub fn kill_publishers(&mut self) -> Result<()> {
        for index in 0..self.loads.len() {
            self.look_after_publisher(index)?;
            if let Some(mut process) = self.loads[index].running.take() {
                process.kill()?;
            }
        }
        Ok(())
    }

    /// A signal to nats-server, if it runs.
    pub fn signal_nats(&mut self, which: Signal) -> Result<()> {
        note(&mut self.nats_away, which, self.nats.is_some());
        match (which, &self.nats) {
            (_, None) => {}
            (Signal::Kill, _) => self.nats.take().map_or(Ok(()), NatsServer::kill)?,
            (which, Some(nats)) => signal(which, &[nats.pid()])?,
        }
        Ok(())
    }

    /// Starts nats-server where it was, if it does not run.
    pub fn start_nats(&mut self) -> Result<()> {
        if self.nats.is_none() {
            self.nats = Some(NatsServer::start(&self.dir.join("nats"), port(&self.nats_url)?)?);
            self.nats_away.end();
        }
        Ok(())
    }

    /// A signal to all processes of Postgres, if it runs.
    pub fn signal_postgres(&mut self, which: Signal) -> Result<()> {
        note(&mut self.postgres_away, which, self.postgres.is_some());
        let Some(postgres) = &self.postgres else { return Ok(()) };
        let pids = family(postgres.pid());
        signal(which, &pids)?;
        if which == Signal::Kill {
            self.postgres.take().map_or(Ok(()), Postgres::kill)?;
        }
        Ok(())
    }

    /// Starts Postgres where it was, if it does not run.
    pub fn start_postgres(&mut self) -> Result<()> {
        if self.postgres.is_none() {
            self.postgres = Some(Postgres::start(&self.dir.join("postgres"), port(&self.database_url)?)?);
            self.postgres_away.end();
        }
        Ok(())
    }

    /// Whether the synthetic market was played to its end: what follows lies in the past of the tape and trades little.
    pub fn is_spent(&self) -> bool {
        self.loads.iter().any(|load| load.done && !load.recorded)
    }

    /// Reads on in the logs; what is not in order there is complained of.
    pub fn read_logs(&mut self) -> Result<()> {
        let (since, now) = (self.decided, Instant::now());
        let away = Away { nats: self.nats_away.shows_since(since), postgres: self.postgres_away.shows_since(since) };
        self.complaints.append(&mut self.logs.read(&self.dir.join("logs"), away)?);
        self.decided = now;
        Ok(())
    }

    /// Lets time pass, and looks after everything meanwhile.
    pub fn pass(&mut self, time: Duration) -> Result<()> {
        let began = Instant::now();
        loop {
            crate::round::go_on()?;
            self.tend()?;
            if began.elapsed() >= time {
                return Ok(());
            }
            std::thread::sleep(LOOK.min(time.saturating_sub(began.elapsed())));
        }
    }

    /// Stops everything and, if nothing is to be looked at later, removes it.
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
        // What stands still cannot stop.
        let _ = self.signal_nats(Signal::Cont);
        let _ = self.signal_postgres(Signal::Cont);
        let _ = self.kill_publishers();
        self.asides.clear();
        self.groups.clear();
    }
}

/// What a signal means for a server that runs or not.
fn note(absence: &mut Absence, which: Signal, runs: bool) {
    match which {
        Signal::Kill | Signal::Stop | Signal::Term => absence.begin(),
        Signal::Cont if runs => absence.end(),
        Signal::Cont => {}
    }
}

fn port(url: &str) -> Result<u16> {
    let authority = url.rsplit(':').next().and_then(|rest| rest.split('/').next());
    authority.and_then(|port| port.parse().ok()).with_context(|| format!("no port in {url}"))
}
