//! What is known of sources: the reply on `md-status.<source>`, and the part of it that one partition knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_ingest::numbering::{NumberRange, Numbering};
use tapedeck_kernel::Driver;
use tapedeck_schemas::ids::{InstrumentId, SourceId, Token};

use crate::counts::{EventCounts, FirstReject, SourceCounts};
use crate::followed::FollowedIngest;
use crate::reject::PublishedReject;

/// Most bytes of the sessions in one reply; further ones are in the next. The rest of a reply takes less than 128 KiB,
/// so that a reply stays below 384 KiB.
pub const SESSIONS_BYTES_MAX: usize = 256 * 1024;

/// A request about a source. An empty payload requests everything, from the beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StatusRequest {
    /// The one session that is asked for, with its counts. Without it, the reply names every session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The `next` of the reply before: only sessions after it are in this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The state of one source, over all of its sessions and partitions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Name of the source.
    pub source: String,
    /// Number of partitions.
    pub partitions: u16,
    /// Partitions for which no process of the group `answers` replied; the other fields do not count them.
    pub missing: Vec<u16>,
    /// Inbox messages of all sources that are stored and not decided; the other fields do not count them.
    pub waiting: u64,
    /// How far each inbox is decided.
    pub decided: Vec<DecidedInbox>,
    /// The numbers of each session and instrument, in order of both.
    pub sessions: Vec<SessionStatus>,
    /// What to request as `after` for the sessions that this reply has no space for; `None` if it has all.
    pub next: Option<String>,
    /// Number of events that became facts, late ones included.
    pub accepted: u64,
    /// Number of accepted quotes and trades that were late: recorded, and never acted on.
    pub late: u64,
    /// Number of rejected events, by reason.
    pub rejects: BTreeMap<String, u64>,
    /// The first rejected event of each reason.
    pub first: BTreeMap<String, PublishedReject>,
    /// Number of gaps.
    pub gaps: u64,
    /// What became of the events of the session that was asked for; `None` if none was, or it is not counted any more.
    pub session: Option<SessionCounts>,
}

/// How far the inbox of a partition is decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedInbox {
    /// Number of the partition.
    pub partition: u16,
    /// Name of the stream, as in the acknowledgements of JetStream.
    pub stream: String,
    /// Sequence up to which every message is decided.
    pub decided: u64,
    /// Last sequence of the stream, at least.
    pub stored: u64,
}

/// What became of the events of one session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCounts {
    /// Name of the session.
    pub session: String,
    /// Number of events that became facts, late ones included.
    pub accepted: u64,
    /// Number of accepted quotes and trades that were late: recorded, and never acted on.
    pub late: u64,
    /// Number of rejected events, by reason.
    pub rejects: BTreeMap<String, u64>,
    /// The first rejected event of each reason.
    pub first: BTreeMap<String, PublishedReject>,
    /// Number of gaps.
    pub gaps: u64,
}

/// The numbers of one session of a source, for one instrument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStatus {
    /// Partition of the instrument.
    pub partition: u16,
    /// Name of the session.
    pub session: String,
    /// Name of the instrument.
    pub instrument: String,
    /// The last number decided. The next one is expected to be greater by one.
    pub last_seq: u64,
    /// Ranges of numbers that were skipped and have not arrived since, first and last: what is to be published again.
    pub missing: Vec<NumberRange>,
    /// Age of the inbox message that held the number, in ms since its stamp.
    pub age_ms: u64,
}

/// A request to one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionRequest {
    /// Name of the source; `None` for all, without the first rejected events.
    pub source: Option<String>,
    /// What is asked about it.
    pub request: StatusRequest,
}

/// The reply of one partition.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct PartitionReply {
    /// How far its inbox is decided.
    pub inbox: DecidedInbox,
    /// Each source, by name.
    pub sources: BTreeMap<String, SourceStatus>,
    /// Rejected events whose source could not be read, by reason.
    pub unreadable: BTreeMap<String, u64>,
    /// Number of sessions that the reply about all sources has no space for.
    pub left_out: u64,
}

impl SessionStatus {
    /// The place of the session in the order of replies.
    pub fn key(&self) -> (&str, &str) {
        (&self.session, &self.instrument)
    }

    /// The place as text, for [`StatusRequest::after`]. The name of a session has no slash.
    fn place(&self) -> String {
        format!("{}/{}", self.session, self.instrument)
    }
}

impl SourceStatus {
    /// Adds the part of one partition.
    pub fn add(&mut self, part: SourceStatus) {
        self.accepted += part.accepted;
        self.late += part.late;
        self.gaps += part.gaps;
        add_counts(&mut self.rejects, part.rejects);
        add_first(&mut self.first, part.first);
        self.sessions.extend(part.sessions);
        // A partition that has more sessions has shown all up to here: those of the others after it come later.
        self.next = match (self.next.take(), part.next) {
            (Some(a), Some(b)) => Some(if split(&a) <= split(&b) { a } else { b }),
            (a, b) => a.or(b),
        };
        if let Some(part) = part.session {
            let all = self.session.get_or_insert_with(|| SessionCounts { session: part.session, ..Default::default() });
            all.accepted += part.accepted;
            all.late += part.late;
            all.gaps += part.gaps;
            add_counts(&mut all.rejects, part.rejects);
            add_first(&mut all.first, part.first);
        }
    }

    /// Sorts the sessions and leaves out those that have no space.
    pub fn cut(&mut self) {
        let sessions = std::mem::take(&mut self.sessions);
        let shown = self.next.clone();
        let is_shown = |one: &SessionStatus| shown.as_deref().is_none_or(|next| one.key() <= split(next));
        let (sessions, next) = page(sessions.into_iter().filter(is_shown).collect());
        (self.sessions, self.next) = (sessions, next.or(shown));
    }
}

fn add_counts(all: &mut BTreeMap<String, u64>, part: BTreeMap<String, u64>) {
    part.into_iter().for_each(|(reason, count)| *all.entry(reason).or_default() += count);
}

fn add_first(all: &mut BTreeMap<String, PublishedReject>, part: BTreeMap<String, PublishedReject>) {
    for (reason, first) in part {
        all.entry(reason).or_insert(first);
    }
}

/// Session and instrument of a place; a text that is none is before every instrument of the session.
fn split(place: &str) -> (&str, &str) {
    place.split_once('/').unwrap_or((place, ""))
}

/// The sessions in order that have space, and the place of the last one if there are more.
fn page(mut sessions: Vec<SessionStatus>) -> (Vec<SessionStatus>, Option<String>) {
    sessions.sort_by(|a, b| a.key().cmp(&b.key()));
    let count = sessions.len();
    let kept = sessions.len().min(fitting(&sessions));
    sessions.truncate(kept);
    let next = (kept < count).then(|| sessions.last().map(SessionStatus::place).unwrap_or_default());
    (sessions, next)
}

/// How many of the sessions, from the first on, have space in a reply.
fn fitting(sessions: &[SessionStatus]) -> usize {
    let mut bytes = 0;
    let size = |one: &SessionStatus| serde_json::to_vec(one).map_or(usize::MAX, |text| text.len() + 1);
    let fits = |one: &&SessionStatus| {
        bytes += size(one);
        bytes <= SESSIONS_BYTES_MAX
    };
    sessions.iter().take_while(fits).count()
}

/// The reply of a partition: `now` is the time, ns since the epoch, and `stored` the last known sequence of the inbox.
pub fn partition_reply(
    driver: &Driver<FollowedIngest>,
    asked: &PartitionRequest,
    stored: u64,
    now: u64,
) -> PartitionReply {
    let followed = driver.machine();
    let decided = driver.inbox_decided();
    let inbox = DecidedInbox { decided, stored: stored.max(decided), ..Default::default() };
    let mut reply = PartitionReply { inbox, ..Default::default() };
    let asked_source: Option<Option<SourceId>> = asked.source.as_ref().map(|name| name.parse().ok());
    reply.unreadable = followed.counts().of(None).map(|counts| numbers(&counts.all)).unwrap_or_default();
    let counts: Vec<(SourceId, &SourceCounts)> = match asked_source {
        Some(source) => source.and_then(|name| Some((name, followed.counts().of(Some(name))?))).into_iter().collect(),
        None => followed.counts().iter().filter_map(|(source, counts)| Some((source?, counts))).collect(),
    };
    for (source, counts) in counts {
        let of_session = asked.request.session.as_deref().and_then(|wanted| {
            let (session, (_, counts)) = counts.sessions.iter().find(|(session, _)| session.as_str() == wanted)?;
            Some(session_counts(session.to_string(), counts))
        });
        let EventCounts { accepted, late, gaps, .. } = counts.all;
        let (rejects, session) = (numbers(&counts.all), of_session);
        let first = if asked.source.is_some() { examples(&counts.all) } else { BTreeMap::new() };
        let status = SourceStatus { accepted, late, gaps, rejects, first, session, ..Default::default() };
        reply.sources.insert(source.to_string(), status);
    }
    let numberings = followed.ingest().numberings();
    let sources: Vec<SourceId> = match asked_source {
        Some(source) => source.into_iter().collect(),
        None => numberings.sources().collect(),
    };
    let mut of_sources: BTreeMap<String, Vec<SessionStatus>> = BTreeMap::new();
    for source in sources {
        let all = numberings
            .of(&source)
            .filter(|(session, _, _)| asked.request.session.as_deref().is_none_or(|wanted| wanted == session.as_str()));
        let status = |(session, instrument, numbering): (Token, InstrumentId, &Numbering)| SessionStatus {
            partition: 0,
            session: session.to_string(),
            instrument: instrument.to_string(),
            last_seq: numbering.last_seq,
            missing: numbering.missing.clone(),
            age_ms: now.saturating_sub(numbering.stamp) / 1_000_000,
        };
        of_sources.insert(source.to_string(), all.map(status).collect());
    }
    match &asked.source {
        Some(name) => {
            let after = asked.request.after.as_deref();
            let mut sessions = of_sources.remove(name).unwrap_or_default();
            sessions.retain(|one| after.is_none_or(|after| one.key() > split(after)));
            if !sessions.is_empty() {
                let status = reply.sources.entry(name.clone()).or_default();
                (status.sessions, status.next) = page(sessions);
            }
        }
        None => add_newest(&mut reply, of_sources),
    }
    reply
}

/// Adds the sessions that were active last, as far as there is space.
fn add_newest(reply: &mut PartitionReply, of_sources: BTreeMap<String, Vec<SessionStatus>>) {
    let with_source = |(name, sessions): (String, Vec<SessionStatus>)| {
        sessions.into_iter().map(move |session| (name.clone(), session))
    };
    let mut all: Vec<(String, SessionStatus)> = of_sources.into_iter().flat_map(with_source).collect();
    all.sort_by_key(|(_, session)| session.age_ms);
    let (names, mut sessions): (Vec<String>, Vec<SessionStatus>) = all.into_iter().unzip();
    let kept = fitting(&sessions);
    reply.left_out = (sessions.len() - kept) as u64;
    sessions.truncate(kept);
    for (name, session) in names.into_iter().zip(sessions) {
        reply.sources.entry(name).or_default().sessions.push(session);
    }
}

fn session_counts(session: String, counts: &EventCounts) -> SessionCounts {
    let EventCounts { accepted, late, gaps, .. } = *counts;
    SessionCounts { session, accepted, late, gaps, rejects: numbers(counts), first: examples(counts) }
}

fn numbers(counts: &EventCounts) -> BTreeMap<String, u64> {
    counts.rejects.iter().map(|(reason, (count, _))| (reason.to_string(), *count)).collect()
}

fn examples(counts: &EventCounts) -> BTreeMap<String, PublishedReject> {
    let example = |FirstReject { cause, fact }: &FirstReject| PublishedReject::new(cause.to_string(), fact);
    counts.rejects.iter().map(|(reason, (_, first))| (reason.to_string(), example(first))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(partition: u16, session: usize, instrument: usize) -> SessionStatus {
        let (session, instrument) = (format!("s{session}"), format!("v.{}{instrument}", "x".repeat(30)));
        SessionStatus { partition, session, instrument, last_seq: 1, missing: vec![(1, u64::MAX); 8], age_ms: 1 }
    }

    /// What a partition replies about these sessions after a place.
    fn part(sessions: &[SessionStatus], after: Option<&str>) -> SourceStatus {
        let rest = sessions.iter().filter(|one| after.is_none_or(|after| one.key() > split(after)));
        let (sessions, next) = page(rest.cloned().collect());
        SourceStatus { sessions, next, ..Default::default() }
    }

    #[test]
    fn pages_of_several_partitions_have_each_session_once_and_in_order() {
        let of = |partition: u16| -> Vec<SessionStatus> {
            let numbers = (0..3000).filter(|n| n % 3 == usize::from(partition));
            numbers.map(|n| session(partition, n % 7, n)).collect()
        };
        let parts: Vec<_> = (0..3).map(of).collect();
        let (mut after, mut found, mut pages) = (None::<String>, Vec::new(), 0);
        loop {
            let mut all = SourceStatus::default();
            parts.iter().for_each(|sessions| all.add(part(sessions, after.as_deref())));
            all.cut();
            let bytes = serde_json::to_vec(&all).unwrap().len();
            assert!(bytes < SESSIONS_BYTES_MAX + 4096, "{bytes}");
            found.extend(all.sessions);
            pages += 1;
            match all.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let mut expected = parts.concat();
        expected.sort_by(|a, b| a.key().cmp(&b.key()));
        assert_eq!(found, expected);
        assert!(pages > 3, "{pages}");
    }

    #[test]
    fn the_parts_of_partitions_add_up_and_the_first_rejection_stays() {
        let counts = |count, offset: &str| {
            let first = PublishedReject {
                offset: offset.into(),
                reason: "crossed".into(),
                detail: String::new(),
                code: "crossed".into(),
                count: 1,
                subject: None,
                seq: None,
                last_seq: None,
                instrument: None,
            };
            let (rejects, first) = ([("crossed".into(), count)].into(), [("crossed".into(), first)].into());
            let session = SessionCounts { session: "s".into(), accepted: 1, late: 1, gaps: 1, rejects, first };
            let SessionCounts { rejects, first, .. } = session.clone();
            SourceStatus { accepted: 2, late: 1, gaps: 3, rejects, first, session: Some(session), ..Default::default() }
        };
        let mut all = SourceStatus::default();
        all.add(counts(2, "1.0"));
        all.add(counts(3, "2.0"));
        let session = all.session.unwrap();
        assert_eq!((all.accepted, all.late, all.gaps, all.rejects["crossed"]), (4, 2, 6, 5));
        assert_eq!((session.accepted, session.late, session.gaps, session.rejects["crossed"]), (2, 2, 2, 5));
        assert_eq!((all.first["crossed"].offset.as_str(), session.first["crossed"].offset.as_str()), ("1.0", "1.0"));
    }
}
