//! Captures of Binance combined streams: lines `<receive ns> <raw JSON>`.
//!
//! `bookTicker` becomes a quote and `trade` a trade; depth and other streams are counted and skipped. Spot and USD-M
//! futures have the same names of streams and symbols, so the data tell them apart: only a `bookTicker` of futures has
//! the type of the event (`e`), and only a `trade` of futures the type of the order (`X`). USD-M is a venue of its own.
//! Formats: <https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams>,
//! <https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams>.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tapedeck_schemas::event::Aggressor;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::{MarketBody, QuoteBody, TradeBody};
use tapedeck_schemas::offset::NS_PER_MS;

use super::{Content, FileEntry, FormatReader, ParsedMarket, SPOT, USD_M, is_coin_m, named_or_given, number};
use crate::FeedError;
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
}

pub(super) fn open(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    Ok(Box::new(Capture { lines: Lines::new(input), given }))
}

impl FormatReader for Capture {
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError> {
        match self.lines.next()? {
            None => Ok(None),
            Some(line) => parse(line, self.given).map(Some).map_err(|detail| self.lines.malformed(detail)),
        }
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
    time_ms: u64,
    m: bool,
    #[serde(borrow, rename = "X")]
    order_type: Option<Cow<'a, str>>,
}

/// Parses a line; the error names the defect.
fn parse(line: &[u8], given: Option<InstrumentId>) -> Result<FileEntry, String> {
    let text = std::str::from_utf8(line).map_err(|e| format!("not UTF-8 from byte {}", e.valid_up_to() + 1))?;
    let (received, json) = text.split_once(' ').ok_or("want <receive ns> <raw JSON>, there is no space")?;
    let digits = received.bytes().all(|b| b.is_ascii_digit());
    let received = received.parse().ok().filter(|ns| digits && *ns > 0);
    let received = received.ok_or("the receive time is not a count of ns above 0 within 64 bits")?;
    let envelope: Envelope = serde_json::from_str(json).map_err(|e| format!("not a JSON object of a stream: {e}"))?;
    let content = match (&envelope.stream, envelope.data) {
        (Some(stream), Some(data)) => parse_stream(stream, data.get(), received)?,
        (None, None) if envelope.last_update_id.is_some() => Content::Skipped("depth_snapshot"),
        (Some(_), None) => return Err("stream without data".into()),
        _ => Content::Skipped("other"),
    };
    if let Content::Market(market) = &content {
        named_or_given(Some(market.instrument), given)?;
    }
    Ok(FileEntry { received, content })
}

fn parse_stream(stream: &str, data: &str, received: u64) -> Result<Content, String> {
    // `btcusdt@depth@100ms`: symbol, kind, options.
    let (symbol, kind) = stream.split_once('@').unwrap_or(("", stream));
    match kind {
        "bookTicker" => book_ticker(symbol, data, received),
        "trade" => trade(symbol, data, received),
        _ if kind.starts_with("depth") => Ok(Content::Skipped("depth")),
        _ => Ok(Content::Skipped("other")),
    }
}

fn book_ticker(symbol: &str, data: &str, received: u64) -> Result<Content, String> {
    let ticker: BookTicker = serde_json::from_str(data).map_err(|e| format!("not a bookTicker: {e}"))?;
    let body = MarketBody::Quote(QuoteBody {
        bid: Some(number("b", &ticker.b)?),
        bid_size: number("B", &ticker.bid_size)?,
        ask: Some(number("a", &ticker.a)?),
        ask_size: number("A", &ticker.ask_size)?,
        update_id: Some(ticker.u.into()),
    });
    let instrument = instrument(symbol, &ticker.s, ticker.e.is_some())?;
    Ok(Content::Market(ParsedMarket { received, instrument, ts_event: None, body }))
}

fn trade(symbol: &str, data: &str, received: u64) -> Result<Content, String> {
    let trade: Trade = serde_json::from_str(data).map_err(|e| format!("not a trade: {e}"))?;
    let instrument = instrument(symbol, &trade.s, trade.order_type.is_some())?;
    if trade.order_type.is_some_and(|order_type| order_type != MARKET_ORDER) {
        return Ok(Content::Skipped("trade_off_market"));
    }
    let body = MarketBody::Trade(TradeBody {
        price: number("p", &trade.p)?,
        quantity: number("q", &trade.q)?,
        // `m`: the buyer was the maker, so the seller crossed the spread.
        aggressor: if trade.m { Aggressor::Seller } else { Aggressor::Buyer },
        trade_id: Some(trade.t.into()),
    });
    let ns = trade.time_ms.checked_mul(NS_PER_MS);
    let ts_event = Some(ns.ok_or_else(|| format!("T {} is not a time in ms", trade.time_ms))?);
    Ok(Content::Market(ParsedMarket { received, instrument, ts_event, body }))
}

fn instrument(stream_symbol: &str, symbol: &str, is_future: bool) -> Result<InstrumentId, String> {
    if !stream_symbol.eq_ignore_ascii_case(symbol) {
        return Err(format!("s {symbol:?} on the stream of {stream_symbol:?}"));
    }
    if is_coin_m(symbol) {
        return Err(format!("s {symbol:?} is a COIN-M future, whose quantities are contracts: not supported"));
    }
    super::instrument(if is_future { USD_M } else { SPOT }, symbol).map_err(|e| format!("s {e}"))
}
