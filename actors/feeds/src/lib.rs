//! The input of Tapedeck: the setup file, files of market data and a synthetic market; no network.
//!
//! Start at [`open`]. A [`Feed`] yields the definitions of its instruments, then numbered market events in order. A
//! feed of the same input yields equal items, so that a publisher can resume where it stopped.
#![forbid(unsafe_code)]

mod calendar;
pub mod content;
mod defect;
mod error;
pub mod files;
mod formats;
mod gzip;
mod input;
mod item;
mod lines;
pub mod random;
pub mod setup;
pub mod synthetic;
pub mod totals;
mod zone;

use std::path::PathBuf;

use tapedeck_schemas::ids::{InstrumentId, SourceId, Token};

pub use defect::{UnreadableCounts, UnreadableEntries, UnreadableEntry};
pub use error::FeedError;
pub use item::{Injected, Item, Numberer, Payload, SkippedCounts, Summary, definitions};
pub use setup::{Setup, SetupError};
pub use totals::Totals;
pub use zone::{NotAZone, Zone};

/// A market to publish: numbered items in order. Ends after an error.
pub trait Feed: Iterator<Item = Result<Item, FeedError>> + Send {
    /// Counts and totals of all items.
    fn summary(&self) -> &Summary;
}

/// The market to open.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Files of market data, merged by receive time; if empty, the synthetic market is opened.
    pub files: Vec<PathBuf>,
    /// The instrument of events that do not name one.
    pub instrument: Option<InstrumentId>,
    /// The venue of files whose format does not state it.
    pub venue: Option<Token>,
    /// The time zone of files whose times are local and whose format does not state it.
    pub zone: Option<Zone>,
    /// Whether an entry that cannot be read is an error. Otherwise it is counted and left out.
    pub is_strict: bool,
    /// The source of the events; `None` for that of the first file's format.
    pub source: Option<SourceId>,
    /// Makes the session of the files another one, so that the same events can be published once more.
    pub again: Option<Token>,
    /// Seed of the synthetic market.
    pub seed: u64,
    /// Number of quotes and trades of the synthetic market, without injected faults.
    pub events: u64,
}

/// Opens a market: its session, which is unique to these items, the feed, and the number of items.
pub fn open(selection: &Selection, setup: &Setup) -> Result<(String, Box<dyn Feed>, u64), FeedError> {
    let Selection { files, seed, events, .. } = selection;
    let (session, feed): (_, Box<dyn Feed>) = if files.is_empty() {
        synthetic::check(setup)?;
        (synthetic::session(*seed, *events), Box::new(synthetic::Synthetic::new(*seed, *events)))
    } else {
        let session = content::session(selection)?;
        (session, Box::new(files::Files::open(selection, setup, session)?))
    };
    let items = feed.summary().items;
    Ok((session.to_string(), feed, items))
}
