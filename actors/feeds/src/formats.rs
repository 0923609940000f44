//! The formats of market data in files: one file and one line in [`FORMATS`] each, told apart by what they hold.

mod bulk;
mod capture;
mod lean;
mod native;
mod table;

use std::str::FromStr;

use tapedeck_schemas::ids::{InstrumentId, Token};
use tapedeck_schemas::market::MarketBody;
use tapedeck_schemas::number::NumberError;

use crate::FeedError;
use crate::input::InputFile;

/// What all formats read into.
pub(crate) struct ParsedMarket {
    /// When it was received, ns since the epoch.
    pub(crate) received: u64,
    pub(crate) instrument: InstrumentId,
    /// The venue's time, ns.
    pub(crate) ts_event: Option<u64>,
    pub(crate) body: MarketBody,
}

/// One entry of a file.
#[allow(clippy::large_enum_variant)] // it is read and taken apart at once
pub(crate) enum Content {
    ParsedMarket(ParsedMarket),
    /// Left out, of this kind.
    Skipped(&'static str),
}

/// An entry, and when it was received, ns; 0 where it does not say.
pub(crate) struct TextLine {
    pub(crate) received: u64,
    pub(crate) content: Content,
}

impl From<ParsedMarket> for TextLine {
    fn from(market: ParsedMarket) -> Self {
        Self { received: market.received, content: Content::ParsedMarket(market) }
    }
}

/// A file being read.
pub(crate) trait FormatReader: Send {
    /// The next entry; none at the end.
    fn next(&mut self) -> Result<Option<TextLine>, FeedError>;
}

type OpenFormat = fn(InputFile, Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError>;

/// A format: whether a file is of it, who publishes what it holds unless that is said, and its reader.
struct KnownFormat {
    is: fn(&InputFile) -> bool,
    source: &'static str,
    open: OpenFormat,
}

/// The first that fits is it.
const FORMATS: [KnownFormat; 6] = [
    KnownFormat { is: native::is_messagepack, source: "publish", open: native::messagepack },
    KnownFormat { is: native::is_json, source: "publish", open: native::json },
    KnownFormat { is: capture::is, source: "binance", open: capture::open },
    KnownFormat { is: bulk::is, source: "binance", open: bulk::open },
    KnownFormat { is: lean::is, source: "lean", open: lean::open },
    KnownFormat { is: table::is, source: "publish", open: table::open },
];

/// Opens an input in the format that it is in, with its source; `instrument` is whose it is where it does not say.
pub(crate) fn open(
    input: InputFile,
    instrument: Option<InstrumentId>,
) -> Result<(&'static str, Box<dyn FormatReader>), FeedError> {
    let Some(known) = FORMATS.iter().find(|known| (known.is)(&input)) else {
        return Err(FeedError::unknown_format(&input.path, &input.head));
    };
    Ok((known.source, (known.open)(input, instrument)?))
}

/// An exact number from its text; `key` stands in the error.
fn number<T: FromStr<Err = NumberError>>(key: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|e| format!("{key} {:?} {e}", text.chars().take(64).collect::<String>()))
}

/// A whole count, digits only.
fn count(key: &str, text: &str) -> Result<u64, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| format!("{key} {:?} is no count", cut(text)))
}

/// The beginning of a text, for an error.
fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

/// An instrument of a venue, by the symbol in any case.
fn instrument(venue: &str, symbol: &str) -> Result<InstrumentId, String> {
    let token = |name: &str| name.parse::<Token>().map_err(|e| e.to_string());
    Ok(InstrumentId { venue: token(venue)?, symbol: token(&symbol.to_ascii_uppercase())? })
}

/// The fields of a line of plain CSV, without quoting.
fn fields(line: &[u8]) -> Result<Vec<&str>, String> {
    let text = std::str::from_utf8(line).map_err(|e| format!("not UTF-8 from byte {}", e.valid_up_to() + 1))?;
    Ok(text.split(',').map(str::trim).collect())
}
