//! Files of tardis.dev: CSV of trades, and of quotes (also `book_ticker`), with a header.
//!
//! Format: <https://docs.tardis.dev/downloadable-csv-files>. Times are µs; `local_timestamp` is the receive time, and a
//! `timestamp` equal to it means that the exchange gave none. A cell without a value is empty. Files of liquidations
//! have the columns of trades; their name tells them apart.

use tapedeck_schemas::event::Aggressor;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::MarketBody;

use super::binance::{SPOT, USD_M};
use super::bodies::{self, SideText};
use super::sheet::{self, Sheet};
use super::{FileEntry, FormatReader, ParsedMarket, count, instrument_as_spelled, named_or_given, times};
use crate::FeedError;
use crate::defect::{Defect, kind};
use crate::input::InputFile;

const TRADES: [&str; 8] = ["exchange", "symbol", "timestamp", "local_timestamp", "id", "side", "price", "amount"];
const QUOTES: [&str; 8] =
    ["exchange", "symbol", "timestamp", "local_timestamp", "ask_amount", "ask_price", "bid_price", "bid_amount"];
/// Columns that every file of Tardis has.
const COMMON: usize = 4;
/// Exchanges that are a venue of another name here.
const VENUES: [(&str, &str); 2] = [("binance", SPOT), ("binance-futures", USD_M)];

struct Tardis {
    sheet: Sheet,
    given: Option<InstrumentId>,
    /// Indexes of the columns of [`TRADES`] or [`QUOTES`].
    columns: [usize; 8],
    is_trades: bool,
    /// An exchange that is a venue of another name.
    renamed: Option<(&'static str, &'static str)>,
}

/// Whether a row has names of columns.
fn is_header(cells: &[&str]) -> bool {
    TRADES[..COMMON].iter().all(|name| cells.contains(name))
}

pub(super) fn is(input: &InputFile) -> bool {
    let cells = sheet::first_cells(input);
    is_header(&cells.iter().map(String::as_str).collect::<Vec<_>>())
}

pub(super) fn open(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let header = sheet::first_cells(&input);
    let malformed = |detail: String| FeedError::malformed(&input.path, 1, detail, input.first_line().as_bytes());
    let indexes = |names: [&str; 8]| {
        let at = names.map(|name| header.iter().position(|column| column == name));
        (header.len() == names.len() && at.iter().all(Option::is_some)).then(|| at.map(Option::unwrap_or_default))
    };
    let found = indexes(TRADES).map(|at| (true, at)).or_else(|| indexes(QUOTES).map(|at| (false, at)));
    let Some((is_trades, columns)) = found else {
        return Err(malformed(format!("the columns are neither {} nor {}", TRADES.join(","), QUOTES.join(","))));
    };
    let outer = input.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if is_trades && [&input.name, &outer].iter().any(|name| name.contains("_liquidations_")) {
        return Err(malformed("the name says that these are liquidations, which are not published".into()));
    }
    let sheet = Sheet::new(input, header, is_header);
    Ok(Box::new(Tardis { sheet, given, columns, is_trades, renamed: None }))
}

impl FormatReader for Tardis {
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError> {
        let (columns, is_trades, given) = (self.columns, self.is_trades, self.given);
        let renamed = &mut self.renamed;
        self.sheet.next(|cells| {
            if cells.len() != columns.len() {
                let detail = format!("{} fields, the header has {}", cells.len(), columns.len());
                return Err(Defect::new(kind::FIELDS, detail));
            }
            let [exchange, symbol, timestamp, local_timestamp, rest @ ..] = columns.map(|at| cells[at]);
            let known = VENUES.iter().find(|(name, _)| *name == exchange);
            *renamed = renamed.or(known.copied().filter(|(name, venue)| name != venue));
            let venue = known.map_or(exchange, |(_, venue)| venue);
            let instrument = named_or_given(Some(instrument_as_spelled(venue, symbol)?), given)?;
            let received = microseconds("local_timestamp", local_timestamp)?;
            let own = |text: &str| (!text.is_empty()).then(|| microseconds("timestamp", text)).transpose();
            let ts_event = own(timestamp)?.filter(|time| *time != received);
            let body = if is_trades { trade(rest)? } else { quote(rest)? };
            Ok(ParsedMarket { received, instrument, ts_event, body }.into())
        })
    }

    fn assumed(&self) -> Vec<String> {
        let renamed = self.renamed.map(|(exchange, venue)| format!("exchange {exchange} is the venue {venue}"));
        let trades = self.is_trades.then(|| "rows are trades: files of liquidations have the same columns".to_string());
        [renamed, trades].into_iter().flatten().collect()
    }
}

fn microseconds(key: &str, text: &str) -> Result<u64, Defect> {
    times::microseconds(key, count(key, text)?)
}

fn trade([id, side, price, amount]: [&str; 4]) -> Result<MarketBody, Defect> {
    let aggressor = match side {
        "buy" => Aggressor::Buyer,
        "sell" => Aggressor::Seller,
        "unknown" | "" => Aggressor::Unknown,
        other => return Err(format!("side {:?} is neither buy, sell nor unknown", super::cut(other)).into()),
    };
    bodies::trade(("price", price), ("amount", amount), aggressor, bodies::trade_id(id)?)
}

fn quote([ask_amount, ask_price, bid_price, bid_amount]: [&str; 4]) -> Result<MarketBody, Defect> {
    let bid = SideText { price: ("bid_price", bid_price), size: Some(("bid_amount", bid_amount)) };
    let ask = SideText { price: ("ask_price", ask_price), size: Some(("ask_amount", ask_amount)) };
    bodies::quote(&bid, &ask, None)
}
