//! A private nats-server with file storage, from `nats/dev.conf`.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::child::{Spec, Tied};
use crate::error::{ServersError, io};
use crate::lock::Lock;
use crate::{find, port};

const WHAT: &str = "nats-server";
const CONFIG: &str = include_str!("../../../nats/dev.conf");
/// Reading long streams back after a kill takes a while.
const START_MAX: Duration = Duration::from_secs(120);
const STOP_MAX: Duration = Duration::from_secs(30);
const GREETING_MAX: Duration = Duration::from_secs(1);

/// A running nats-server. Dropped, it stops; it also ends when this process does.
#[derive(Debug)]
pub struct NatsServer {
    process: Tied,
    port: u16,
    stopped: bool,
    _lock: Lock,
}

impl NatsServer {
    /// Starts one in `dir`, on what it finds there, at a port of 127.0.0.1 (0: any free one), and waits until it
    /// serves. Call it from a thread that lives as long as the server should (see the crate's header).
    pub fn start(dir: &Path, port: u16) -> Result<Self, ServersError> {
        Self::start_with(dir, port, CONFIG)
    }

    /// The same, with a configuration of one's own; what it includes is found from `dir`. Port, name and store are set
    /// from here.
    pub fn start_with(dir: &Path, port: u16, config_text: &str) -> Result<Self, ServersError> {
        let program = find::nats_server()?;
        std::fs::create_dir_all(dir).map_err(io(format!("create {}", dir.display())))?;
        let dir = &dir.canonicalize().map_err(io(format!("find {}", dir.display())))?;
        let lock = Lock::take(dir)?;
        let config = dir.join("nats.conf");
        let log = dir.join("nats.log");
        let spec = Spec { what: WHAT, on_our_death: "KILL", user: None, lock: &lock, dir, log };
        let mut tries = 0;
        loop {
            tries += 1;
            let chosen = port::choose(port, WHAT)?;
            let name = unique_name();
            // The name is in the file: given as a flag, the server would refuse to read its configuration again.
            let named = format!("server_name: {name}\n{config_text}");
            std::fs::write(&config, named).map_err(io(format!("write {}", config.display())))?;
            let args: [OsString; 6] = [
                "-c".into(),
                (&config).into(),
                "-p".into(),
                chosen.to_string().into(),
                "-sd".into(),
                dir.join("data").into(),
            ];
            let mut process = Tied::start(&spec, &program, &args)?;
            match process.wait_until(START_MAX, |_| serves(chosen, &name)) {
                Ok(()) => return Ok(Self { process, port: chosen, stopped: false, _lock: lock }),
                Err(_) if port::is_taken(&process.log()) && port != 0 => {
                    return Err(ServersError::PortTaken { port, what: WHAT });
                }
                Err(_) if port::is_taken(&process.log()) && tries < port::SNATCHED_MAX => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Stops it (SIGTERM) and waits for its end.
    pub fn stop(mut self) -> Result<(), ServersError> {
        self.stop_now()
    }

    /// Kills it (SIGKILL), as a crash would.
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
        std::fs::remove_dir_all(dir).map_err(io(format!("remove {}", dir.display())))
    }

    fn stop_now(&mut self) -> Result<(), ServersError> {
        self.stopped = true;
        self.process.stop(&[("TERM", STOP_MAX)])
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        if !self.stopped
            && let Err(error) = self.stop_now()
        {
            tracing::warn!(%error, "stopping");
        }
    }
}

/// A name by which the server on our port is known to be ours.
fn unique_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("tapedeck-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Whether the server of that name greets a client on that port. It listens only after it has recovered its streams.
fn serves(port: u16, name: &str) -> bool {
    let greeting = || {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, GREETING_MAX)?;
        stream.set_read_timeout(Some(GREETING_MAX))?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        std::io::Result::Ok(line)
    };
    greeting().is_ok_and(|line| line.starts_with("INFO ") && line.contains(&format!("\"server_name\":\"{name}\"")))
}
