//! The load: sessions of `tapedeck publish`, with the items that each must publish.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use tapedeck_feeds::{Item, Selection, Setup};
use tapedeck_schemas::ids::InstrumentId;

use crate::process::Process;

/// Quotes and trades of a session of the synthetic market. After it, a session of the next seed starts.
pub const SESSION_EVENTS: u64 = 200_000;
/// Speed of the synthetic market: 2,000 events a second, so that the tape of many rounds stays short.
const SYNTHETIC_PACE: &str = "0.5x";
/// Speed of recorded markets.
const RECORDED_PACE: &str = "10x";

/// A session and the process that publishes it.
pub struct Load {
    /// Name of the session, as in the headers of its messages.
    pub session: String,
    /// All items by instrument, in order.
    pub items: BTreeMap<InstrumentId, Vec<Item>>,
    /// Number of all items.
    pub count: u64,
    /// Arguments of `tapedeck`.
    pub args: Vec<String>,
    /// Whether the market is recorded, not synthetic.
    pub recorded: bool,
    /// The publisher, if it runs.
    pub running: Option<Process>,
    /// Whether the publisher has reported success.
    pub done: bool,
    /// Whether the publisher failed without an outage; it is not restarted.
    pub broken: bool,
}

impl Load {
    /// A session of the synthetic market.
    pub fn synthetic(seed: u64, setup: &Setup) -> Result<Self> {
        let (seed_text, events) = (seed.to_string(), SESSION_EVENTS.to_string());
        let args = ["publish", "--no-wait", "--seed", &seed_text, "--events", &events, "--speed", SYNTHETIC_PACE];
        let selection = Selection { seed, events: SESSION_EVENTS, ..Selection::default() };
        Self::open(selection, setup, args.map(String::from).to_vec())
    }

    /// A session of a recorded market.
    pub fn recorded(files: &[PathBuf], setup: &Setup) -> Result<Self> {
        let mut args: Vec<String> = ["publish", "--no-wait", "--speed", RECORDED_PACE].map(String::from).to_vec();
        args.extend(files.iter().map(|file| file.display().to_string()));
        Self::open(Selection { files: files.to_vec(), ..Selection::default() }, setup, args)
    }

    fn open(selection: Selection, setup: &Setup, args: Vec<String>) -> Result<Self> {
        let recorded = !selection.files.is_empty();
        let (session, feed, _) = tapedeck_feeds::open(&selection, setup)?;
        let mut items: BTreeMap<InstrumentId, Vec<Item>> = BTreeMap::new();
        let mut count = 0;
        for item in feed {
            let item = item?;
            count += 1;
            items.entry(item.instrument).or_default().push(item);
        }
        Ok(Self { session, items, count, args, recorded, running: None, done: false, broken: false })
    }
}
