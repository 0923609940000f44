//! Checks each line of the groups' logs once: a failed group is restarted within its process, so only the log shows it.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// The messages that a group failed, stopped or could not be started.
const FAILED: [&str; 3] =
    ["group failed; restarting it", "group stopped; see docs/recovery.md", "cannot start a group; retrying"];
/// The message of a projector that restarts by itself.
const PROJECTING: &str = "projection failed; retrying from the committed progress";
/// The message of a process that was fenced.
const FENCED: &str = " fenced group=";
/// Parts of errors that an outage of NATS causes. The answers to publishers use a connection of their own, whose
/// failure is logged without its cause.
const LOST_NATS: [&str; 4] = ["cannot reach NATS at ", "timed out", "no responders", "error=answering publishers"];
/// Parts of errors that an outage of Postgres causes.
const LOST_POSTGRES: [&str; 3] =
    ["cannot reach Postgres at ", "error=postgres: ", "error=Postgres did not answer within "];
/// Another projector has committed; it may have been killed since, with its last transaction still in flight.
const OVERTAKEN: &str = "error=another projector advanced ";
/// The stream of the tape was deleted, and is created again: a damaged round does that, and checks what follows.
const DELETED: &str = "there is no such stream";
/// How long after its end an outage may cause errors: twice the longest timeout of a request.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// The injected outages of one server.
#[derive(Debug, Default, Clone, Copy)]
pub struct Outage {
    is_down: bool,
    ended: Option<Instant>,
}

impl Outage {
    /// The server is killed or stopped.
    pub fn begin(&mut self) {
        self.is_down = true;
    }

    /// The server runs again.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.is_down) {
            self.ended = Some(Instant::now());
        }
    }

    /// Whether an outage may have caused an error since `moment`.
    pub fn may_show_since(&self, moment: Instant) -> bool {
        self.is_down || self.ended.is_some_and(|ended| ended + AFTERWARDS > moment)
    }
}

/// The servers whose outages may have caused an error.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Outages {
    /// NATS.
    pub nats: bool,
    /// Postgres.
    pub postgres: bool,
}

impl Outages {
    /// Whether an outage of NATS explains this error.
    pub fn explain_nats(self, error: &str) -> bool {
        self.nats && LOST_NATS.iter().any(|part| error.contains(part))
    }

    /// Whether a line of a group's log is no failure, or one that an outage explains.
    fn allow(self, line: &str) -> bool {
        if FAILED.iter().any(|message| line.contains(message)) {
            return self.explain_nats(line);
        }
        !line.contains(PROJECTING)
            || line.contains(OVERTAKEN)
            || line.contains(DELETED)
            || self.explain_nats(line)
            || self.postgres && LOST_POSTGRES.iter().any(|part| line.contains(part))
    }
}

/// The logs of a folder.
#[derive(Debug, Default)]
pub struct Logs {
    /// Bytes read of each file.
    read: BTreeMap<PathBuf, u64>,
    /// Number of lines that report a fenced process.
    pub fenced: u64,
}

impl Logs {
    /// Reads the new lines of every log; those that no outage explains, each with the path of its log.
    pub fn read(&mut self, dir: &Path, outages: Outages) -> Result<Vec<String>> {
        let mut unexplained = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let at = self.read.entry(path.clone()).or_default();
            let mut file = std::fs::File::open(&path).with_context(|| path.display().to_string())?;
            file.seek(SeekFrom::Start(*at))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            *at += complete as u64;
            for line in String::from_utf8_lossy(&bytes[..complete]).lines() {
                self.fenced += u64::from(line.contains(FENCED));
                if !outages.allow(line) {
                    unexplained.push(format!("{}: {line}", path.display()));
                }
            }
        }
        Ok(unexplained)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Outages = Outages { nats: false, postgres: false };
    const NATS: Outages = Outages { nats: true, postgres: false };
    const POSTGRES: Outages = Outages { nats: false, postgres: true };

    fn failed(error: &str) -> String {
        format!("2026-01-01T00:00:00Z ERROR Actor{{id=\"0.0\"}}: {} group=\"risk-p0\" error={error}\n", FAILED[0])
    }

    fn projecting(error: &str) -> String {
        format!("2026-01-01T00:00:00Z  WARN {PROJECTING} partition=0 error={error}\n")
    }

    #[test]
    fn a_group_may_fail_only_during_an_outage_that_explains_it() {
        let dir = std::env::temp_dir().join(format!("tapedeck-chaos-logs-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let log = dir.join("00001-risk.log");
        let mut logs = Logs::default();
        let mut text = String::new();
        for (line, allowed_during) in [
            (failed("risk on partition 0 stopped: a record of newer code"), vec![]),
            (failed("cannot reach NATS at nats://h:1: IO error: Connection refused (os error 111)"), vec![NATS]),
            (failed("reading the last message on tape.0.g1.risk in TAPE_0_G1: timed out"), vec![NATS]),
            (failed("answering publishers"), vec![NATS]),
            (failed("bringing refusals to their publishers"), vec![]),
            (failed("postgres: db error"), vec![]),
            (projecting("postgres: connection closed"), vec![POSTGRES]),
            (projecting("cannot reach Postgres at postgres://h:1/t: db error"), vec![POSTGRES]),
            (projecting("Postgres did not answer within 5 s"), vec![POSTGRES]),
            (projecting("reading the state of stream TAPE_0_G1: request error: timed out"), vec![NATS]),
            (projecting("another projector advanced orders on partition 0"), vec![NONE, NATS, POSTGRES]),
            ("2026-01-01T00:00:00Z  WARN disconnected from nats, reconnecting\n".into(), vec![NONE, NATS, POSTGRES]),
        ] {
            for outages in [NONE, NATS, POSTGRES] {
                text.push_str(&line);
                std::fs::write(&log, &text).unwrap();
                let unexplained = logs.read(&dir, outages).unwrap();
                assert_eq!(unexplained.len(), usize::from(!allowed_during.contains(&outages)), "{outages:?}: {line}");
            }
        }
        // An incomplete line is read when it is complete.
        text.push_str(failed("x").trim_end());
        std::fs::write(&log, &text).unwrap();
        assert_eq!(logs.read(&dir, NONE).unwrap(), Vec::<String>::new());
        std::fs::write(&log, text + "\n").unwrap();
        assert_eq!(logs.read(&dir, NONE).unwrap().len(), 1);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn an_outage_may_cause_errors_for_a_while_after_its_end() {
        let mut nats = Outage::default();
        let now = Instant::now();
        nats.end();
        assert!(!nats.may_show_since(now));
        nats.begin();
        assert!(nats.may_show_since(now));
        nats.end();
        assert!(nats.may_show_since(Instant::now()));
        assert!(!nats.may_show_since(Instant::now() + AFTERWARDS));
    }
}
