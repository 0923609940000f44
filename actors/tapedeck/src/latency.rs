//! Latency from the tick, by the stamps of the broker's messages: of a sample of orders, looked up through the causes.

use anyhow::{Context as _, Result};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tapedeck_runtime::Bus;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::{record, subject};
use tokio_postgres::Client;

use crate::report::Row;

/// Orders looked at.
const SAMPLE: i64 = 500;
/// Looked up at once.
const AT_ONCE: usize = 16;

/// Orders in an order that has nothing to do with time, and the ticks behind them.
const SQL: &str = "SELECT s.partition, s.cause_seq, s.cause_index, r.stamp, o.submitted_stamp \
     FROM tapedeck.orders o \
     JOIN tapedeck.signals s ON s.partition = o.partition AND s.seq = o.signal_seq AND s.index = o.signal_index \
     JOIN tapedeck.records r ON r.partition = s.partition AND r.seq = s.cause_seq \
     WHERE o.submitted_stamp IS NOT NULL ORDER BY md5(o.order_id) LIMIT $1";

/// Rows of the report's latency part: the hop into the tape, and the whole way from tick to order.
pub async fn from_tick(bus: &Bus, client: &Client) -> Result<Vec<Row>> {
    let rows = client.query(SQL, &[&SAMPLE]).await?;
    let last_poll = stream::iter(rows).map(|row| async move {
        let [partition, seq, index, landed, submitted] = [0, 1, 2, 3, 4].map(|column| row.get::<_, i64>(column));
        let tick = Offset::new(u64::try_from(seq)?, u32::try_from(index)?);
        let stamp = i64::try_from(inbox_stamp(bus, u16::try_from(partition)?, tick).await?)?;
        anyhow::Ok((landed - stamp, submitted - stamp))
    });
    let all: Vec<(i64, i64)> = last_poll.buffer_unordered(AT_ONCE).try_collect().await?;
    let (tape, order): (Vec<i64>, Vec<i64>) = all.into_iter().unzip();
    Ok(vec![row("tick to tape (ingest)", tape), row("tick to order", order)])
}

/// When the broker stored the message that brought a fact of ingest's, ns.
pub async fn inbox_stamp(bus: &Bus, partition: u16, fact: Offset) -> Result<u64> {
    let tape = bus.context().get_stream_no_info(subject::tape_stream(partition)).await?;
    let (_, entries) = record::decode(&tape.get_raw_message(fact.seq).await?.payload)?;
    let entry = entries.get(fact.index as usize).with_context(|| format!("nothing stands at {fact}"))?;
    let inbox = bus.context().get_stream_no_info(subject::inbox_stream(partition)).await?;
    let stamp = inbox.get_raw_message(entry.cause.seq).await?.time.unix_timestamp_nanos();
    u64::try_from(stamp).with_context(|| format!("inbox message {} was stored before 1970", entry.cause.seq))
}

fn row(hop: &str, mut times_ns: Vec<i64>) -> Row {
    times_ns.sort_unstable();
    let at = |percent: usize| times_ns.get((times_ns.len() * percent / 100).min(times_ns.len().saturating_sub(1)));
    let us = |percent| at(percent).map(|ns| (ns / 1000).to_string());
    let count = Some(times_ns.len().to_string());
    Row::from([("hop", Some(hop.into())), ("count", count), ("p50", us(50)), ("p99", us(99))])
}
