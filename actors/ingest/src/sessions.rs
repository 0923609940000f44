//! The numberings of every source, by instrument and session, and their bounds. Each bound is one of a source, so that
//! no source can displace the numbers of another.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::ids::{InstrumentId, SourceId, Token};

use crate::checks::Rejection;
use crate::instruments::is_operator;
use crate::numbering::{Arrival, Numbering, RecordedNumber};

/// Most sources of a partition. A further one is rejected, unless another was idle for [`SOURCE_IDLE_NS`].
pub const SOURCES_MAX: usize = 32;

/// Time between stamps after which a source without an event may be replaced by a new one, ns: one day.
pub const SOURCE_IDLE_NS: u64 = 24 * 60 * 60 * 1_000_000_000;

/// Most live sessions of a source for one instrument.
pub const SESSIONS_MAX: usize = 32;

/// Most sessions of a source beyond the first of each instrument, over all of its instruments.
pub const FURTHER_SESSIONS_MAX: usize = 15_000;

/// Time for which a session stays live after a newer one of the source has begun on the instrument, ns. It is over when
/// tape time or the stamps have advanced by it: tape time stands still while every event is rejected or late.
pub const SESSION_LIVE_NS: u64 = 10_000_000_000;

/// Most names of replaced sessions kept for a source; beyond it the oldest name is dropped.
pub const ENDED_SESSIONS_MAX: usize = 1024;

/// Most instruments without a definition that a source may number. Beyond it the one that was idle longest is dropped:
/// its next event counts as the first of a new session.
pub const UNDEFINED_INSTRUMENTS_MAX: usize = 256;

/// Most ranges of missing numbers of a source, over all of its numberings. At the bound, a numbering replaces its own.
pub const SOURCE_RANGES_MAX: usize = 20_000;

/// Source, session and instrument: every new session numbers from 1.
pub type NumberingKey = (SourceId, Token, InstrumentId);

/// Every numbering.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Numberings {
    sources: BTreeMap<SourceId, SourceNumberings>,
}

/// The numberings of one source.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct SourceNumberings {
    /// The sessions of each defined instrument, in the order in which they began.
    defined: BTreeMap<InstrumentId, Vec<Numbering>>,
    /// Those of instruments without a definition.
    undefined: BTreeMap<InstrumentId, Vec<Numbering>>,
    /// Names of sessions that newer ones replaced on an instrument, the newest last.
    ended: VecDeque<Token>,
    /// Ranges of missing numbers in all numberings.
    ranges: usize,
    /// Sessions beyond the first of each instrument.
    further: usize,
    /// Stamp of the last event, ns.
    stamp: u64,
}

impl Numberings {
    /// Records the number of an event. From here on the number is used, and no longer missing. An error says why
    /// its source or its session is not admitted; then nothing is recorded.
    pub fn record(
        &mut self,
        (source, session, instrument): NumberingKey,
        seq: u64,
        arrival: Arrival,
        is_defined: bool,
    ) -> Result<RecordedNumber, Rejection> {
        // The operator has a place beside the sources: no publisher can take away the way to define an instrument.
        let publishers = || self.sources.iter().filter(|(source, _)| !is_operator(**source));
        let is_new = !self.sources.contains_key(&source) && !is_operator(source);
        if is_new && publishers().count() >= SOURCES_MAX {
            let idle_longest = publishers().min_by_key(|(_, one)| one.stamp);
            let replaced = idle_longest.filter(|(_, one)| arrival.stamp.saturating_sub(one.stamp) >= SOURCE_IDLE_NS);
            let replaced = replaced.map(|(source, _)| *source);
            let detail = RejectDetail::TooManySources { limit: SOURCES_MAX as u32 };
            self.sources.remove(&replaced.ok_or(Rejection { reason: RejectReason::TooManySources, detail })?);
        }
        let own = self.sources.entry(source).or_default();
        own.stamp = own.stamp.max(arrival.stamp);
        own.record(session, instrument, seq, arrival, is_defined)
    }

    /// Records that an instrument is defined from here on.
    pub fn define(&mut self, instrument: &InstrumentId) {
        for source in self.sources.values_mut() {
            if let Some(sessions) = source.undefined.remove(instrument) {
                source.defined.insert(*instrument, sessions);
            }
        }
    }

    /// Whether the source has numbers here.
    pub fn knows(&self, source: &SourceId) -> bool {
        self.sources.contains_key(source)
    }

    /// The sources that have numbers here.
    pub fn sources(&self) -> impl Iterator<Item = SourceId> {
        self.sources.keys().copied()
    }

    /// Every numbering of a source, with its session and instrument.
    pub fn of(&self, source: &SourceId) -> impl Iterator<Item = (Token, InstrumentId, &Numbering)> {
        self.sources.get(source).into_iter().flat_map(|own| {
            let instruments = own.defined.iter().chain(&own.undefined);
            instruments
                .flat_map(|(instrument, sessions)| sessions.iter().map(move |one| (one.session, *instrument, one)))
        })
    }

    /// Every numbering, with its key.
    pub fn iter(&self) -> impl Iterator<Item = (NumberingKey, &Numbering)> {
        let of = |source| self.of(source).map(move |(session, instrument, one)| ((*source, session, instrument), one));
        self.sources.keys().flat_map(of)
    }
}

impl SourceNumberings {
    fn record(
        &mut self,
        session: Token,
        instrument: InstrumentId,
        seq: u64,
        arrival: Arrival,
        is_defined: bool,
    ) -> Result<RecordedNumber, Rejection> {
        let may_grow = self.ranges < SOURCE_RANGES_MAX;
        let instruments = if is_defined { &mut self.defined } else { &mut self.undefined };
        let sessions = instruments.get_mut(&instrument);
        let known = sessions.and_then(|sessions| sessions.iter_mut().find(|one| one.session == session));
        let numbering = match known {
            Some(numbering) => numbering,
            None => self.begin(session, instrument, arrival, is_defined)?,
        };
        let before = numbering.missing.len();
        numbering.stamp = numbering.stamp.max(arrival.stamp);
        let recorded = numbering.record(seq, may_grow);
        let after = numbering.missing.len();
        self.ranges = self.ranges + after - before;
        Ok(recorded)
    }

    /// Begins a session of an instrument, in the place of one that has ended if there is no other.
    fn begin(
        &mut self,
        session: Token,
        instrument: InstrumentId,
        arrival: Arrival,
        is_defined: bool,
    ) -> Result<&mut Numbering, Rejection> {
        if self.ended.contains(&session) {
            let detail = RejectDetail::EndedSession { session };
            return Err(Rejection { reason: RejectReason::EndedSession, detail });
        }
        if !is_defined && !self.undefined.contains_key(&instrument) {
            self.make_room_for_undefined();
        }
        let instruments = if is_defined { &mut self.defined } else { &mut self.undefined };
        let sessions = instruments.entry(instrument).or_default();
        let is_further = !sessions.is_empty();
        if sessions.len() >= SESSIONS_MAX || is_further && self.further >= FURTHER_SESSIONS_MAX {
            let Some(at) = idle_longest_of_the_ended(sessions, arrival) else {
                let detail = RejectDetail::TooManySessions { limit: sessions.len() as u32 };
                return Err(Rejection { reason: RejectReason::TooManySessions, detail });
            };
            let replaced = sessions.remove(at);
            self.ranges -= replaced.missing.len();
            self.further -= 1;
            if self.ended.len() >= ENDED_SESSIONS_MAX {
                self.ended.pop_front();
            }
            if !self.ended.contains(&replaced.session) {
                self.ended.push_back(replaced.session);
            }
        }
        self.further += usize::from(is_further);
        sessions.reserve_exact(1); // there are many lists, and most have one element
        sessions.push(Numbering::new(session, arrival));
        Ok(sessions.last_mut().expect("one was pushed"))
    }

    fn make_room_for_undefined(&mut self) {
        if self.undefined.len() < UNDEFINED_INSTRUMENTS_MAX {
            return;
        }
        let last_stamp = |sessions: &[Numbering]| sessions.iter().map(|one| one.stamp).max();
        let idle_longest = self.undefined.iter().min_by_key(|(_, sessions)| last_stamp(sessions));
        let dropped = idle_longest.map(|(instrument, _)| *instrument).and_then(|one| self.undefined.remove(&one));
        self.ranges -= dropped.iter().flatten().map(|one| one.missing.len()).sum::<usize>();
        self.further -= dropped.map_or(0, |sessions| sessions.len().saturating_sub(1));
    }
}

/// Index of the session that was idle longest, of those that are not live.
fn idle_longest_of_the_ended(sessions: &[Numbering], arrival: Arrival) -> Option<usize> {
    let has_ended = |at: &usize| {
        sessions.get(at + 1).is_some_and(|newer| {
            let tape_time = arrival.now.saturating_sub(newer.begun.now);
            let stamps = arrival.stamp.saturating_sub(newer.begun.stamp);
            tape_time >= SESSION_LIVE_NS || stamps >= SESSION_LIVE_NS
        })
    };
    (0..sessions.len()).filter(has_ended).min_by_key(|at| sessions[*at].stamp)
}

#[cfg(test)]
mod tests;
