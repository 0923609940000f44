//! What can go wrong with a private server, said so that one knows what to do.

use std::path::PathBuf;

/// Why a private server did not start, or did not stop.
#[derive(Debug, thiserror::Error)]
pub enum ServersError {
    /// A program is not on this machine, or is too old.
    #[error("{program}: {why}; ./dev installs it")]
    Program {
        /// Which.
        program: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Somebody listens on the port that was asked for.
    #[error("port {port} for {what} is taken; stop whoever listens there, or give another port (0: any free one)")]
    PortTaken {
        /// Which.
        port: u16,
        /// The server that wanted it.
        what: &'static str,
    },
    /// Another process has these data open.
    #[error("{dir} is in use by another process ({by}); stop it, or give another directory", dir = .dir.display())]
    InUse {
        /// Where.
        dir: PathBuf,
        /// What is known of the other.
        by: String,
    },
    /// The server ended, or did not become ready in time.
    #[error("{what} did not start: {why}; it said (in {log}):\n{said}", log = .log.display())]
    NotStarted {
        /// The server.
        what: &'static str,
        /// What happened.
        why: String,
        /// Its log.
        log: PathBuf,
        /// The end of that.
        said: String,
    },
    /// The server had to be killed, or ended badly.
    #[error("{what} did not stop cleanly: {why}")]
    NotStopped {
        /// The server.
        what: &'static str,
        /// What happened.
        why: String,
    },
    /// The data cannot be used as they are.
    #[error("the data in {dir}: {why}; start over with --fresh", dir = .dir.display())]
    Data {
        /// Where.
        dir: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The operating system refused something.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was tried.
        doing: String,
        /// The refusal.
        source: std::io::Error,
    },
}

/// Names what was tried when the operating system refused it.
pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> ServersError {
    let doing = doing.into();
    move |source| ServersError::Io { doing, source }
}
