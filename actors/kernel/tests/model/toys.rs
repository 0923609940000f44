//! Two test machines whose decisions depend on all inputs and own decisions before, in order: an input that is lost,
//! repeated or moved changes every decision after it.

use tapedeck_kernel::machine::{Fact, Inbox, Machine, MachineInput, Out, Reads};
use tapedeck_schemas::event::{Aggressor, ClockAdvanced, Event, SignalRaised, Trade};
use tapedeck_schemas::number::{Price, Quantity, Ratio};
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::Writer;

/// The value that only advances the clock; other values are prices.
pub(crate) const TICK: u8 = 0;

/// The state of both machines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fold {
    pub(crate) inputs: u64,
    pub(crate) decisions: u64,
    digest: u64,
    now: TapeTime,
}

impl Fold {
    fn mix(&mut self, value: u64) {
        self.digest = (self.digest ^ value).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
    }
    fn observe(&mut self, at: Offset, value: u8, time: TapeTime) {
        self.inputs += 1;
        self.now = self.now.max(time);
        self.mix(at.seq << 20 | u64::from(at.index) << 8 | u64::from(value));
    }
    /// Odd prices are answered: those that end in 5 by two events, those in 7 by a short one. Even prices and clock
    /// inputs are not answered.
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
            Event::ClockAdvanced(tick) => !tick.time,
            other => panic!("handed {other:?}, which it never decides"),
        });
    }
}

/// A machine under test.
pub(crate) trait Toy: Machine {
    fn fresh() -> Self;
    fn fold(&self) -> &Fold;
}

/// Reads the facts of ingest from the tape; `L` is its logic.
#[derive(Debug, Clone, Default)]
pub(crate) struct Echo<const L: u32 = 1>(pub(crate) Fold);

impl<const L: u32> Toy for Echo<L> {
    fn fresh() -> Self {
        Self::default()
    }
    fn fold(&self) -> &Fold {
        &self.0
    }
}

impl<const L: u32> Machine for Echo<L> {
    type Input = Fact;
    const WRITER: Writer = Writer::Signal;
    const LOGIC: u32 = L;
    fn reads() -> Reads {
        Reads::Tape(&[Writer::Ingest])
    }
    fn observe(&mut self, at: Offset, input: &Fact) {
        assert_eq!(input.writer, Writer::Ingest, "handed a fact of a writer that it does not read");
        self.0.observe(at, value_of(&input.event), input.at);
    }
    fn decide(&self, _at: Offset, input: &Fact, out: &mut Out) {
        self.0.decide(value_of(&input.event), out);
    }
    fn apply(&mut self, cause: Offset, own: &Event) {
        self.0.apply(cause, own);
    }
    fn time(&self, _input: &Fact) -> TapeTime {
        self.0.now
    }
}

/// Reads an inbox whose messages hold one entry for each byte.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(pub(crate) Fold);

/// An entry of the inbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Byte {
    value: u8,
    stamp: u64,
}

impl MachineInput for Byte {
    fn is_clock(&self) -> bool {
        self.value == TICK
    }
    fn from_message(_subject: &str, stamp: u64, payload: &[u8]) -> Vec<Self> {
        payload.iter().map(|&value| Byte { value, stamp }).collect()
    }
}

impl Toy for Gate {
    fn fresh() -> Self {
        Self::default()
    }
    fn fold(&self) -> &Fold {
        &self.0
    }
}

impl Machine for Gate {
    type Input = Byte;
    const WRITER: Writer = Writer::Ingest;
    const LOGIC: u32 = 1;
    fn reads() -> Reads {
        Reads::Inbox(Inbox::Market)
    }
    fn observe(&mut self, at: Offset, input: &Byte) {
        self.0.observe(at, input.value, input.stamp);
    }
    fn decide(&self, _at: Offset, input: &Byte, out: &mut Out) {
        self.0.decide(input.value, out);
    }
    fn apply(&mut self, cause: Offset, own: &Event) {
        self.0.apply(cause, own);
    }
    fn time(&self, _input: &Byte) -> TapeTime {
        self.0.now
    }
}

/// The fact of ingest with this value.
pub(crate) fn fact_of(value: u8, time: TapeTime) -> Event {
    if value == TICK {
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
        Event::ClockAdvanced(_) => TICK,
        other => panic!("handed {other:?}, which no test writes as a valid fact"),
    }
}
