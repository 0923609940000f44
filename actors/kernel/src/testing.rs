//! A test helper that the tests of every machine use. Nothing here runs in production.

use tapedeck_schemas::event::{
    Aggressor, ClockAdvanced, Event, HaltLevel, LimitsSet, Quote, Scope, Trade, TradingHalted, TradingResumed,
};
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::number::Quantity;
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::{self, Elements, Entry, Header, Writer, encode_entry};

use crate::any::{AnyMachine, Decided};
use crate::machine::{Cause, Fact, Machine, MachineInput as _};

/// A millisecond, ns.
pub const MS: u64 = 1_000_000;

/// A fact at a tape time in milliseconds.
pub fn fact(writer: Writer, at_ms: u64, event: impl Into<Event>) -> Fact {
    Fact { writer, at: at_ms * MS, event: event.into() }
}

/// The same quote or trade, received `age_ms` before its tape time.
pub fn aged(mut fact: Fact, age_ms: u64) -> Fact {
    if let Event::Quote(Quote { ts_recv, .. }) | Event::Trade(Trade { ts_recv, .. }) = &mut fact.event {
        *ts_recv = fact.at - age_ms * MS;
    }
    fact
}

/// A trade of 1, received at its tape time.
///
/// # Panics
///
/// If the price is not a number.
pub fn trade(instrument: InstrumentId, at_ms: u64, price: &str) -> Fact {
    let trade = Trade {
        instrument,
        price: price.parse().expect("a number"),
        quantity: Quantity::whole(1),
        aggressor: Aggressor::Unknown,
        trade_id: None,
        ts_recv: at_ms * MS,
        ts_event: None,
    };
    fact(Writer::Ingest, at_ms, trade)
}

/// A `ClockAdvanced` to `at_ms`.
pub fn clock(at_ms: u64) -> Fact {
    fact(Writer::Ingest, at_ms, ClockAdvanced { time: at_ms * MS })
}

/// The stamp in the facts of control, far from the tape time of the tests.
pub const STAMP: u64 = 1_700_000_000_000_000_000;

/// A fact of control. Its `at` is the start of tape time: the driver of control had not read further.
pub fn control(event: impl Into<Event>) -> Fact {
    fact(Writer::Control, 0, event)
}

/// A halt by control.
pub fn halt(scope: Scope, level: HaltLevel) -> Fact {
    control(TradingHalted { scope, level, by: "ann".into(), reason: "storm".into(), stamp: STAMP })
}

/// A resume by control.
pub fn resume(scope: Scope) -> Fact {
    control(TradingResumed { scope, by: "ann".into(), reason: "calm".into(), stamp: STAMP })
}

/// One parameter, set for all instruments.
///
/// # Panics
///
/// If the value is not a number.
pub fn limit(name: &str, value: &str) -> Fact {
    let values = vec![(name.into(), value.parse().expect("a number"))];
    control(LimitsSet { scope: Scope::All, values, by: "ann".into(), reason: "t".into(), stamp: STAMP })
}

/// A machine and tape time, for a test that hands inputs to the machine.
#[derive(Debug, Clone, Default)]
pub struct Stepper<M> {
    /// The machine.
    pub machine: M,
    /// Tape time, ns.
    pub now: TapeTime,
}

impl<M: Machine> Stepper<M> {
    /// A stepper at tape time 0.
    pub fn new(machine: M) -> Self {
        Self { machine, now: 0 }
    }

    /// Hands an input to the machine; returns its decisions.
    pub fn step(&mut self, offset: Offset, input: &M::Input) -> Decided {
        let cause = self.cause(offset, input);
        let decided = AnyMachine::run(&mut self.machine, cause, input);
        self.advance(if decided.events.is_empty() { 0 } else { decided.at });
        decided
    }

    /// Hands an input to the machine with the decisions that are recorded on it.
    pub fn follow(&mut self, offset: Offset, input: &M::Input, recorded: &[Entry]) {
        let cause = self.cause(offset, input);
        AnyMachine::follow(&mut self.machine, cause, input, recorded);
        self.advance(recorded.last().map_or(0, |entry| entry.at));
    }

    fn cause(&mut self, offset: Offset, input: &M::Input) -> Cause {
        self.now = self.now.max(input.advances().unwrap_or_default());
        Cause { offset, now: self.now }
    }

    fn advance(&mut self, at: TapeTime) {
        if M::WRITER == Writer::Ingest {
            self.now = self.now.max(at);
        }
    }
}

fn entries(cause: Offset, Decided { events, at }: Decided) -> Vec<Entry> {
    (0..).zip(events).map(|(index, event)| Entry { cause, index, at, event }).collect()
}

/// Steps a machine through the inputs, and compares the digests of its recorded decisions and of its state at the end.
///
/// # Panics
///
/// If one of them is another one: the decisions or the encoding of the state changed.
pub fn assert_decisions<M: Machine>(machine: M, inputs: &[M::Input], decisions: &str, state: &str) {
    let mut stepper = Stepper::new(machine);
    let mut bytes = Vec::new();
    for (seq, input) in (1..).zip(inputs) {
        let cause = Offset::new(seq, 0);
        entries(cause, stepper.step(cause, input)).iter().for_each(|entry| encode_entry(entry, &mut bytes));
    }
    let digest = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
    assert_eq!(
        [digest(&bytes), digest(&Machine::save(&stepper.machine))],
        [decisions, state],
        "decide() changed meaning (bump LOGIC), or save() its encoding (bump STATE): then change the digest"
    );
}

/// Runs one machine over the inputs. A second one follows it as recovery does: it observes each input and applies the
/// decisions of the first. A third one runs too, but is replaced after each input by one that is restored from its
/// saved state. Calls `check` with each input and the decisions on it.
///
/// # Panics
///
/// If they differ in a decision, in the saved state or in tape time after an input.
pub fn run_and_follow<M: Machine>(
    new: impl Fn() -> M,
    inputs: &[M::Input],
    mut check: impl FnMut(&M::Input, &[Event]),
) {
    let [mut decider, mut follower, mut restored] = [(); 3].map(|()| Stepper::new(new()));
    for (seq, input) in (1..).zip(inputs) {
        let at = Offset::new(seq, 0);
        let decided = decider.step(at, input);
        check(input, &decided.events);
        assert_eq!(restored.step(at, input), decided);
        follower.follow(at, input, &entries(at, decided));
        let saved = Machine::save(&decider.machine);
        assert_eq!(decider.now, follower.now);
        assert_eq!(Machine::save(&follower.machine), saved);
        restored.machine = Machine::restore(&new(), &saved).expect("a saved state");
        assert_eq!(Machine::save(&restored.machine), saved);
    }
}

/// Records with this header that a later build could write, each with the part that this build does not know.
pub fn records_of_a_newer_build(header: &Header) -> Vec<(&'static str, Vec<u8>)> {
    let elements = |elements: &[&[u8]]| Elements { count: elements.len(), bytes: elements.concat() };
    let record = |shared: &[&[u8]], events: &[&[u8]]| record::assemble(header, &elements(shared), &elements(events));
    let with = |event: &[u8]| record(&[], &[event]);
    let head = |kind: u16, version: u16| {
        let [high, low] = ((version - 1) << 10 | kind << 2).to_be_bytes();
        [0xcd, high, low]
    };
    let clock = [0x93, 23 << 2, 0, 5]; // [head, at, time]
    let first_bytes = |bytes: [u8; 2], after: &[u8]| {
        let mut record = [with(&clock), after.to_vec()].concat();
        record[..2].copy_from_slice(&bytes);
        record
    };
    let of_epoch = |epoch| {
        let clock = Elements { count: 1, bytes: clock.into() };
        record::assemble(&Header { epoch, ..*header }, &Elements::default(), &clock)
    };
    let mut many_events = with(&clock);
    many_events.truncate(many_events.len() - clock.len() - 1);
    many_events.extend([0xdc, 0x10, 0x01]); // an array of 4,097
    (0..=record::RECORD_EVENTS_MAX).for_each(|_| many_events.extend(clock));
    let (sim_x, id): (&[u8], Vec<u8>) = (b"\xa5sim.X", [&[0xc4, 16][..], &[7; 16]].concat());
    let cancel = |reason: u8| [&[0x95][..], &head(101, 1), &[0, 0, 1, reason]].concat();
    assert!(record::decode(&record(&[&id, sim_x], &[&cancel(1)])).is_ok(), "one value is new, not more");
    vec![
        ("format", first_bytes([0x97, 99], &[])),
        ("part", first_bytes([0x98, record::FORMAT], &[0xc0])),
        ("kind", with(&[&[0x93][..], &head(99, 1), &[0, 5]].concat())),
        ("version", with(&[&[0x93][..], &head(23, 2), &[0, 5]].concat())),
        ("field", with(&[&[0x94], &clock[1..], &[6]].concat())),
        ("value of an enum", record(&[&id, sim_x], &[&cancel(99)])),
        ("type of a field", with(&[&clock[..3], &[0xc2]].concat())),
        ("text without a number", with(&[0x93, 23 << 2, 0, 0xa1, b'5'])),
        ("text that no event has", record(&[sim_x], &[&clock])),
        ("form that is not the shortest", with(&[0x93, 23 << 2, 0, 0xcc, 5])),
        ("no events", record(&[], &[])),
        ("no epoch", of_epoch(0)),
        ("epoch that does not follow", of_epoch(u64::MAX)),
        ("bytes after the end", [with(&clock), vec![0xc1]].concat()),
        ("more bytes", [with(&clock), vec![0; record::RECORD_BYTES_MAX]].concat()),
        ("more events", many_events),
    ]
}

/// Messages that begin nearly as a record with this outer header, and are invalid: the header has one encoding.
///
/// # Panics
///
/// If format, writer and epoch are not below 128.
pub fn malformed_outer_headers(header: &Header) -> Vec<(&'static str, Vec<u8>)> {
    let clock = Elements { count: 1, bytes: vec![0x93, 23 << 2, 0, 5] };
    let valid = record::assemble(header, &Elements::default(), &clock);
    assert_eq!(valid[4..6], [0xc4, 32], "head, three numbers of a byte each, and the hash");
    let with = |at: usize, bytes: &[u8]| [&valid[..at], bytes, &valid[at + 1..]].concat();
    let hash_as = |head: &[u8]| [&valid[..4], head, &valid[6..]].concat();
    vec![
        ("head of 16 bits", with(0, &[0xdc, 0, 7])),
        ("map", with(0, &[0x87])),
        ("three elements", with(0, &[0x93])),
        ("format as u8", with(1, &[0xcc, valid[1]])),
        ("format as text", with(1, b"\xa11")),
        ("format below zero", with(1, &[0xff])),
        ("format as float", with(1, &[0xca, 0x3f, 0x80, 0, 0])),
        ("format as nil", with(1, &[0xc0])),
        ("format as boolean", with(1, &[0xc3])),
        ("writer as u16", with(2, &[0xcd, 0, valid[2]])),
        ("writer as float", with(2, &[0xca, 0x40, 0xa0, 0, 0])),
        ("epoch as u64", with(3, &[0xcf, 0, 0, 0, 0, 0, 0, 0, valid[3]])),
        ("epoch as text", with(3, b"\xa11")),
        ("epoch as map", with(3, &[0x80])),
        ("hash of 16-bit length", hash_as(&[0xc5, 0, 32])),
        ("hash as text", hash_as(&[0xd9, 32])),
        ("hash as array", hash_as(&[0xdc, 0, 32])),
        ("hash of 31 bytes", [&valid[..5], &[31], &valid[6..]].concat()),
        ("cut off", valid[..20].to_vec()),
    ]
}
