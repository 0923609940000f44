//! Binance's bulk history: `<SYMBOL>-aggTrades-<date>` and `<SYMBOL>-trades-<date>`, as .csv or .zip.
//!
//! Format: <https://github.com/binance/binance-public-data>: `aggId,price,qty,firstId,lastId,time,isBuyerMaker` and
//! `id,price,qty,quoteQty,time,isBuyerMaker`, on spot with `,isBestMatch`; newer files of futures begin with a
//! header. Times are ms, on spot µs from 2025. The files have no receive time: it is taken to be the venue's time.

use tapedeck_schemas::ids::{InstrumentId, VenueId};

use super::binance::{AGGREGATES, SPOT, USD_M};
use super::sheet::{self, Sheet};
use super::times::EpochTimes;
use super::{
    FileEntry, FormatReader, ParsedMarket, RECEIVED_AT_EVENT, bodies, count, instrument, is_coin_m, named_or_given,
};
use crate::FeedError;
use crate::defect::{Defect, kind};
use crate::input::InputFile;

struct Bulk {
    sheet: Sheet,
    instrument: InstrumentId,
    columns: Columns,
    times: EpochTimes,
    statements: Vec<String>,
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
    /// Index of the header in [`HEADERS`].
    header: usize,
}

/// The headers of futures: every name, in the order of the columns.
const HEADERS: [&[&str]; 2] = [
    &["agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time", "is_buyer_maker"],
    &["id", "price", "qty", "quote_qty", "time", "is_buyer_maker"],
];
/// The column of the maker's flag in a file of aggregate trades.
const AGGREGATE_MAKER: usize = 6;
/// The name of the last column on spot.
const BEST_MATCH: &str = "is_best_match";

pub(super) fn is(input: &InputFile) -> bool {
    let cells = sheet::first_cells(input);
    columns(&cells).is_some() || HEADERS.iter().any(|header| cells.first().is_some_and(|first| first == header[0]))
}

/// The columns of a file by its first line: a header, or a row. `None` if the line is neither.
fn columns(cells: &[String]) -> Option<Columns> {
    let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
    let flags = cells.iter().rev().take_while(|cell| is_flag(cell)).count();
    let digits = |cell: &&str| cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let numbers = cells.iter().take_while(|cell| !cell.is_empty() && digits(cell)).count();
    let count = cells.len();
    let of = |header: usize, venue| {
        let maker = HEADERS[header].len() - 1;
        Columns { price: 1, quantity: 2, time: maker - 1, maker, count, venue, header }
    };
    let named = HEADERS.iter().enumerate().find_map(|(index, header)| match cells.strip_prefix(*header)? {
        [] => Some(of(index, USD_M)),
        [last] if *last == BEST_MATCH => Some(of(index, SPOT)),
        _ => None,
    });
    named.or_else(|| match (numbers, flags, count) {
        (6, 1, 7) => Some(of(0, USD_M)),
        (6, 2, 8) => Some(of(0, SPOT)),
        (5, 1, 6) => Some(of(1, USD_M)),
        (5, 2, 7) => Some(of(1, SPOT)),
        _ => None,
    })
}

impl Columns {
    /// The header of files with these columns.
    fn header(&self) -> Vec<String> {
        let best_match = (self.venue == SPOT).then_some(BEST_MATCH);
        HEADERS[self.header].iter().copied().chain(best_match).map(str::to_string).collect()
    }

    /// How the venue is known.
    fn statement(&self) -> String {
        match self.venue {
            SPOT => format!("venue {SPOT}: the files of spot have the column {BEST_MATCH}"),
            venue => format!("venue {venue}: only the files of spot have the column {BEST_MATCH}"),
        }
    }
}

/// Whether a row has names of columns.
fn is_header(cells: &[&str]) -> bool {
    let is_name = |cell: &&&str| HEADERS.iter().any(|header| header.contains(*cell));
    cells.iter().filter(is_name).count() > 1
}

fn is_flag(cell: &&str) -> bool {
    cell.eq_ignore_ascii_case("true") || cell.eq_ignore_ascii_case("false")
}

pub(super) fn open(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let first_line = input.first_line().as_bytes().to_vec();
    let malformed = |detail: String| FeedError::malformed(&input.path, 1, detail, &first_line);
    let columns = columns(&sheet::first_cells(&input))
        .ok_or_else(|| malformed(format!("the columns are neither {}", wanted())))?;
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
    let instrument = named_or_given(named, given).map_err(|defect| malformed(defect.detail))?;
    let by_name = named.map(|named| format!("symbol {} from the name of the file", named.symbol));
    let by_flag = || Some(format!("instrument {instrument}, as --instrument says"));
    let statements = [Some(columns.statement()), by_name.or_else(by_flag), Some(RECEIVED_AT_EVENT.into())];
    let statements = statements.into_iter().flatten().collect();
    let sheet = Sheet::new(input, columns.header(), is_header);
    Ok(Box::new(Bulk { sheet, instrument, columns, times: EpochTimes::default(), statements }))
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
        self.sheet.next(|cells| read(cells, self.columns, self.instrument, &mut self.times).map(FileEntry::from))
    }

    fn assumed(&self) -> Vec<String> {
        self.statements.iter().cloned().chain(self.times.assumed()).collect()
    }
}

fn read(
    cells: &[&str],
    columns: Columns,
    instrument: InstrumentId,
    times: &mut EpochTimes,
) -> Result<ParsedMarket, Defect> {
    if cells.len() != columns.count {
        let detail = format!("{} fields, the first line has {}", cells.len(), columns.count);
        return Err(Defect::new(kind::FIELDS, detail));
    }
    let (ns, _) = times.read("time", count("time", cells[columns.time])?)?;
    let (id, maker) = (count("id", cells[0])?, cells[columns.maker]);
    let id = if columns.maker == AGGREGATE_MAKER { VenueId::in_space(AGGREGATES, id) } else { id.into() };
    if !is_flag(&maker) {
        return Err(format!("isBuyerMaker {:?} is neither true nor false", super::cut(maker)).into());
    }
    let aggressor = bodies::aggressor(maker.eq_ignore_ascii_case("true"));
    let (price, quantity) = (("price", cells[columns.price]), ("qty", cells[columns.quantity]));
    let body = bodies::trade(price, quantity, aggressor, Some(id))?;
    Ok(ParsedMarket { received: ns, instrument, ts_event: Some(ns), body })
}
