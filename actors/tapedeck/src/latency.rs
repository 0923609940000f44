//! Latency from market event to order, of a sample of orders: from the stamps of the messages along the causes.

use anyhow::{Context as _, Result};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tapedeck_runtime::Bus;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record;
use tokio_postgres::Client;

/// Number of orders in the sample.
const SAMPLE: i64 = 500;
/// Number of orders that are looked up concurrently.
const CONCURRENCY: usize = 16;

/// A sample that does not depend on time: orders by the hash of their id, with the market events behind them.
const SQL: &str = "SELECT s.partition, s.cause_seq, s.cause_index, r.stamp, o.submitted_stamp \
     FROM tapedeck.orders o \
     JOIN tapedeck.signals s ON s.partition = o.partition AND s.seq = o.signal_seq AND s.index = o.signal_index \
     JOIN tapedeck.records r ON r.partition = s.partition AND r.seq = s.cause_seq \
     WHERE o.submitted_stamp IS NOT NULL ORDER BY md5(o.order_id) LIMIT $1";

/// Latencies of a sample of orders, in ns by hop: into the tape, and the whole way from market event to order.
pub async fn from_market_event(bus: &Bus, client: &Client) -> Result<[(&'static str, Vec<i64>); 2]> {
    let rows = client.query(SQL, &[&SAMPLE]).await?;
    let lookups = stream::iter(rows).map(|row| async move {
        let [partition, seq, index, landed, submitted] = [0, 1, 2, 3, 4].map(|column| row.get::<_, i64>(column));
        let fact = Offset::new(u64::try_from(seq)?, u32::try_from(index)?);
        let stamp = i64::try_from(inbox_stamp(bus, u16::try_from(partition)?, fact).await?)?;
        anyhow::Ok((landed - stamp, submitted - stamp))
    });
    let all: Vec<(i64, i64)> = lookups.buffer_unordered(CONCURRENCY).try_collect().await?;
    let (tape, order): (Vec<i64>, Vec<i64>) = all.into_iter().unzip();
    Ok([("market event to tape", tape), ("market event to order", order)])
}

/// Stamp of the inbox message that a fact of ingest answers, in ns.
async fn inbox_stamp(bus: &Bus, partition: u16, fact: Offset) -> Result<u64> {
    let missing = || format!("the tape of partition {partition} has no fact {fact}");
    let stored = bus.message(&bus.generations().tape_stream(partition), fact.seq).await?.with_context(missing)?;
    let (_, entries) = record::decode(&stored.payload)?;
    let cause = entries.get(fact.index as usize).with_context(missing)?.cause;
    let stored = bus.message(&bus.generations().inbox_stream(partition), cause.seq).await?;
    let stamp = stored.with_context(|| format!("the inbox has no message {}", cause.seq))?.time.unix_timestamp_nanos();
    u64::try_from(stamp).with_context(|| format!("inbox message {} was stored before 1970", cause.seq))
}
