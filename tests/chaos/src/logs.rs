//! What the groups say in their logs, each line judged once: a group that fails is started again inside its process,
//! so nothing else shows it.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// A group failed, or could not be started: of its supervisor.
const FAILED: [&str; 2] = ["group failed, starting it again", "cannot start group="];
/// The projector begins anew, by itself.
const PROJECTING: &str = "projecting again from the database's progress";
/// The fence shut a process out.
const FENCED: &str = " fenced; ";
/// How errors end that NATS may cause by being away. What a publisher is told hangs on a connection of its own, whose
/// failure is logged without its cause.
const LOST_NATS: [&str; 4] = ["cannot reach NATS at ", "timed out", "no responders", "error=answering publishers"];
/// How errors begin that Postgres may cause by being away.
const LOST_POSTGRES: [&str; 2] = ["cannot reach Postgres at ", "error=postgres: "];
/// Another projector was quicker, be it one that was killed and whose last transaction was still on its way.
const OVERTAKEN: &str = "error=another projector moved ";
/// How long after its return a server's absence may still show: twice the longest that a request waits.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// Whether a server is away, by our doing, and when it was last.
#[derive(Debug, Default, Clone, Copy)]
pub struct Absence {
    away: bool,
    back: Option<Instant>,
}

impl Absence {
    /// It goes.
    pub fn begin(&mut self) {
        self.away = true;
    }

    /// It is back, if it was away.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.away) {
            self.back = Some(Instant::now());
        }
    }

    /// Whether what happened since then may be due to it.
    pub fn shows_since(&self, moment: Instant) -> bool {
        self.away || self.back.is_some_and(|back| back + AFTERWARDS > moment)
    }
}

/// Which servers' absence may show.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Away {
    /// NATS.
    pub nats: bool,
    /// Postgres.
    pub postgres: bool,
}

impl Away {
    /// Whether a connection that NATS let go explains this.
    pub fn explains_nats(self, said: &str) -> bool {
        self.nats && LOST_NATS.iter().any(|words| said.contains(words))
    }

    /// Whether a line of a group's log is in order.
    fn allows(self, line: &str) -> bool {
        if FAILED.iter().any(|words| line.contains(words)) {
            return self.explains_nats(line);
        }
        !line.contains(PROJECTING)
            || line.contains(OVERTAKEN)
            || self.postgres && LOST_POSTGRES.iter().any(|words| line.contains(words))
    }
}

/// Logs, and how far they are read.
#[derive(Debug, Default)]
pub struct Logs {
    read: BTreeMap<PathBuf, u64>,
    /// How often a process has said that the fence shut it out.
    pub fenced: u64,
}

impl Logs {
    /// Reads on in every log of the folder; the lines that are not in order, each with its log.
    pub fn read(&mut self, dir: &Path, away: Away) -> Result<Vec<String>> {
        let mut wrong = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let at = self.read.entry(path.clone()).or_default();
            let mut file = std::fs::File::open(&path).with_context(|| path.display().to_string())?;
            file.seek(SeekFrom::Start(*at))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            *at += whole as u64;
            for line in String::from_utf8_lossy(&bytes[..whole]).lines() {
                self.fenced += u64::from(line.contains(FENCED));
                if !away.allows(line) {
                    wrong.push(format!("{} says: {line}", path.display()));
                }
            }
        }
        Ok(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: Away = Away { nats: false, postgres: false };
    const NATS: Away = Away { nats: true, postgres: false };
    const POSTGRES: Away = Away { nats: false, postgres: true };

    fn failed(error: &str) -> String {
        format!("2026-01-01T00:00:00Z ERROR Actor{{id=\"0.0\"}}: {} group=\"risk-p0\" error={error}\n", FAILED[0])
    }

    fn projecting(error: &str) -> String {
        format!("2026-01-01T00:00:00Z  WARN {PROJECTING} partition=0 error={error}\n")
    }

    #[test]
    fn a_group_may_fail_only_for_want_of_a_server_that_is_away() {
        let dir = std::env::temp_dir().join(format!("tapedeck-chaos-logs-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let log = dir.join("00001-risk.log");
        let mut logs = Logs::default();
        let mut text = String::new();
        for (line, in_order) in [
            (failed("risk on partition 0 stopped: a record of newer code"), vec![]),
            (failed("cannot reach NATS at nats://h:1: IO error: Connection refused (os error 111)"), vec![NATS]),
            (failed("last message on tape.0.risk in TAPE_0: timed out"), vec![NATS]),
            (failed("answering publishers"), vec![NATS]),
            (failed("bringing refusals to their publishers"), vec![]),
            (failed("postgres: db error"), vec![]),
            (projecting("postgres: connection closed"), vec![POSTGRES]),
            (projecting("cannot reach Postgres at postgres://h:1/t: db error"), vec![POSTGRES]),
            (projecting("another projector moved orders on partition 0"), vec![NOBODY, NATS, POSTGRES]),
            ("2026-01-01T00:00:00Z  WARN disconnected from nats, reconnecting\n".into(), vec![NOBODY, NATS, POSTGRES]),
        ] {
            for away in [NOBODY, NATS, POSTGRES] {
                text.push_str(&line);
                std::fs::write(&log, &text).unwrap();
                let wrong = logs.read(&dir, away).unwrap();
                assert_eq!(wrong.len(), usize::from(!in_order.contains(&away)), "{away:?}: {line}");
            }
        }
        // Half a line is read once it is whole.
        text.push_str(failed("x").trim_end());
        std::fs::write(&log, &text).unwrap();
        assert_eq!(logs.read(&dir, NOBODY).unwrap(), Vec::<String>::new());
        std::fs::write(&log, text + "\n").unwrap();
        assert_eq!(logs.read(&dir, NOBODY).unwrap().len(), 1);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn an_absence_shows_for_a_while_after_it() {
        let mut nats = Absence::default();
        let now = Instant::now();
        nats.end();
        assert!(!nats.shows_since(now));
        nats.begin();
        assert!(nats.shows_since(now));
        nats.end();
        assert!(nats.shows_since(Instant::now()));
        assert!(!nats.shows_since(Instant::now() + AFTERWARDS));
    }
}
