//! A child process that ends with this process: starting it, waiting for it and stopping it.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::error::{ServersError, io};
use crate::lock::Lock;

const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Lines of its log that an error quotes.
const LOG_TAIL_LINES: usize = 12;

/// How a child is run.
pub(crate) struct ChildSpec<'a> {
    /// Name for messages.
    pub(crate) name: &'static str,
    /// The parent-death signal, without SIG.
    pub(crate) death_signal: &'static str,
    /// User and group to run as; those of this process if `None`.
    pub(crate) user: Option<(u32, u32)>,
    /// Inherited by the child as its standard input, so that the lock is held as long as the child lives.
    pub(crate) lock: &'a Lock,
    /// Working directory.
    pub(crate) dir: &'a Path,
    /// Receives standard output and standard error; truncated at each start.
    pub(crate) log: PathBuf,
}

/// A running child.
#[derive(Debug)]
pub(crate) struct ChildProcess {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

/// Runs the program unless this process has died already. `setpriv` sets the parent-death signal after it has changed
/// the user, because a change of user clears it; if the parent died before that, `$PPID` differs and the shell exits.
/// Descriptor 3 keeps the lock open for grandchildren whose standard input is replaced.
const EXEC_UNLESS_ORPHANED: &str = r#"[ "$PPID" = "$0" ] && exec 3<&0 "$@""#;

impl ChildProcess {
    /// Starts `program`.
    pub(crate) fn start(spec: &ChildSpec, program: &Path, args: &[OsString]) -> Result<Self, ServersError> {
        let log = File::create(&spec.log).map_err(io(format!("create {}", spec.log.display())))?;
        let errors = log.try_clone().map_err(io("duplicate the descriptor of a log"))?;
        let mut command = Command::new("setpriv");
        if let Some((uid, gid)) = spec.user {
            command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into()]);
        }
        command.args(["--pdeathsig", spec.death_signal, "--", "sh", "-c", EXEC_UNLESS_ORPHANED]);
        command.arg(std::process::id().to_string()).arg(program).args(args);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name); // settings for a different Postgres
            }
        }
        command.env("LC_ALL", "C").current_dir(spec.dir).stdin(spec.lock.as_stdin()?).stdout(log).stderr(errors);
        // A process group of its own: Ctrl-C reaches this process only, which stops the child after it has drained.
        let child = command.process_group(0).spawn().map_err(io("run setpriv (from util-linux)"))?;
        Ok(Self { name: spec.name, child, log: spec.log.clone() })
    }

    /// Process id of the program: setpriv and the shell replace themselves by it.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The log since the start.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until `is_ready`; an error if the child exits first or the time is over.
    pub(crate) fn wait_until(
        &mut self,
        within: Duration,
        mut is_ready: impl FnMut(&Self) -> bool,
    ) -> Result<(), ServersError> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().map_err(io("wait for a child process"))? {
                return Err(self.not_started(status.to_string()));
            }
            if is_ready(self) {
                return Ok(());
            }
            if started.elapsed() > within {
                return Err(self.not_started(format!("not ready after {} s", within.as_secs())));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Waits until it exits with status 0.
    pub(crate) fn wait_success(mut self, within: Duration) -> Result<(), ServersError> {
        match self.wait_exit(within)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.not_started(status.to_string())),
            None => Err(self.not_started(format!("not finished after {} s", within.as_secs()))),
        }
    }

    /// Sends each signal in turn and waits for the exit; kills the child after the last one.
    pub(crate) fn stop(&mut self, signals: &[(&str, Duration)]) -> Result<(), ServersError> {
        let not_stopped = |name, why: String| Err(ServersError::NotStopped { name, why });
        if let Some(status) = self.child.try_wait().map_err(io("wait for a child process"))? {
            return not_stopped(self.name, format!("it had exited before ({status})"));
        }
        for (signal, within) in signals {
            // The child is not reaped yet, so its id is not reused. The shell sends the signal: no unsafe code here.
            let args = ["-c", r#"kill -s "$1" "$2""#, "sh", signal, &self.pid().to_string()];
            Command::new("sh").args(args).status().map_err(io("run sh"))?;
            match self.wait_exit(*within)? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return not_stopped(self.name, format!("it exited with {status} after SIG{signal}")),
                None => {
                    let waited_s = within.as_secs();
                    tracing::warn!(server = self.name, signal, waited_s, "server did not stop on a signal");
                }
            }
        }
        self.kill()?;
        not_stopped(self.name, "it ignored the signals to stop and was killed".into())
    }

    /// Sends SIGKILL, as in a crash.
    pub(crate) fn kill(&mut self) -> Result<(), ServersError> {
        self.child.kill().map_err(io(format!("kill {}", self.name)))?;
        self.child.wait().map_err(io("wait for a child process"))?;
        Ok(())
    }

    fn wait_exit(&mut self, within: Duration) -> Result<Option<ExitStatus>, ServersError> {
        let started = Instant::now();
        loop {
            let status = self.child.try_wait().map_err(io("wait for a child process"))?;
            if status.is_some() || started.elapsed() > within {
                return Ok(status);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn not_started(&self, why: String) -> ServersError {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n");
        ServersError::NotStarted { name: self.name, why, log: self.log.clone(), tail }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // Still running only if its start failed: a started server is stopped by its handle.
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = self.kill();
        }
    }
}
