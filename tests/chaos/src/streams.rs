//! Reads the messages of a stream with their headers, from a sequence up to the stream's current end.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures_util::StreamExt as _;
use tapedeck_runtime::Bus;

/// Header of hostile messages, which no publisher and no machine sets.
pub const MARK: &str = "Tapedeck-Chaos";
/// How long to wait for the next message.
const NEXT_MAX: Duration = Duration::from_secs(30);

/// The last sequence of a stream.
pub async fn last(bus: &Bus, stream: &str) -> Result<u64> {
    Ok(bus.context().get_stream(stream).await?.cached_info().state.last_sequence)
}

/// Calls `take` with each message after sequence `after`; the last sequence.
pub async fn read(
    bus: &Bus,
    stream: &str,
    after: u64,
    mut take: impl FnMut(u64, &Message) -> Result<()>,
) -> Result<u64> {
    let end = last(bus, stream).await?;
    if end <= after {
        return Ok(after);
    }
    let handle = bus.context().get_stream(stream).await?;
    let deliver_policy = DeliverPolicy::ByStartSequence { start_sequence: after + 1 };
    let config = pull::OrderedConfig { deliver_policy, ..Default::default() };
    let mut messages = handle.create_consumer(config).await?.messages().await?;
    let mut seen = after;
    while seen < end {
        let next = tokio::time::timeout(NEXT_MAX, messages.next()).await;
        let message =
            next.with_context(|| format!("{stream}: no message after {seen}"))?.context("the consumer ended")??;
        let seq = message.info().map_err(|error| anyhow::anyhow!(error))?.stream_sequence;
        ensure!(seq == seen + 1, "{stream}: sequence {seq} follows {seen}");
        take(seq, &message)?;
        seen = seq;
    }
    Ok(seen)
}

/// The text of a header, if the message has it.
pub fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.headers.as_ref()?.get(name).map(|value| value.as_str())
}
