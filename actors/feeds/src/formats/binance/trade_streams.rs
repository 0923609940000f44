//! Which aggregate trades of a file repeat trades of the same file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use tapedeck_schemas::ids::InstrumentId;

use super::Frame;
use crate::FeedError;
use crate::formats::Content;
use crate::input::InputFile;
use crate::lines::Lines;

/// Kind under which aggregate trades that are not published are counted.
const REPEATED: &str = "aggregate_trade";

/// The instruments of a file whose `trade` stream was recorded. The same trades are in its `aggTrade` stream under
/// other ids and in other parts, so that ingest could not tell them to be repetitions.
///
/// An `aggTrade` may precede the first `trade`, so the whole file is read for it, if it has an `aggTrade` at all.
pub(in crate::formats) struct TradeStreams {
    path: PathBuf,
    /// The frame of a line of the file.
    frame_of: fn(&[u8]) -> Option<&str>,
    /// `None` before the first aggregate trade.
    traded: Option<BTreeSet<InstrumentId>>,
}

impl TradeStreams {
    pub(in crate::formats) fn new(path: PathBuf, frame_of: fn(&[u8]) -> Option<&str>) -> Self {
        Self { path, frame_of, traded: None }
    }

    /// The content of a frame: an aggregate trade is skipped if the file has the trades of its instrument.
    pub(in crate::formats) fn content(&mut self, frame: Frame) -> Result<Content, FeedError> {
        match frame {
            Frame::Content(content) => Ok(content),
            Frame::Aggregate(market) if self.have(market.instrument)? => Ok(Content::Skipped(REPEATED)),
            Frame::Aggregate(market) => Ok(Content::Market(market)),
        }
    }

    fn have(&mut self, instrument: InstrumentId) -> Result<bool, FeedError> {
        let traded = match self.traded.take() {
            Some(traded) => traded,
            None => self.read()?,
        };
        Ok(self.traded.insert(traded).contains(&instrument))
    }

    /// Reads the file to its end. A line that cannot be read is no trade.
    fn read(&self) -> Result<BTreeSet<InstrumentId>, FeedError> {
        let mut lines = Lines::new(InputFile::open(&self.path)?);
        let mut traded = BTreeSet::new();
        loop {
            match lines.next() {
                Ok(Some(line)) => traded.extend((self.frame_of)(line).and_then(super::traded)),
                Ok(None) => return Ok(traded),
                Err(FeedError::Malformed { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
