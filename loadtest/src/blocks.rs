//! The closed blocks of a compressed stream.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_nats::HeaderMap;
use async_nats::jetstream::stream::{Compression, Config, DiscardPolicy, StorageType};
use bytes::Bytes;
use tapedeck_runtime::Bus;
use tapedeck_servers::NatsServer;

/// Stored bytes that are written to measure blocks.
const WRITTEN_BYTES: usize = 16 << 20;
/// Bound of the stream; JetStream makes blocks of about a quarter of it.
const STREAM_BYTES_MAX: i64 = 24 << 20;
/// Bytes that JetStream adds to the subject, the headers and the payload of a message with headers.
pub(crate) const MESSAGE_BYTES: usize = 22 + 4 + 8;
/// Bytes of the headers of a message with one header whose name and value are empty.
const HEADER_BYTES: usize = "NATS/1.0\r\n: \r\n\r\n".len();

/// The bytes of closed blocks as a part of the stored bytes. The messages (subject, payload) are stored several times
/// over in a stream with `compression: s2`, because the block that is being written is not compressed. A header gives
/// each message the size `own_bytes` beside its payload.
pub(crate) async fn compressed_part(messages: &[(String, Bytes)], own_bytes: usize) -> Result<f64> {
    let dir = tempfile::tempdir()?;
    let nats = NatsServer::start(&dir.path().join("nats"), 0)?;
    let bus = Bus::connect(&nats.url(), "bench").await?;
    let config = Config {
        name: "BLOCKS".into(),
        subjects: vec!["tape.>".into(), "md.>".into()],
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        max_bytes: STREAM_BYTES_MAX,
        compression: Some(Compression::S2),
        ..Config::default()
    };
    let mut stream = bus.context().create_stream(config).await?;
    let (mut written, mut waiting) = (0, Vec::new());
    for (number, (subject, payload)) in messages.iter().cycle().enumerate() {
        let value = number.to_string();
        let name = own_bytes.saturating_sub(MESSAGE_BYTES + HEADER_BYTES + subject.len() + value.len()).max(1);
        let mut headers = HeaderMap::new();
        headers.insert("N".repeat(name).as_str(), value.as_str());
        waiting.push(bus.context().publish_with_headers(subject.clone(), headers, payload.clone()).await?);
        written += payload.len() + own_bytes;
        if waiting.len() == 256 || written > WRITTEN_BYTES {
            for ack in waiting.drain(..) {
                ack.await?;
            }
        }
        if written > WRITTEN_BYTES {
            break;
        }
    }
    let stored = stream.info().await?.state.bytes;
    // JetStream compresses a closed block beside the appends.
    let mut blocks = block_sizes(dir.path())?;
    loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = std::mem::replace(&mut blocks, block_sizes(dir.path())?);
        if before == blocks {
            break;
        }
    }
    let open = blocks.pop().context("the stream has no blocks")?;
    ensure!(blocks.len() >= 2, "the stream has {} closed blocks", blocks.len());
    Ok(blocks.iter().sum::<u64>() as f64 / (stored - open) as f64)
}

/// Sizes of the blocks of the only stream in `dir`, in their order.
fn block_sizes(dir: &Path) -> Result<Vec<u64>> {
    let (mut blocks, mut folders) = (Vec::new(), vec![dir.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(&folder)? {
            let path = file?.path();
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
            if path.is_dir() {
                folders.push(path);
            } else if let Some(number) = number.filter(|_| path.extension().is_some_and(|end| end == "blk")) {
                blocks.push((number, std::fs::metadata(&path)?.len()));
            }
        }
    }
    blocks.sort_unstable();
    Ok(blocks.into_iter().map(|(_, bytes)| bytes).collect())
}
