//! Captures of Binance combined streams: lines `<receive ns> <raw JSON>`.
//!
//! `bookTicker` becomes a quote and `trade` a trade; depth and other streams are counted and skipped. Spot and USD-M
//! futures have the same names of streams and symbols, so the data tell them apart: only a `bookTicker` of futures has
//! the type of the event (`e`), and only a `trade` of futures the type of the order (`X`). USD-M is a venue of its own.
//! The venue's times are ms, or µs if the streams were asked for with `timeUnit=MICROSECOND`.
//! Formats: <https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams>,
//! <https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams>.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tapedeck_schemas::ids::InstrumentId;

use super::bodies::{self, SideText};
use super::times::EpochTimes;
use super::{Content, FileEntry, FormatReader, ParsedMarket, SPOT, USD_M, is_coin_m, named_or_given, utf8};
use crate::FeedError;
use crate::defect::{Defect, kind};
use crate::input::InputFile;
use crate::lines::Lines;

pub(super) fn is(input: &InputFile) -> bool {
    let (received, json) = input.first_line().split_once(' ').unwrap_or_default();
    !received.is_empty() && received.bytes().all(|byte| byte.is_ascii_digit()) && json.starts_with('{')
}

/// The type of the orders whose trades are trades of the market. Futures also report those of the insurance fund.
const MARKET_ORDER: &str = "MARKET";

struct Capture {
    lines: Lines,
    given: Option<InstrumentId>,
    times: EpochTimes,
    /// Whether there were events of spot, and of USD-M.
    venues: [bool; 2],
}

pub(super) fn open(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    Ok(Box::new(Capture { lines: Lines::new(input), given, times: EpochTimes::default(), venues: [false; 2] }))
}

impl FormatReader for Capture {
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError> {
        let entry = match self.lines.next()? {
            None => return Ok(None),
            Some(line) => parse(line, self.given, &mut self.times).map_err(|defect| self.lines.malformed(defect))?,
        };
        if let Content::Market(market) = &entry.content {
            self.venues[usize::from(market.instrument.venue.as_str() == USD_M)] = true;
        }
        Ok(Some(entry))
    }

    fn assumed(&self) -> Vec<String> {
        let venues = [(SPOT, "as spot has them"), (USD_M, "as USD-M futures have them")];
        let seen = venues.iter().zip(self.venues).filter(|(_, seen)| *seen);
        let told = seen.map(|((venue, how), _)| format!("venue {venue} by the fields of the events, {how}"));
        told.chain(self.times.assumed()).collect()
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    stream: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(rename = "lastUpdateId")]
    last_update_id: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct BookTicker<'a> {
    e: Option<IgnoredAny>,
    u: u64,
    #[serde(borrow)]
    s: Cow<'a, str>,
    #[serde(borrow)]
    b: Cow<'a, str>,
    #[serde(borrow, rename = "B")]
    bid_size: Cow<'a, str>,
    #[serde(borrow)]
    a: Cow<'a, str>,
    #[serde(borrow, rename = "A")]
    ask_size: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    t: u64,
    #[serde(borrow)]
    s: Cow<'a, str>,
    #[serde(borrow)]
    p: Cow<'a, str>,
    #[serde(borrow)]
    q: Cow<'a, str>,
    #[serde(rename = "T")]
    time: u64,
    m: bool,
    #[serde(borrow, rename = "X")]
    order_type: Option<Cow<'a, str>>,
}

fn parse(line: &[u8], given: Option<InstrumentId>, times: &mut EpochTimes) -> Result<FileEntry, Defect> {
    let text = utf8(line)?;
    let (received, json) = text.split_once(' ').ok_or("want <receive ns> <raw JSON>, there is no space")?;
    let digits = received.bytes().all(|b| b.is_ascii_digit());
    let received = received.parse().ok().filter(|ns| digits && *ns > 0);
    let not_a_time = || Defect::new(kind::TIME, "the receive time is not a count of ns above 0 within 64 bits");
    let received = received.ok_or_else(not_a_time)?;
    let envelope: Envelope = serde_json::from_str(json)
        .map_err(|e| Defect::new(kind::NOT_JSON, format!("not a JSON object of a stream: {e}")))?;
    let content = match (&envelope.stream, envelope.data) {
        (Some(stream), Some(data)) => parse_stream(stream, data.get(), received, times)?,
        (None, None) if envelope.last_update_id.is_some() => Content::Skipped("depth_snapshot"),
        (Some(_), None) => return Err(Defect::new(kind::FIELDS, "stream without data")),
        _ => Content::Skipped("other"),
    };
    if let Content::Market(market) = &content {
        named_or_given(Some(market.instrument), given)?;
    }
    Ok(FileEntry { received, content })
}

fn parse_stream(stream: &str, data: &str, received: u64, times: &mut EpochTimes) -> Result<Content, Defect> {
    // `btcusdt@depth@100ms`: symbol, kind, options.
    let (symbol, kind) = stream.split_once('@').unwrap_or(("", stream));
    match kind {
        "bookTicker" => book_ticker(symbol, data, received),
        "trade" => trade(symbol, data, received, times),
        _ if kind.starts_with("depth") => Ok(Content::Skipped("depth")),
        _ => Ok(Content::Skipped("other")),
    }
}

fn book_ticker(symbol: &str, data: &str, received: u64) -> Result<Content, Defect> {
    let ticker: BookTicker =
        serde_json::from_str(data).map_err(|e| Defect::new(kind::FIELDS, format!("not a bookTicker: {e}")))?;
    let bid = SideText { price: ("b", &ticker.b), size: Some(("B", &ticker.bid_size)) };
    let ask = SideText { price: ("a", &ticker.a), size: Some(("A", &ticker.ask_size)) };
    let instrument = instrument(symbol, &ticker.s, ticker.e.is_some())?;
    let body = bodies::quote(&bid, &ask, Some(ticker.u.into()))?;
    Ok(Content::Market(ParsedMarket { received, instrument, ts_event: None, body }))
}

fn trade(symbol: &str, data: &str, received: u64, times: &mut EpochTimes) -> Result<Content, Defect> {
    let trade: Trade =
        serde_json::from_str(data).map_err(|e| Defect::new(kind::FIELDS, format!("not a trade: {e}")))?;
    let instrument = instrument(symbol, &trade.s, trade.order_type.is_some())?;
    if trade.order_type.is_some_and(|order_type| order_type != MARKET_ORDER) {
        return Ok(Content::Skipped("trade_off_market"));
    }
    let aggressor = bodies::aggressor(trade.m);
    let body = bodies::trade(("p", &trade.p), ("q", &trade.q), aggressor, Some(trade.t.into()))?;
    let (ts_event, _) = times.read("T", trade.time)?;
    Ok(Content::Market(ParsedMarket { received, instrument, ts_event: Some(ts_event), body }))
}

fn instrument(stream_symbol: &str, symbol: &str, is_future: bool) -> Result<InstrumentId, Defect> {
    let bad = |detail: String| Err(Defect::new(kind::SYMBOL, detail));
    if !stream_symbol.eq_ignore_ascii_case(symbol) {
        return bad(format!("s {symbol:?} on the stream of {stream_symbol:?}"));
    }
    if is_coin_m(symbol) {
        return bad(format!("s {symbol:?} is a COIN-M future, whose quantities are contracts: not supported"));
    }
    super::instrument(if is_future { USD_M } else { SPOT }, symbol).map_err(|defect| defect.within("s"))
}
