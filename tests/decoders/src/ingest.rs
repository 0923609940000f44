//! The whole way in: any bytes on any subject through ingest. Each entry has its answers, and the answers alone,
//! played again, give the same state and the same decisions.

use tapedeck_ingest::Ingest;
use tapedeck_ingest::checks::CLOCK_AHEAD_NS_MAX;
use tapedeck_kernel::{Machine, MachineInput, MarketEntry, step};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::market::{MESSAGE_EVENTS_MAX, MarketBody};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

use crate::facts;

/// Subjects, as the first byte of a message picks them; the one behind the last is the message's own first line.
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

/// What the broker stamps the first message with, ns; a second more for each that follows.
pub const STAMP: u64 = 1_723_161_254_000_000_000;
const SECOND: u64 = 1_000_000_000;

/// Defines the instrument that the inputs are info, so that they come far.
const DEFINITION: &str = concat!(
    r#"{"source":"def","session":"s","seq":1,"ts_recv":1723161254000000000,"base":"ACME","quote":"USD","#,
    r#""tick_size":"0.01","lot_size":"1","bars":"100ms,1s-quote,2t,3t-quote,5v"}"#
);

/// Most facts on one entry: a gap, a tick, the fact, what a definition asks for, and the bars before and behind it.
const FACTS_MAX: usize = 4 + 2 * tapedeck_schemas::bar::BARS_MAX;
/// Most messages of an input.
const MESSAGES_MAX: usize = 64;

/// The input is messages: a byte that picks the subject, two with the length (little-endian), and the payload.
pub fn check(input: &[u8]) {
    let mut ran = Ran::default();
    ran.message(SUBJECTS[3], DEFINITION.as_bytes());
    let mut rest = input;
    while let [subject, low, high, more @ ..] = rest {
        let (payload, behind) = more.split_at(more.len().min(usize::from(u16::from_le_bytes([*low, *high]))));
        let own = String::from_utf8_lossy(payload.split(|byte| *byte == b'\n').next().unwrap_or_default());
        let subject = SUBJECTS.get(usize::from(*subject) % (SUBJECTS.len() + 1)).copied().unwrap_or(&own);
        ran.message(subject, payload);
        rest = behind;
        if ran.messages == MESSAGES_MAX as u64 {
            break;
        }
    }
    ran.is_the_same_again();
}

/// A message as `check` takes it.
pub fn framed(subject: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a short message").to_le_bytes();
    [&[subject, length[0], length[1]], payload].concat()
}

#[derive(Default)]
struct Ran {
    ingest: Ingest,
    /// Told the answers, and never asked.
    follower: Ingest,
    messages: u64,
    seen: Vec<(Offset, MarketEntry, Vec<Event>)>,
}

impl Ran {
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
        let events = step(&mut self.ingest, at, &entry);
        let answers = events.iter().filter(|event| is_answer(event)).count();
        let refused = events.iter().filter(|event| matches!(event, Event::Rejected(_))).count();
        match &entry.event {
            Err(_) => assert_eq!((refused, events.len()), (1, 1), "{events:?} for {entry:?}"),
            Ok(event) if event.body == MarketBody::Heartbeat => assert_eq!(answers, refused, "{events:?}"),
            Ok(_) => assert_eq!(answers, 1, "{events:?} for {entry:?}"),
        }
        assert!(events.len() <= FACTS_MAX, "{} facts", events.len());
        facts::stand_on_the_tape(Writer::Ingest, at, self.ingest.time(&entry), &events);
        for event in &events {
            if let Event::Rejected(fact) = event {
                facts::is_plain(&fact.detail, &fact.subject);
            }
        }
        let before = self.follower.time(&entry);
        self.follower.observe(at, &entry);
        events.iter().for_each(|event| self.follower.apply(at, event));
        let after = self.follower.time(&entry);
        assert!(after >= before && after <= (entry.stamp + CLOCK_AHEAD_NS_MAX).max(before), "{before} to {after}");
        assert!(refused == 0 || after == before, "what was refused moved tape time from {before} to {after}");
        self.seen.push((at, entry, events));
    }

    fn is_the_same_again(&self) {
        assert_eq!(format!("{:?}", self.ingest), format!("{:?}", self.follower), "the answers do not tell the state");
        let mut again = Ingest::new();
        for (at, entry, events) in &self.seen {
            assert_eq!(step(&mut again, *at, entry), *events, "decided otherwise the second time");
        }
    }
}

/// Whether it is the one answer of an entry.
fn is_answer(event: &Event) -> bool {
    match event {
        Event::InstrumentDefined(_) | Event::Quote(_) | Event::Trade(_) | Event::Rejected(_) => true,
        Event::Bar(bar) => bar.source.is_some(),
        _ => false,
    }
}
