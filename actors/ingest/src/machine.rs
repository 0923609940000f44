//! The state and the functions of ingest; the rules themselves live in [`crate::checks`].
//!
//! `observe` applies what depends on the input alone: it records the number of a readable event. `decide` checks the
//! event. `apply` does the rest from the recorded fact: an accepting fact sets terms, bars and the venue's ids. Tape
//! time follows from the facts too, so that a rejected event does not move it. A tape written by an older `LOGIC` is
//! therefore followed by its facts, without deciding again.
//!
//! A rejection beyond the rate of [`crate::floods`] has no fact. `observe` finds it, and the next `observe` adds it to
//! the sums, unless a fact has answered the input after all: then another `LOGIC` decided, and the fact counts.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tapedeck_kernel::state::{self, BadState};
use tapedeck_kernel::{Cause, Inbox, Machine, MarketEntry, Out, Reads};
use tapedeck_schemas::bar::BarInput;
use tapedeck_schemas::event::{ClockAdvanced, Event, Gap, Rejected, RejectedMany, TradeIdGap, TradeIdsRestarted};
use tapedeck_schemas::ids::{InstrumentId, SourceId, VenueId};
use tapedeck_schemas::market::{MarketBody, MarketEvent, PriceDomain, TradeIdOrder, accepted};
use tapedeck_schemas::number::Quantity;
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::text::{SUBJECT_BYTES_MAX, bounded};

use crate::bars::{Bars, Sample};
use crate::checks::{self, Candidate, Rejection};
use crate::floods::{Floods, SummedRejection};
use crate::instruments::{InstrumentTerms, Instruments, is_operator};
use crate::numbering::{Arrival, RecordedNumber};
use crate::sessions::Numberings;
use crate::venue_ids::IdStep;

/// Tape time between two boundaries at which `ClockAdvanced` is decided, ns.
pub const CLOCK_INTERVAL_NS: u64 = 100_000_000;

/// The ingest machine of one partition.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Ingest {
    numberings: Numberings,
    instruments: Instruments,
    bars: Bars,
    floods: Floods,
}

/// What an input of ingest meant.
#[derive(Debug, Clone)]
pub struct MarketObserved {
    /// The number of the input, compared with those before it in its numbering, or why its session is not admitted.
    number: Result<RecordedNumber, Rejection>,
    /// Source that the event names.
    source: Option<SourceId>,
    /// Source under which its rejection counts.
    counted: Option<SourceId>,
    /// Whether it is rejected without a fact of its own.
    is_summed: bool,
}

impl Ingest {
    /// A machine without instruments and sources.
    pub fn new() -> Self {
        Self::default()
    }

    /// The greatest number of each numbering, and the missing ones.
    pub fn numberings(&self) -> &Numberings {
        &self.numberings
    }

    /// The rejections without a fact of their own that no `RejectedMany` on the tape counts yet.
    pub fn unwritten(&self) -> impl Iterator<Item = RejectedMany> {
        self.floods.unwritten()
    }

    /// The rejection of the last input, if it has no fact of its own.
    pub fn last_summed(&self) -> Option<&SummedRejection> {
        self.floods.last()
    }

    /// Decides on an input; `now` is the tape time before it.
    fn check(
        &self,
        now: TapeTime,
        entry: &MarketEntry,
        observed: &MarketObserved,
        out: &mut Out,
    ) -> Result<(), Rejection> {
        let (instrument, event) = checks::readable(entry)?;
        let number = observed.number.clone()?;
        let expected = number.last_seq.saturating_add(1);
        if event.seq > expected {
            let (source, session) = (event.source, event.session);
            out.push(Gap { source, session, instrument, expected, got: event.seq });
        }
        let terms = self.instruments.get(&instrument);
        let event = &*without_zero_sides(event, terms);
        let candidate = Candidate {
            event,
            instrument,
            stamp: entry.stamp,
            number,
            terms,
            instruments: self.instruments.len(),
            bars: &self.bars,
        };
        checks::CHECKS.iter().try_for_each(|check| check(&candidate))?;
        let fact = accepted(instrument, event.source, event.unnumbered());
        let sample = sample(&fact).map(|(_, sample)| sample);
        out.advance(event.ts_recv);
        if let Some(time) = boundary_crossed(now, out.at()) {
            out.push(ClockAdvanced { time });
        }
        for bar in self.bars.closed_by(instrument, event.ts_recv) {
            out.push(bar);
        }
        if let (Event::Trade(trade), Some(terms)) = (&fact, candidate.terms)
            && terms.trade_ids == TradeIdOrder::Consecutive
            && let Some(got) = trade.trade_id.as_ref().and_then(VenueId::number)
        {
            match terms.accepted.consecutive.step(got, trade.ts_recv) {
                IdStep::Due | IdStep::Earlier => {}
                IdStep::Skipped { expected } => out.push(TradeIdGap { instrument, expected, got }),
                IdStep::Restarted { last } => out.push(TradeIdsRestarted { instrument, last, got }),
            }
        }
        match &fact {
            Event::InstrumentDefined(terms) => {
                self.bars.cut_by_definition(terms, is_operator(event.source)).for_each(|bar| out.push(bar));
            }
            _ => self.bars.calendar_ended_by(instrument, event.ts_recv).into_iter().for_each(|fact| out.push(fact)),
        }
        for bar in sample.into_iter().flat_map(|sample| self.bars.cut_by(instrument, sample)) {
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
    type Observed = MarketObserved;
    const WRITER: Writer = Writer::Ingest;
    const LOGIC: u32 = 9;
    const STATE: u32 = 8;

    fn reads() -> Reads {
        Reads::Inbox(Inbox::Market)
    }

    fn observe(&mut self, cause: Cause, entry: &MarketEntry) -> MarketObserved {
        self.floods.begin(entry.stamp);
        let (source, _) = named(entry);
        let number = Ok(RecordedNumber::default());
        let mut observed = MarketObserved { number, source, counted: None, is_summed: false };
        let readable = checks::readable(entry).ok();
        if let Some((instrument, event)) = readable {
            let key = (event.source, event.session, instrument);
            let arrival = Arrival { now: cause.now, stamp: entry.stamp };
            let is_defined = self.instruments.get(&instrument).is_some();
            observed.number = self.numberings.record(key, event.seq, arrival, is_defined);
        }
        observed.counted = self.floods.counted(source, &self.numberings);
        let mut out = Out::new(cause.now);
        if self.floods.is_full(observed.counted)
            && let Err(rejection) = self.check(cause.now, entry, &observed, &mut out)
        {
            let gap = out.into_events().into_iter().find_map(|event| match event {
                Event::Gap(gap) => Some(gap),
                _ => None,
            });
            let rejected = rejected(entry, rejection);
            self.floods.sum(SummedRejection { rejected, source: observed.counted, gap });
            observed.is_summed = true;
        }
        observed
    }

    fn decide(&self, cause: Cause, entry: &MarketEntry, observed: &MarketObserved, out: &mut Out) {
        self.floods.due().for_each(|fact| out.push(fact));
        if observed.is_summed {
            return;
        }
        if let Err(rejection) = self.check(cause.now, entry, observed, out) {
            out.push(rejected(entry, rejection));
        }
    }

    fn apply(&mut self, _cause: Cause, observed: &MarketObserved, own: &Event) {
        self.floods.apply(observed.counted, own);
        match own {
            Event::InstrumentDefined(fact) => {
                self.instruments.define(fact, observed.source);
                self.numberings.define(&fact.instrument);
                self.bars.define(fact, observed.source.is_some_and(is_operator));
            }
            Event::Quote(fact) => self.instruments.accept_quote(fact),
            Event::Trade(fact) => self.instruments.accept_trade(fact),
            Event::CalendarEnded(fact) => self.bars.record_end(&fact.instrument),
            Event::Bar(fact) if fact.source.is_none() => self.bars.close(fact),
            Event::Bar(fact) => self.instruments.accept_bar(fact),
            _ => {}
        }
        if let Some((instrument, sample)) = sample(own) {
            self.bars.apply(&instrument, sample);
        }
    }

    fn save(&self) -> Vec<u8> {
        state::encode(self)
    }

    fn restore(&self, saved: &[u8]) -> Result<Self, BadState> {
        state::decode(saved)
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
        Event::Quote(fact) => {
            let (bid, ask) = fact.touch()?;
            (fact.instrument, BarInput::Quotes, bid.mid(ask), Quantity::ZERO, fact.ts_recv)
        }
        _ => return None,
    };
    Some((instrument, Sample { of, price, volume, ts_recv }))
}

/// The event without the sides of a quote that venues without prices of 0 write as 0 with size 0.
fn without_zero_sides<'a>(event: &'a MarketEvent, terms: Option<&InstrumentTerms>) -> Cow<'a, MarketEvent> {
    match (&event.body, terms.map(|terms| terms.prices)) {
        (MarketBody::Quote(quote), Some(PriceDomain::Positive)) if quote.has_zero_side() => {
            let body = quote.without_zero_sides().into();
            Cow::Owned(MarketEvent { body, ..event.clone() })
        }
        _ => Cow::Borrowed(event),
    }
}

/// Source and number of an entry, as far as they could be read.
fn named(entry: &MarketEntry) -> (Option<SourceId>, Option<u64>) {
    match &entry.event {
        Ok(event) => (Some(event.source), Some(event.seq)),
        Err(malformed) => (malformed.source, malformed.seq),
    }
}

fn rejected(entry: &MarketEntry, rejection: Rejection) -> Rejected {
    let (source, seq) = named(entry);
    Rejected {
        reason: rejection.reason,
        detail: rejection.detail,
        subject: bounded(&entry.subject, SUBJECT_BYTES_MAX),
        source,
        seq,
        instrument: entry.instrument,
    }
}
