//! Captures of Binance spot combined streams: files of lines `<receive ns> <raw JSON>`, merged by receive time.
//!
//! `bookTicker` becomes a quote and `trade` a trade; depth and what else there is are counted and left out.
//! Format: <https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams>.

mod message;

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;

use tapedeck_schemas::ids::{InstrumentId, Token};

use crate::item::{Item, LeftOut, Numberer, Summary, definitions};
use crate::lines::Lines;
use crate::{Feed, FeedError, Setup};
use message::{Content, Market};

/// Who numbers the events.
const SOURCE: &str = "binance";

/// Captures, merged.
///
/// Lines go by receive time, ties by the order of the files. Lines of one file are never reordered: where its
/// clock steps back, a line counts as received no earlier than the lines before it. (`ts_recv` stays as recorded.)
pub struct Capture {
    definitions: VecDeque<Item>,
    merge: Merge,
    numberer: Numberer,
    instruments: BTreeSet<InstrumentId>,
    summary: Summary,
}

impl Capture {
    /// Opens captures and reads them through once, so that what is wrong with them stops before anything is published.
    pub fn open(files: &[PathBuf], setup: &Setup, session: Token) -> Result<Self, FeedError> {
        let mut instruments = BTreeSet::new();
        let mut first_received = None;
        let mut summary = Summary::default();
        let mut scan = Merge::open(files)?;
        for market in scan.by_ref() {
            let market = market?;
            if instruments.insert(market.instrument) && setup.definition(&market.instrument).is_none() {
                return Err(FeedError::NoDefinition(market.instrument));
            }
            first_received.get_or_insert(market.received);
            summary.items += 1;
            summary.totals.add_body(market.instrument, &market.body);
        }
        let names = || files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        let first_received = first_received.ok_or_else(|| FeedError::Nothing(names()))?;
        let mut numberer = Numberer::new(SOURCE.parse().expect("it is a name"), session);
        let definitions = definitions(setup, instruments.iter().copied(), &mut numberer, first_received)?;
        summary.items += definitions.len() as u64;
        summary.instruments = instruments.iter().copied().collect();
        summary.left_out = scan.left_out;
        Ok(Self { definitions: definitions.into(), merge: Merge::open(files)?, numberer, instruments, summary })
    }
}

impl Iterator for Capture {
    type Item = Result<Item, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(definition) = self.definitions.pop_front() {
            return Some(Ok(definition));
        }
        let market = match self.merge.next()? {
            Ok(market) => market,
            Err(error) => return Some(Err(error)),
        };
        let Market { received, instrument, ts_event, body } = market;
        if !self.instruments.contains(&instrument) {
            // Only if the file has changed since it was opened.
            self.merge.stop();
            return Some(Err(FeedError::NoDefinition(instrument)));
        }
        Some(Ok(self.numberer.item(instrument, received, ts_event, body)))
    }
}

impl Feed for Capture {
    fn summary(&self) -> &Summary {
        &self.summary
    }
}

/// The files side by side, each with its next event.
struct Merge {
    files: Vec<Cursor>,
    left_out: LeftOut,
    failed: Option<FeedError>,
}

struct Cursor {
    lines: Lines,
    /// Running maximum of the receive times of the lines read, ns.
    reached: u64,
    head: Option<Market>,
}

impl Merge {
    fn open(files: &[PathBuf]) -> Result<Self, FeedError> {
        Self::new(files.iter().map(|path| Lines::open(path)).collect::<Result<_, _>>()?)
    }

    fn new(files: Vec<Lines>) -> Result<Self, FeedError> {
        let cursor = |lines| Cursor { lines, reached: 0, head: None };
        let mut merge = Self { files: files.into_iter().map(cursor).collect(), left_out: LeftOut::new(), failed: None };
        merge.files.iter_mut().try_for_each(|file| file.advance(&mut merge.left_out))?;
        Ok(merge)
    }

    fn stop(&mut self) {
        self.files.clear();
    }
}

impl Iterator for Merge {
    type Item = Result<Market, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            self.stop();
            return Some(Err(error));
        }
        // `min_by_key` takes the first of equals: ties go by the order of the files.
        let waiting = self.files.iter_mut().filter(|file| file.head.is_some());
        let file = waiting.min_by_key(|file| file.reached)?;
        let market = file.head.take();
        // What is wrong further on comes after what is right before it.
        self.failed = file.advance(&mut self.left_out).err();
        market.map(Ok)
    }
}

impl Cursor {
    /// Reads on to the next quote or trade.
    fn advance(&mut self, left_out: &mut LeftOut) -> Result<(), FeedError> {
        while let Some(line) = self.lines.next()? {
            let parsed = message::parse(line).map_err(|detail| self.lines.malformed(detail))?;
            self.reached = self.reached.max(parsed.received);
            match parsed.content {
                Content::Market(market) => {
                    self.head = Some(market);
                    return Ok(());
                }
                Content::LeftOut(kind) => *left_out.entry(kind).or_default() += 1,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
