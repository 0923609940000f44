//! Binance's bulk history: `<SYMBOL>-aggTrades-<date>` and `<SYMBOL>-trades-<date>`, as .csv or .zip.
//!
//! Format: <https://github.com/binance/binance-public-data>: `aggId,price,qty,firstId,lastId,time,isBuyerMaker` and
//! `id,price,qty,quoteQty,time,isBuyerMaker`, on spot with `,isBestMatch`; newer files of futures begin with a
//! header. Times are ms, on spot µs from 2025. The files have no receive time: it is taken to be the venue's time.

use tapedeck_schemas::event::Aggressor;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::{MarketBody, TradeBody};
use tapedeck_schemas::offset::NS_PER_MS;

use super::{FileEntry, FormatReader, ParsedMarket, SPOT, USD_M, count, fields, instrument, is_coin_m, number};
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

/// Indexes of the columns that differ between the layouts, the number of columns, and the venue.
#[derive(Clone, Copy)]
struct Columns {
    time: usize,
    maker: usize,
    count: usize,
    venue: &'static str,
}

pub(super) fn is(input: &InputFile) -> bool {
    columns(input.first_line()).is_some()
}

fn columns(line: &str) -> Option<Columns> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let flags = fields.iter().rev().take_while(|field| is_flag(field)).count();
    let digits = |field: &&str| field.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let numbers = fields.iter().take_while(|field| !field.is_empty() && digits(field)).count();
    let count = fields.len();
    let has_best_match = flags == 2 || line.contains("is_best_match");
    let venue = if has_best_match { SPOT } else { USD_M };
    match (fields[0], numbers, flags, count) {
        ("agg_trade_id", _, _, 7..) | (_, 6, 1, 7) | (_, 6, 2, 8) => Some(Columns { time: 5, maker: 6, count, venue }),
        ("id", _, _, 6..) if line.contains("is_buyer_maker") => Some(Columns { time: 4, maker: 5, count, venue }),
        (_, 5, 1, 6) | (_, 5, 2, 7) => Some(Columns { time: 4, maker: 5, count, venue }),
        _ => None,
    }
}

fn is_flag(field: &&str) -> bool {
    field.eq_ignore_ascii_case("true") || field.eq_ignore_ascii_case("false")
}

pub(super) fn open(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let first_line = input.first_line().as_bytes().to_vec();
    let malformed = |detail: String| FeedError::malformed(&input.path, 1, detail, &first_line);
    let columns = columns(input.first_line());
    let columns = columns.ok_or_else(|| malformed("neither columns of aggTrades nor of trades".into()))?;
    let outer = input.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let symbol = symbol_of(&input.name).or_else(|| symbol_of(&outer));
    if let Some(symbol) = symbol.filter(|symbol| is_coin_m(symbol)) {
        return Err(malformed(format!(
            "{} is a COIN-M future, whose quantities are contracts: not supported",
            super::cut(symbol)
        )));
    }
    let Some(instrument) = given.or_else(|| instrument(columns.venue, symbol?).ok()) else {
        return Err(FeedError::no_instrument(&input.path, "a file name such as BTCUSDT-aggTrades-2024-08-08.csv"));
    };
    Ok(Box::new(Bulk { lines: Lines::new(input), instrument, columns, is_first: true }))
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
    let maker = fields[columns.maker];
    if !is_flag(&maker) {
        return Err(format!("isBuyerMaker {:?} is neither true nor false", super::cut(maker)));
    }
    let body = MarketBody::Trade(TradeBody {
        price: number("price", fields[1])?,
        quantity: number("qty", fields[2])?,
        // The buyer was the maker, so the seller crossed the spread.
        aggressor: if maker.eq_ignore_ascii_case("true") { Aggressor::Seller } else { Aggressor::Buyer },
        trade_id: Some(count("id", fields[0])?),
    });
    Ok(ParsedMarket { received: ns, instrument, ts_event: Some(ns), body })
}
