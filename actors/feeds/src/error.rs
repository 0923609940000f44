//! Errors of a feed, each with the place, the value and what to do.

use std::path::{Path, PathBuf};

use tapedeck_schemas::ids::InstrumentId;

use crate::defect::Defect;

/// Bytes of a line that an error quotes.
pub(crate) const EXCERPT_BYTES: usize = 120;

/// Why a feed cannot be opened or read on.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The file cannot be opened.
    #[error("cannot open {}: {source}", .path.display())]
    Open {
        /// As given.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// Reading failed within the file.
    #[error("{}: cannot read after line {line}: {source}", .path.display())]
    Read {
        /// As given.
        path: PathBuf,
        /// The last line that was read completely, from 1.
        line: u64,
        /// The error of the operating system or of the decompressor.
        source: std::io::Error,
    },
    /// The compressed data end too early.
    #[error(
        "{}: the compressed data end after line {line}; the file is incomplete, copy or record it again",
        .path.display()
    )]
    Truncated {
        /// As given.
        path: PathBuf,
        /// The last line that was read completely, from 1.
        line: u64,
    },
    /// A line violates the file's format. Those after it can be read.
    #[error("{}:{line}: {detail}, in {excerpt}", .path.display())]
    Malformed {
        /// As given.
        path: PathBuf,
        /// Line number, from 1.
        line: u64,
        /// The kind of the violation.
        kind: &'static str,
        /// The violation, with the value.
        detail: String,
        /// The beginning of the line.
        excerpt: String,
    },
    /// An entry has no end, so that what follows it cannot be read.
    #[error("{}:{line}: {detail}, in {excerpt}; what follows cannot be read", .path.display())]
    Unbounded {
        /// As given.
        path: PathBuf,
        /// Number of the entry, from 1.
        line: u64,
        /// The violation, with the value.
        detail: String,
        /// The beginning of the line.
        excerpt: String,
    },
    /// The file holds no market event.
    #[error("no market event in {}: {detail}", .path.display())]
    Empty {
        /// As given.
        path: PathBuf,
        /// The content of the file.
        detail: String,
    },
    /// Two of the files have the same name and content.
    #[error(
        "{} has the content of {}: its events would be published twice; give it once",
        .path.display(),
        .first.display()
    )]
    Repeated {
        /// As given.
        path: PathBuf,
        /// The file before it.
        first: PathBuf,
    },
    /// The format of the file is not recognized.
    #[error(
        "{}: unknown format, begins with {excerpt}; supported are captures of Binance's streams \
         (<receive ns> <raw JSON>), raw recordings of cryptofeed (<epoch s>: <raw JSON>), DBN files of Databento, \
         lines of JSON or maps of MessagePack as replay writes them, Binance bulk CSV (aggTrades, trades, klines), \
         Tardis CSV (trades, quotes), LEAN FX ticks, and CSV whose header names the fields of docs/publishing.md",
        .path.display()
    )]
    UnknownFormat {
        /// As given.
        path: PathBuf,
        /// The beginning of the first line.
        excerpt: String,
    },
    /// The file does not name its instrument.
    #[error("{}: no instrument is named; give --instrument VENUE.SYMBOL, or {alternative}", .path.display())]
    NoInstrument {
        /// As given.
        path: PathBuf,
        /// The other way to name the instrument.
        alternative: &'static str,
    },
    /// The format of the file does not state a fact, and no flag says it.
    #[error("{}: the format does not state {missing}: give {give}", .path.display())]
    NotStated {
        /// As given.
        path: PathBuf,
        /// The missing statement, with the flag that gives it.
        missing: String,
        /// The flags, with an example.
        give: String,
    },
    /// A flag says of the files what their format states.
    #[error("{flag} contradicts {}: {stated}; leave {flag} out", .path.display())]
    Contradicted {
        /// The file that states it.
        path: PathBuf,
        /// The flag, with its value.
        flag: String,
        /// What the format states.
        stated: &'static str,
    },
    /// The setup does not define these instruments of the market.
    #[error(
        "no definition for {}: add an [[instrument]] with id, base, quote, tick_size, lot_size and min_notional for \
         each to the setup file and give it with --setup",
        names(.0)
    )]
    NoDefinition(Vec<InstrumentId>),
    /// The setup's definition of an instrument differs from that of the synthetic market.
    #[error("the setup changes {0} of the synthetic market: copy its [[instrument]] from the built-in setup")]
    ChangedTerms(InstrumentId),
}

impl FeedError {
    pub(crate) fn malformed(path: &Path, line: u64, defect: impl Into<Defect>, bytes: &[u8]) -> Self {
        let Defect { kind, detail } = defect.into();
        FeedError::Malformed { path: path.to_path_buf(), line, kind, detail, excerpt: excerpt(bytes) }
    }

    pub(crate) fn unbounded(path: &Path, line: u64, detail: String, bytes: &[u8]) -> Self {
        FeedError::Unbounded { path: path.to_path_buf(), line, detail, excerpt: excerpt(bytes) }
    }

    pub(crate) fn unknown_format(path: &Path, head: &[u8]) -> Self {
        let mut lines = head.split(|byte| *byte == b'\n');
        let line = lines.find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
        FeedError::UnknownFormat { path: path.to_path_buf(), excerpt: excerpt(line) }
    }

    pub(crate) fn no_instrument(path: &Path, alternative: &'static str) -> Self {
        FeedError::NoInstrument { path: path.to_path_buf(), alternative }
    }
}

/// The names of instruments, cut.
pub(crate) fn names(instruments: &[InstrumentId]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<String> = instruments.iter().take(SHOWN).map(ToString::to_string).collect();
    match instruments.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The beginning of `bytes`, quoted and escaped.
fn excerpt(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(EXCERPT_BYTES)];
    let more = if cut.len() < bytes.len() { "…" } else { "" };
    format!("\"{}{more}\"", String::from_utf8_lossy(cut).escape_debug())
}
