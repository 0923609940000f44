//! Groups as separate processes, and what they say over HTTP.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::common::System;

/// How long a condition may take on a loaded machine.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(120);

/// A group's process, killed on drop.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    pub(crate) child: Child,
    log: PathBuf,
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Group {
    pub(crate) fn start(system: &System, name: &'static str) -> Self {
        Self::start_with(system, name, &[])
    }

    /// Starts a group with further arguments.
    pub(crate) fn start_with(system: &System, name: &'static str, more: &[&str]) -> Self {
        let port = free_port();
        let log = system.path().join(format!("{name}-{port}.log"));
        let out = std::fs::File::create(&log).unwrap();
        let http = format!("127.0.0.1:{port}");
        let mut command = system.command(&[&["run", name, "--partition", "0", "--http", &http], more].concat());
        let child = command.stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap();
        Self { name, port, child, log }
    }

    /// Waits until the group is ready. If its port was taken meanwhile, it is started again with another one.
    pub(crate) fn wait_ready(&mut self, system: &System) {
        until(&format!("{} is not ready", self.name), || {
            if let Some(status) = self.child.try_wait().unwrap() {
                let output = std::fs::read_to_string(&self.log).unwrap();
                assert!(output.contains("cannot listen on"), "{} ended ({status}): {output}", self.name);
                *self = Self::start(system, self.name);
            }
            get(self.port, "/readyz").contains("200 OK")
        });
    }

    /// The log of the process so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Sends SIGTERM; the exit status.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        std::process::Command::new("sh").args(["-c", r#"kill -s TERM "$0""#, &pid]).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

/// Waits until the condition holds, at most [`WAIT_MAX`].
pub(crate) fn until(otherwise: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < WAIT_MAX, "{otherwise} after {WAIT_MAX:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Arguments, and where the servers are.
pub(crate) fn get(port: u16, path: &str) -> String {
    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return String::new() };
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer).map(|_| ()));
    answer
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
