//! A private Postgres with one database, reached over loopback with a password that only this user can read.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::child::{ChildProcess, ChildSpec};
use crate::directory::PostgresDirectory;
use crate::error::{ServersError, io};
use crate::find;
use crate::server::{self, Server, StopSignals};

/// Name of the superuser and of the database.
const NAME: &str = "tapedeck";
const PASSWORD: &str = "password";
const DATA: &str = "data";
/// The data directory until it is complete; left behind by a killed run.
const INCOMPLETE_DATA: &str = "data.new";
const PID_FILE: &str = "postmaster.pid";
/// Removals of a stale PID file in one start.
const STALE_PID_FILES_MAX: u32 = 2;
const INIT_MAX: Duration = Duration::from_secs(120);
/// Fast shutdown, then immediate shutdown.
const STOP_SIGNALS: StopSignals = &[("INT", Duration::from_secs(30)), ("QUIT", Duration::from_secs(10))];

/// Marks the [`Server`] that is a Postgres.
#[derive(Debug)]
pub enum PostgresKind {}

/// A running Postgres.
pub type Postgres = Server<PostgresKind>;

impl Postgres {
    /// Starts a server on the data in `dir` and a port of 127.0.0.1 (0: any free one), and waits until it is ready.
    ///
    /// An empty `dir` gets a new database `tapedeck`. Started by root, Postgres runs as an unprivileged user, and
    /// stores its data under /var/lib/tapedeck if that user cannot enter `dir`. The calling thread must live as long as
    /// the server is to run (see the crate's documentation).
    pub fn start(dir: &Path, port: u16) -> Result<Self, ServersError> {
        let (dir, lock) = server::create_and_lock(dir)?;
        let directory = PostgresDirectory::open(&dir)?;
        let data = directory.path.join(DATA);
        let (bin, major) = find::postgres_bin(data_version(&data)?)?;
        let spec = ChildSpec {
            name: "Postgres",
            death_signal: "QUIT", // immediate shutdown, which ends its child processes too
            user: directory.user,
            lock: &lock,
            dir: &directory.path,
            log: dir.join("postgres.log"),
        };
        let password = if data.exists() { read_password(&directory)? } else { create(&directory, &bin, &spec)? };
        tracing::debug!(major, data = %data.display(), "starting postgres");
        let pid_file = data.join(PID_FILE);
        let read_pid_file = || std::fs::read_to_string(&pid_file).unwrap_or_default();
        let stale = read_pid_file();
        let mut stale_pid_files = 0;
        // The directory's lock proves that no process of an earlier server is left.
        let recover = |log: &str| {
            stale_pid_files += 1;
            let again = blames_pid_file(log) && stale_pid_files <= STALE_PID_FILES_MAX;
            if again {
                std::fs::remove_file(&pid_file).map_err(io("remove a stale postmaster.pid"))?;
            }
            Ok(again)
        };
        let arguments = |port| Ok(arguments(&data, port));
        let is_ready = |_, pid| is_ready(&read_pid_file(), &stale, pid);
        let (process, port) = server::start(&spec, &bin.join("postgres"), port, arguments, is_ready, recover)?;
        let url = format!("postgres://{NAME}:{password}@127.0.0.1:{port}/{NAME}");
        Ok(Server::new(process, url, STOP_SIGNALS, lock))
    }
}

/// No Unix socket: its directory, permissions and lock file would be one more thing to fail.
fn arguments(data: &Path, port: u16) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["-D".into(), data.into(), "-p".into(), port.to_string().into()];
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=on", "synchronous_commit=on"] {
        args.extend(["-c".into(), setting.into()]);
    }
    args
}

/// Whether `postmaster.pid` says that this process accepts clients: first and eighth line, see PostgreSQL's
/// `utils/pidfile.h`. A connection alone would not show which data directory is served. The file of a killed server,
/// `stale`, is not believed, because its process id may be in use again.
fn is_ready(pid_file: &str, stale: &str, pid: u32) -> bool {
    let line = |n: usize| pid_file.lines().nth(n).unwrap_or_default().trim();
    pid_file != stale && line(0) == pid.to_string() && line(7) == "ready"
}

/// Whether Postgres refused to start because a running process has the id in a stale PID file, as after a restart of a
/// container.
fn blames_pid_file(log: &str) -> bool {
    log.contains("lock file \"postmaster.pid\" already exists")
}

/// Creates the data directory with a new password. It gets its name when it is complete, so that a run killed in
/// between leaves nothing that a later run takes for data.
fn create(directory: &PostgresDirectory, bin: &Path, spec: &ChildSpec) -> Result<String, ServersError> {
    let incomplete = directory.path.join(INCOMPLETE_DATA);
    if incomplete.exists() {
        crate::directory::remove(&incomplete)?;
    }
    let password = random_hex()?;
    directory.write_secret(PASSWORD, &password)?;
    let password_file = directory.path.join(PASSWORD);
    // The locale is fixed: text sorts by its bytes on every machine.
    let fixed =
        ["--username", NAME, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums", "--no-sync"];
    let mut args: Vec<OsString> = fixed.map(OsString::from).into();
    args.extend(["--pwfile".into(), password_file.into(), "--pgdata".into(), (&incomplete).into()]);
    ChildProcess::start(spec, &bin.join("initdb"), &args)?.wait_success(INIT_MAX)?;
    create_database(bin, &incomplete, spec)?;
    // One sync of the file system takes half a second; initdb's sync of a thousand files takes several.
    Command::new("sync").arg("-f").arg(&incomplete).status().map_err(io("run sync"))?;
    let data = directory.path.join(DATA);
    std::fs::rename(&incomplete, &data).map_err(io(format!("create {}", data.display())))?;
    Ok(password)
}

/// `CREATE DATABASE` in single-user mode, which needs no client program.
fn create_database(bin: &Path, data: &Path, spec: &ChildSpec) -> Result<(), ServersError> {
    let script = r#"echo "CREATE DATABASE $2" | "$0" --single -F -D "$1" postgres"#;
    let args: [OsString; 5] = ["-c".into(), script.into(), bin.join("postgres").into(), data.into(), NAME.into()];
    ChildProcess::start(spec, Path::new("sh"), &args)?.wait_success(INIT_MAX)
}

/// The major version that wrote the data; `None` if there are none.
fn data_version(data: &Path) -> Result<Option<u32>, ServersError> {
    if !data.exists() {
        return Ok(None);
    }
    let bad = |why: &str| ServersError::Data { dir: PathBuf::from(data), why: why.into() };
    let text = std::fs::read_to_string(data.join("PG_VERSION")).map_err(|_| bad("there is no file PG_VERSION"))?;
    text.trim().parse().map(Some).map_err(|_| bad(&format!("PG_VERSION {:?} is not a number", text.trim())))
}

fn read_password(directory: &PostgresDirectory) -> Result<String, ServersError> {
    let path = directory.path.join(PASSWORD);
    std::fs::read_to_string(&path).map_err(|error| {
        let why = format!("cannot read {}: {error}", path.display());
        ServersError::Data { dir: directory.path.clone(), why }
    })
}

/// 128 random bits from the operating system.
fn random_hex() -> Result<String, ServersError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|source| io("ask the operating system for random bytes")(source.into()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
