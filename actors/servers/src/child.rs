//! A child process that dies with us: how it is started, waited for and stopped.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::error::{ServersError, io};
use crate::lock::Lock;

/// How often a condition is looked at again.
const POLL: Duration = Duration::from_millis(10);
/// How much of a log an error repeats.
const SAID_LINES_MAX: usize = 12;

/// What to run, and how it is tied to us.
pub(crate) struct Spec<'a> {
    /// Name for messages.
    pub(crate) what: &'static str,
    /// Signal that the kernel sends it when we die, without SIG.
    pub(crate) on_our_death: &'static str,
    /// User and group to run as; ours if not given.
    pub(crate) user: Option<(u32, u32)>,
    /// Held by the child as its standard input.
    pub(crate) lock: &'a Lock,
    /// Where it runs.
    pub(crate) dir: &'a Path,
    /// Where both its outputs go; emptied first.
    pub(crate) log: PathBuf,
}

/// A running child.
#[derive(Debug)]
pub(crate) struct Tied {
    what: &'static str,
    child: Child,
    log: PathBuf,
}

/// Asks for the parent-death signal (setpriv does, after it has changed the user, which would clear it). Should we have
/// died before that, the shell sees another parent than us, and runs nothing. It also keeps the lock open twice, for
/// grandchildren that are given another standard input.
const UNLESS_ORPHANED: &str = r#"[ "$PPID" = "$0" ] && exec 3<&0 "$@""#;

impl Tied {
    /// Starts it.
    pub(crate) fn start(spec: &Spec, program: &Path, args: &[OsString]) -> Result<Self, ServersError> {
        let log = File::create(&spec.log).map_err(io(format!("create {}", spec.log.display())))?;
        let errors = log.try_clone().map_err(io("share a log"))?;
        let mut command = Command::new("setpriv");
        if let Some((uid, gid)) = spec.user {
            command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into()]);
        }
        command.args(["--pdeathsig", spec.on_our_death, "--", "sh", "-c", UNLESS_ORPHANED]);
        command.arg(std::process::id().to_string()).arg(program).args(args);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name); // of another Postgres
            }
        }
        command.env("LC_ALL", "C").current_dir(spec.dir).stdin(spec.lock.as_stdin()?).stdout(log).stderr(errors);
        // Of its own group: a Ctrl-C is for us alone, and we stop it when we have drained.
        let child = command.process_group(0).spawn().map_err(io("run setpriv (of util-linux)"))?;
        Ok(Self { what: spec.what, child, log: spec.log.clone() })
    }

    /// Its process id: setpriv and the shell hand theirs on.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written since it was started.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until `ready`, unless it ends or takes too long.
    pub(crate) fn wait_until(
        &mut self,
        within: Duration,
        mut ready: impl FnMut(&Self) -> bool,
    ) -> Result<(), ServersError> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().map_err(io("wait for a child"))? {
                return Err(self.not_started(status.to_string()));
            }
            if ready(self) {
                return Ok(());
            }
            if started.elapsed() > within {
                return Err(self.not_started(format!("not ready after {} s", within.as_secs())));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Waits for its end, which must be good.
    pub(crate) fn wait_done(mut self, within: Duration) -> Result<(), ServersError> {
        match self.wait_end(within)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.not_started(status.to_string())),
            None => Err(self.not_started(format!("not done after {} s", within.as_secs()))),
        }
    }

    /// Asks it with each signal in turn to end, then kills it. Does nothing when it has ended already.
    pub(crate) fn stop(&mut self, signals: &[(&str, Duration)]) -> Result<(), ServersError> {
        let bad = |what, why: String| Err(ServersError::NotStopped { what, why });
        if let Some(status) = self.child.try_wait().map_err(io("wait for a child"))? {
            return bad(self.what, format!("it had ended by itself ({status})"));
        }
        for (signal, within) in signals {
            // Not yet waited for, so its number is still its own. The signal is the shell's to send: no unsafe here.
            let args = ["-c", r#"kill -s "$1" "$2""#, "sh", signal, &self.pid().to_string()];
            Command::new("sh").args(args).status().map_err(io("run sh"))?;
            match self.wait_end(*within)? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return bad(self.what, format!("it ended with {status} after SIG{signal}")),
                None => tracing::warn!(what = self.what, signal, "does not stop"),
            }
        }
        self.kill()?;
        bad(self.what, "it had to be killed".into())
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(&mut self) -> Result<(), ServersError> {
        self.child.kill().map_err(io(format!("kill {}", self.what)))?;
        self.child.wait().map_err(io("wait for a child"))?;
        Ok(())
    }

    fn wait_end(&mut self, within: Duration) -> Result<Option<ExitStatus>, ServersError> {
        let started = Instant::now();
        loop {
            let ended = self.child.try_wait().map_err(io("wait for a child"))?;
            if ended.is_some() || started.elapsed() > within {
                return Ok(ended);
            }
            std::thread::sleep(POLL);
        }
    }

    fn not_started(&self, why: String) -> ServersError {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let said = lines[lines.len().saturating_sub(SAID_LINES_MAX)..].join("\n");
        ServersError::NotStarted { what: self.what, why, log: self.log.clone(), said }
    }
}

impl Drop for Tied {
    fn drop(&mut self) {
        // Whoever owns it has stopped it. Otherwise starting it failed, and it must not be left behind.
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = self.kill();
        }
    }
}
