//! A private nats-server with file storage, configured by `nats/dev.conf`.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::child::ChildSpec;
use crate::error::{ServersError, io};
use crate::find;
use crate::server::{self, Server, StopSignals};

const CONFIG: &str = include_str!("../../../nats/dev.conf");
const STOP_SIGNALS: StopSignals = &[("TERM", Duration::from_secs(30))];
const GREETING_TIMEOUT: Duration = Duration::from_secs(1);

/// Marks the [`Server`] that is a nats-server.
#[derive(Debug)]
pub enum Nats {}

/// A running nats-server.
pub type NatsServer = Server<Nats>;

impl NatsServer {
    /// Starts a server on the data in `dir` and a port of 127.0.0.1 (0: any free one), and waits until it is ready.
    ///
    /// The calling thread must live as long as the server is to run (see the crate's documentation).
    pub fn start(dir: &Path, port: u16) -> Result<Self, ServersError> {
        Self::start_with(dir, port, CONFIG)
    }

    /// Starts a server with the given configuration, whose includes are relative to `dir`. Port, server name and store
    /// directory are added to it.
    pub fn start_with(dir: &Path, port: u16, config_text: &str) -> Result<Self, ServersError> {
        let program = find::nats_server()?;
        let (dir, lock) = server::create_and_lock(dir)?;
        let config = dir.join("nats.conf");
        let data = dir.join("data");
        let name = unique_name();
        // The name is in the file: a server that has it as a flag refuses to reload its configuration.
        let text = format!("server_name: {name}\n{config_text}");
        std::fs::write(&config, text).map_err(io(format!("write {}", config.display())))?;
        let arguments = |port: u16| {
            let port = port.to_string();
            Ok(vec!["-c".into(), (&config).into(), "-p".into(), port.into(), "-sd".into(), (&data).into()])
        };
        let spec = ChildSpec {
            name: "nats-server",
            death_signal: "KILL",
            user: None,
            lock: &lock,
            dir: &dir,
            log: dir.join("nats.log"),
        };
        let is_ready = |port, _| greets(port, &name);
        let (process, port) = server::start(&spec, &program, port, arguments, is_ready, |_| Ok(false))?;
        Ok(Server::new(process, format!("nats://127.0.0.1:{port}"), STOP_SIGNALS, lock))
    }
}

/// Tells this server from any other that listens on its port.
fn unique_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("tapedeck-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Whether the server of that name greets a client on that port. It listens only after it has recovered its streams.
fn greets(port: u16, name: &str) -> bool {
    let greeting = || {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, GREETING_TIMEOUT)?;
        stream.set_read_timeout(Some(GREETING_TIMEOUT))?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        std::io::Result::Ok(line)
    };
    greeting().is_ok_and(|line| line.starts_with("INFO ") && line.contains(&format!("\"server_name\":\"{name}\"")))
}
