//! Errors of starting and stopping a private server, each with what to do.

use std::path::PathBuf;

/// Why a private server did not start or did not stop.
#[derive(Debug, thiserror::Error)]
pub enum ServersError {
    /// A program is missing or too old.
    #[error("cannot run {program}: {why}; install it with ./dev")]
    Program {
        /// Name of the executable.
        program: &'static str,
        /// The versions found and wanted.
        why: String,
    },
    /// Another process listens on the requested port.
    #[error("port {port} for {name} is in use; stop the process that listens on it, or choose another (0: any free)")]
    PortTaken {
        /// TCP port on 127.0.0.1.
        port: u16,
        /// The server that was to listen on it.
        name: &'static str,
    },
    /// Another process holds the lock of the directory.
    #[error("{dir} is in use by another process ({owner}); stop it, or use another directory", dir = .dir.display())]
    InUse {
        /// The locked directory.
        dir: PathBuf,
        /// The owner's entry in the lock file.
        owner: String,
    },
    /// The server exited or did not become ready in time.
    #[error("{name} did not start: {why}; last lines of {log}:\n{tail}", log = .log.display())]
    NotStarted {
        /// The server.
        name: &'static str,
        /// Exit status or timeout.
        why: String,
        /// The server's log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// The server was killed or exited with an error.
    #[error("{name} did not stop cleanly: {why}")]
    NotStopped {
        /// The server.
        name: &'static str,
        /// Exit status, or that it was killed.
        why: String,
    },
    /// The stored data cannot be used.
    #[error("cannot use the data in {dir}: {why}; discard them with --fresh", dir = .dir.display())]
    Data {
        /// The directory that was requested.
        dir: PathBuf,
        /// The defect.
        why: String,
    },
    /// A system call or a helper program failed.
    #[error("cannot {action}: {source}")]
    Io {
        /// The attempted action, as a verb phrase.
        action: String,
        /// The operating system's error.
        source: std::io::Error,
    },
}

/// Adds the attempted action to an I/O error.
pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> ServersError {
    let action = action.into();
    move |source| ServersError::Io { action, source }
}
