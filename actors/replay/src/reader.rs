//! What of a tape is played: a pure fold of its records, in order from the first. Nothing is read or written here.

use std::collections::{BTreeMap, VecDeque};

use tapedeck_kernel::TapeRecord;
use tapedeck_schemas::bar::BarSpec;
use tapedeck_schemas::event::Event;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::{Entry, Writer};

use crate::bounds::RangeBounds;
use crate::filter::Filter;

/// A fact, as it is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayedFact {
    /// Of which tape.
    pub partition: u16,
    /// Where it stands there.
    pub offset: Offset,
    /// Who wrote it.
    pub writer: Writer,
    /// Offset of the input that it answers.
    pub cause: Offset,
    /// Tape time of its cause, ns.
    pub at: TapeTime,
    /// The tape's time where it is played, ns: that of the last market fact up to here. It never goes back.
    pub time: TapeTime,
    /// The fact.
    pub event: Event,
    /// The bars that a definition asks for (its `BarsDefined` is not handed out beside it); none for other kinds.
    pub bars: Vec<BarSpec>,
}

/// Takes a tape's records and hands out what lies in the bounds and passes the filter, before it the definitions in
/// force there.
#[derive(Debug)]
pub struct RangeReader {
    partition: u16,
    bounds: RangeBounds,
    filter: Filter,
    time: TapeTime,
    bars: BTreeMap<InstrumentId, Vec<BarSpec>>,
    /// Definitions that pass the filter and stand before the stretch: the last of each instrument.
    in_force: BTreeMap<InstrumentId, ReplayedFact>,
    is_over: bool,
}

impl RangeReader {
    /// A stretch of partition `partition`'s tape.
    pub fn new(partition: u16, bounds: RangeBounds, filter: Filter) -> Self {
        Self { partition, bounds, filter, time: 0, bars: BTreeMap::new(), in_force: BTreeMap::new(), is_over: false }
    }

    /// Whether the end was passed: no later record has anything.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes the next record; what is to be played of it goes to the end of `out`.
    pub fn take(&mut self, record: TapeRecord, out: &mut VecDeque<ReplayedFact>) {
        let (seq, writer) = (record.seq, record.header.writer);
        let mut before: Option<(InstrumentId, bool)> = None; // the definition just before, and whether it passed
        let mut entries = record.entries.into_iter().peekable();
        let mut index = 0;
        while let Some(entry) = entries.next() {
            let offset = Offset::new(seq, index);
            index += 1;
            if writer == Writer::Ingest && keeps_time(&entry.event) {
                self.time = self.time.max(entry.at);
            }
            self.is_over |= self.bounds.is_behind(offset, self.time);
            if self.is_over {
                return;
            }
            let mut passes = self.filter.passes(writer, &entry.event);
            let definition = before.take();
            if let Event::BarsDefined(fact) = &entry.event {
                self.bars.insert(fact.instrument, fact.bars.clone());
                passes &= definition != Some((fact.instrument, true)); // the definition carries them
            }
            let mut bars = Vec::new();
            if let Event::InstrumentDefined(fact) = &entry.event {
                before = Some((fact.instrument, passes));
                bars = self.bars_of(fact.instrument, entries.peek());
            }
            let Entry { cause, at, event, .. } = entry;
            let played =
                ReplayedFact { partition: self.partition, offset, writer, cause, at, time: self.time, event, bars };
            self.place(played, passes, out);
        }
    }

    /// The bars that stand in the next fact if that belongs to the definition, else those asked for earlier.
    fn bars_of(&self, instrument: InstrumentId, next: Option<&Entry>) -> Vec<BarSpec> {
        match next.map(|entry| &entry.event) {
            Some(Event::BarsDefined(fact)) if fact.instrument == instrument => fact.bars.clone(),
            _ => self.bars.get(&instrument).cloned().unwrap_or_default(),
        }
    }

    fn place(&mut self, played: ReplayedFact, passes: bool, out: &mut VecDeque<ReplayedFact>) {
        if self.bounds.is_before(played.offset, played.time) {
            if let (Event::InstrumentDefined(fact), true) = (&played.event, passes) {
                self.in_force.insert(fact.instrument, played);
            }
            return;
        }
        let time = self.time; // they are played here, whenever they were recorded
        out.extend(std::mem::take(&mut self.in_force).into_values().map(|one| ReplayedFact { time, ..one }));
        if passes {
            out.push_back(played);
        }
    }
}

/// Whether a fact's `at` is the tape's time: those by which ingest accepts what the market says. (What is refused may
/// name any time, and control keeps the broker's.)
pub(crate) fn keeps_time(event: &Event) -> bool {
    matches!(
        event,
        Event::InstrumentDefined(_) | Event::Quote(_) | Event::Trade(_) | Event::Bar(_) | Event::ClockAdvanced(_)
    )
}
