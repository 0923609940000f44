//! One server on one directory: a file lock that the server itself holds as long as any of its processes lives.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::error::{ServersError, io};

/// How long a server of an earlier, killed run may take to die: Postgres gives its processes 5 s.
const WAIT_MAX: Duration = Duration::from_secs(15);

/// The lock. It hangs on the open file, not on a process: children that get it as their standard input hold it too,
/// also after we are killed. So who gets the lock knows that no process of an earlier run still touches the data.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Locks a directory that exists.
    pub(crate) fn take(dir: &Path) -> Result<Self, ServersError> {
        Self::take_within(dir, WAIT_MAX)
    }

    fn take_within(dir: &Path, wait_max: Duration) -> Result<Self, ServersError> {
        let path = dir.join("lock");
        let doing = || format!("lock {}", path.display());
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io(doing()))?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if started.elapsed() < wait_max => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    let mut by = String::new();
                    let _ = file.read_to_string(&mut by); // only to say who
                    return Err(ServersError::InUse { dir: dir.into(), by: by.trim().into() });
                }
                Err(TryLockError::Error(error)) => return Err(io(doing())(error)),
            }
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "process {}", std::process::id())
        };
        write(&mut file).map_err(io(doing()))?;
        Ok(Self(file))
    }

    /// The lock as a child's standard input, which reads as empty.
    pub(crate) fn as_stdin(&self) -> Result<Stdio, ServersError> {
        Ok(self.0.try_clone().map_err(io("share a lock"))?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_directory_is_refused_until_it_is_free_and_says_who_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path()).unwrap();
        let error = Lock::take_within(dir.path(), Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        Lock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_child_holds_the_lock_when_we_no_longer_do() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").stdin(lock.as_stdin().unwrap()).spawn().unwrap();
        drop(lock);
        assert!(matches!(Lock::take_within(dir.path(), Duration::ZERO), Err(ServersError::InUse { .. })));
        child.kill().unwrap();
        child.wait().unwrap();
        Lock::take(dir.path()).unwrap();
    }
}
