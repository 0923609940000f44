//! A server with a NATS account and a key for each role and publisher.

use std::path::PathBuf;

use tapedeck_groups::access::KEEPER;
use tapedeck_runtime::Bus;
use tapedeck_runtime::bus::NatsAccess;
use tapedeck_servers::NatsServer;

use crate::common::{Process, System};

/// Two rivals beside the built-in publisher: `acme` of one source and venue, `rival` of two sources on all venues.
const PUBLISHERS: &str = r#"
[[publisher]]
name = "acme"
sources = ["acme"]
venues = ["demo"]
[[publisher]]
name = "rival"
sources = ["rival", "rival2"]
venues = ["*"]
"#;

/// The server, with streams.
pub(crate) struct KeyedServer {
    pub(crate) system: System,
    pub(crate) nats: NatsServer,
}

impl KeyedServer {
    pub(crate) fn start() -> Self {
        let system = System::new();
        let dir = system.path().join("nats");
        let publishers = system.path().join("publishers.toml");
        let built_in = include_str!("../../nats/publishers.toml");
        std::fs::write(&publishers, format!("{built_in}{PUBLISHERS}")).unwrap();
        let publishers = ["--publishers", publishers.to_str().unwrap()];
        system.ok(&[&["keys", "--out", dir.to_str().unwrap()], &publishers[..]].concat());
        let accounts = system.ok(&[&["nats-accounts"], &publishers[..]].concat());
        let config = format!("host: 127.0.0.1\nmax_payload: 512KB\njetstream {{ max_file_store: 4TB }}\n{accounts}");
        let nats = NatsServer::start_with(&dir, 0, &config).unwrap();
        let server = Self { system, nats };
        server.run(KEEPER.name, &["provision"]);
        server
    }

    /// The file with the key of a role or publisher.
    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.system.path().join("nats").join(format!("{name}.seed"))
    }

    /// The arguments of a command, with the server and a key.
    pub(crate) fn with(&self, name: &str, args: &[&str]) -> Vec<String> {
        let mut all: Vec<String> = args.iter().map(ToString::to_string).collect();
        let key = self.key(name).to_str().unwrap().to_string();
        all.extend(["--nats-url".to_string(), self.nats.url(), "--nats-nkey".to_string(), key]);
        all
    }

    /// Runs a command with a key to its exit.
    pub(crate) fn output(&self, name: &str, args: &[&str]) -> std::process::Output {
        let args = self.with(name, args);
        self.system.run(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Runs a command with a key that must succeed; its standard output.
    pub(crate) fn run(&self, name: &str, args: &[&str]) -> String {
        let args = self.with(name, args);
        self.system.ok(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Starts a group with its own key.
    pub(crate) fn group(&self, name: &str, database: &[&str]) -> Process {
        let args = [&["run", name, "--partition", "0", "--http", "127.0.0.1:0"], database].concat();
        let args = self.with(name, &args);
        Process::start(&mut self.system.command(&args.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    /// A connection with a key.
    pub(crate) async fn bus(&self, name: &str) -> Bus {
        let access = NatsAccess { nkey: Some(self.key(name)), ..NatsAccess::from(&self.nats.url()) };
        Bus::connect(&access, name).await.unwrap()
    }
}
