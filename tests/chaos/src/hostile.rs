//! Foreign messages: what somebody with all rights could send. Each is marked, so that what must come of it is known.

use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::HeaderMap;
use tapedeck_runtime::Bus;
use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::record::{self, RECORD_BYTES_MAX, RecordError, RecordHash, Writer};
use tapedeck_schemas::subject;

use crate::random::Random;
use crate::streams::{self, MARK};

/// How long the broker may take to store one; whether it did, the streams tell later.
const STORE_MAX: Duration = Duration::from_secs(2);
/// More than a stream's message may hold (nats/streams.toml): the broker refuses it.
const REFUSED_BYTES: usize = 300_000;
/// More than a message of the market may hold, less than the stream's.
const OVERSIZED_BYTES: usize = RECORD_BYTES_MAX + 1_000;
/// Bytes that MessagePack never uses: what begins with it is nothing.
const NEVER: u8 = 0xc1;

/// For what ingest must refuse a message so marked.
pub fn reason(mark: &str) -> Option<RejectReason> {
    match mark {
        "malformed" => Some(RejectReason::Malformed),
        "bad_subject" => Some(RejectReason::BadSubject),
        _ => None,
    }
}

/// Sends one; an answer that does not come is nobody's fault.
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

/// Bytes that are no message of the market and no command.
fn garbage(random: &mut Random) -> Vec<u8> {
    let length = random.between(1, 200) as usize;
    let noise = random.bytes(length);
    match random.between(0, 6) {
        0 => Vec::new(),
        1 => b"not messagepack".to_vec(),
        2 => vec![0x81],
        3 => vec![0xdd, 0xff, 0xff, 0xff, 0xff],
        4 => [&[NEVER], &noise[..]].concat(),
        5 => [vec![NEVER], vec![0; OVERSIZED_BYTES]].concat(),
        _ => [vec![NEVER], vec![0; REFUSED_BYTES]].concat(),
    }
}

/// Among the market data: on subjects beside the publishers' and, cut short, one of their own messages.
pub async fn market(bus: &Bus, seed: u64) {
    let mut random = Random(seed);
    for _ in 0..random.between(2, 8) {
        let bytes = garbage(&mut random);
        let on = *random.pick(&["md.sim.ALPHAUSD.quote", "md.binance.BTCUSDT.trade", "md.sim.DELTAUSD.batch"]);
        send(bus, on, "malformed", bytes).await;
    }
    send(bus, "md.nobody", "bad_subject", b"x".to_vec()).await;
    if let Ok(copied) = some_message(bus, &subject::inbox_stream(0), &mut random).await {
        send(bus, "md.sim.BRAVOUSD.quote", "malformed", copied[..copied.len() / 2].to_vec()).await;
    }
}

/// One message on a subject of the synthetic publisher, which finds its place by the last message there.
pub async fn displace(bus: &Bus) {
    send(bus, "md.sim.DELTAUSD.batch", "malformed", vec![NEVER]).await;
}

/// Among the commands.
pub async fn commands(bus: &Bus, seed: u64) {
    let mut random = Random(seed);
    for _ in 0..random.between(2, 6) {
        let mut bytes = garbage(&mut random);
        bytes.truncate(60_000);
        let on = *random.pick(&["cmd.0.halt", "cmd.0.limits", "cmd.0.nothing"]);
        send(bus, on, "command", bytes).await;
    }
}

/// On a subject of the tape, bytes that are no record.
pub async fn tape(bus: &Bus, on: &str, seed: u64) {
    let mut random = Random(seed);
    let stream = subject::tape_stream(0);
    for _ in 0..random.between(1, 4) {
        let bytes = match random.between(0, 3) {
            0 => random.bytes(64),
            1 => match some_message(bus, &stream, &mut random).await {
                Ok(record) => record[..random.between(0, record.len() as u64 - 1) as usize].to_vec(),
                Err(_) => continue,
            },
            _ => garbage(&mut random),
        };
        // What says that it is of newer code stops every reader, as it must: that is not for a round.
        if !matches!(record::decode(&bytes), Err(RecordError::Unknown(_)) | Ok(_)) {
            send(bus, &format!("tape.0.{on}"), "garbage", bytes).await;
        }
    }
}

/// Records that decode and yet must not count: one on the subject of another writer, or one of the writer's own,
/// copied, or with a hash of nothing.
pub async fn forge(bus: &Bus, on: Writer, seed: u64) -> Result<()> {
    let mut random = Random(seed);
    let (stream, own) = (subject::tape_stream(0), subject::tape_subject(0, on));
    let last = bus.last_message_on(&stream, &own).await?.context("it has written nothing yet")?;
    let payload = match random.between(0, 2) {
        0 => last.payload.to_vec(),
        1 => {
            let (mut header, entries) = record::decode(&last.payload)?;
            header.prev_hash = RecordHash::of(&random.bytes(8));
            record::encode(&header, &entries)
        }
        _ => {
            let other = if on == Writer::Ingest { Writer::Control } else { Writer::Ingest };
            let other = bus.last_message_on(&stream, &subject::tape_subject(0, other)).await?;
            other.context("nobody else has written yet")?.payload.to_vec()
        }
    };
    send(bus, &own, "forged", payload).await;
    Ok(())
}

async fn some_message(bus: &Bus, stream: &str, random: &mut Random) -> Result<Vec<u8>> {
    let found = async {
        let last = streams::last(bus, stream).await?;
        let handle = bus.context().get_stream_no_info(stream).await?;
        let message = handle.get_raw_message(random.between(1, last.max(1))).await?;
        Ok(message.payload.to_vec())
    };
    tokio::time::timeout(STORE_MAX, found).await?
}
