//! Renders replayed facts: market facts as market events in the format of publishers, all others as maps.

use std::collections::BTreeMap;

use serde::Serialize;
use tapedeck_schemas::ids::{InstrumentId, SourceId, Token};
use tapedeck_schemas::json::JsonTimes;
use tapedeck_schemas::market::published;
use tapedeck_schemas::market::{self, MarketEvent, Unnumbered};
use tapedeck_schemas::subject;

use super::json;
use crate::fact::StoredFact;

/// The source of replayed market events.
pub const SOURCE: &str = "replay";

/// The format of a replayed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// One JSON object per line, with times in this form.
    JsonLines(JsonTimes),
    /// MessagePack maps, one after the other.
    MessagePack,
}

impl std::fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            OutputFormat::JsonLines(JsonTimes::Text) => "jsonl",
            OutputFormat::JsonLines(JsonTimes::Number) => "jsonl with times as numbers",
            OutputFormat::MessagePack => "msgpack",
        })
    }
}

impl std::str::FromStr for OutputFormat {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "jsonl" => Ok(OutputFormat::JsonLines(JsonTimes::Text)),
            "msgpack" => Ok(OutputFormat::MessagePack),
            other => Err(format!("{other:?} is not a format (expected jsonl or msgpack)")),
        }
    }
}

/// A fact in the form in which it is written or published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendered {
    /// A market fact, as a market event in the format of publishers.
    Market(InstrumentId, MarketEvent),
    /// Any other fact.
    Fact(StoredFact),
}

/// Renders replayed facts. A market fact becomes a market event of the source [`SOURCE`], with a session and numbers of
/// the replay; its other fields are as recorded.
#[derive(Debug, Clone)]
pub struct Renderer {
    source: SourceId,
    session: Token,
    numbers: BTreeMap<InstrumentId, u64>,
}

impl Renderer {
    /// A renderer of the session `session`, whose numbers begin at 1 for each instrument.
    pub fn new(session: Token) -> Self {
        Self { source: SOURCE.parse().expect("a name"), session, numbers: BTreeMap::new() }
    }

    /// Renders the next fact.
    pub fn render(&mut self, fact: StoredFact) -> Rendered {
        let Some((instrument, Unnumbered { ts_recv, ts_event, body })) = published(&fact.event) else {
            return Rendered::Fact(fact);
        };
        let seq = self.numbers.entry(instrument).or_default();
        *seq += 1;
        let (source, session, seq) = (self.source, self.session, *seq);
        Rendered::Market(instrument, MarketEvent { source, session, seq, ts_recv, ts_event, body })
    }
}

impl Rendered {
    /// The bytes in a file; in JSON lines, with the line feed.
    pub fn bytes(&self, format: OutputFormat) -> Vec<u8> {
        match (self, format) {
            (Rendered::Market(instrument, event), OutputFormat::JsonLines(times)) => {
                line(market::json_line(instrument, event, times))
            }
            (Rendered::Market(instrument, event), OutputFormat::MessagePack) => {
                market::messagepack_map(instrument, event)
            }
            (Rendered::Fact(fact), OutputFormat::JsonLines(times)) => line(json(fact, times)),
            (Rendered::Fact(fact), OutputFormat::MessagePack) => {
                let mut bytes = Vec::new();
                // Names, ids and numbers as text, as in JSON: a reader need not know the numbers of the record format.
                let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
                fact.serialize(&mut serializer).expect("writing a fact to memory cannot fail");
                bytes
            }
        }
    }

    /// The subject under a prefix, and the payload: market facts on `<prefix>.<venue>.<symbol>.<kind>`, in MessagePack,
    /// as on `md.>`; others on `<prefix>-facts.<writer>.<Kind>`, in JSON, so that a subscriber of `<prefix>.>` receives
    /// market events only.
    pub fn message(&self, prefix: &str) -> (String, Vec<u8>) {
        match self {
            Rendered::Market(instrument, event) => {
                (subject::replay_subject(prefix, instrument, event.body.kind()), market::encode(event))
            }
            Rendered::Fact(fact) => {
                let (writer, kind) = (fact.writer, fact.event.kind().name());
                (format!("{prefix}-facts.{writer}.{kind}"), json(fact, JsonTimes::Text).into_bytes())
            }
        }
    }
}

fn line(mut text: String) -> Vec<u8> {
    text.push('\n');
    text.into_bytes()
}
