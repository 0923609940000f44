//! Helpers for the end-to-end tests: the binary with a directory for each test, and a small capture.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tapedeck_servers::{NatsServer, Postgres};

/// The binary under test with a directory.
pub(crate) struct System {
    dir: tempfile::TempDir,
    /// URLs of NATS and Postgres, where they are not in `connection.toml`.
    servers: Option<[String; 2]>,
}

impl System {
    pub(crate) fn new() -> Self {
        // Postgres runs as another user, which must be able to enter the directory.
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        let dir = tempfile::Builder::new().prefix("tapedeck-").permissions(readable).tempdir().unwrap();
        Self { dir, servers: None }
    }

    /// Makes every command use these servers.
    pub(crate) fn use_servers(&mut self, nats_url: &str, database_url: &str) {
        self.servers = Some([nats_url.into(), database_url.into()]);
    }

    /// Starts servers of its own, and creates the streams and the tables on them.
    pub(crate) fn provisioned(&mut self) -> (NatsServer, Postgres) {
        let nats = NatsServer::start(&self.path().join("nats"), 0).unwrap();
        let postgres = Postgres::start(&self.path().join("postgres"), 0).unwrap();
        self.use_servers(&nats.url(), &postgres.url());
        self.ok(&["provision"]);
        self.ok(&["migrate"]);
        (nats, postgres)
    }

    /// The URL of the servers' NATS.
    pub(crate) fn nats_url(&self) -> String {
        self.servers.as_ref().unwrap()[0].clone()
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapedeck"));
        command.args(args).env("TAPEDECK_DIR", self.path()).stdin(Stdio::null());
        if args.first() == Some(&"up") {
            // Tests run in parallel: free ports, unless the test sets them.
            for (flag, free) in [("--nats-port", "0"), ("--database-port", "0"), ("--http", "127.0.0.1:0")] {
                if !args.contains(&flag) {
                    command.args([flag, free]);
                }
            }
        }
        let names = ["TAPEDECK_NATS_URL", "TAPEDECK_DATABASE_URL"];
        match &self.servers {
            Some(urls) => command.envs(names.iter().zip(urls)),
            None => command.env_remove(names[0]).env_remove(names[1]),
        };
        command
    }

    /// Starts `up` and waits until every group has caught up.
    pub(crate) fn up(&self) -> Process {
        self.up_with(&[])
    }

    /// Starts `up` with these arguments and waits until every group has caught up.
    pub(crate) fn up_with(&self, args: &[&str]) -> Process {
        let mut up = Process::start(&mut self.command(&[&["up"], args].concat()));
        // Without this file a command would connect to the default ports.
        let connection = self.path().join("connection.toml");
        while !connection.exists() || !self.run(&["status"]).status.success() {
            assert!(up.0.try_wait().unwrap().is_none(), "`up` has exited");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        up
    }

    /// A value of the connection file that `up` writes.
    pub(crate) fn connection(&self, key: &str) -> String {
        let file = std::fs::read_to_string(self.path().join("connection.toml")).unwrap();
        let value = file.lines().find_map(|line| line.strip_prefix(&format!("{key} = "))).unwrap();
        value.trim_matches('"').to_string()
    }

    /// Runs a command to its exit.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command that must succeed; its standard output.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{args:?}: {}\n{out}\n{err}", output.status);
        out
    }

    /// Waits until every published event is answered and projected, and the tapes do not grow.
    pub(crate) fn wait_quiet(&self) {
        let settled = || {
            let output = self.run(&["status", "--json"]);
            let status = json(&text(&output.stdout));
            let partitions = status["partitions"].as_array().unwrap();
            let decided = |p: &serde_json::Value| p["writers"][0]["decided"] == p["market_inbox_last"];
            let ends: Vec<_> = partitions.iter().map(|p| p["tape_last"].clone()).collect();
            // A test may run some of the groups only.
            let runs = |one: &&serde_json::Value| one["reason"] != "not-running";
            let is_well = status["reasons"].as_array().unwrap().iter().filter(runs).count() == 0;
            (is_well && partitions.iter().all(decided), ends)
        };
        let mut before = settled();
        loop {
            std::thread::sleep(std::time::Duration::from_millis(700));
            let now = settled();
            if now.0 && now == before {
                return;
            }
            before = now;
        }
    }
}

/// A child process, killed on drop.
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Waits for the end of the process; the exit status.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }

    /// Sends SIGTERM; the exit status.
    pub(crate) fn terminate(self) -> Option<i32> {
        self.signal("TERM")
    }

    /// Sends a signal; the exit status.
    pub(crate) fn signal(mut self, name: &str) -> Option<i32> {
        Command::new("sh").args(["-c", &format!("kill -{name} {}", self.0.id())]).status().unwrap();
        self.0.wait().unwrap().code()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// Writes a capture of `frames` bookTicker and trade frames with an oscillating price, in the format of Binance's
/// combined streams.
pub(crate) fn capture(dir: &Path, name: &str, symbol: &str, frames: u64) -> PathBuf {
    let path = dir.join(name);
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let lower = symbol.to_lowercase();
    for i in 0..frames {
        let ns = 1_723_161_254_000_000_000 + i * 20_000_000;
        // A triangle wave of 200 ticks around 60000.00, with a slow drift, in cents.
        let phase = i % 400;
        let cents = 6_000_000 + i / 10 + if phase < 200 { phase * 40 } else { (400 - phase) * 40 };
        let price = |c: u64| format!("{}.{:02}000000", c / 100, c % 100);
        // Four decimals, which the lot sizes of both instruments allow.
        let size = format!("0.{:04}0000", 400 + (i * 7919) % 9_000);
        let line = if i % 3 == 2 {
            format!(
                concat!(
                    r#"{{"stream":"{lower}@trade","data":{{"e":"trade","E":{ms},"s":"{symbol}","t":{i},"#,
                    r#""p":"{p}","q":"{size}","T":{ms},"m":{m},"M":true}}}}"#
                ),
                lower = lower,
                symbol = symbol,
                i = i,
                size = size,
                ms = ns / 1_000_000,
                p = price(cents),
                m = i % 2 == 0
            )
        } else {
            format!(
                concat!(
                    r#"{{"stream":"{lower}@bookTicker","data":{{"u":{i},"s":"{symbol}","#,
                    r#""b":"{bid}","B":"{size}","a":"{ask}","A":"{size}"}}}}"#
                ),
                lower = lower,
                i = i,
                symbol = symbol,
                size = size,
                bid = price(cents),
                ask = price(cents + 1)
            )
        };
        writeln!(file, "{ns} {line}").unwrap();
    }
    file.flush().unwrap();
    path
}

/// The Python with the packages that `./dev` installs, if it exists, else the one on PATH.
pub(crate) fn python3() -> PathBuf {
    let own = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tools/venv/bin/python3"));
    if own.exists() { own.into() } else { "python3".into() }
}
