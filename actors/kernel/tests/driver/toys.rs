//! Two small machines whose decisions depend on every earlier input and decision, in order: an input that is lost,
//! repeated or moved changes each decision after it.

use serde::{Deserialize, Serialize};
use tapedeck_kernel::machine::{Cause, Fact, Inbox, Machine, MachineInput, Out, Reads};
use tapedeck_kernel::state::{self, BadState};
use tapedeck_schemas::event::{Aggressor, ClockAdvanced, Event, SignalRaised, Trade};
use tapedeck_schemas::number::{Price, Quantity, Ratio};
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::{self, Entry, Writer};

use crate::tape::Tape;

/// The value that stands for `ClockAdvanced`; other values are prices.
pub(crate) const CLOCK: u8 = 0;

/// The state of both machines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fold {
    pub(crate) inputs: u64,
    pub(crate) decisions: u64,
    digest: u64,
}

impl Fold {
    fn mix(&mut self, value: u64) {
        self.digest = (self.digest ^ value).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
    }
    fn observe(&mut self, at: Offset, value: u8) {
        self.inputs += 1;
        self.mix(at.seq << 20 | u64::from(at.index) << 8 | u64::from(value));
    }
    /// Decides one event on an odd price, two if it ends in 5, a short one if it ends in 7; nothing on other values.
    fn decide(&self, value: u8, out: &mut Out) {
        if value % 10 == 7 {
            return out.push(ClockAdvanced { time: self.digest });
        }
        let answers = if value % 10 == 5 { 2 } else { u64::from(value % 2) };
        for nth in 0..answers {
            out.push(SignalRaised {
                account: "sim-p0".parse().unwrap(),
                strategy: "echo".parse().unwrap(),
                instrument: "binance.BTCUSDT".parse().unwrap(),
                target: Ratio::saturating_from_units(i128::from(self.inputs)),
                confidence: Ratio::saturating_from_units(i128::from(self.digest ^ nth)),
                reasons: vec![(
                    "n".parse().unwrap(),
                    Ratio::saturating_from_units(i128::from(self.decisions + nth)),
                    Ratio::ZERO,
                )],
            });
        }
    }
    fn apply(&mut self, cause: Offset, own: &Event) {
        self.decisions += 1;
        self.mix(cause.seq);
        self.mix(match own {
            Event::SignalRaised(signal) => signal.confidence.units() as u64,
            Event::ClockAdvanced(clock) => !clock.time,
            other => panic!("it never decides {other:?}"),
        });
    }
}

pub(crate) trait Toy: Machine + Default {
    fn fold(&self) -> &Fold;
    /// Writes one message of these values to where the machine reads; returns its inputs.
    fn write(tape: &mut Tape, inbox: &mut Vec<Vec<u8>>, values: &[u8]) -> Vec<(Offset, Self::Input)>;
}

/// Reads ingest's facts from the tape; `L` is its logic.
#[derive(Debug, Clone, Default)]
pub(crate) struct Echo<const L: u32 = 1>(pub(crate) Fold);

impl<const L: u32> Toy for Echo<L> {
    fn fold(&self) -> &Fold {
        &self.0
    }
    fn write(tape: &mut Tape, _inbox: &mut Vec<Vec<u8>>, values: &[u8]) -> Vec<(Offset, Fact)> {
        let seq = tape.write_values(values);
        let (_, entries) = record::decode(&tape.at(seq).payload).unwrap();
        let facts = entries.into_iter().map(|Entry { at, event, .. }| Fact { writer: Writer::Ingest, at, event });
        (0..).zip(facts).map(|(index, fact)| (Offset::new(seq, index), fact)).collect()
    }
}

impl<const L: u32> Machine for Echo<L> {
    type Input = Fact;
    const WRITER: Writer = Writer::Signal;
    type Observed = ();
    const LOGIC: u32 = L;
    const STATE: u32 = 1;
    fn reads() -> Reads {
        Reads::Tape(&[Writer::Ingest])
    }
    fn observe(&mut self, cause: Cause, input: &Fact) {
        assert_eq!(input.writer, Writer::Ingest, "a fact of a writer that it does not read");
        self.0.observe(cause.offset, value_of(&input.event));
    }
    fn decide(&self, _cause: Cause, input: &Fact, _observed: &(), out: &mut Out) {
        self.0.decide(value_of(&input.event), out);
    }
    fn apply(&mut self, cause: Cause, _observed: &(), own: &Event) {
        self.0.apply(cause.offset, own);
    }
    fn save(&self) -> Vec<u8> {
        state::encode(&self.0)
    }
    fn restore(&self, saved: &[u8]) -> Result<Self, BadState> {
        state::decode(saved).map(Self)
    }
}

/// Reads an inbox; a message holds one entry for each byte.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(pub(crate) Fold);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Byte {
    value: u8,
    stamp: u64,
}

impl MachineInput for Byte {
    fn is_clock(&self) -> bool {
        self.value == CLOCK
    }
    fn from_message(_subject: &str, stamp: u64, payload: &[u8]) -> Vec<Self> {
        payload.iter().map(|&value| Byte { value, stamp }).collect()
    }
}

impl Toy for Gate {
    fn fold(&self) -> &Fold {
        &self.0
    }
    fn write(_tape: &mut Tape, inbox: &mut Vec<Vec<u8>>, values: &[u8]) -> Vec<(Offset, Byte)> {
        inbox.push(values.to_vec());
        let seq = inbox.len() as u64;
        let entries = Byte::from_message("", 10 * seq, values);
        (0..).zip(entries).map(|(index, entry)| (Offset::new(seq, index), entry)).collect()
    }
}

impl Machine for Gate {
    type Input = Byte;
    const WRITER: Writer = Writer::Ingest;
    type Observed = ();
    const LOGIC: u32 = 1;
    const STATE: u32 = 1;
    fn reads() -> Reads {
        Reads::Inbox(Inbox::Market)
    }
    fn observe(&mut self, cause: Cause, input: &Byte) {
        self.0.observe(cause.offset, input.value);
    }
    fn decide(&self, _cause: Cause, input: &Byte, _observed: &(), out: &mut Out) {
        out.advance(input.stamp);
        self.0.decide(input.value, out);
    }
    fn apply(&mut self, cause: Cause, _observed: &(), own: &Event) {
        self.0.apply(cause.offset, own);
    }
    fn save(&self) -> Vec<u8> {
        state::encode(&self.0)
    }
    fn restore(&self, saved: &[u8]) -> Result<Self, BadState> {
        state::decode(saved).map(Self)
    }
}

/// The fact of ingest that stands for a value.
pub(crate) fn fact_of(value: u8, time: TapeTime) -> Event {
    if value == CLOCK {
        return ClockAdvanced { time }.into();
    }
    Trade {
        instrument: "binance.BTCUSDT".parse().unwrap(),
        price: Price::whole(value.into()),
        quantity: Quantity::whole(1),
        aggressor: Aggressor::Buyer,
        trade_id: None,
        ts_recv: time,
        ts_event: None,
    }
    .into()
}

fn value_of(event: &Event) -> u8 {
    match event {
        Event::Trade(trade) => u8::try_from(trade.price.units() / Price::ONE).unwrap(),
        Event::ClockAdvanced(_) => CLOCK,
        other => panic!("no test writes {other:?}"),
    }
}
