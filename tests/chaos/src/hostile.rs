//! Hostile messages, as a client with all permissions could send them. A header marks each, so that the checks know the
//! required result.

use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::HeaderMap;
use tapedeck_runtime::Bus;
use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::record::{self, RECORD_BYTES_MAX, RecordHash, Writer};

use crate::random::Random;
use crate::streams::{self, MARK};

/// How long to wait until a message is stored; the streams show later whether it was.
const STORE_MAX: Duration = Duration::from_secs(2);
/// More than the maximum message size of the streams (nats/streams.toml): JetStream rejects it.
const REFUSED_BYTES: usize = 300_000;
/// More than the maximum of a market message, less than that of the stream.
const OVERSIZED_BYTES: usize = RECORD_BYTES_MAX + 1_000;
/// The byte that MessagePack does not use: no value begins with it.
const UNUSED_BYTE: u8 = 0xc1;

/// The reason for which ingest must reject a message with this mark.
pub fn reason(mark: &str) -> Option<RejectReason> {
    match mark {
        "malformed" => Some(RejectReason::Malformed),
        "bad_subject" => Some(RejectReason::BadSubject),
        _ => None,
    }
}

/// Sends a message; a missing acknowledgement is not an error.
async fn send(bus: &Bus, subject: &str, mark: &str, payload: Vec<u8>) {
    let mut headers = HeaderMap::new();
    headers.insert(MARK, mark);
    let sent = async {
        let acked = bus.context().publish_with_headers(subject.to_string(), headers, payload.into()).await;
        if let Ok(acked) = acked {
            let _ = acked.await;
        }
    };
    let _ = tokio::time::timeout(STORE_MAX, sent).await;
}

/// Bytes that are neither a market message nor a command.
fn garbage(random: &mut Random) -> Vec<u8> {
    let length = random.between(1, 200) as usize;
    let noise = random.bytes(length);
    match random.between(0, 6) {
        0 => Vec::new(),
        1 => b"not messagepack".to_vec(),
        2 => vec![0x81],
        3 => vec![0xdd, 0xff, 0xff, 0xff, 0xff],
        4 => [&[UNUSED_BYTE], &noise[..]].concat(),
        5 => [vec![UNUSED_BYTE], vec![0; OVERSIZED_BYTES]].concat(),
        _ => [vec![UNUSED_BYTE], vec![0; REFUSED_BYTES]].concat(),
    }
}

/// Into the market inbox: garbage on the publishers' subjects and others, and a truncated message of a publisher.
pub async fn market(bus: &Bus, seed: u64) {
    let mut random = Random::new(seed);
    for _ in 0..random.between(2, 8) {
        let bytes = garbage(&mut random);
        let on = *random.pick(&["md.sim.ALPHAUSD.quote", "md.binance.BTCUSDT.trade", "md.sim.DELTAUSD.batch"]);
        send(bus, on, "malformed", bytes).await;
    }
    send(bus, "md.unknown", "bad_subject", b"x".to_vec()).await;
    if let Ok(copied) = random_message(bus, &bus.generations().inbox_stream(0), &mut random).await {
        send(bus, "md.sim.BRAVOUSD.quote", "malformed", copied[..copied.len() / 2].to_vec()).await;
    }
}

/// One message on a subject of the synthetic publisher, which resumes from the last message on it.
pub async fn displace(bus: &Bus) {
    send(bus, "md.sim.DELTAUSD.batch", "malformed", vec![UNUSED_BYTE]).await;
}

/// Garbage into the command inbox.
pub async fn commands(bus: &Bus, seed: u64) {
    let mut random = Random::new(seed);
    for _ in 0..random.between(2, 6) {
        let mut bytes = garbage(&mut random);
        bytes.truncate(60_000);
        let on = *random.pick(&["cmd.0.halt", "cmd.0.limits", "cmd.0.nothing"]);
        send(bus, on, "command", bytes).await;
    }
}

/// Bytes that are not a record, on a subject of the tape.
pub async fn tape(bus: &Bus, on: &str, seed: u64) {
    let mut random = Random::new(seed);
    let stream = bus.generations().tape_stream(0);
    for _ in 0..random.between(1, 4) {
        let bytes = match random.between(0, 3) {
            0 => random.bytes(64),
            1 => match random_message(bus, &stream, &mut random).await {
                Ok(record) => record[..random.between(0, record.len() as u64 - 1) as usize].to_vec(),
                Err(_) => continue,
            },
            _ => garbage(&mut random),
        };
        // A record that continues a chain stops every reader, as it must: that would end the round. Bytes that decode
        // are forged records, and those that begin a chain could be of a writer of a later build.
        let read = record::read(&bytes);
        let begins_a_chain = read.outer.is_some_and(|outer| outer.prev_hash == RecordHash::default());
        if read.error.is_some() && !begins_a_chain {
            send(bus, &format!("tape.0.{}.{on}", bus.generations().tape(0)), "garbage", bytes).await;
        }
    }
}

/// A record that decodes and is invalid: a copy of the writer's last record, the same with a wrong hash, or a record of
/// another writer.
pub async fn forge(bus: &Bus, on: Writer, seed: u64) -> Result<()> {
    let mut random = Random::new(seed);
    let generations = bus.generations();
    let (stream, own) = (generations.tape_stream(0), generations.tape_subject(0, on));
    let last = bus.last_message_on(&stream, &own).await?.context("the writer has no record yet")?;
    let payload = match random.between(0, 2) {
        0 => last.payload.to_vec(),
        1 => {
            let (mut header, entries) = record::decode(&last.payload)?;
            header.prev_hash = RecordHash::of(&random.bytes(8));
            record::encode(&header, &entries)
        }
        _ => {
            let other = if on == Writer::Ingest { Writer::Control } else { Writer::Ingest };
            let other = bus.last_message_on(&stream, &generations.tape_subject(0, other)).await?;
            other.context("the other writer has no record yet")?.payload.to_vec()
        }
    };
    send(bus, &own, "forged", payload).await;
    Ok(())
}

async fn random_message(bus: &Bus, stream: &str, random: &mut Random) -> Result<Vec<u8>> {
    let found = async {
        let last = streams::last(bus, stream).await?;
        let handle = bus.context().get_stream_no_info(stream).await?;
        let message = handle.get_raw_message(random.between(1, last.max(1))).await?;
        Ok(message.payload.to_vec())
    };
    tokio::time::timeout(STORE_MAX, found).await?
}
