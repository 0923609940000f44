//! Publishes the events of a feed exactly once: for each instrument in order, with one message in flight. With a key it
//! publishes on the subjects of the events' source, otherwise on `md.>`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use tapedeck_feeds::{Feed, FeedError, Item, Payload, Selection, Setup};
use tapedeck_groups::Group;
use tapedeck_kernel::Inbox;
use tapedeck_runtime::publisher::FencedPublisher;
use tapedeck_runtime::{Bus, GroupStatus};
use tapedeck_schemas::ids::{InstrumentId, SourceId, Token};
use tapedeck_schemas::market::{self, MarketEvent};
use tapedeck_schemas::subject::{self, MarketKind};

use crate::missing::Missing;

/// Events in one message, at most.
const MESSAGE_EVENTS: usize = 256;
/// Events in flight, at most.
const CHUNK_EVENTS: usize = 4096;
/// Time between the first and the last event in flight, at most, in ns. Instruments are sent concurrently, so this
/// limits how far one runs ahead of another.
const CHUNK_SPAN_NS: u64 = 100_000_000;

/// Size and seed of the synthetic market.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Market")]
pub struct SyntheticArgs {
    /// Seed of the synthetic market
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Number of quotes and trades of the synthetic market
    #[arg(long, value_name = "N", default_value_t = 240_000)]
    pub events: u64,
}

/// A market to publish.
pub struct Market {
    /// Session of the publisher, derived from the events: the same events have the same session.
    pub session: String,
    /// The events.
    pub feed: Box<dyn Feed>,
    /// Estimated number of events, for a progress bar.
    pub events_about: u64,
}

impl Market {
    /// Opens the selected files, or the synthetic market.
    pub fn open(selection: &Selection, setup: &Setup) -> Result<Self> {
        let (session, feed, events_about) = tapedeck_feeds::open(selection, setup)?;
        Ok(Self { session, feed, events_about })
    }
}

/// How fast a market is played.
pub enum Pace {
    /// As fast as NATS accepts events.
    Max,
    /// At a multiple of the recorded pace.
    Recorded(tapedeck_history::ReplaySpeed),
    /// As fast as the groups process events.
    Lead {
        /// Lead over the slowest group, at most, in ns of tape time.
        lead_ns: u64,
        /// Status of the machines of all partitions.
        groups: Vec<Arc<GroupStatus>>,
    },
}

/// Numbers of events of a publication.
#[derive(Debug, Default, Clone, Copy, serde::Serialize)]
pub struct Published {
    /// Sent by this process for the first time.
    pub sent: u64,
    /// Sent again by this process, because ingest misses them.
    pub again: u64,
    /// Stored already, by an earlier run.
    pub skipped: u64,
}

impl Published {
    /// All events of the session that are stored.
    pub fn count(&self) -> u64 {
        self.sent + self.again + self.skipped
    }
}

/// The publisher of one session.
pub struct Publisher {
    bus: Bus,
    session: String,
    /// What ingest misses of the session, if that is known.
    missing: Option<Missing>,
    /// The instruments of the feed, if the publisher asks for it.
    fills: Option<Vec<InstrumentId>>,
    publishers: BTreeMap<InstrumentId, InstrumentPublisher>,
    published: Published,
    pace: Pace,
    began: Option<(Instant, u64)>,
    /// The sources and sessions of the events.
    sources: BTreeSet<(SourceId, Token)>,
    /// Messages that are no events, so that they have no source.
    unreadable: u64,
}

struct InstrumentPublisher {
    publisher: FencedPublisher,
    /// Number of items that were stored before ingest was asked what it misses.
    filled: u64,
    items: u64,
    waiting: Vec<Waiting>,
}

/// An item to send.
struct Waiting {
    /// Number of the item.
    number: u64,
    item: Item,
    /// Whether it was stored before, and ingest misses it.
    is_again: bool,
}

impl Publisher {
    /// A publisher of `session`. The same session must have the same items in every run.
    pub fn new(bus: &Bus, session: String, pace: Pace) -> Self {
        Self {
            bus: bus.clone(),
            session,
            missing: None,
            fills: None,
            publishers: BTreeMap::new(),
            published: Published::default(),
            pace,
            began: None,
            sources: BTreeSet::new(),
            unreadable: 0,
        }
    }

    /// A publisher that also sends again, before the others, the events of the session on these instruments that were
    /// stored and that ingest misses.
    pub fn filling(self, instruments: Vec<InstrumentId>) -> Self {
        Self { fills: Some(instruments), ..self }
    }

    /// Publishes the items of the feed. `progress` is called with the number of items stored or skipped so far.
    pub async fn publish(
        &mut self,
        feed: impl Iterator<Item = Result<Item, FeedError>>,
        progress: impl Fn(u64),
    ) -> Result<Published> {
        let mut waiting = Published::default();
        let (mut first_ts, mut last_ts) = (0, 0);
        for item in feed {
            let item = item?;
            self.note(&item);
            let publisher = self.publisher(item.instrument).await?;
            publisher.items += 1;
            let (number, is_again) = (publisher.items, publisher.items <= publisher.publisher.through());
            if is_again && !self.is_missing(number, &item).await? {
                self.published.skipped += 1;
                continue;
            }
            // What is sent again is old: it keeps no pace.
            if let (Payload::Event(event), false) = (&item.payload, is_again) {
                last_ts = event.ts_recv;
            }
            let full = waiting.count() == CHUNK_EVENTS as u64 || last_ts.abs_diff(first_ts) > CHUNK_SPAN_NS;
            if waiting.count() > 0 && (full || !(is_again || self.may_go(last_ts, true))) {
                self.flush(std::mem::take(&mut waiting)).await?;
                progress(self.published.count());
            }
            if waiting.count() == 0 && !is_again {
                first_ts = last_ts;
                self.wait_until_may_go(last_ts).await;
            }
            *(if is_again { &mut waiting.again } else { &mut waiting.sent }) += 1;
            self.publisher(item.instrument).await?.waiting.push(Waiting { number, item, is_again });
        }
        self.flush(waiting).await?;
        progress(self.published.count());
        Ok(self.published)
    }

    /// Numbers of the events published so far. What was in flight when the publication failed is not counted, and may
    /// be stored.
    pub fn published(&self) -> Published {
        self.published
    }

    fn note(&mut self, item: &Item) {
        match &item.payload {
            Payload::Event(event) => drop(self.sources.insert((event.source, event.session))),
            Payload::Raw(_) => self.unreadable += 1,
        }
    }

    /// The sources and sessions of the events of the feed.
    pub fn sources(&self) -> &BTreeSet<(SourceId, Token)> {
        &self.sources
    }

    /// Number of messages of the feed that are no events.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Whether ingest misses the item, which has this number and was stored when ingest was asked.
    async fn is_missing(&mut self, number: u64, item: &Item) -> Result<bool> {
        let Payload::Event(event) = &item.payload else { return Ok(false) };
        if let Some(instruments) = self.fills.take() {
            // Another process of the session may store more meanwhile, which ingest has not read when it answers.
            for instrument in instruments {
                let one = self.publisher(instrument).await?;
                one.filled = one.publisher.through();
            }
            self.missing = Some(Missing::ask(&self.bus, event.source, event.session).await);
        }
        let was_stored = self.publisher(item.instrument).await?.filled >= number;
        Ok(was_stored && self.missing.as_ref().is_some_and(|missing| missing.contains(&item.instrument, event.seq)))
    }

    /// The last sequence known to hold an event of this session, by inbox stream.
    pub fn stored(&self) -> BTreeMap<String, u64> {
        let mut stored = BTreeMap::new();
        for one in self.publishers.values() {
            let last: &mut u64 = stored.entry(one.publisher.stream().to_string()).or_default();
            *last = one.publisher.last_seq().max(*last);
        }
        stored
    }

    /// Whether no other session was ever published to the subjects of this one.
    pub fn is_alone(&self) -> bool {
        self.publishers.values().all(|one| one.publisher.is_alone())
    }

    async fn publisher(&mut self, instrument: InstrumentId) -> Result<&mut InstrumentPublisher> {
        if !self.publishers.contains_key(&instrument) {
            // All events of a feed have the same source.
            let subject = match self.sources.first() {
                Some((source, _)) if self.bus.is_client() => {
                    subject::sourced_subject(*source, &instrument, MarketKind::Batch)
                }
                _ => subject::market_subject(&instrument, MarketKind::Batch),
            };
            let publisher = FencedPublisher::open(&self.bus, subject, self.session.clone()).await?;
            self.publishers
                .insert(instrument, InstrumentPublisher { publisher, filled: 0, items: 0, waiting: Vec::new() });
        }
        self.publishers.get_mut(&instrument).context("a publisher was just inserted")
    }

    /// Sends the waiting items, of which there are so many.
    async fn flush(&mut self, waiting: Published) -> Result<()> {
        let busy = self.publishers.values_mut().filter(|one| !one.waiting.is_empty());
        try_join_all(busy.map(InstrumentPublisher::send)).await?;
        self.published.sent += waiting.sent;
        self.published.again += waiting.again;
        Ok(())
    }

    /// Whether an event of this time may be sent; `behind_others`: other events are to be sent before it.
    fn may_go(&mut self, ts: u64, behind_others: bool) -> bool {
        match &self.pace {
            Pace::Max => true,
            Pace::Recorded(pace) => {
                let (began, first) = *self.began.get_or_insert_with(|| (Instant::now(), ts));
                began.elapsed() >= pace.due(first, ts)
            }
            Pace::Lead { lead_ns, groups } => {
                let slowest = groups.iter().map(|group| group.at()).min().unwrap_or(u64::MAX);
                ts <= slowest.saturating_add(*lead_ns) || (!behind_others && self.is_processed(groups))
            }
        }
    }

    /// Whether every machine has processed everything that was sent.
    fn is_processed(&self, groups: &[Arc<GroupStatus>]) -> bool {
        let stored = self.stored();
        let of = |partition| groups.iter().filter(move |group| group.partition == partition);
        let reads_market = |group: &&Arc<GroupStatus>| {
            tapedeck_groups::named(group.group).and_then(Group::inbox) == Some(Inbox::Market)
        };
        groups.iter().filter(reads_market).all(|ingest| {
            let sent = stored.get(&self.bus.generations().inbox_stream(ingest.partition)).copied().unwrap_or(0);
            let on_tape = ingest.own_seq();
            let mut others = of(ingest.partition).filter(|group| group.group != ingest.group);
            ingest.inbox_seq() >= sent && others.all(|group| group.tape_seq() >= on_tape)
        })
    }

    async fn wait_until_may_go(&mut self, ts: u64) {
        while !self.may_go(ts, false) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl InstrumentPublisher {
    async fn send(&mut self) -> Result<()> {
        let (again, first): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|one| one.is_again);
        self.send_again(again).await?;
        let mut batch: Vec<MarketEvent> = Vec::new();
        for Waiting { number, item, .. } in first {
            match item.payload {
                // Stored already: a message of a former process of this session may have landed late.
                _ if number <= self.publisher.through() => {}
                Payload::Event(event) => {
                    batch.push(event);
                    if batch.len() == MESSAGE_EVENTS {
                        send_batch(&mut self.publisher, &mut batch).await?;
                    }
                }
                Payload::Raw(bytes) => {
                    send_batch(&mut self.publisher, &mut batch).await?;
                    if number > self.publisher.through() {
                        self.publisher.send(number, bytes.into()).await?;
                    }
                }
            }
        }
        send_batch(&mut self.publisher, &mut batch).await
    }

    async fn send_again(&mut self, waiting: Vec<Waiting>) -> Result<()> {
        let event = |one: Waiting| match one.item.payload {
            Payload::Event(event) => Some(event),
            Payload::Raw(_) => None, // has no number that could be missing
        };
        let events: Vec<_> = waiting.into_iter().filter_map(event).collect();
        for batch in events.chunks(MESSAGE_EVENTS) {
            self.publisher.send_again(market::encode_batch(batch).into()).await?;
        }
        Ok(())
    }
}

/// Sends the events of the batch, without those that turn out to be stored already.
async fn send_batch(publisher: &mut FencedPublisher, batch: &mut Vec<MarketEvent>) -> Result<()> {
    while !batch.is_empty() {
        let before = publisher.through();
        publisher.send(before + batch.len() as u64, market::encode_batch(batch).into()).await?;
        let stored = usize::try_from(publisher.through() - before)?;
        batch.drain(..batch.len().min(stored));
    }
    Ok(())
}
