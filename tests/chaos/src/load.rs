//! The load: sessions of `tapedeck publish`, and the very items that each of them is to publish, held in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use tapedeck_feeds::{Item, Selection, Setup};
use tapedeck_schemas::ids::InstrumentId;

use crate::process::Process;

/// Quotes and trades of a session of the synthetic market; when it has ended, one of another seed begins.
pub const SESSION_EVENTS: u64 = 200_000;
/// The synthetic market's pace: half of its 4,000 events a second, so that a tape of many rounds stays short.
const SYNTHETIC_PACE: &str = "0.5x";
/// The pace of recorded markets.
const RECORDED_PACE: &str = "10x";

/// A session and the process that publishes it.
pub struct Load {
    /// Its name, as its messages carry it.
    pub session: String,
    /// All of its items, by instrument, in order.
    pub items: BTreeMap<InstrumentId, Vec<Item>>,
    /// How many those are.
    pub count: u64,
    /// Arguments of `tapedeck`.
    pub args: Vec<String>,
    /// Whether it is recorded.
    pub recorded: bool,
    /// The publisher that runs.
    pub running: Option<Process>,
    /// Whether it was published to its end.
    pub done: bool,
    /// Whether its publisher failed as it must not: it is not started again.
    pub broken: bool,
}

impl Load {
    /// The synthetic market of a seed.
    pub fn synthetic(seed: u64, setup: &Setup) -> Result<Self> {
        let (seed_text, events) = (seed.to_string(), SESSION_EVENTS.to_string());
        let args = ["publish", "--seed", &seed_text, "--events", &events, "--speed", SYNTHETIC_PACE];
        let selection = Selection { seed, events: SESSION_EVENTS, ..Selection::default() };
        Self::open(selection, setup, args.map(String::from).to_vec())
    }

    /// A recorded market.
    pub fn recorded(files: &[PathBuf], setup: &Setup) -> Result<Self> {
        let mut args: Vec<String> = ["publish", "--speed", RECORDED_PACE].map(String::from).to_vec();
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
