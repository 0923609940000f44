//! What enters Tapedeck: the setup, captures and a synthetic market, as numbered events ready to publish; no network.
//!
//! [`open`] is the way in. A [`Feed`] yields the definitions of its instruments first, then its market in order;
//! opened again on the same input it yields the very same items, so that a publisher can go on where it was.
#![forbid(unsafe_code)]

pub mod binance;
pub mod content;
mod error;
mod item;
mod lines;
mod random;
pub mod setup;
pub mod synthetic;
pub mod totals;

use std::path::PathBuf;

pub use error::FeedError;
pub use item::{Injected, Item, LeftOut, Numberer, Payload, Summary, definitions};
pub use setup::{Setup, SetupError};
pub use totals::Totals;

/// A market to publish: numbered items in order. After an error it yields no more.
pub trait Feed: Iterator<Item = Result<Item, FeedError>> + Send {
    /// What it holds in all.
    fn summary(&self) -> &Summary;
}

/// Opens captures, or the synthetic market if there are none: the session that names these very items, the feed,
/// and how many items it yields.
pub fn open(
    captures: &[PathBuf],
    setup: &Setup,
    seed: u64,
    events: u64,
) -> Result<(String, Box<dyn Feed>, u64), FeedError> {
    let (session, feed): (_, Box<dyn Feed>) = if captures.is_empty() {
        synthetic::check(setup)?;
        (synthetic::session(seed, events), Box::new(synthetic::Synthetic::new(seed, events)))
    } else {
        let session = content::session(captures)?;
        (session, Box::new(binance::Capture::open(captures, setup, session)?))
    };
    let items = feed.summary().items;
    Ok((session.to_string(), feed, items))
}
