//! LEAN's FX ticks: a zip of one `<yyyymmdd>_<symbol>_tick_quote.csv`, lines `ms since midnight UTC,bid,ask`.
//!
//! Format: <https://github.com/QuantConnect/Lean/tree/master/Data/forex>. The format has no sizes; they are set to 0,
//! unknown. The market is part of the path (`forex/oanda/tick/eurusd`) or of the file's name.

use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::{MarketBody, QuoteBody};
use tapedeck_schemas::number::Quantity;
use tapedeck_schemas::offset::NS_PER_MS;
use time::{Date, Month, Time};

use super::{FileEntry, FormatReader, ParsedMarket, count, fields, instrument, named_or_given, number};
use crate::FeedError;
use crate::input::InputFile;
use crate::lines::Lines;

const MS_PER_DAY: u64 = 86_400_000;
const NAME_END: &str = "_tick_quote.csv";
/// LEAN's FX markets.
const MARKETS: [&str; 2] = ["oanda", "fxcm"];

struct Lean {
    lines: Lines,
    instrument: InstrumentId,
    /// Midnight, ns since the epoch.
    midnight: u64,
}

pub(super) fn is(input: &InputFile) -> bool {
    input.name.ends_with(NAME_END)
}

pub(super) fn open(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let named = input.name.strip_suffix(NAME_END).and_then(|name| name.split_once('_'));
    let Some((midnight, symbol)) = named.and_then(|(day, symbol)| Some((midnight(day)?, symbol))) else {
        let detail = format!("{:?} is not named <yyyymmdd>_<symbol>{NAME_END}", input.name);
        return Err(FeedError::malformed(&input.path, 0, detail, &[]));
    };
    let path = input.path.to_string_lossy().to_lowercase();
    let words = || path.split(|c: char| !c.is_ascii_alphanumeric());
    let market = MARKETS.iter().find(|market| words().any(|word| word == **market));
    let named = market.and_then(|market| instrument(market, symbol).ok());
    if named.is_none() && given.is_none() {
        return Err(FeedError::no_instrument(&input.path, "a path with the market, such as oanda/tick/eurusd"));
    }
    let instrument =
        named_or_given(named, given).map_err(|detail| FeedError::malformed(&input.path, 0, detail, &[]))?;
    Ok(Box::new(Lean { lines: Lines::new(input), instrument, midnight }))
}

fn midnight(day: &str) -> Option<u64> {
    let digits = |range| count("day", day.get(range)?).ok();
    let month = Month::try_from(u8::try_from(digits(4..6)?).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(digits(0..4)?).ok()?, month, digits(6..8)?.try_into().ok()?);
    let midnight = date.ok().filter(|_| day.len() == 8)?.with_time(Time::MIDNIGHT).assume_utc();
    u64::try_from(midnight.unix_timestamp_nanos()).ok()
}

impl FormatReader for Lean {
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError> {
        while let Some(line) = self.lines.next()? {
            if line.is_empty() {
                continue;
            }
            let market = read(line, self.instrument, self.midnight);
            return market.map(|market| Some(market.into())).map_err(|detail| self.lines.malformed(detail));
        }
        Ok(None)
    }
}

fn read(line: &[u8], instrument: InstrumentId, midnight: u64) -> Result<ParsedMarket, String> {
    let fields = fields(line)?;
    let [time, bid, ask] = fields[..] else {
        return Err(format!("{} fields, want ms since midnight,bid,ask", fields.len()));
    };
    let ms = count("ms since midnight", time)?;
    if ms >= MS_PER_DAY {
        return Err(format!("ms since midnight {ms} is beyond the day"));
    }
    let ns = midnight
        .checked_add(ms * NS_PER_MS)
        .ok_or_else(|| format!("{ms} ms after midnight overflows 64 bits of ns"))?;
    let unknown = Quantity::ZERO;
    let (bid, ask) = (Some(number("bid", bid)?), Some(number("ask", ask)?));
    let body = MarketBody::Quote(QuoteBody { bid, bid_size: unknown, ask, ask_size: unknown, update_id: None });
    Ok(ParsedMarket { received: ns, instrument, ts_event: Some(ns), body })
}
