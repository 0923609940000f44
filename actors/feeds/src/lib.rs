//! What enters Tapedeck: the setup, captures and a synthetic market, as numbered events ready to publish; no network.
//!
//! [`open`] is the way in. A [`Feed`] yields the definitions of its instruments first, then its market in order;
//! opened again on the same input it yields the very same items, so that a publisher can go on where it was.
#![forbid(unsafe_code)]

pub mod content;
mod error;
pub mod files;
mod formats;
mod input;
mod item;
mod lines;
mod random;
pub mod setup;
pub mod synthetic;
pub mod totals;

use std::path::PathBuf;

use tapedeck_schemas::ids::{InstrumentId, SourceId};

pub use error::FeedError;
pub use item::{Injected, Item, Numberer, Payload, SkippedCounts, Summary, definitions};
pub use setup::{Setup, SetupError};
pub use totals::Totals;

/// A market to publish: numbered items in order. After an error it yields no more.
pub trait Feed: Iterator<Item = Result<Item, FeedError>> + Send {
    /// What it holds in all.
    fn summary(&self) -> &Summary;
}

/// Which market to open.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Files of market data, of any known format, merged by receive time; none: the synthetic market.
    pub files: Vec<PathBuf>,
    /// Whose events those are that do not say it.
    pub instrument: Option<InstrumentId>,
    /// Who publishes them; whom the format implies, if not given.
    pub source: Option<SourceId>,
    /// Seed of the synthetic market.
    pub seed: u64,
    /// Quotes and trades of the synthetic market.
    pub events: u64,
}

/// Opens a market: the session that names these very items, the feed, and how many items it yields.
pub fn open(selection: &Selection, setup: &Setup) -> Result<(String, Box<dyn Feed>, u64), FeedError> {
    let Selection { files, instrument, source, seed, events } = selection;
    let (session, feed): (_, Box<dyn Feed>) = if files.is_empty() {
        synthetic::check(setup)?;
        (synthetic::session(*seed, *events), Box::new(synthetic::Synthetic::new(*seed, *events)))
    } else {
        let session = content::session(files, *instrument)?;
        (session, Box::new(files::Files::open(files, setup, session, *instrument, *source)?))
    };
    let items = feed.summary().items;
    Ok((session.to_string(), feed, items))
}
