//! A cluster of three nats-servers on this machine.

use std::net::{Ipv4Addr, TcpListener};

use tapedeck_servers::NatsServer;
use tempfile::TempDir;

/// Attempts to start, since another process may take a port before its server does.
const TRIES_MAX: u32 = 3;

pub(crate) struct Cluster {
    servers: Vec<NatsServer>,
    _dirs: Vec<TempDir>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let mut last = None;
        for _ in 0..TRIES_MAX {
            match Self::try_start() {
                Ok(cluster) => return cluster,
                Err(error) => last = Some(error),
            }
        }
        panic!("no cluster: {last:?}");
    }

    fn try_start() -> Result<Self, tapedeck_servers::ServersError> {
        // All ports at once, so that they differ.
        let listeners: Vec<_> = (0..3).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
        let ports: Vec<u16> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        drop(listeners);
        let routes: Vec<String> = ports.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        let dirs: Vec<TempDir> = ports.iter().map(|_| tempfile::tempdir().unwrap()).collect();
        let mut servers = Vec::new();
        for (port, dir) in ports.iter().zip(&dirs) {
            let config = format!(
                "host: 127.0.0.1\nmax_payload: 512KB\n\
                 jetstream {{ sync_interval: \"1s\", max_memory_store: 64MB, max_file_store: 4TB }}\n\
                 cluster {{ name: honest, listen: \"127.0.0.1:{port}\", routes: [{}] }}\n",
                routes.join(", ")
            );
            servers.push(NatsServer::start_with(dir.path(), 0, &config)?);
        }
        Ok(Self { servers, _dirs: dirs })
    }

    /// Kills one server, as a crash does.
    pub(crate) fn kill(&mut self, number: usize) {
        self.servers.remove(number).kill().unwrap();
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.servers.iter().map(NatsServer::url).collect()
    }
}

/// Kills the servers, since their data is not needed any more.
impl Drop for Cluster {
    fn drop(&mut self) {
        for server in self.servers.drain(..) {
            // A failure here must not hide the result of the test; the handle still ends the process.
            let _ = server.kill();
        }
    }
}
