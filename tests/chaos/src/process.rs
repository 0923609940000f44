//! A child process that dies with us, and signals to it by its number.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// How often to look whether something has come about.
pub const LOOK: Duration = Duration::from_millis(20);

/// A signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// End at once.
    Kill,
    /// Stand still.
    Stop,
    /// Go on.
    Cont,
    /// Drain, and end.
    Term,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Signal::Kill => "KILL",
            Signal::Stop => "STOP",
            Signal::Cont => "CONT",
            Signal::Term => "TERM",
        }
    }
}

/// Sends a signal to processes; that some have ended already is no fault.
pub fn signal(signal: Signal, pids: &[u32]) -> Result<()> {
    let pids = pids.iter().map(u32::to_string);
    let mut command = Command::new("sh");
    command.args(["-c", r#"signal=$1; shift; kill -s "$signal" "$@" 2>/dev/null"#, "sh", signal.name()]).args(pids);
    command.status().context("run sh")?;
    Ok(())
}

/// A process and all that it started, directly or not.
pub fn family(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{parent}/task")) else { continue };
        for task in tasks.flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
    }
    found
}

/// A child of ours. Dropped, it is killed.
pub struct Process {
    child: Child,
    /// Where both its outputs go.
    pub log: PathBuf,
    /// The last signal that was to end it.
    pub ended_by: Option<Signal>,
    /// When that was.
    pub asked: Option<Instant>,
}

impl Process {
    /// Starts it. By the parent-death signal it also ends when the thread that calls this does.
    pub fn start(program: &Path, args: &[&str], env: &[(&str, &str)], log: PathBuf) -> Result<Self> {
        let out = OpenOptions::new().create(true).append(true).open(&log).with_context(|| log.display().to_string())?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).args(args).stdin(Stdio::null());
        command.env_remove("TAPEDECK_NATS_NKEY").envs(env.iter().copied());
        // Of its own group: a Ctrl-C is for us alone.
        command.stdout(out.try_clone()?).stderr(out).process_group(0);
        let child = command.spawn().context("run setpriv (of util-linux)")?;
        Ok(Self { child, log, ended_by: None, asked: None })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&mut self, which: Signal) -> Result<()> {
        self.expect_end(which);
        signal(which, &[self.pid()])
    }

    /// Notes that a signal was sent that ends it, if it is one.
    pub fn expect_end(&mut self, which: Signal) {
        if matches!(which, Signal::Kill | Signal::Term) {
            self.ended_by = Some(which);
            self.asked = Some(Instant::now());
        }
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for its end, so long at most.
    pub fn wait(&mut self, within: Duration) -> Result<Option<ExitStatus>> {
        let began = Instant::now();
        loop {
            let ended = self.ended()?;
            if ended.is_some() || began.elapsed() > within {
                return Ok(ended);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Kills it, and waits for its end.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::Kill)?;
        self.child.wait()?;
        Ok(())
    }

    /// What it has said.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
