//! The state and the three functions of ingest; the rules themselves live in [`crate::checks`].
//!
//! How the state follows the tape. `observe` records the number of the input, and keeps the number before it in
//! [`Before`]. `decide` checks against the state before the input. `apply` does all else from the recorded fact alone:
//! an accepting fact moves tape time, and sets terms, bars and natural keys; a `Rejected` sets nothing. A tape written
//! by an older `LOGIC` is therefore followed by its facts, without deciding again.

use tapedeck_kernel::{Inbox, Machine, MarketEntry, Out, Reads};
use tapedeck_schemas::bar::BarInput;
use tapedeck_schemas::event::{ClockAdvanced, Event, Gap, RejectDetail, RejectReason, Rejected};
use tapedeck_schemas::ids::{InstrumentId, SourceId};
use tapedeck_schemas::market::facts::{accepted, accepted_at};
use tapedeck_schemas::number::Quantity;
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::text::{SUBJECT_BYTES_MAX, bounded};

use crate::bars::{Bars, Sample};
use crate::checks::{self, Candidate, Rejection};
use crate::instruments::Instruments;
use crate::numbering::Numberings;
use crate::sources::Sources;

/// Tape time between two boundaries at which `ClockAdvanced` is decided, ns.
pub const CLOCK_INTERVAL_NS: u64 = 100_000_000;

/// The ingest machine of one partition.
#[derive(Debug, Clone, Default)]
pub struct Ingest {
    /// Greatest accepted `ts_recv`, ns; 0 before any.
    time: TapeTime,
    numberings: Numberings,
    instruments: Instruments,
    bars: Bars,
    sources: Sources,
    before: Before,
}

/// The number before the input just observed, and the source of that input; replaced by the next input.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    /// Greatest number recorded before the input in its numbering; 0 for none.
    seq: u64,
    /// Source of the input, which most accepting facts do not carry.
    source: Option<SourceId>,
}

impl Ingest {
    /// A machine without instruments and sources, at tape time 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts of accepted and rejected events and of gaps, by source.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The greatest number of each numbering.
    pub fn numberings(&self) -> &Numberings {
        &self.numberings
    }

    /// Decides on the input just observed, against the state before it.
    fn check(&self, entry: &MarketEntry, out: &mut Out) -> Result<(), Rejection> {
        let (instrument, event) = checks::readable(entry)?;
        let expected = self.before.seq.saturating_add(1);
        if event.seq > expected {
            let (source, session) = (event.source, event.session);
            out.push(Gap { source, session, instrument, expected, got: event.seq });
        }
        let candidate = Candidate {
            event,
            stamp: entry.stamp,
            last_seq: self.before.seq,
            terms: self.instruments.get(&instrument),
            instruments: self.instruments.len(),
        };
        checks::CHECKS.iter().try_for_each(|check| check(&candidate))?;
        let fact = accepted(instrument, event.source, event.unnumbered());
        let sample = sample(&fact).map(|(_, sample)| sample);
        if let Some(sample) = sample
            && let Some(bar) = self.bars.overflowed_by(&instrument, &sample)
        {
            let limit = Quantity::saturating_from_units(Quantity::MAX_UNITS);
            let detail = RejectDetail::VolumeOverLimit { quantity: sample.volume, bar, limit };
            return Err(Rejection { reason: RejectReason::OutOfRange, detail });
        }
        if let Some(time) = boundary_crossed(self.time, self.time.max(event.ts_recv)) {
            out.push(ClockAdvanced { time });
        }
        for bar in self.bars.closed_by(instrument, event.ts_recv) {
            out.push(bar);
        }
        out.push(fact);
        for bar in sample.into_iter().flat_map(|sample| self.bars.filled_by(instrument, sample)) {
            out.push(bar);
        }
        Ok(())
    }
}

impl Machine for Ingest {
    type Input = MarketEntry;
    const WRITER: Writer = Writer::Ingest;
    const LOGIC: u32 = 4;

    fn reads() -> Reads {
        Reads::Inbox(Inbox::Market)
    }

    fn observe(&mut self, at: Offset, entry: &MarketEntry) {
        self.before = Before::default();
        if let Ok((instrument, event)) = checks::readable(entry) {
            let key = (event.source, event.session, instrument);
            self.before.seq = self.numberings.record(key, event.seq, at, entry.stamp);
            self.before.source = Some(event.source);
        }
    }

    fn decide(&self, _at: Offset, entry: &MarketEntry, out: &mut Out) {
        if let Err(rejection) = self.check(entry, out) {
            out.push(rejected(entry, rejection));
        }
    }

    fn apply(&mut self, _cause: Offset, own: &Event) {
        self.sources.apply(self.before.source, own);
        match own {
            Event::InstrumentDefined(fact) => {
                self.instruments.define(fact);
                self.bars.define(fact.instrument, &fact.bars);
            }
            Event::Quote(fact) => self.instruments.accept_update(&fact.instrument, fact.update_id),
            Event::Trade(fact) => self.instruments.accept_trade(&fact.instrument, fact.trade_id),
            Event::Bar(fact) if fact.source.is_none() => self.bars.close(fact),
            _ => {} // the input has moved the number that Gap reports, the accepting fact moves the time
        }
        if let Some(ts_recv) = accepted_at(own) {
            self.time = self.time.max(ts_recv);
        }
        if let Some((instrument, sample)) = sample(own) {
            self.bars.apply(&instrument, sample);
        }
    }

    fn time(&self, _entry: &MarketEntry) -> TapeTime {
        self.time
    }
}

/// The latest boundary in (from, to], if there is one. None for the first accepted event (`from` 0), which only sets
/// the time.
fn boundary_crossed(from: TapeTime, to: TapeTime) -> Option<TapeTime> {
    let boundary = to - to % CLOCK_INTERVAL_NS;
    (from > 0 && boundary > from).then_some(boundary)
}

/// The sample that a fact contributes to bars.
fn sample(fact: &Event) -> Option<(InstrumentId, Sample)> {
    let (instrument, of, price, volume, ts_recv) = match fact {
        Event::Trade(fact) => (fact.instrument, BarInput::Trades, fact.price, fact.quantity, fact.ts_recv),
        Event::Quote(fact) => (fact.instrument, BarInput::Quotes, fact.bid.mid(fact.ask), Quantity::ZERO, fact.ts_recv),
        _ => return None,
    };
    Some((instrument, Sample { of, price, volume, ts_recv }))
}

fn rejected(entry: &MarketEntry, rejection: Rejection) -> Rejected {
    let (source, seq) = match &entry.event {
        Ok(event) => (Some(event.source), Some(event.seq)),
        Err(malformed) => (malformed.source, malformed.seq),
    };
    Rejected {
        reason: rejection.reason,
        detail: rejection.detail,
        subject: bounded(&entry.subject, SUBJECT_BYTES_MAX),
        source,
        seq,
        instrument: entry.instrument,
    }
}
