//! The numbers of a session that ingest misses, for a publisher that can send their events again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tapedeck_answers::serve::ANSWER_TIMEOUT;
use tapedeck_answers::{SessionStatus, SourceStatus};
use tapedeck_ingest::numbering::NumberRange;
use tapedeck_runtime::Bus;
use tapedeck_schemas::ids::{InstrumentId, SourceId, Token};

use crate::md_status::session_status;

/// Longest time to wait until ingest has read every message of the inboxes. An answer that lacks a partition takes
/// [`ANSWER_TIMEOUT`], and is waited for.
const WAIT_MAX: Duration = Duration::from_secs(3);
const _: () = assert!(WAIT_MAX.as_millis() > ANSWER_TIMEOUT.as_millis());
/// Interval of the requests.
const INTERVAL: Duration = Duration::from_millis(100);

/// The missing numbers of one session, by instrument.
#[derive(Debug, Default)]
pub struct Missing {
    ranges: BTreeMap<InstrumentId, Vec<NumberRange>>,
}

impl Missing {
    /// Requests them on `md-status.<source>`. What cannot be learned is not in them, and is logged.
    pub async fn ask(bus: &Bus, source: SourceId, session: Token) -> Self {
        let began = Instant::now();
        let mut last = None;
        while began.elapsed() < WAIT_MAX {
            let answer = session_status(bus, source, session, WAIT_MAX - began.elapsed()).await;
            last = answer.ok().or(last);
            if last.as_ref().is_some_and(|status| status.waiting == 0 && status.missing.is_empty()) {
                break;
            }
            tokio::time::sleep(INTERVAL).await;
        }
        let Some(status) = last else {
            tracing::warn!(%source, "ingest does not answer: it is not known which events it misses");
            return Self::default();
        };
        if status.waiting > 0 || !status.missing.is_empty() {
            let (waiting, partitions) = (status.waiting, &status.missing);
            tracing::warn!(%source, waiting, ?partitions, "ingest has not read every message, or does not answer for \
                some partitions: it may miss more events than are known; publish again later");
        }
        Self::of(&status, session)
    }

    fn of(status: &SourceStatus, session: Token) -> Self {
        let has_read_all = status.waiting == 0 && status.missing.is_empty();
        let ranges = |one: &SessionStatus| {
            // If ingest has read every message, it skipped what is stored after its last number.
            let rest = has_read_all.then_some((one.last_seq + 1, u64::MAX));
            one.missing.iter().copied().chain(rest).collect()
        };
        let sessions = status.sessions.iter().filter(|one| one.session == session.as_str());
        Self { ranges: sessions.filter_map(|one| Some((one.instrument.parse().ok()?, ranges(one)))).collect() }
    }

    /// Whether ingest misses this number of the instrument.
    pub fn contains(&self, instrument: &InstrumentId, seq: u64) -> bool {
        let mut ranges = self.ranges.get(instrument).into_iter().flatten();
        ranges.any(|(first, last)| (*first..=*last).contains(&seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ranges_of_the_session_and_the_instrument_are_missing() {
        let session = |session: &str, instrument: &str, missing| SessionStatus {
            session: session.into(),
            instrument: instrument.into(),
            missing,
            partition: 0,
            last_seq: 100,
            age_ms: 0,
        };
        let sessions = vec![
            session("s", "v.A", vec![(2, 3), (7, 7)]),
            session("s", "v.B", vec![(11, 12)]),
            session("other", "v.A", vec![(20, 30)]),
        ];
        let mut status = SourceStatus { sessions, ..SourceStatus::default() };
        let missing = Missing::of(&status, "s".parse().unwrap());
        let of = |instrument: &str| {
            (1..=100).filter(|seq| missing.contains(&instrument.parse().unwrap(), *seq)).collect::<Vec<_>>()
        };
        assert_eq!([of("v.A"), of("v.B"), of("v.C")], [vec![2, 3, 7], vec![11, 12], vec![]]);
        // Messages that a recovery named as lost, and that are stored all the same, are skipped by ingest.
        assert!(missing.contains(&"v.A".parse().unwrap(), 101));
        status.waiting = 1;
        let missing = Missing::of(&status, "s".parse().unwrap());
        assert!(!missing.contains(&"v.A".parse().unwrap(), 101), "it may read it yet");
    }
}
