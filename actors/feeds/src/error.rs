//! Why a feed cannot go on; every message names the place, the value and the fix.

use std::path::{Path, PathBuf};

use tapedeck_schemas::ids::InstrumentId;

/// Bytes of a line that an error quotes.
pub(crate) const EXCERPT_BYTES: usize = 120;

/// Why a feed cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The file cannot be opened.
    #[error("cannot open {}: {source}", .path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be read on.
    #[error("{}: cannot read on after line {line}: {source}", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The last line that was read whole.
        line: u64,
        /// Why.
        source: std::io::Error,
    },
    /// The compressed data ends too early.
    #[error(
        "{}: the compressed data breaks off after line {line}; the file is incomplete, copy or record it again",
        .path.display()
    )]
    Truncated {
        /// Which file.
        path: PathBuf,
        /// The last line that was read whole.
        line: u64,
    },
    /// A line is not what the format says.
    #[error("{}:{line}: {detail}, in {excerpt}", .path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong, with the value.
        detail: String,
        /// The beginning of the line.
        excerpt: String,
    },
    /// The input holds no market event.
    #[error("no market event in {0}")]
    Nothing(String),
    /// The file is in no format that is known.
    #[error(
        "{}: of no known format: {excerpt}; want a capture of Binance combined streams (<receive ns> <raw JSON>), \
         lines of JSON or maps of MessagePack as replay writes them, Binance bulk CSV (aggTrades, trades), LEAN FX \
         ticks, or CSV whose header names the fields of docs/publishing.md",
        .path.display()
    )]
    UnknownFormat {
        /// Which file.
        path: PathBuf,
        /// Its beginning.
        excerpt: String,
    },
    /// The file does not say whose market it is.
    #[error("{}: whose market is it? Give --instrument VENUE.SYMBOL, or {want}", .path.display())]
    NoInstrument {
        /// Which file.
        path: PathBuf,
        /// What would say it.
        want: &'static str,
    },
    /// The setup does not define an instrument that the market holds.
    #[error(
        "no definition for {0}: add [[instrument]] id = \"{0}\" with base, quote, tick_size, lot_size and min_notional \
         to the setup file and pass it by --setup"
    )]
    NoDefinition(InstrumentId),
    /// The setup defines an instrument of the synthetic market on other terms than its own.
    #[error("{0} of the synthetic market has terms of its own: copy its [[instrument]] from the built-in setup")]
    OtherTerms(InstrumentId),
}

impl FeedError {
    pub(crate) fn malformed(path: &Path, line: u64, detail: String, bytes: &[u8]) -> Self {
        FeedError::Malformed { path: path.to_path_buf(), line, detail, excerpt: excerpt(bytes) }
    }

    pub(crate) fn unknown_format(path: &Path, head: &[u8]) -> Self {
        let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        FeedError::UnknownFormat { path: path.to_path_buf(), excerpt: excerpt(line) }
    }

    pub(crate) fn no_instrument(path: &Path, want: &'static str) -> Self {
        FeedError::NoInstrument { path: path.to_path_buf(), want }
    }
}

/// The beginning of bytes, as an error quotes it.
fn excerpt(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(EXCERPT_BYTES)];
    let more = if cut.len() < bytes.len() { "…" } else { "" };
    format!("\"{}{more}\"", String::from_utf8_lossy(cut).escape_debug())
}
