//! A private Postgres with one database, reached over loopback with a password that only this user can read.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::child::{Spec, Tied};
use crate::error::{ServersError, io};
use crate::home::Home;
use crate::lock::Lock;
use crate::{find, port};

const WHAT: &str = "Postgres";
/// Superuser and database.
const NAME: &str = "tapedeck";
const PASSWORD: &str = "password";
const DATA: &str = "data";
/// Data that are being made; one that was killed leaves them.
const HALF_MADE: &str = "data.new";
const PID_FILE: &str = "postmaster.pid";
/// Times a stale file may mislead it.
const MISLED_MAX: u32 = 3;
const INIT_MAX: Duration = Duration::from_secs(120);
/// It may have to replay its log after a kill.
const START_MAX: Duration = Duration::from_secs(120);

/// A running Postgres. Dropped, it stops; it also ends when this process does.
#[derive(Debug)]
pub struct Postgres {
    process: Tied,
    port: u16,
    password: String,
    stopped: bool,
    _lock: Lock,
}

impl Postgres {
    /// Starts one in `dir`, on what it finds there (else it makes a new database `tapedeck`), at a port of 127.0.0.1
    /// (0: any free one), and waits until it serves. As root it runs as user `postgres` or `nobody`, and keeps its data
    /// under /var/lib/tapedeck if that user cannot reach `dir`. Call it from a thread that lives as long as the server
    /// should (see the crate's header).
    pub fn start(dir: &Path, port: u16) -> Result<Self, ServersError> {
        std::fs::create_dir_all(dir).map_err(io(format!("create {}", dir.display())))?;
        let dir = &dir.canonicalize().map_err(io(format!("find {}", dir.display())))?;
        let lock = Lock::take(dir)?;
        let home = Home::open(dir)?;
        let data = home.path.join(DATA);
        let (bin, major) = find::postgres_bin(major_of(&data)?)?;
        let spec = Spec {
            what: WHAT,
            on_our_death: "QUIT", // an immediate shutdown: it takes its own children along
            user: home.user,
            lock: &lock,
            dir: &home.path,
            log: dir.join("postgres.log"),
        };
        let password = if data.exists() { read_password(&home)? } else { make(&home, &bin, &spec)? };
        tracing::debug!(major, data = %data.display(), "starting postgres");
        let mut tries = 0;
        loop {
            tries += 1;
            let chosen = port::choose(port, WHAT)?;
            let stale = pid_file(&data);
            let mut process = Tied::start(&spec, &bin.join("postgres"), &arguments(&data, chosen))?;
            match process.wait_until(START_MAX, |process| is_ready(&pid_file(&data), &stale, process.pid())) {
                Ok(()) => return Ok(Self { process, port: chosen, password, stopped: false, _lock: lock }),
                Err(_) if port::is_taken(&process.log()) && port != 0 => {
                    return Err(ServersError::PortTaken { port, what: WHAT });
                }
                Err(_) if port::is_taken(&process.log()) && tries < port::SNATCHED_MAX => {}
                Err(_) if is_misled(&process.log()) && tries < MISLED_MAX => {
                    std::fs::remove_file(data.join(PID_FILE)).map_err(io("remove a stale postmaster.pid"))?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Where clients connect, with user and password.
    pub fn url(&self) -> String {
        format!("postgres://{NAME}:{}@127.0.0.1:{}/{NAME}", self.password, self.port)
    }

    /// The process id of its first process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Stops it (a fast shutdown: clients are cut off, data are written) and waits for its end.
    pub fn stop(mut self) -> Result<(), ServersError> {
        self.stop_now()
    }

    /// Kills its first process (SIGKILL), as a crash would; the others notice.
    pub fn kill(mut self) -> Result<(), ServersError> {
        self.stopped = true;
        self.process.kill()
    }

    /// Throws away what a server of `dir` left there.
    pub fn remove_data(dir: &Path) -> Result<(), ServersError> {
        if !dir.exists() {
            return Ok(());
        }
        let _lock = Lock::take(dir)?;
        Home::remove(dir)
    }

    fn stop_now(&mut self) -> Result<(), ServersError> {
        self.stopped = true;
        self.process.stop(&[("INT", Duration::from_secs(30)), ("QUIT", Duration::from_secs(10))])
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if !self.stopped
            && let Err(error) = self.stop_now()
        {
            tracing::warn!(%error, "stopping");
        }
    }
}

/// Makes the data with a new password. A kill in between leaves nothing that is taken for data later.
fn make(home: &Home, bin: &Path, spec: &Spec) -> Result<String, ServersError> {
    let half = home.path.join(HALF_MADE);
    if half.exists() {
        std::fs::remove_dir_all(&half).map_err(io(format!("remove {}", half.display())))?;
    }
    let password = random_hex()?;
    home.write_secret(PASSWORD, &password)?;
    let pwfile = home.path.join(PASSWORD);
    // Of the environment's locale and sort order nothing gets in: rows sort by their bytes everywhere.
    let fixed =
        ["--username", NAME, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums", "--no-sync"];
    let mut args: Vec<OsString> = fixed.map(OsString::from).into();
    args.extend(["--pwfile".into(), pwfile.into(), "--pgdata".into(), (&half).into()]);
    Tied::start(spec, &bin.join("initdb"), &args)?.wait_done(INIT_MAX)?;
    create_database(bin, &half, spec)?;
    // All at once instead of a thousand files one by one: half a second instead of several.
    Command::new("sync").arg("-f").arg(&half).status().map_err(io("run sync"))?;
    let data = home.path.join(DATA);
    std::fs::rename(&half, &data).map_err(io(format!("create {}", data.display())))?;
    Ok(password)
}

/// Without a client at hand, `CREATE DATABASE` goes to a Postgres in single-user mode.
fn create_database(bin: &Path, data: &Path, spec: &Spec) -> Result<(), ServersError> {
    let script = r#"echo "CREATE DATABASE $2" | "$0" --single -F -D "$1" postgres"#;
    let args: [OsString; 5] = ["-c".into(), script.into(), bin.join("postgres").into(), data.into(), NAME.into()];
    Tied::start(spec, Path::new("sh"), &args)?.wait_done(INIT_MAX)
}

/// No Unix socket: its directory, rights and lock file would be one more thing to go wrong.
fn arguments(data: &Path, port: u16) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["-D".into(), data.into(), "-p".into(), port.to_string().into()];
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=on", "synchronous_commit=on"] {
        args.extend(["-c".into(), setting.into()]);
    }
    args
}

fn pid_file(data: &Path) -> String {
    std::fs::read_to_string(data.join(PID_FILE)).unwrap_or_default()
}

/// Whether the server with that process id says that it serves (`postmaster.pid`: first line, and the eighth; see
/// PostgreSQL's `utils/pidfile.h`). That it is the one of this data directory, a connection alone would not tell. What
/// a killed one has left says it too, of a process id that may come again.
fn is_ready(pid_file: &str, stale: &str, pid: u32) -> bool {
    let line = |n: usize| pid_file.lines().nth(n).unwrap_or_default().trim();
    pid_file != stale && line(0) == pid.to_string() && line(7) == "ready"
}

/// Whether Postgres takes another process for its own killed one, because that has its process id now (as after a
/// restart of a container). Our lock proves that none of its processes is left.
fn is_misled(log: &str) -> bool {
    log.contains("lock file \"postmaster.pid\" already exists")
}

/// The major version that wrote the data, if there are any.
fn major_of(data: &Path) -> Result<Option<u32>, ServersError> {
    if !data.exists() {
        return Ok(None);
    }
    let bad = |why: &str| ServersError::Data { dir: PathBuf::from(data), why: why.into() };
    let text = std::fs::read_to_string(data.join("PG_VERSION")).map_err(|_| bad("they have no PG_VERSION"))?;
    text.trim().parse().map(Some).map_err(|_| bad("their PG_VERSION is not a number"))
}

fn read_password(home: &Home) -> Result<String, ServersError> {
    let bad = |_| ServersError::Data { dir: home.path.clone(), why: format!("its file {PASSWORD} cannot be read") };
    std::fs::read_to_string(home.path.join(PASSWORD)).map_err(bad)
}

/// 128 bits from the operating system.
fn random_hex() -> Result<String, ServersError> {
    let mut bytes = [0; 16];
    let read = |bytes: &mut [u8]| std::fs::File::open("/dev/urandom")?.read_exact(bytes);
    read(&mut bytes).map_err(io("read /dev/urandom"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
