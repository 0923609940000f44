//! The machine of `ingest` as it is followed, with the counts of what it decided.

use serde::{Deserialize, Serialize};
use tapedeck_ingest::Ingest;
use tapedeck_ingest::floods::SummedRejection;
use tapedeck_kernel::freshness::is_late;
use tapedeck_kernel::state::{self, BadState};
use tapedeck_kernel::{AnyMachine, Cause, Decided, Fact, MachineInfo, MarketEntry, TapeRecord};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::ids::SourceId;
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::param::Params;
use tapedeck_schemas::record::Entry;

use crate::counts::{Counts, DecidedInput};

/// What is known of the sources of a partition, from the inbox and the tape of `ingest`. It can only be followed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FollowedIngest {
    ingest: Ingest,
    counts: Counts,
    /// The limits in force, as far as the tape is read: one of them says which market data is late.
    limits: Params,
}

impl FollowedIngest {
    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The machine, with the numbers of every event that is decided.
    pub fn ingest(&self) -> &Ingest {
        &self.ingest
    }

    /// The counts of every event that is decided.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl AnyMachine for FollowedIngest {
    type Input = MarketEntry;

    fn info(&self) -> MachineInfo {
        self.ingest.info()
    }
    fn input_of_fact(&self, fact: Fact) -> Option<MarketEntry> {
        self.ingest.input_of_fact(fact)
    }
    fn inputs_of_message(&self, subject: &str, stamp: u64, payload: &[u8]) -> Vec<MarketEntry> {
        self.ingest.inputs_of_message(subject, stamp, payload)
    }
    fn is_clock(&self, input: &MarketEntry) -> bool {
        AnyMachine::is_clock(&self.ingest, input)
    }
    fn advances(&self, input: &MarketEntry) -> Option<TapeTime> {
        AnyMachine::advances(&self.ingest, input)
    }

    /// # Panics
    ///
    /// Always: only the owner of ingest decides.
    fn run(&mut self, cause: Cause, _: &MarketEntry) -> Decided {
        panic!("the follower of ingest decides on {}", cause.offset)
    }

    fn follow(&mut self, cause: Cause, input: &MarketEntry, recorded: &[Entry]) {
        let (source, session) = match &input.event {
            Ok(event) => (Some(event.source), Some(event.session)),
            Err(malformed) => (malformed.source, None),
        };
        let decided = DecidedInput { cause: cause.offset, source, session };
        for Entry { at, event, .. } in recorded {
            let is_late = is_late(event, *at, &self.limits);
            let is_numbered = |source: &SourceId| self.ingest.numberings().knows(source);
            self.counts.count(&decided, event, is_late, is_numbered);
        }
        self.ingest.follow(cause, input, recorded);
        // In a flood a rejection has no fact of its own. A later `RejectedMany` counts it once more, and is not
        // counted.
        if let Some(SummedRejection { rejected, gap, .. }) = self.ingest.last_summed() {
            let gap = gap.clone().map(Event::from);
            for fact in gap.into_iter().chain([rejected.clone().into()]) {
                let is_numbered = |source: &SourceId| self.ingest.numberings().knows(source);
                self.counts.count(&decided, &fact, false, is_numbered);
            }
        }
    }

    fn read_beside(&mut self, record: &TapeRecord) {
        for Entry { event, .. } in &record.entries {
            if let Event::LimitsSet(limits) = event {
                self.limits.apply(limits);
            }
        }
    }

    fn save(&self) -> Vec<u8> {
        state::encode(self)
    }
    fn restore(&self, saved: &[u8]) -> Result<Self, BadState> {
        state::decode(saved)
    }
}

#[cfg(test)]
mod tests {
    use tapedeck_kernel::freshness::LATE_MS;
    use tapedeck_kernel::testing::limit;
    use tapedeck_kernel::{Inbox, MachineInput as _, Reads};
    use tapedeck_schemas::event::{RejectReason, RejectedMany};
    use tapedeck_schemas::generation::Generation;
    use tapedeck_schemas::offset::Offset;
    use tapedeck_schemas::record::{Header, RecordHash};

    use super::*;

    const SECOND: u64 = 1_000_000_000;
    /// 2024-08-30, ns.
    const START: u64 = 1_725_000_000 * SECOND;

    /// The owner of ingest, and what follows it.
    #[derive(Default)]
    struct Both {
        owner: Ingest,
        followed: FollowedIngest,
        seq: u64,
        now: TapeTime,
        /// Minutes by which the stamps have advanced.
        minutes: u64,
    }

    impl Both {
        /// Decides on a message and follows the decisions.
        fn message(&mut self, kind: &str, payload: &str) {
            self.seq += 1;
            let stamp = (1 << 62) + self.minutes * 60 * SECOND;
            let inputs = MarketEntry::from_message(&format!("md.v.A.{kind}"), stamp, payload.as_bytes());
            for (index, input) in (0..).zip(inputs) {
                let cause = Cause { offset: Offset::new(self.seq, index), now: self.now };
                let Decided { events, at } = AnyMachine::run(&mut self.owner, cause, &input);
                self.now = at;
                let entry = |(index, event)| Entry { cause: cause.offset, index, at, event };
                let recorded: Vec<Entry> = (0..).zip(events).map(entry).collect();
                self.followed.follow(cause, &input, &recorded);
            }
        }

        fn quote(&mut self, seq: u64, seconds: u64) {
            let ts_recv = START + seconds * SECOND;
            self.message(
                "quote",
                &format!(
                    r#"{{"source":"s","session":"n","seq":{seq},"ts_recv":"{ts_recv}","bid":"1","bid_size":"1",
                        "ask":"2","ask_size":"1"}}"#
                ),
            );
        }

        /// Accepted and late events of the source, and of its session.
        fn counts(&self) -> [(u64, u64); 2] {
            let (_, source) = self.followed.counts().iter().next().unwrap();
            let (_, session) = source.sessions.values().next().unwrap();
            [&source.all, session].map(|counts| (counts.accepted, counts.late))
        }
    }

    #[test]
    fn the_limit_in_force_says_which_quote_is_late_and_the_machine_is_that_of_the_owner() {
        let mut both = Both::default();
        both.message(
            "definition",
            r#"{"source":"s","session":"n","seq":1,"ts_recv":"1725000000000000000","base":"A","quote":"B",
                "tick_size":"1","lot_size":"1"}"#,
        );
        both.quote(2, 100);
        both.quote(3, 95);
        assert_eq!(both.counts(), [(3, 0); 2], "the default is 10 s");
        both.quote(4, 89);
        assert_eq!(both.counts(), [(4, 1); 2]);
        let fact = limit(LATE_MS.name, "1000");
        let entry = Entry { cause: Offset::new(1, 0), index: 0, at: 0, event: fact.event };
        let header = Header { writer: fact.writer, epoch: 1, prev_hash: RecordHash::default(), inbox: None };
        let (hash, generation) = (RecordHash::default(), Generation::FIRST);
        both.followed.read_beside(&TapeRecord { seq: 9, generation, header, hash, entries: vec![entry] });
        both.quote(5, 95);
        assert_eq!(both.counts(), [(5, 2); 2]);
        // What it counts beside, the owner does not have.
        assert_eq!(AnyMachine::save(both.followed.ingest()), AnyMachine::save(&both.owner));
        let restored = both.followed.restore(&both.followed.save()).unwrap();
        assert_eq!((restored.counts(), restored.save()), (both.followed.counts(), both.followed.save()));
        assert_eq!(both.followed.info().reads, Reads::Inbox(Inbox::Market));
    }

    #[test]
    fn rejections_and_gaps_without_facts_of_their_own_are_counted_once() {
        let mut both = Both::default();
        let counted = |both: &Both| {
            let (_, source) = both.followed.counts().iter().next().unwrap();
            let (_, session) = source.sessions.values().next().unwrap();
            [&source.all, session].map(|one| (one.rejects[&RejectReason::UnknownInstrument].0, one.gaps))
        };
        for n in 1..=250 {
            both.quote(2 * n, 100);
            assert_eq!(counted(&both), [(n, n); 2]);
        }
        let unwritten = |of: fn(RejectedMany) -> u64| both.owner.unwritten().map(of).sum::<u64>();
        assert_eq!((unwritten(|sum| sum.count), unwritten(|sum| sum.gaps)), (150, 150));
        both.minutes += 1;
        both.quote(502, 100);
        assert_eq!(both.owner.unwritten().count(), 0, "the sum is written");
        assert_eq!(counted(&both), [(251, 251); 2]);
    }

    #[test]
    #[should_panic(expected = "the follower of ingest decides on 1.0")]
    fn it_cannot_decide() {
        let input = MarketEntry::from_message("md.v.A.quote", 1, b"{}").remove(0);
        FollowedIngest::new().run(Cause { offset: Offset::new(1, 0), now: 0 }, &input);
    }
}
