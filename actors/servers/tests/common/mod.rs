//! Helpers for the tests of both servers: a directory that other users can enter, psql, and plain NATS requests.

#![allow(dead_code)] // each test uses a part of it
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) fn directory() -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("tapedeck-servers-").tempdir_in("/tmp").unwrap();
    // tempfile creates it for this user only.
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    dir
}

/// The rows of a query, one a line, or the error of psql.
pub(crate) fn psql(url: &str, query: &str) -> Result<String, String> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = debian.map(|entry| entry.path().join("bin/psql")).find(|path| path.exists());
    let psql = found.unwrap_or_else(|| "psql".into());
    let output = Command::new(psql).args([url, "-XAtqc", query]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The reply to one NATS request.
pub(crate) fn request(url: &str, subject: &str, payload: &str) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("nats://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let size = payload.len();
    write!(stream, "CONNECT {{\"verbose\":false}}\r\nSUB reply 1\r\nPUB {subject} reply {size}\r\n{payload}\r\n")
        .unwrap();
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "connection closed");
        if line.starts_with("MSG ") {
            let mut reply = vec![0; line.split_whitespace().last().unwrap().parse().unwrap()];
            reader.read_exact(&mut reply).unwrap();
            return String::from_utf8(reply).unwrap();
        }
    }
}

/// Whether a process runs; a zombie does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with(['Z', 'X']))
}

pub(crate) fn within(seconds: u64, what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(seconds), "{what}: not within {seconds} s");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The processes that hold the lock of `dir`: those with a file of it as their standard input.
pub(crate) fn holders(dir: &Path) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| std::fs::read_link(format!("/proc/{pid}/fd/0")).is_ok_and(|path| path.starts_with(dir)))
        .collect()
}
