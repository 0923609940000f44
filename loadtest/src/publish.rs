//! The rate of publishing into an inbox, compared with raw JetStream publishes of the size of one event.
//!
//! Nothing reads the inbox meanwhile: the demo reports the rate of a whole system.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use futures_util::stream::FuturesUnordered;
use tapedeck_runtime::Bus;
use tapedeck_runtime::publisher::FencedPublisher;
use tapedeck_runtime::streams::{self, BUILT_IN, Declaration};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::market;
use tapedeck_schemas::subject::{self, MarketKind};
use tapedeck_servers::NatsServer;

use crate::market::{SYMBOLS, events, instrument, write_capture};
use crate::table::Rates;

/// Events per message.
const ARRAYS: [usize; 4] = [1, 16, 256, 1024];
/// Raw publishes in flight.
const WINDOW: usize = 1024;
const RAW: &str = "raw publish, 1 event's bytes, window 1024";
/// Divides the number of events in measurements with one event a message, which are slow.
const SINGLES_DIVIDE: u64 = 10;

pub(crate) async fn run(count: u64, rounds: usize, python: Option<&Path>) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let nats = NatsServer::start(&dir.path().join("nats"), 0)?;
    let bus = Bus::connect(&nats.url(), "bench").await?;
    streams::provision(&bus, &Declaration::parse(BUILT_IN)?, |_| TapeId([7; 16])).await?;
    let mut rates = Rates::default();
    for round in 0..rounds {
        let (sent, seconds) = publish_raw(&bus, count / SINGLES_DIVIDE, round).await?;
        rates.add(RAW, sent, seconds);
        for array in ARRAYS {
            let count = if array == 1 { count / SINGLES_DIVIDE } else { count };
            let (sent, seconds) = publish_fenced(&bus, count, array, round).await?;
            rates.add(format!("Rust, MessagePack, arrays of {array}"), sent, seconds);
        }
        let Some(python) = python else { continue };
        for array in ARRAYS {
            for json in [false, true] {
                let count = if array == 1 { count / SINGLES_DIVIDE } else { count };
                let capture = dir.path().join(format!("{count}.jsonl"));
                if !capture.exists() {
                    write_capture(&capture, count / SYMBOLS.len() as u64)?;
                }
                let started = Instant::now();
                publish_by_script(python, &nats.url(), &capture, array, json)?;
                let encoding = if json { "JSON" } else { "MessagePack" };
                rates.add(format!("Python, {encoding}, arrays of {array}"), count, started.elapsed().as_secs_f64());
            }
        }
    }
    rates.print(RAW);
    Ok(())
}

/// Single messages, pipelined, without a fence, each acknowledged: the greatest rate of this client.
async fn publish_raw(bus: &Bus, count: u64, round: usize) -> Result<(u64, f64)> {
    let payload: bytes::Bytes = market::encode(&events(0, 1, "raw".parse()?)[0]).into();
    let subject = format!("md.raw.r{round}.quote");
    let started = Instant::now();
    let mut pending = FuturesUnordered::new();
    for _ in 0..count {
        if pending.len() == WINDOW {
            pending.next().await.context("no acknowledgement")??;
        }
        pending.push(bus.context().publish(subject.clone(), payload.clone()).await?.into_future());
    }
    while let Some(ack) = pending.next().await {
        ack?;
    }
    Ok((count, started.elapsed().as_secs_f64()))
}

/// The publisher of `tapedeck`: one fenced publisher an instrument, each with one message in flight.
async fn publish_fenced(bus: &Bus, count: u64, array: usize, round: usize) -> Result<(u64, f64)> {
    let session = format!("a{array}r{round}");
    let each = count / SYMBOLS.len() as u64;
    let all: Vec<_> =
        (0..SYMBOLS.len()).map(|symbol| events(symbol, each, session.parse().expect("it is a token"))).collect();
    let started = Instant::now();
    let sent = try_join_all(all.iter().enumerate().map(|(symbol, events)| {
        let subject = subject::market_subject(&instrument(symbol), MarketKind::Batch);
        let session = session.clone();
        async move {
            let mut publisher = FencedPublisher::open(bus, subject, session).await?;
            let mut through = 0;
            for batch in events.chunks(array) {
                through += batch.len() as u64;
                publisher.send(through, market::encode_batch(batch).into()).await?;
            }
            anyhow::Ok(through)
        }
    }))
    .await?;
    Ok((sent.iter().sum(), started.elapsed().as_secs_f64()))
}

/// The example publisher in Python; its start and its reading of the capture are included.
fn publish_by_script(python: &Path, url: &str, capture: &Path, array: usize, json: bool) -> Result<()> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/examples/python/publish.py");
    let mut command = Command::new(python);
    command.arg(script).args(["--server", url, "--array", &array.to_string()]);
    if json {
        command.arg("--json");
    }
    let status = command.arg(capture).stdout(Stdio::null()).status().context("cannot run python")?;
    ensure!(status.success(), "{script} failed: {status}");
    Ok(())
}
