//! A lock that allows one server a directory, held by the server's processes as long as one of them lives.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::error::{ServersError, io};

/// How long to wait for the processes of an earlier, killed run to exit: Postgres gives its own 5 s.
const WAIT_MAX: Duration = Duration::from_secs(15);

/// An exclusive lock on a file in the directory.
///
/// It belongs to the open file, not to a process: children that inherit it as their standard input hold it too, even
/// after this process is killed. To hold the lock proves that no process of an earlier run still uses the data.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Locks an existing directory.
    pub(crate) fn acquire(dir: &Path) -> Result<Self, ServersError> {
        Self::acquire_within(dir, WAIT_MAX)
    }

    fn acquire_within(dir: &Path, wait_max: Duration) -> Result<Self, ServersError> {
        let path = dir.join("lock");
        let action = || format!("lock {}", path.display());
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io(action()))?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if started.elapsed() < wait_max => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    let mut owner = String::new();
                    let _ = file.read_to_string(&mut owner); // for the message only
                    return Err(ServersError::InUse { dir: dir.into(), owner: owner.trim().into() });
                }
                Err(TryLockError::Error(error)) => return Err(io(action())(error)),
            }
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "process {}", std::process::id())
        };
        write(&mut file).map_err(io(action()))?;
        Ok(Self(file))
    }

    /// The lock as a child's standard input, which reads as empty.
    pub(crate) fn as_stdin(&self) -> Result<Stdio, ServersError> {
        Ok(self.0.try_clone().map_err(io("duplicate the descriptor of a lock"))?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acquire_fails_with_the_owner_until_the_lock_is_released() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::acquire(dir.path()).unwrap();
        let error = Lock::acquire_within(dir.path(), Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        Lock::acquire(dir.path()).unwrap();
    }

    #[test]
    fn a_child_holds_the_lock_after_its_parent_released_it() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::acquire(dir.path()).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").stdin(lock.as_stdin().unwrap()).spawn().unwrap();
        drop(lock);
        assert!(matches!(Lock::acquire_within(dir.path(), Duration::ZERO), Err(ServersError::InUse { .. })));
        child.kill().unwrap();
        child.wait().unwrap();
        Lock::acquire(dir.path()).unwrap();
    }
}
