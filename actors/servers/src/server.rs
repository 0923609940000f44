//! The part that both servers share: the handle of a running server, and a start that retries ports taken by others.

use std::ffi::OsString;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::child::{ChildProcess, ChildSpec};
use crate::error::{ServersError, io};
use crate::lock::Lock;
use crate::{directory, port};

/// Recovery after a kill reads back long streams, or replays the write-ahead log.
const START_MAX: Duration = Duration::from_secs(120);

/// Signals to send in turn, without SIG, each with the time to wait for the exit.
pub(crate) type StopSignals = &'static [(&'static str, Duration)];

/// A running private server. It stops when dropped, and ends when this process ends.
#[derive(Debug)]
pub struct Server<Kind> {
    process: ChildProcess,
    url: String,
    stop_signals: StopSignals,
    is_stopped: bool,
    _lock: Lock,
    _kind: PhantomData<Kind>,
}

impl<Kind> Server<Kind> {
    pub(crate) fn new(process: ChildProcess, url: String, stop_signals: StopSignals, lock: Lock) -> Self {
        Self { process, url, stop_signals, is_stopped: false, _lock: lock, _kind: PhantomData }
    }

    /// The URL for clients, with user and password if the server has them.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Process id of the server's first process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Shuts the server down and waits for its exit.
    pub fn stop(mut self) -> Result<(), ServersError> {
        self.stop_now()
    }

    /// Kills the server's first process (SIGKILL), as in a crash.
    pub fn kill(mut self) -> Result<(), ServersError> {
        self.is_stopped = true;
        self.process.kill()
    }

    /// Deletes `dir` and the data of its server; an error while a server uses them.
    pub fn remove_data(dir: &Path) -> Result<(), ServersError> {
        if !dir.exists() {
            return Ok(());
        }
        let _lock = Lock::acquire(dir)?;
        directory::remove_data(dir)
    }

    fn stop_now(&mut self) -> Result<(), ServersError> {
        self.is_stopped = true;
        self.process.stop(self.stop_signals)
    }
}

impl<Kind> Drop for Server<Kind> {
    fn drop(&mut self) {
        if !self.is_stopped
            && let Err(error) = self.stop_now()
        {
            tracing::warn!(%error, "cannot stop a private server");
        }
    }
}

/// Creates `dir` if it is missing and locks it; its canonical path.
pub(crate) fn create_and_lock(dir: &Path) -> Result<(PathBuf, Lock), ServersError> {
    std::fs::create_dir_all(dir).map_err(io(format!("create {}", dir.display())))?;
    let dir = dir.canonicalize().map_err(io(format!("resolve {}", dir.display())))?;
    let lock = Lock::acquire(&dir)?;
    Ok((dir, lock))
}

/// Starts `program` on a port of 127.0.0.1 (0: any free one) and waits until it is ready; the process and its port.
///
/// `arguments` are those for a port, `is_ready` is asked of a port and a process id, and `recover` removes the cause of
/// a failure that the log shows: `true` to try again.
pub(crate) fn start(
    spec: &ChildSpec,
    program: &Path,
    port: u16,
    arguments: impl Fn(u16) -> Result<Vec<OsString>, ServersError>,
    is_ready: impl Fn(u16, u32) -> bool,
    mut recover: impl FnMut(&str) -> Result<bool, ServersError>,
) -> Result<(ChildProcess, u16), ServersError> {
    let mut ports_lost = 0;
    loop {
        let chosen = port::choose(port, spec.name)?;
        let mut process = ChildProcess::start(spec, program, &arguments(chosen)?)?;
        let Err(error) = process.wait_until(START_MAX, |process| is_ready(chosen, process.pid())) else {
            return Ok((process, chosen));
        };
        let log = process.log();
        if port::is_taken(&log) {
            if port != 0 {
                return Err(ServersError::PortTaken { port, name: spec.name });
            }
            ports_lost += 1;
            if ports_lost == port::LOST_MAX {
                return Err(error);
            }
        } else if !recover(&log)? {
            return Err(error);
        }
    }
}
