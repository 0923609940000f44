//! Publishes a small generated market of one instrument, in MessagePack.
//!
//! ```sh
//! cargo run --release --example publish -- nats://127.0.0.1:4222 10000
//! cargo run --release --example publish -- nats://127.0.0.1:4222 10000 s1   # resumes the session, if there is one
//! ```
//!
//! One message is in flight: the next message is sent after JetStream has acknowledged the last one. A broken
//! connection can therefore neither lose nor reorder events.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_nats::jetstream::{self, context::PublishErrorKind};
use serde_json::{Value, json};
use tapedeck_schemas::event::Aggressor;
use tapedeck_schemas::ids::{SourceId, Token};
use tapedeck_schemas::market::{
    DefinitionBody, MarketBody, MarketEvent, PriceDomain, QuoteBody, TradeBody, TradeIdOrder, encode_batch,
};
use tapedeck_schemas::number::Price;

const SUBJECT: &str = "md.demo.FERRIS.batch";
const INSTRUMENT: &str = "demo.FERRIS";
const SOURCE: &str = "rust";
/// Events per message. The contract allows at most 1,024 events and 256 KiB.
const ARRAY: usize = 256;

// recipe: resume
/// The numbers of each instrument of the session, once everything that is stored is decided.
async fn resume(client: &async_nats::Client, source: &str, session: &str) -> anyhow::Result<HashMap<String, Value>> {
    let (mut known, mut request) = (HashMap::new(), json!({"session": session}));
    loop {
        let reply = client.request(format!("md-status.{source}"), request.to_string().into()).await?;
        let mut status: Value = serde_json::from_slice(&reply.payload)?;
        if status["waiting"] != 0 || status["missing"] != json!([]) {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        }
        let sessions = status["sessions"].as_array_mut().map(std::mem::take).unwrap_or_default();
        known.extend(sessions.into_iter().map(|one| (one["instrument"].as_str().unwrap_or_default().into(), one)));
        match status["next"].take() {
            Value::Null => return Ok(known),
            next => request["after"] = next,
        }
    }
}
// end of recipe

/// Whether an event with a number of the session needs not be sent.
fn is_decided(known: &Value, seq: u64) -> bool {
    let missing: Vec<(u64, u64)> = serde_json::from_value(known["missing"].clone()).unwrap_or_default();
    known["last_seq"].as_u64() >= Some(seq) && !missing.iter().any(|(first, last)| (*first..=*last).contains(&seq))
}

/// Numbers the events of one instrument, in one session.
struct Numbering {
    source: SourceId,
    session: Token,
    seq: u64,
}

impl Numbering {
    fn event(&mut self, body: MarketBody) -> MarketEvent {
        self.seq += 1;
        let (source, session, seq) = (self.source, self.session, self.seq);
        MarketEvent { source, session, seq, ts_recv: now_ns(), ts_event: None, body }
    }
}

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_nanos() as u64
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let server = args.next().unwrap_or("nats://127.0.0.1:4222".into());
    let events: u64 = args.next().map_or(Ok(10_000), |events| events.parse())?;
    let client = async_nats::connect(server).await?;
    let jetstream = jetstream::new(client.clone());

    // A new session at each start, because its numbers begin at 1.
    let session: Token = args.next().unwrap_or_else(|| format!("{:x}", now_ns())).parse()?;
    let known = resume(&client, SOURCE, session.as_str()).await?.remove(INSTRUMENT).unwrap_or_default();
    let mut numbering = Numbering { source: SOURCE.parse()?, session, seq: 0 };
    let (begun, mut sent) = (Instant::now(), 0);
    let mut batch = Vec::new();
    for i in 0..=events {
        let event = numbering.event(if i == 0 { definition()? } else { market(i - 1)? });
        if !is_decided(&known, event.seq) {
            batch.push(event);
        }
        if batch.len() == ARRAY || i == events && !batch.is_empty() {
            store(&jetstream, encode_batch(&batch)).await?;
            sent += batch.len();
            batch.clear();
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{sent} events in {seconds:.3} s: {:.0} events/s", sent as f64 / seconds);
    let known = resume(&client, SOURCE, session.as_str()).await?;
    println!("decided in session {session}: {}", known.get(INSTRUMENT).unwrap_or(&Value::Null));
    Ok(())
}

/// Sends a message, and retries the same bytes until JetStream has stored it.
async fn store(jetstream: &jetstream::Context, payload: Vec<u8>) -> anyhow::Result<()> {
    let payload = bytes::Bytes::from(payload);
    loop {
        let error = match jetstream.publish(SUBJECT, payload.clone()).await {
            Ok(answer) => match answer.await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            },
            Err(error) => error,
        };
        if !matches!(error.kind(), PublishErrorKind::TimedOut | PublishErrorKind::StreamNotFound) {
            return Err(error.into());
        }
        eprintln!("{SUBJECT}: not stored: {error}; retrying");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn definition() -> anyhow::Result<MarketBody> {
    Ok(MarketBody::Definition(DefinitionBody {
        base: "FERRIS".parse()?,
        quote: "USD".parse()?,
        tick_size: "0.01".parse()?,
        lot_size: "1".parse()?,
        min_notional: "5".parse()?,
        bars: vec!["1s".parse()?],
        prices: PriceDomain::Positive,
        trade_ids: TradeIdOrder::Any,
        sources: Vec::new(),
        calendar: None,
    }))
}

/// Event `i` of the market: prices follow a triangle wave from 100.00 to 102.00, with a trade after every second quote.
fn market(i: u64) -> anyhow::Result<MarketBody> {
    let cents = 10_000 + (i % 400).min(400 - i % 400);
    let price = |cents: u64| format!("{}.{:02}", cents / 100, cents % 100).parse::<Price>();
    Ok(if i % 3 == 2 {
        let aggressor = if i.is_multiple_of(2) { Aggressor::Buyer } else { Aggressor::Seller };
        let quantity = (1 + i % 7).to_string().parse()?;
        MarketBody::Trade(TradeBody { price: price(cents)?, quantity, aggressor, trade_id: None })
    } else {
        let (bid, ask) = (Some(price(cents)?), Some(price(cents + 1)?));
        MarketBody::Quote(QuoteBody { bid, bid_size: "10".parse()?, ask, ask_size: "20".parse()?, update_id: None })
    })
}
