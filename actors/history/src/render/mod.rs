//! Renders facts: as a JSON object, as a line of words, or as a market event in the format of publishers.

mod market;
mod reasons;
mod words;

use serde::{Serialize, Serializer};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::json::{JsonTimes, to_json};

use crate::fact::StoredFact;

pub use market::{OutputFormat, Rendered, Renderer, SOURCE};
pub(crate) use words::span;
pub use words::{readable_time, words};

/// The fields of a fact in JSON and MessagePack output.
#[derive(Serialize)]
struct FactMap<'a> {
    offset: String,
    writer: &'static str,
    epoch: u64,
    cause: String,
    index: u32,
    at: u64,
    stamp: u64,
    kind: &'static str,
    version: u16,
    body: &'a Event,
}

impl Serialize for StoredFact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = self.event.kind();
        let map = FactMap {
            offset: self.printed_offset(),
            writer: self.writer.as_str(),
            epoch: self.epoch,
            cause: self.cause_text(),
            index: self.index,
            at: self.at,
            stamp: self.stamp,
            kind: kind.name(),
            version: kind.version(),
            body: &self.event,
        };
        map.serialize(serializer)
    }
}

/// A fact as one line of JSON, without a line feed.
pub fn json(fact: &StoredFact, times: JsonTimes) -> String {
    to_json(fact, times)
}

/// A fact as one line of words for a terminal, without a line feed.
pub fn line(fact: &StoredFact) -> String {
    let (place, time, writer) = (fact.printed_offset(), readable_time(fact.at), fact.writer);
    let (kind, cause) = (fact.event.kind().name(), fact.cause_text());
    format!("{place:<14} {time} {writer:<9} {kind:<18} ← {cause:<14} {}{}", words(&fact.event), age(fact))
}

/// The age of a quote or trade at its tape time, from a second on.
fn age(fact: &StoredFact) -> String {
    let ts_recv = match &fact.event {
        Event::Quote(quote) => quote.ts_recv,
        Event::Trade(trade) => trade.ts_recv,
        _ => return String::new(),
    };
    match fact.at.saturating_sub(ts_recv) / 1_000_000_000 {
        0 => String::new(),
        seconds => format!(" ({seconds} s old)"),
    }
}
