//! Binance's bulk history: `<SYMBOL>-aggTrades-<date>` and `<SYMBOL>-trades-<date>`, as .csv or .zip.
//!
//! Format: <https://github.com/binance/binance-public-data>: `aggId,price,qty,firstId,lastId,time,isBuyerMaker` and
//! `id,price,qty,quoteQty,time,isBuyerMaker`, on spot with `,isBestMatch`; newer files of futures begin with a
//! header. Times are ms, on spot µs from 2025. The files have no receive time: it is taken to be the venue's time.

use tapedeck_schemas::event::Aggressor;
use tapedeck_schemas::ids::{InstrumentId, VenueId};
use tapedeck_schemas::market::{MarketBody, TradeBody};
use tapedeck_schemas::offset::NS_PER_MS;

use super::{
    FileEntry, FormatReader, ParsedMarket, SPOT, USD_M, count, fields, instrument, is_coin_m, named_or_given, number,
};
use crate::FeedError;
use crate::input::InputFile;
use crate::lines::Lines;

/// A time of at least this is in µs; in ms it would be after the year 5138.
const MICROSECONDS_FROM: u64 = 100_000_000_000_000;

struct Bulk {
    lines: Lines,
    instrument: InstrumentId,
    columns: Columns,
    is_first: bool,
}

/// Indexes of the columns, their number, and the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Columns {
    price: usize,
    quantity: usize,
    time: usize,
    maker: usize,
    count: usize,
    venue: &'static str,
}

/// The headers of futures: every name, in the order of the columns.
const HEADERS: [&[&str]; 2] = [
    &["agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time", "is_buyer_maker"],
    &["id", "price", "qty", "quote_qty", "time", "is_buyer_maker"],
];
/// The column of the maker's flag in a file of aggregate trades.
const AGGREGATE_MAKER: usize = 6;
/// The id space of aggregate trades: their numbers are not those of trades.
const AGGREGATES: &str = "agg";
/// The name of the last column on spot.
const BEST_MATCH: &str = "is_best_match";

pub(super) fn is(input: &InputFile) -> bool {
    let line = input.first_line();
    columns(line).is_some() || HEADERS.iter().any(|header| line.split(',').next().map(str::trim) == Some(header[0]))
}

/// The columns of a file by its first line: a header, or a row. `None` if the line is neither.
fn columns(line: &str) -> Option<Columns> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let flags = fields.iter().rev().take_while(|field| is_flag(field)).count();
    let digits = |field: &&str| field.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let numbers = fields.iter().take_while(|field| !field.is_empty() && digits(field)).count();
    let count = fields.len();
    let of = |maker: usize, venue| Columns { price: 1, quantity: 2, time: maker - 1, maker, count, venue };
    let named = HEADERS.iter().find_map(|header| match fields.strip_prefix(*header)? {
        [] => Some(of(header.len() - 1, USD_M)),
        [last] if *last == BEST_MATCH => Some(of(header.len() - 1, SPOT)),
        _ => None,
    });
    named.or_else(|| match (numbers, flags, count) {
        (6, 1, 7) | (5, 1, 6) => Some(of(numbers, USD_M)),
        (6, 2, 8) | (5, 2, 7) => Some(of(numbers, SPOT)),
        _ => None,
    })
}

fn is_flag(field: &&str) -> bool {
    field.eq_ignore_ascii_case("true") || field.eq_ignore_ascii_case("false")
}

pub(super) fn open(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let first_line = input.first_line().as_bytes().to_vec();
    let malformed = |detail: String| FeedError::malformed(&input.path, 1, detail, &first_line);
    let columns = columns(input.first_line());
    let columns = columns.ok_or_else(|| malformed(format!("the columns are neither {}", wanted())))?;
    let outer = input.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let symbol = symbol_of(&input.name).or_else(|| symbol_of(&outer));
    if let Some(symbol) = symbol.filter(|symbol| is_coin_m(symbol)) {
        return Err(malformed(format!(
            "{} is a COIN-M future, whose quantities are contracts: not supported",
            super::cut(symbol)
        )));
    }
    let named = symbol.and_then(|symbol| instrument(columns.venue, symbol).ok());
    if let Some(given) = given.filter(|given| given.venue.as_str() != columns.venue) {
        return Err(malformed(format!(
            "the columns are those of venue {}, and --instrument is {given}: leave --instrument out, or give another",
            columns.venue
        )));
    }
    if named.is_none() && given.is_none() {
        return Err(FeedError::no_instrument(&input.path, "a file name such as BTCUSDT-aggTrades-2024-08-08.csv"));
    }
    let instrument = named_or_given(named, given).map_err(malformed)?;
    Ok(Box::new(Bulk { lines: Lines::new(input), instrument, columns, is_first: true }))
}

/// The columns that a file may have, for an error.
fn wanted() -> String {
    let header = |names: &&[&str]| format!("{}[,{BEST_MATCH}]", names.join(","));
    HEADERS.iter().map(header).collect::<Vec<_>>().join(" nor ")
}

/// The symbol in the name of a file.
fn symbol_of(name: &str) -> Option<&str> {
    let kinds = ["-aggTrades-", "-trades-"];
    kinds.iter().find_map(|kind| name.split_once(kind)).map(|(symbol, _)| symbol)
}

impl FormatReader for Bulk {
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError> {
        while let Some(line) = self.lines.next()? {
            let is_header = std::mem::take(&mut self.is_first) && line.first().is_some_and(u8::is_ascii_alphabetic);
            if is_header || line.is_empty() {
                continue;
            }
            let market = read(line, self.columns, self.instrument);
            return market.map(|market| Some(market.into())).map_err(|detail| self.lines.malformed(detail));
        }
        Ok(None)
    }
}

fn read(line: &[u8], columns: Columns, instrument: InstrumentId) -> Result<ParsedMarket, String> {
    let fields = fields(line)?;
    if fields.len() != columns.count {
        return Err(format!("{} fields, the first line has {}", fields.len(), columns.count));
    }
    let time = count("time", fields[columns.time])?;
    let ns = if time >= MICROSECONDS_FROM { time.checked_mul(1_000) } else { time.checked_mul(NS_PER_MS) };
    let ns =
        ns.filter(|ns| *ns > 0).ok_or_else(|| format!("time {time} is not a count of ms or µs since the epoch"))?;
    let (id, maker) = (count("id", fields[0])?, fields[columns.maker]);
    if !is_flag(&maker) {
        return Err(format!("isBuyerMaker {:?} is neither true nor false", super::cut(maker)));
    }
    let body = MarketBody::Trade(TradeBody {
        price: number("price", fields[columns.price])?,
        quantity: number("qty", fields[columns.quantity])?,
        // The buyer was the maker, so the seller crossed the spread.
        aggressor: if maker.eq_ignore_ascii_case("true") { Aggressor::Seller } else { Aggressor::Buyer },
        trade_id: Some(if columns.maker == AGGREGATE_MAKER { VenueId::in_space(AGGREGATES, id) } else { id.into() }),
    });
    Ok(ParsedMarket { received: ns, instrument, ts_event: Some(ns), body })
}
