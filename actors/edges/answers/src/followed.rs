//! The machine of `ingest` as it is followed, with the counts of what it decided.

use serde::{Deserialize, Serialize};
use tapedeck_ingest::Ingest;
use tapedeck_kernel::state::{self, BadState};
use tapedeck_kernel::{AnyMachine, Cause, Decided, Fact, MachineInfo, MarketEntry, TapeRecord};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::param::Params;
use tapedeck_schemas::record::{Entry, Writer};

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
            let is_late = matches!(event, Event::Quote(_) | Event::Trade(_))
                && Fact { writer: Writer::Ingest, at: *at, event: event.clone() }.is_late(&self.limits);
            self.counts.count(&decided, event, is_late);
        }
        self.ingest.follow(cause, input, recorded);
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
