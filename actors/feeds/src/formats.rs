//! The formats of market data files: one module and one line in [`FORMATS`] each, recognized by their content.

mod binance;
mod bodies;
mod bulk;
mod capture;
mod coinbase;
mod cryptofeed;
mod databento;
mod klines;
mod lean;
mod naming;
mod native;
mod sheet;
mod table;
mod tardis;
mod times;

use std::str::FromStr;

use tapedeck_schemas::ids::{InstrumentId, Symbol, Token};
use tapedeck_schemas::market::MarketBody;
use tapedeck_schemas::number::NumberError;

use crate::FeedError;
use crate::defect::{Defect, kind};
use crate::input::InputFile;

/// A market event as read from a file of any format, not numbered yet.
pub(crate) struct ParsedMarket {
    /// Receive time, ns since the epoch.
    pub(crate) received: u64,
    pub(crate) instrument: InstrumentId,
    /// The venue's time, ns since the epoch.
    pub(crate) ts_event: Option<u64>,
    pub(crate) body: MarketBody,
}

/// The content of one entry of a file.
#[allow(clippy::large_enum_variant)] // short-lived: matched as soon as it is read
pub(crate) enum Content {
    Market(ParsedMarket),
    /// Not published; the name under which it is counted.
    Skipped(&'static str),
}

/// One entry of a file.
pub(crate) struct FileEntry {
    /// Receive time, ns since the epoch; 0 if the entry has none.
    pub(crate) received: u64,
    pub(crate) content: Content,
}

impl From<ParsedMarket> for FileEntry {
    fn from(market: ParsedMarket) -> Self {
        Self { received: market.received, content: Content::Market(market) }
    }
}

/// Reads the entries of one file.
pub(crate) trait FormatReader: Send {
    /// The next entry, or `None` at the end of the file. After [`FeedError::Malformed`] the entries that follow can be
    /// read.
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError>;

    /// The facts that flags say.
    fn needs(&self) -> NeededFacts {
        NeededFacts::default()
    }

    /// What was taken as given or assumed of the file, in words; complete at its end.
    fn assumed(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Facts that a format does not state, or for which it has only a name of its own.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NeededFacts {
    pub(crate) venue: bool,
    pub(crate) zone: bool,
}

type OpenFormat = fn(InputFile, Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError>;

struct KnownFormat {
    /// Whether a file is of this format.
    is: fn(&InputFile) -> bool,
    /// The default source of its events.
    source: &'static str,
    open: OpenFormat,
}

/// All formats; the first that recognizes a file reads it.
const FORMATS: [KnownFormat; 10] = [
    KnownFormat { is: native::is_messagepack, source: "publish", open: native::messagepack },
    KnownFormat { is: native::is_json, source: "publish", open: native::json },
    KnownFormat { is: databento::is, source: "databento", open: databento::open },
    KnownFormat { is: capture::is, source: "binance", open: capture::open },
    KnownFormat { is: cryptofeed::is, source: "cryptofeed", open: cryptofeed::open },
    KnownFormat { is: bulk::is, source: "binance", open: bulk::open },
    KnownFormat { is: klines::is, source: "binance", open: klines::open },
    KnownFormat { is: tardis::is, source: "tardis", open: tardis::open },
    KnownFormat { is: lean::is, source: "lean", open: lean::open },
    KnownFormat { is: table::is, source: "publish", open: table::open },
];

/// Whether a symbol of Binance is that of a COIN-M future, such as BTCUSD_PERP or BTCUSD_210625.
fn is_coin_m(symbol: &str) -> bool {
    symbol.to_ascii_uppercase().contains("USD_")
}

/// The instrument that an event names, or the given one if it names none; an error if it names another.
fn named_or_given(named: Option<InstrumentId>, given: Option<InstrumentId>) -> Result<InstrumentId, Defect> {
    match (named, given) {
        (Some(named), Some(given)) if named != given => {
            let detail = format!("the instrument is {named}, and --instrument is {given}: leave --instrument out");
            Err(Defect::new(kind::INSTRUMENT, detail))
        }
        (Some(one), _) | (None, Some(one)) => Ok(one),
        (None, None) => {
            Err(Defect::new(kind::INSTRUMENT, "instrument is missing; add it to the maps, or give --instrument"))
        }
    }
}

/// The default source and the reader of an input; `instrument` applies to events that do not name one.
pub(crate) fn open(
    input: InputFile,
    instrument: Option<InstrumentId>,
) -> Result<(&'static str, Box<dyn FormatReader>), FeedError> {
    let Some(known) = FORMATS.iter().find(|known| (known.is)(&input)) else {
        return Err(FeedError::unknown_format(&input.path, &input.head));
    };
    Ok((known.source, (known.open)(input, instrument)?))
}

/// Parses an exact decimal; `key` names the field in the error.
fn number<T: FromStr<Err = NumberError>>(key: &str, text: &str) -> Result<T, Defect> {
    text.parse().map_err(|e| Defect::new(kind::NUMBER, format!("{key} {:?} {e}", cut(text))))
}

/// Parses an integer of digits only.
fn count(key: &str, text: &str) -> Result<u64, Defect> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let not_a_count = || Defect::new(kind::NUMBER, format!("{key} {:?} is not a whole number", cut(text)));
    text.parse().ok().filter(|_| digits).ok_or_else(not_a_count)
}

/// The text of a line.
fn utf8(line: &[u8]) -> Result<&str, Defect> {
    let bad = |e: std::str::Utf8Error| format!("not UTF-8 from byte {}", e.valid_up_to() + 1);
    std::str::from_utf8(line).map_err(|e| Defect::new(kind::NOT_UTF8, bad(e)))
}

/// The first 64 characters, for an error.
fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

/// The instrument of a venue's symbol, as the venue spells it.
fn instrument_as_spelled(venue: &str, symbol: &str) -> Result<InstrumentId, Defect> {
    let venue = venue.parse::<Token>().map_err(|e| Defect::new(kind::SYMBOL, e.to_string()))?;
    let symbol = symbol.parse::<Symbol>().map_err(|e| Defect::new(kind::SYMBOL, e.to_string()))?;
    Ok(InstrumentId { venue, symbol })
}

/// The instrument of a venue's symbol, which is converted to upper case.
fn instrument(venue: &str, symbol: &str) -> Result<InstrumentId, Defect> {
    instrument_as_spelled(venue, &symbol.to_ascii_uppercase())
}

/// The statement of a format without a receive time.
const RECEIVED_AT_EVENT: &str = "receive time is the venue's time: the format has no other";
