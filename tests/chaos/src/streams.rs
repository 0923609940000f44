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

/// Calls `take` with each message after sequence `after`; the last sequence. No message may be missing.
pub async fn read(bus: &Bus, stream: &str, after: u64, take: impl FnMut(u64, &Message) -> Result<()>) -> Result<u64> {
    read_beside(bus, stream, after, &[], take).await
}

/// As [`read`], of a stream that lost these ranges of messages.
pub async fn read_beside(
    bus: &Bus,
    stream: &str,
    after: u64,
    lost: &[(u64, u64)],
    mut take: impl FnMut(u64, &Message) -> Result<()>,
) -> Result<u64> {
    let next = |seq: u64| lost.iter().find(|(first, _)| *first == seq + 1).map_or(seq + 1, |(_, last)| last + 1);
    let end = last(bus, stream).await?;
    if end <= after {
        return Ok(after);
    }
    let handle = bus.context().get_stream(stream).await?;
    let deliver_policy = DeliverPolicy::ByStartSequence { start_sequence: after + 1 };
    let config = pull::OrderedConfig { deliver_policy, ..Default::default() };
    let mut messages = handle.create_consumer(config).await?.messages().await?;
    let mut seen = after;
    while next(seen) <= end {
        let received = tokio::time::timeout(NEXT_MAX, messages.next()).await;
        let message =
            received.with_context(|| format!("{stream}: no message after {seen}"))?.context("the consumer ended")??;
        let seq = message.info().map_err(|error| anyhow::anyhow!(error))?.stream_sequence;
        ensure!(seq == next(seen), "{stream}: sequence {seq} follows {seen}");
        take(seq, &message)?;
        seen = seq;
    }
    Ok(end)
}

/// The text of a header, if the message has it.
pub fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.headers.as_ref()?.get(name).map(|value| value.as_str())
}
