//! The files of the stores: copies of them, the damage, and what nats-server makes of damaged files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tapedeck_runtime::Bus;
use tapedeck_runtime::bus::NatsAccess;
use tapedeck_runtime::tail::Tail;
use tapedeck_schemas::generation::Generations;
use tapedeck_schemas::record::{self, RecordHash, Writer};
use tapedeck_servers::NatsServer;

use crate::damage::{Harm, Index, Store};

/// How long a reader waits for the next message of a store before it asks for single messages.
const NEXT_MAX: Duration = Duration::from_secs(3);
/// The server's folder of the streams.
const STREAMS: &str = "data/jetstream/$G/streams";

/// The messages of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Whether the server has the stream.
    pub exists: bool,
    /// The last sequence.
    pub last: u64,
    /// For each message its hash, and the time at which it was stored, ns since 1970.
    pub messages: BTreeMap<u64, (RecordHash, u64)>,
    /// Of a tape: the last cause of each writer, a sequence of its inbox or of the tape.
    pub decided: BTreeMap<Writer, u64>,
}

impl Contents {
    fn take(&mut self, seq: u64, payload: &[u8], stamp: u64) {
        self.messages.insert(seq, (RecordHash::of(payload), stamp));
        if let Ok((header, entries)) = record::decode(payload)
            && let Some(last) = entries.last()
        {
            let decided = self.decided.entry(header.writer).or_default();
            *decided = last.cause.seq.max(*decided);
        }
    }

    /// The messages that `after` does not hold, with the times at which they were stored.
    pub fn lost(&self, after: &Contents) -> BTreeMap<u64, u64> {
        let is_kept = |(seq, (hash, _)): &(&u64, &(RecordHash, u64))| {
            after.messages.get(*seq).is_some_and(|(other, _)| other == hash)
        };
        self.messages.iter().filter(|one| !is_kept(one)).map(|(seq, (_, stamp))| (*seq, *stamp)).collect()
    }
}

/// The stream of a store.
pub fn stream(generations: &Generations, store: Store) -> String {
    match store {
        Store::Tape => generations.tape_stream(0),
        Store::Market => generations.inbox_stream(0),
        Store::Command => generations.command_stream(0),
    }
}

/// Copies a folder with its owners; `to` must not exist.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().context("run cp")?;
    ensure!(status.success(), "cannot copy {} to {}", from.display(), to.display());
    Ok(())
}

/// What a server that starts on a copy of the files in `dir` finds in each store: the files themselves are not touched.
pub fn inspect(
    runtime: &tokio::runtime::Runtime,
    dir: &Path,
    generations: &Generations,
) -> Result<BTreeMap<Store, Contents>> {
    let aside = dir.with_extension("copy");
    let start = || {
        let _ = std::fs::remove_dir_all(&aside);
        std::fs::create_dir(&aside)?;
        copy(&dir.join("data"), &aside.join("data"))?;
        anyhow::Ok(NatsServer::start(&aside, 0)?)
    };
    // nats-server may hang while it restores a damaged block, once in hundreds of starts: it is never ready then, and
    // the next start restores the same files.
    let server = start().or_else(|_| start())?;
    let access = NatsAccess { url: server.url(), nkey: None, generations: generations.clone() };
    let found = runtime.block_on(async {
        let bus = Bus::connect(access, "chaos-inspect").await?;
        let mut found = BTreeMap::new();
        for store in Store::ALL {
            found.insert(store, read(&bus, &stream(generations, store)).await?);
        }
        anyhow::Ok(found)
    })?;
    server.kill()?;
    std::fs::remove_dir_all(&aside)?;
    Ok(found)
}

/// Every message of a stream that can be read.
pub async fn read(bus: &Bus, stream: &str) -> Result<Contents> {
    let Some(found) = bus.find_stream(stream).await? else { return Ok(Contents::default()) };
    let last = found.cached_info().state.last_sequence;
    let mut contents = Contents { exists: true, last, ..Contents::default() };
    let mut tail = Tail::new(bus, stream.to_string(), String::new(), 1);
    while let Ok(Ok(Some(stored))) = tokio::time::timeout(NEXT_MAX, tail.next_until(last)).await {
        contents.take(stored.seq, &stored.payload, stored.stamp);
    }
    // A consumer may be unable to pass a damaged message: the rest is asked for singly.
    for seq in tail.next_seq()..=last {
        if let Ok(Some(message)) = bus.message(stream, seq).await {
            let stamp = u64::try_from(message.time.unix_timestamp_nanos()).unwrap_or(0);
            contents.take(seq, &message.payload, stamp);
        }
    }
    Ok(contents)
}

/// Damages the files of a stream of a server that does not run; what was done.
pub fn damage(nats: &Path, stream: &str, harm: Harm, index: Index) -> Result<String> {
    let messages = nats.join(STREAMS).join(stream).join("msgs");
    let done = match harm {
        Harm::Delete => String::new(),
        Harm::Truncate(bytes) => {
            let blocks = blocks(&messages)?;
            let (path, length) = blocks.last().context("the stream has no block with messages")?;
            let left = length.saturating_sub(bytes);
            std::fs::OpenOptions::new().write(true).open(path)?.set_len(left)?;
            format!("{stream}: {} cut from {length} to {left} bytes", name(path))
        }
        Harm::Flip(file, at) => {
            let blocks = blocks(&messages)?;
            ensure!(!blocks.is_empty(), "the stream has no block with messages");
            let (path, length) = &blocks[part(blocks.len() as u64, file) as usize];
            let place = part(*length, at);
            let mut bytes = std::fs::read(path)?;
            bytes[place as usize] ^= 0xff;
            std::fs::write(path, bytes)?;
            format!("{stream}: byte {place} of {length} of {} inverted", name(path))
        }
    };
    let index_file = messages.join("index.db");
    if index == Index::Removed && index_file.exists() {
        std::fs::remove_file(index_file)?;
    }
    Ok(done)
}

/// The block files of a stream that are not empty, in order, with their lengths.
fn blocks(messages: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(messages).with_context(|| messages.display().to_string())? {
        let entry = entry?;
        let number = entry.file_name().to_string_lossy().strip_suffix(".blk").and_then(|text| text.parse::<u64>().ok());
        let length = entry.metadata()?.len();
        if let (Some(number), 1..) = (number, length) {
            found.push((number, entry.path(), length));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path, length)| (path, length)).collect())
}

/// A place among `count`, given in thousandths.
fn part(count: u64, thousandths: u64) -> u64 {
    (count * thousandths / 1000).min(count.saturating_sub(1))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lost_messages_are_those_that_are_missing_or_have_other_contents() {
        let of = |messages: &[(u64, &[u8])]| Contents {
            exists: true,
            last: 9,
            messages: messages.iter().map(|(seq, bytes)| (*seq, (RecordHash::of(bytes), 10 * seq))).collect(),
            ..Contents::default()
        };
        let before = of(&[(1, b"a"), (2, b"b"), (3, b"c")]);
        assert_eq!(before.lost(&before), BTreeMap::new());
        assert_eq!(before.lost(&of(&[(1, b"a"), (2, b"x"), (4, b"d")])), BTreeMap::from([(2, 20), (3, 30)]));
        assert_eq!(before.lost(&Contents::default()).len(), 3);
    }

    #[test]
    fn a_tail_is_cut_from_the_last_block_and_a_byte_is_inverted_in_a_drawn_one() {
        let dir = std::env::temp_dir().join(format!("tapedeck-chaos-stores-{}", std::process::id()));
        let messages = dir.join(STREAMS).join("S").join("msgs");
        std::fs::create_dir_all(&messages).unwrap();
        for (name, length) in [("2.blk", 100), ("10.blk", 50), ("11.blk", 0), ("index.db", 5)] {
            std::fs::write(messages.join(name), vec![0; length]).unwrap();
        }
        damage(&dir, "S", Harm::Truncate(20), Index::AsKilled).unwrap();
        assert_eq!(std::fs::read(messages.join("10.blk")).unwrap().len(), 30);
        assert!(messages.join("index.db").exists());
        damage(&dir, "S", Harm::Flip(0, 500), Index::Removed).unwrap();
        assert_eq!(std::fs::read(messages.join("2.blk")).unwrap().iter().position(|byte| *byte != 0), Some(50));
        assert!(!messages.join("index.db").exists());
        damage(&dir, "S", Harm::Truncate(4_000), Index::AsKilled).unwrap();
        assert_eq!(std::fs::read(messages.join("10.blk")).unwrap().len(), 0);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
