//! Child processes that end with this process, and signals to them.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// How often conditions are checked.
pub const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The signals that rounds send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGKILL: terminate at once.
    Kill,
    /// SIGSTOP: stop executing.
    Stop,
    /// SIGCONT: continue.
    Cont,
    /// SIGTERM: drain and exit.
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

/// Sends a signal to processes, ignoring those that have exited.
pub fn signal(signal: Signal, pids: &[u32]) -> Result<()> {
    let pids = pids.iter().map(u32::to_string);
    let mut command = Command::new("sh");
    command.args(["-c", r#"signal=$1; shift; kill -s "$signal" "$@" 2>/dev/null"#, "sh", signal.name()]).args(pids);
    command.status().context("run sh")?;
    Ok(())
}

/// A process and all its descendants.
pub fn process_tree(pid: u32) -> Vec<u32> {
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

/// A child process, killed on drop.
pub struct Process {
    child: Child,
    /// Receives standard output and standard error.
    pub log: PathBuf,
    /// The last SIGKILL or SIGTERM that was sent to it.
    pub end_signal: Option<Signal>,
    /// When that was sent.
    pub signaled_at: Option<Instant>,
}

impl Process {
    /// Starts a program. The kernel kills it when the calling thread ends (parent-death signal).
    pub fn start(program: &Path, args: &[&str], env: &[(&str, &str)], log: PathBuf) -> Result<Self> {
        let out = OpenOptions::new().create(true).append(true).open(&log).with_context(|| log.display().to_string())?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).args(args).stdin(Stdio::null());
        command.env_remove("TAPEDECK_NATS_NKEY").envs(env.iter().copied());
        // A process group of its own: Ctrl-C reaches this process only.
        command.stdout(out.try_clone()?).stderr(out).process_group(0);
        let child = command.spawn().context("run setpriv (from util-linux)")?;
        Ok(Self { child, log, end_signal: None, signaled_at: None })
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process.
    pub fn signal(&mut self, which: Signal) -> Result<()> {
        self.note_end_signal(which);
        signal(which, &[self.pid()])
    }

    /// Records that a signal was sent, if it ends the process.
    pub fn note_end_signal(&mut self, which: Signal) {
        if matches!(which, Signal::Kill | Signal::Term) {
            self.end_signal = Some(which);
            self.signaled_at = Some(Instant::now());
        }
    }

    /// The exit status, if it has exited.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for the exit, at most `within`.
    pub fn wait(&mut self, within: Duration) -> Result<Option<ExitStatus>> {
        let started = Instant::now();
        loop {
            let ended = self.try_wait()?;
            if ended.is_some() || started.elapsed() > within {
                return Ok(ended);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Kills the process and waits for its exit.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::Kill)?;
        self.child.wait()?;
        Ok(())
    }

    /// The content of its log.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
