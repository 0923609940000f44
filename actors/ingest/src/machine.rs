//! The state and the three functions of ingest; the rules themselves live in [`crate::checks`].
//!
//! How the state follows the tape. `observe` does what depends on the input alone and no rule can change: it takes the
//! number, and it lets tape time move to the input's `ts_recv` as if it were accepted (a heartbeat is accepted in
//! silence, so that no own fact could do it). `decide` judges against the state *before* the input, of which
//! `observe` keeps what it overwrote in [`Before`]. `apply` does what depends on the judgement, from the recorded fact
//! alone: an accepting fact brings terms and natural keys, a `Rejected` takes the move of tape time back. So a tape
//! that an older `LOGIC` decided is followed by its facts, without judging anything again.

use tapedeck_kernel::{Inbox, Machine, MarketEntry, Out, Reads};
use tapedeck_schemas::event::{Event, Gap, InstrumentDefined, Quote, Rejected, Tick, Trade};
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::{MarketBody, MarketEvent};
use tapedeck_schemas::position::{Position, TapeTime};
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::text::{DETAIL_BYTES_MAX, SUBJECT_BYTES_MAX, bounded};

use crate::checks::{self, Refusal, Subject};
use crate::instruments::Instruments;
use crate::numbering::Numberings;

/// Tape time between two boundaries of `Tick`, ns.
pub const TICK_INTERVAL_NS: u64 = 100_000_000;

/// The ingest machine of one partition.
#[derive(Debug, Clone, Default)]
pub struct Ingest {
    /// Running maximum of accepted `ts_recv`; 0 before any.
    time: TapeTime,
    numberings: Numberings,
    instruments: Instruments,
    before: Before,
}

/// What the input just observed overwrote or brought, until the next one.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    /// Tape time before it.
    time: TapeTime,
    /// Greatest number taken before it in its numbering; 0 for none.
    seq: u64,
    /// Its update id, which the `Quote` fact does not carry.
    update_id: Option<u64>,
}

impl Ingest {
    /// Knows no instrument, no source and no time.
    pub fn new() -> Self {
        Self::default()
    }

    /// The events that the input just observed deserves, from the state before it.
    fn judge(&self, entry: &MarketEntry, out: &mut Out) -> Result<(), Refusal> {
        let (instrument, event) = checks::readable(entry)?;
        let expected = self.before.seq.saturating_add(1);
        if event.seq > expected {
            let (source, session) = (event.source, event.session);
            out.push(Gap { source, session, instrument, expected, got: event.seq });
        }
        let subject = Subject {
            event,
            stamp: entry.stamp,
            last_seq: self.before.seq,
            known: self.instruments.get(&instrument),
            instruments: self.instruments.len(),
        };
        checks::CHECKS.iter().try_for_each(|check| check(&subject))?;
        if let Some(time) = boundary_crossed(self.before.time, self.time) {
            out.push(Tick { time });
        }
        if let Some(fact) = accepted(instrument, entry.stamp, event) {
            out.push(fact);
        }
        Ok(())
    }
}

impl Machine for Ingest {
    type Input = MarketEntry;
    const WRITER: Writer = Writer::Ingest;
    const LOGIC: u32 = 1;

    fn reads() -> Reads {
        Reads::Inbox(Inbox::Market)
    }

    fn observe(&mut self, at: Position, entry: &MarketEntry) {
        self.before = Before { time: self.time, ..Before::default() };
        if let Ok((instrument, event)) = checks::readable(entry) {
            self.before.seq = self.numberings.take((event.source, event.session, instrument), event.seq, at);
            self.time = self.time.max(event.ts_recv);
            if let MarketBody::Quote { update_id, .. } = event.body {
                self.before.update_id = update_id;
            }
        }
    }

    fn decide(&self, _at: Position, entry: &MarketEntry, out: &mut Out) {
        if let Err(refusal) = self.judge(entry, out) {
            out.push(rejected(entry, refusal));
        }
    }

    fn apply(&mut self, _cause: Position, own: &Event) {
        match own {
            Event::InstrumentDefined(fact) => self.instruments.define(fact),
            Event::Quote(fact) => self.instruments.accept_update(&fact.instrument, self.before.update_id),
            Event::Trade(fact) => self.instruments.accept_trade(&fact.instrument, fact.trade_id),
            Event::Rejected(_) => self.time = self.before.time,
            _ => {} // a gap and a tick say what the input already did
        }
    }

    fn time(&self, _entry: &MarketEntry) -> TapeTime {
        self.time
    }
}

/// The latest boundary in (from, to], if there is one. The first accepted event (`from` 0) only sets the time.
fn boundary_crossed(from: TapeTime, to: TapeTime) -> Option<TapeTime> {
    let boundary = to - to % TICK_INTERVAL_NS;
    (from > 0 && boundary > from).then_some(boundary)
}

/// The fact that accepts an event; a heartbeat has none.
fn accepted(instrument: InstrumentId, stamp: u64, event: &MarketEvent) -> Option<Event> {
    let MarketEvent { ts_recv, ts_event, .. } = *event;
    Some(match event.body {
        MarketBody::Quote { bid, bid_size, ask, ask_size, update_id: _ } => {
            Quote { instrument, bid, bid_size, ask, ask_size, ts_recv, ts_event, stamp }.into()
        }
        MarketBody::Trade { price, quantity, aggressor, trade_id } => {
            Trade { instrument, price, quantity, aggressor, trade_id, ts_recv, ts_event, stamp }.into()
        }
        MarketBody::Definition { base, quote, tick_size, lot_size, min_notional } => {
            InstrumentDefined { instrument, base, quote, tick_size, lot_size, min_notional }.into()
        }
        MarketBody::Heartbeat => return None,
    })
}

fn rejected(entry: &MarketEntry, refusal: Refusal) -> Rejected {
    let (source, seq) = match &entry.event {
        Ok(event) => (Some(event.source), Some(event.seq)),
        Err(malformed) => (malformed.source, malformed.seq),
    };
    Rejected {
        reason: refusal.reason,
        detail: bounded(&refusal.detail, DETAIL_BYTES_MAX),
        subject: bounded(&entry.subject, SUBJECT_BYTES_MAX),
        source,
        seq,
        instrument: entry.instrument,
    }
}
