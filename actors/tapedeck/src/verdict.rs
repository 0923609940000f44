//! What became of the events of a publication, as the group `answers` says.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use tapedeck_answers::serve::ANSWER_TIMEOUT;
use tapedeck_answers::{PublishedReject, SessionCounts, SourceStatus};
use tapedeck_feeds::Injected;
use tapedeck_runtime::Bus;
use tapedeck_schemas::event::RejectReason;

use crate::file_args::FileReport;
use crate::market::{Published, Publisher};
use crate::md_status::session_status;

/// Interval of the requests.
const INTERVAL: Duration = Duration::from_millis(100);

/// The events of a session that were refused for one reason.
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
pub struct RefusedEvents {
    /// Number of events.
    pub count: u64,
    /// How many of them were made to be refused, by the synthetic market.
    pub injected: u64,
    /// The first one.
    pub first: Option<PublishedReject>,
}

/// What became of the events of a session.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct DecidedEvents {
    /// Events that became facts, late ones included.
    pub accepted: u64,
    /// Accepted quotes and trades that were late: recorded, and never acted on.
    pub late: u64,
    /// Gaps in the numbers.
    pub gaps: u64,
    /// Refused events, by reason.
    pub refused: BTreeMap<String, RefusedEvents>,
}

/// The end of a publication.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishVerdict {
    /// Every stored event of the session is decided.
    Decided(DecidedEvents),
    /// Not every event is known to be decided: why.
    Undecided(String),
    /// Not every event is known to be stored: why.
    NotStored(String),
}

impl PublishVerdict {
    /// Waits until every stored event of the publication is decided.
    pub async fn wait(
        bus: &Bus,
        publisher: &Publisher,
        published: Published,
        injected: &Injected,
        timeout: Duration,
    ) -> Self {
        let (began, stored) = (Instant::now(), publisher.stored());
        loop {
            let why = match read(bus, publisher, &stored, timeout.saturating_sub(began.elapsed())).await {
                Ok(counts) => return decide(counts, publisher.unreadable(), published, injected),
                Err(why) => why,
            };
            if began.elapsed() + INTERVAL >= timeout {
                return Self::Undecided(format!("{why}, after {} s", timeout.as_secs()));
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

/// The counts of every session that was published, or why they are not known yet.
async fn read(
    bus: &Bus,
    publisher: &Publisher,
    stored: &BTreeMap<String, u64>,
    left: Duration,
) -> Result<Vec<SessionCounts>, String> {
    let mut all = Vec::new();
    for (source, session) in publisher.sources() {
        let status = session_status(bus, *source, *session, left.clamp(INTERVAL, 2 * ANSWER_TIMEOUT)).await?;
        undecided(&status, stored)?;
        all.extend(status.session);
    }
    Ok(all)
}

/// Fails with the first inbox that is not decided up to what was stored in it.
fn undecided(status: &SourceStatus, stored: &BTreeMap<String, u64>) -> Result<(), String> {
    for (stream, seq) in stored {
        match status.decided.iter().find(|inbox| inbox.stream == *stream) {
            None => return Err(format!("no process of the group answers replied about {stream}")),
            Some(inbox) if inbox.decided < *seq => {
                return Err(format!("ingest has decided {stream} up to {} of {seq}", inbox.decided));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn decide(counts: Vec<SessionCounts>, unreadable: u64, published: Published, injected: &Injected) -> PublishVerdict {
    let mut events = DecidedEvents::default();
    for mut part in counts {
        events.accepted += part.accepted;
        events.late += part.late;
        events.gaps += part.gaps;
        for (reason, count) in part.rejects {
            let refused = events.refused.entry(reason.clone()).or_default();
            refused.count += count;
            refused.first = refused.first.take().or(part.first.remove(&reason));
        }
    }
    // What cannot be read has no session, and can only be refused.
    let malformed = RejectReason::Malformed;
    if unreadable > 0 {
        events.refused.entry(malformed.to_string()).or_default().count += unreadable;
    }
    let duplicates = (RejectReason::Duplicate, injected.duplicates);
    let mut expected = injected.bad.clone();
    *expected.entry(duplicates.0).or_default() += duplicates.1;
    for (reason, count) in expected {
        if let Some(refused) = events.refused.get_mut(reason.as_str()) {
            refused.injected = count.min(refused.count);
        }
    }
    let refused: u64 = events.refused.values().map(|refused| refused.count).sum();
    match events.accepted + refused < published.count() {
        true => PublishVerdict::Undecided(format!(
            "{} of {} events of the session are counted; answers keeps those of the sessions that were active last",
            events.accepted + refused,
            published.count()
        )),
        false => PublishVerdict::Decided(events),
    }
}

/// What a publication prints.
#[derive(Debug, Serialize)]
pub struct PublishReport {
    /// Name of the session.
    pub session: String,
    /// Numbers of stored events.
    pub published: Published,
    /// What was not published of the files, and what was assumed of them.
    #[serde(flatten)]
    pub files: FileReport,
    /// What became of it; `None` if that was not asked.
    #[serde(flatten)]
    pub verdict: Option<PublishVerdict>,
}

impl PublishReport {
    /// Prints one JSON object.
    pub fn print_json(&self) -> Result<()> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }

    /// Prints words.
    pub fn print(&self) {
        let Published { sent, again, skipped } = self.published;
        let again = if again > 0 { format!("{again} published again (missing), ") } else { String::new() };
        println!("session {}: {sent} published, {again}{skipped} skipped (already stored)", self.session);
        self.files.print();
        match &self.verdict {
            None => {}
            Some(PublishVerdict::Undecided(why)) => eprintln!("tapedeck: stored, but not decided: {why}"),
            Some(PublishVerdict::NotStored(why)) => eprintln!("tapedeck: not everything is stored: {why}"),
            Some(PublishVerdict::Decided(events)) => {
                let DecidedEvents { accepted, late, gaps, refused } = events;
                let count: u64 = refused.values().map(|refused| refused.count).sum();
                println!("{accepted} accepted, {late} of them late, {count} refused, {gaps} gaps");
                for (reason, RefusedEvents { count, injected, first }) in refused {
                    let injected = if *injected > 0 { format!(" ({injected} on purpose)") } else { String::new() };
                    let first = first.as_ref().map_or_else(String::new, |first| {
                        let seq = first.seq.map_or_else(String::new, |seq| format!(" seq {seq}"));
                        format!(
                            "; first: {} on {}{seq}: {}",
                            first.offset,
                            first.subject.as_deref().unwrap_or("no subject"),
                            first.detail
                        )
                    });
                    println!("  {count} {reason}{injected}{first}");
                }
            }
        }
    }

    /// 0 if nothing was refused and everything can be read, or that is allowed; 1 otherwise; 2 if a verdict was asked
    /// for, and is not known.
    pub fn exit_code(&self, allows_rejects: bool) -> ExitCode {
        let is_as_made = |refused: &RefusedEvents| refused.count == refused.injected;
        let is_accepted = match &self.verdict {
            None => true,
            Some(PublishVerdict::Undecided(_) | PublishVerdict::NotStored(_)) => return ExitCode::from(2),
            Some(PublishVerdict::Decided(events)) => events.refused.values().all(is_as_made),
        };
        let passed = allows_rejects || (is_accepted && self.files.is_whole());
        if passed { ExitCode::SUCCESS } else { ExitCode::from(1) }
    }
}

#[cfg(test)]
mod tests {
    use tapedeck_answers::DecidedInbox;
    use tapedeck_feeds::{UnreadableEntries, UnreadableEntry};

    use super::*;

    const PUBLISHED: Published = Published { sent: 8, again: 0, skipped: 2 };

    fn counts(accepted: u64, duplicates: u64) -> SessionCounts {
        SessionCounts { accepted, rejects: [("duplicate".to_string(), duplicates)].into(), ..Default::default() }
    }

    fn report(verdict: PublishVerdict) -> PublishReport {
        PublishReport {
            session: "s".into(),
            published: PUBLISHED,
            files: FileReport::default(),
            verdict: Some(verdict),
        }
    }

    #[test]
    fn every_inbox_must_be_decided_up_to_what_was_stored_in_it() {
        let stored: BTreeMap<String, u64> = [("A".to_string(), 5), ("B".to_string(), 7)].into();
        let of = |a: u64, b: Option<u64>| {
            let inbox = |(stream, decided): (&str, u64)| DecidedInbox {
                stream: stream.into(),
                decided,
                stored: 9,
                ..Default::default()
            };
            let decided = [Some(("A", a)), b.map(|b| ("B", b))].into_iter().flatten().map(inbox).collect();
            undecided(&SourceStatus { decided, ..Default::default() }, &stored)
        };
        assert_eq!(of(5, Some(7)), Ok(()));
        assert_eq!(of(9, Some(8)), Ok(()));
        assert_eq!(of(4, Some(7)), Err("ingest has decided A up to 4 of 5".into()));
        assert_eq!(of(5, Some(6)), Err("ingest has decided B up to 6 of 7".into()));
        assert_eq!(of(5, None), Err("no process of the group answers replied about B".into()));
    }

    #[test]
    fn what_was_refused_and_not_made_to_be_refused_is_told_by_the_exit_status() {
        let injected = Injected { duplicates: 3, ..Default::default() };
        let status = |counts: Vec<SessionCounts>, unreadable| {
            let report = report(decide(counts, unreadable, PUBLISHED, &injected));
            [report.exit_code(false), report.exit_code(true)]
        };
        let [clean, refused, unknown] = [0, 1, 2].map(ExitCode::from);
        assert_eq!(status(vec![counts(10, 0)], 0), [clean, clean]);
        assert_eq!(status(vec![counts(7, 3)], 0), [clean, clean]);
        assert_eq!(status(vec![counts(6, 4)], 0), [refused, clean]);
        assert_eq!(status(vec![counts(4, 1), counts(3, 1)], 1), [refused, clean], "a message that is no event");
        assert_eq!(status(vec![counts(6, 3)], 0), [unknown, unknown], "one event is not counted");
        assert_eq!(status(vec![], 0), [unknown, unknown]);
    }

    #[test]
    fn entries_that_cannot_be_read_are_told_by_the_exit_status_and_in_the_report() {
        let first = UnreadableEntry { file: "a".into(), line: 3, detail: "d".into(), excerpt: "\"x\"".into() };
        let unreadable = [("symbol", UnreadableEntries { count: 4, first })].into();
        let files = FileReport { unreadable, assumed: vec!["times are in UTC".into()], ..Default::default() };
        let decided = decide(vec![counts(10, 0)], 0, PUBLISHED, &Injected::default());
        let mut report = PublishReport { files, ..report(decided) };
        let json: serde_json::Value = serde_json::to_value(&report).unwrap();
        assert_eq!(json["assumed"][0], "times are in UTC");
        assert_eq!(json["left_out"], serde_json::json!({}));
        let first = serde_json::json!({"file": "a", "line": 3, "detail": "d", "excerpt": "\"x\""});
        assert_eq!(json["unreadable"], serde_json::json!({"symbol": {"count": 4, "first": first}}));
        let status = |report: &PublishReport| [report.exit_code(false), report.exit_code(true)];
        assert_eq!(status(&report), [ExitCode::from(1), ExitCode::SUCCESS]);
        report.verdict = None;
        assert_eq!(status(&report), [ExitCode::from(1), ExitCode::SUCCESS], "without a verdict, too");
        report.verdict = Some(PublishVerdict::NotStored("x".into()));
        assert_eq!(status(&report), [ExitCode::from(2); 2]);
        report.verdict = None;
        report.files.unreadable.clear();
        assert_eq!(status(&report), [ExitCode::SUCCESS; 2]);
    }
}
