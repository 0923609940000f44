//! Binance's bulk history of klines: `<SYMBOL>-<interval>-<date>`, as .csv or .zip, with or without a header.
//!
//! Format: <https://github.com/binance/binance-public-data>. Each row becomes a finished bar, whose size follows from
//! its times; it is received when it closes. The files of spot and of futures have the same columns, so the venue must
//! be given. Times are ms, on spot µs from 2025.

use tapedeck_schemas::bar::{BarInput, BarSize, BarSpec};
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::{BarBody, MarketBody};
use tapedeck_schemas::offset::NS_PER_MS;

use super::naming::FileNaming;
use super::sheet::{self, Sheet};
use super::times::EpochTimes;
use super::{FileEntry, FormatReader, NeededFacts, ParsedMarket, count, is_coin_m, number};
use crate::FeedError;
use crate::defect::{Defect, kind};
use crate::input::InputFile;

/// The columns, in their order.
const HEADER: [&str; 12] = [
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
];
const OPEN_TIME: usize = 0;
const CLOSE_TIME: usize = 6;
const EXAMPLE: &str = "such as --venue binance for spot, --venue binance-usdm for USD-M futures";
const RECEIVED_AT_CLOSE: &str = "receive time of a bar is its close: the format has no other";
/// Units of an interval in the name of a file.
const INTERVAL_UNITS: [&str; 6] = ["s", "m", "h", "d", "w", "mo"];
const NS_PER_DAY: u64 = 86_400_000 * NS_PER_MS;

struct Klines {
    sheet: Sheet,
    instrument: InstrumentId,
    times: EpochTimes,
    statements: Vec<String>,
}

pub(super) fn is(input: &InputFile) -> bool {
    let cells = sheet::first_cells(input);
    let is_number = |cell: &String| !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_time = |at: usize| EpochTimes::default().read("", cells[at].parse().unwrap_or_default()).is_ok();
    let is_row = || cells.len() == HEADER.len() && cells.iter().all(is_number);
    cells.first().is_some_and(|first| first == HEADER[OPEN_TIME])
        || is_row() && is_time(OPEN_TIME) && is_time(CLOSE_TIME)
}

/// Whether a row has names of columns.
fn is_header(cells: &[&str]) -> bool {
    cells.iter().filter(|cell| HEADER.contains(cell)).count() > 1
}

pub(super) fn open(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let malformed = |detail: String| FeedError::malformed(&input.path, 1, detail, input.first_line().as_bytes());
    let first = sheet::first_cells(&input);
    if is_header(&first.iter().map(String::as_str).collect::<Vec<_>>()) && first != HEADER {
        return Err(malformed(format!("the columns are not {}", HEADER.join(","))));
    }
    let outer = input.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let symbol = symbol_of(&input.name).or_else(|| symbol_of(&outer));
    if let Some(symbol) = symbol.filter(|symbol| is_coin_m(symbol)) {
        let symbol = super::cut(symbol);
        return Err(malformed(format!("{symbol} is a COIN-M future, whose quantities are contracts: not supported")));
    }
    let naming = FileNaming { symbol, needs_zone: false, example: EXAMPLE };
    let (instrument, mut statements) = naming.instrument(&input, given)?;
    statements.push(RECEIVED_AT_CLOSE.into());
    let sheet = Sheet::new(input, HEADER.map(str::to_string).to_vec(), is_header);
    Ok(Box::new(Klines { sheet, instrument, times: EpochTimes::default(), statements }))
}

/// The symbol in the name of a file, before its interval.
fn symbol_of(name: &str) -> Option<&str> {
    let (symbol, rest) = name.split_once('-')?;
    let (interval, _) = rest.split_once('-')?;
    let unit = interval.trim_start_matches(|c: char| c.is_ascii_digit());
    (unit.len() < interval.len() && INTERVAL_UNITS.contains(&unit)).then_some(symbol)
}

impl FormatReader for Klines {
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError> {
        self.sheet.next(|cells| read(cells, self.instrument, &mut self.times).map(FileEntry::from))
    }

    fn needs(&self) -> NeededFacts {
        NeededFacts { venue: true, zone: false }
    }

    fn assumed(&self) -> Vec<String> {
        self.statements.iter().cloned().chain(self.times.assumed()).collect()
    }
}

fn read(cells: &[&str], instrument: InstrumentId, times: &mut EpochTimes) -> Result<ParsedMarket, Defect> {
    let [open_time, open, high, low, close, volume, close_time, _, trades, ..] = cells[..] else {
        return Err(Defect::new(kind::FIELDS, format!("{} fields, want {}", cells.len(), HEADER.len())));
    };
    if cells.len() != HEADER.len() {
        return Err(Defect::new(kind::FIELDS, format!("{} fields, want {}", cells.len(), HEADER.len())));
    }
    let (opened, _) = times.read("open_time", count("open_time", open_time)?)?;
    let (last, unit) = times.read("close_time", count("close_time", close_time)?)?;
    // `close_time` is the last unit of time within the bar.
    let closed = last + unit;
    let body = MarketBody::Bar(BarBody {
        bar: bar_between(opened, closed)?,
        open: number("open", open)?,
        high: number("high", high)?,
        low: number("low", low)?,
        close: number("close", close)?,
        volume: number("volume", volume)?,
        count: count("count", trades)?,
        opened,
        closed,
        part: 0,
    });
    Ok(ParsedMarket { received: closed, instrument, ts_event: Some(closed), body })
}

/// The bar of trades whose window these times are, in ns.
fn bar_between(opened: u64, closed: u64) -> Result<BarSpec, Defect> {
    let bad = |why: String| Defect::new(kind::INTERVAL, why);
    let length = closed.checked_sub(opened).filter(|length| *length > 0);
    let length = length.ok_or_else(|| bad(format!("open_time {opened} ns is not before the close {closed} ns")))?;
    let name = match (length / NS_PER_DAY, length % NS_PER_DAY) {
        (7, 0) => "1w".to_string(),
        (28..=31, 0) => "1mo".to_string(),
        _ if length % NS_PER_MS == 0 => format!("{}ms", length / NS_PER_MS),
        _ => return Err(bad(format!("an interval of {length} ns is not a bar: want whole ms"))),
    };
    let bar: BarSpec = name.parse().map_err(|error| bad(format!("the interval is not a bar: {error}")))?;
    match bar {
        BarSpec { size: BarSize::Time(length), of: BarInput::Trades, .. } if !opened.is_multiple_of(length) => {
            Err(bad(format!("the {bar} bar that opens at {opened} ns is not aligned to the epoch")))
        }
        _ => Ok(bar),
    }
}
