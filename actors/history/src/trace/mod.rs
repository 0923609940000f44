//! Traces a fact, an order, a fill or an inbox entry: finds its chain of causes, with the latency of each hop.

mod chain;
mod search;

use std::str::FromStr;

use tapedeck_kernel::Inbox;
use tapedeck_runtime::Bus;
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::ids::{FillId, OrderId};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

use crate::bounds::{RangeBounds, ResolvedBound};
use crate::error::HistoryError;
use crate::fact::StoredFact;
use crate::filter::Filter;
use crate::range::RangeBound;
use crate::reader::FactReader;
use crate::resolve::TapeRange;

pub use chain::{Chain, ChainedFact, FACTS_MAX};
pub use search::RootSearch;

/// The fact, order, fill or inbox entry that a trace starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceQuery {
    /// The fact at an offset.
    At(Offset),
    /// The first fact with which the writer (ingest or control) answered this entry of its inbox; without a generation,
    /// of any generation of the inbox.
    Inbox(Writer, Option<Generation>, Offset),
    /// An order.
    Order(OrderId),
    /// A fill.
    Fill(FillId),
    /// An order or a fill: their ids have the same form.
    Id(OrderId, FillId),
}

/// The argument of a trace, as an operator writes it.
#[derive(Debug, Clone)]
pub struct TraceId {
    /// The text as written.
    pub text: String,
    /// The partition that the text names, if it names one.
    pub partition: Option<u16>,
    /// The offset as it names the tape; `None` if the text is no offset on a tape.
    pub bound: Option<RangeBound>,
    /// The parsed text.
    pub query: TraceQuery,
}

impl FromStr for TraceId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let id = |bound: Option<RangeBound>, query| {
            let partition = bound.and_then(RangeBound::partition);
            Ok(Self { text: text.to_string(), partition, bound, query })
        };
        for inbox in Inbox::ALL {
            let entry = text.strip_prefix(inbox.prefix()).and_then(|rest| rest.split_once(':'));
            if let (Some((generation, offset)), Some(writer)) = (entry, tapedeck_groups::reader_of(inbox)) {
                let generation = match generation.strip_prefix('.') {
                    Some(generation) => Some(generation.parse().map_err(|error| format!("{error}"))?),
                    None if generation.is_empty() => None,
                    None => continue,
                };
                let offset = offset.parse().map_err(|error| format!("{error}"))?;
                return id(None, TraceQuery::Inbox(writer, generation, offset));
            }
        }
        if let (Ok(order), Ok(fill)) = (text.parse::<OrderId>(), text.parse::<FillId>()) {
            return id(None, TraceQuery::Id(order, fill));
        }
        match text.parse::<RangeBound>() {
            Ok(bound @ RangeBound::Offset(_, offset)) => id(Some(bound), TraceQuery::At(offset)),
            _ => Err(format!(
                "{text:?} is not the id of an order or a fill (32 hex digits), an offset (p0g1:1234.5) or an inbox \
                 entry (inbox.g1:12.3, command.g1:12.0)"
            )),
        }
    }
}

/// A chain of causes, and the stamp of its input.
#[derive(Debug)]
pub struct Trace {
    /// Partition of the tape.
    pub partition: u16,
    /// The chain.
    pub chain: Chain,
    /// Time at which JetStream stored the inbox message that the first fact answers, ns since the Unix epoch. `None` if
    /// the message is gone, or the first fact answers no inbox message.
    pub inbox_stamp: Option<u64>,
}

/// Traces `query` on a tape; `None` if the tape has no such fact. Reads the tape twice: once for the first fact of the
/// chain, once for all of its facts.
pub async fn trace(bus: &Bus, tape: &TapeCreated, query: TraceQuery) -> Result<Option<Trace>, HistoryError> {
    let mut range = TapeRange::whole(bus, tape).await?;
    let mut search = RootSearch::default();
    let mut facts = FactReader::new(bus, &range, Filter::default());
    while let Some(mut read) = facts.next().await? {
        if read.any(|fact| search.take(query, &fact)) {
            break;
        }
    }
    let Some((asked, first)) = search.found() else { return Ok(None) };
    range.bounds = RangeBounds { from: Some(ResolvedBound::Offset(first)), to: None };
    let mut facts = FactReader::new(bus, &range, Filter::default());
    let mut chain = Chain::new(asked);
    while let Some(read) = facts.next().await? {
        read.for_each(|fact| chain.take(fact));
    }
    let inbox_stamp = match chain.first() {
        Some(first) => inbox_stamp(bus, first).await,
        None => None,
    };
    Ok(Some(Trace { partition: tape.partition, chain, inbox_stamp }))
}

/// See [`Trace::inbox_stamp`].
async fn inbox_stamp(bus: &Bus, fact: &StoredFact) -> Option<u64> {
    let stream = fact.inbox()?.family().stream(fact.partition, fact.inbox_generation?);
    let stored = bus.message(&stream, fact.cause.seq).await.ok()??;
    u64::try_from(stored.time.unix_timestamp_nanos()).ok()
}
