//! Arbitrary bytes on arbitrary subjects through ingest: each entry is answered or counted, and a follower that only
//! applies the facts has an equal state and decides the same.

use tapedeck_ingest::Ingest;
use tapedeck_ingest::checks::CLOCK_AHEAD_NS_MAX;
use tapedeck_ingest::floods::UNNUMBERED_SOURCES_MAX;
use tapedeck_ingest::sessions::SOURCES_MAX;
use tapedeck_kernel::testing::Stepper;
use tapedeck_kernel::{Decided, Machine, MachineInput, MarketEntry};
use tapedeck_schemas::event::{Event, RejectReason};
use tapedeck_schemas::market::MESSAGE_EVENTS_MAX;
use tapedeck_schemas::market::accepted_at;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, Writer};

use crate::facts;

/// Subjects, selected by the first byte of a message; one more index selects the first line of the payload.
pub const SUBJECTS: [&str; 8] = [
    "md.demo.ACME.quote",
    "md.demo.ACME.trade",
    "md.demo.ACME.bar",
    "md.demo.ACME.definition",
    "md.demo.ACME.heartbeat",
    "md.demo.ACME.batch",
    "md.demo.OTHER.batch",
    "md.demo.ACME.book",
];

/// Stamp of the first message, ns; each further message has one second more.
pub const STAMP: u64 = 1_723_161_254_000_000_000;
const SECOND: u64 = 1_000_000_000;

/// Defines the instrument of the inputs, so that their events can be accepted.
const DEFINITION: &str = concat!(
    r#"{"source":"def","session":"s","seq":1,"ts_recv":1723161254000000000,"base":"ACME","quote":"USD","#,
    r#""tick_size":"0.01","lot_size":"1","bars":"100ms,1s-quote,2t,3t-quote,5v"}"#
);

/// Most facts on one entry: a gap, a clock advance, the answer, the bars' definition, and bars before and after it; and
/// the sums of rejections that are due.
const FACTS_MAX: usize = 4 + 2 * tapedeck_schemas::bar::BARS_MAX + SUMS_MAX;
/// Most sums of rejections: a source that is not known has no more than some names, and each reason a sum.
const SUMS_MAX: usize = (SOURCES_MAX + UNNUMBERED_SOURCES_MAX + 1) * RejectReason::ALL.len();
/// Most messages per input.
const MESSAGES_MAX: usize = 64;

/// The input is a sequence of messages: a byte that selects the subject, two bytes with the length (little-endian), and
/// the payload.
pub fn check(input: &[u8]) {
    let mut run = IngestRun {
        ingest: Stepper::new(Ingest::new()),
        follower: Stepper::new(Ingest::new()),
        messages: 0,
        accepted: 0,
        rejected: 0,
        decided: Vec::new(),
    };
    run.message(SUBJECTS[3], DEFINITION.as_bytes());
    let mut rest = input;
    while let [subject, low, high, more @ ..] = rest {
        let (payload, next) = more.split_at(more.len().min(usize::from(u16::from_le_bytes([*low, *high]))));
        let first_line = String::from_utf8_lossy(payload.split(|byte| *byte == b'\n').next().unwrap_or_default());
        let subject = SUBJECTS.get(usize::from(*subject) % (SUBJECTS.len() + 1)).copied().unwrap_or(&first_line);
        run.message(subject, payload);
        rest = next;
        if run.messages == MESSAGES_MAX as u64 {
            break;
        }
    }
    run.assert_repeatable();
}

/// One message in the format of [`check`].
pub fn framed(subject: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a short message").to_le_bytes();
    [&[subject, length[0], length[1]], payload].concat()
}

struct IngestRun {
    ingest: Stepper<Ingest>,
    /// Observes the entries and applies the facts, but decides nothing.
    follower: Stepper<Ingest>,
    messages: u64,
    /// Events that are accepted.
    accepted: u64,
    /// Events that are rejected by a fact or a sum.
    rejected: u64,
    /// Each entry with its offset and the facts on it.
    decided: Vec<(Offset, MarketEntry, Decided)>,
}

impl IngestRun {
    fn message(&mut self, subject: &str, payload: &[u8]) {
        self.messages += 1;
        let stamp = STAMP + self.messages * SECOND;
        let entries = MarketEntry::from_message(subject, stamp, payload);
        assert!((1..=MESSAGE_EVENTS_MAX).contains(&entries.len()), "{} entries", entries.len());
        for (index, entry) in (0..).zip(entries) {
            self.entry(Offset::new(self.messages, index), entry);
        }
    }

    fn entry(&mut self, at: Offset, entry: MarketEntry) {
        let before = self.ingest.now;
        let decided = self.ingest.step(at, &entry);
        let events = &decided.events;
        let rejected = events.iter().filter(|event| matches!(event, Event::Rejected(_))).count();
        let answers = events.iter().filter(|event| accepted_at(event).is_some()).count() + rejected;
        let sum = |event: &Event| if let Event::RejectedMany(fact) = event { fact.count } else { 0 };
        let sums = events.iter().filter(|event| sum(event) > 0).count();
        match &entry.event {
            Err(_) => assert!(rejected <= 1 && events.len() == rejected + sums, "{events:?} for {entry:?}"),
            Ok(_) => assert!(answers <= 1, "{events:?} for {entry:?}"),
        }
        self.rejected += events.iter().map(sum).sum::<u64>() + rejected as u64;
        assert!(events.len() <= FACTS_MAX, "{} facts", events.len());
        facts::assert_record_round_trip(Writer::Ingest, at, decided.at, events);
        for event in events {
            if let Event::Rejected(fact) = event {
                facts::assert_plain_text(&fact.detail.words(), &fact.subject);
            }
        }
        let entry_of = |(index, event): (u32, &Event)| Entry { cause: at, index, at: decided.at, event: event.clone() };
        let recorded: Vec<Entry> = (0..).zip(events).map(entry_of).collect();
        self.follower.follow(at, &entry, &recorded);
        let after = self.ingest.now;
        assert_eq!(after, self.follower.now);
        assert!(after >= before && after <= (entry.stamp + CLOCK_AHEAD_NS_MAX).max(before), "{before} to {after}");
        assert!(rejected == 0 || after == before, "a rejected event moved tape time from {before} to {after}");
        self.decided.push((at, entry, decided));
        let is_accepted = |decided: &Decided| decided.events.iter().any(|event| accepted_at(event).is_some());
        self.accepted += u64::from(self.decided.last().is_some_and(|(.., decided)| is_accepted(decided)));
        let unwritten = self.ingest.machine.unwritten().map(|sum| sum.count).sum::<u64>();
        assert_eq!(self.accepted + self.rejected + unwritten, self.decided.len() as u64, "an event is lost");
    }

    fn assert_repeatable(&self) {
        let saved = self.ingest.machine.save();
        assert_eq!(saved, self.follower.machine.save(), "the follower's state differs");
        assert_eq!(Ingest::new().restore(&saved).expect("a saved state").save(), saved);
        let mut again = Stepper::new(Ingest::new());
        for (at, entry, decided) in &self.decided {
            assert_eq!(again.step(*at, entry), *decided, "a second run decides differently");
        }
    }
}
