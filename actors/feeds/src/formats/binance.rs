//! Frames of Binance's streams, combined or raw, one JSON object each.
//!
//! `bookTicker` becomes a quote, `trade` a trade, and `aggTrade` a trade with an id of the id space `agg`, unless the
//! file has the `trade` stream of that instrument, whose trades it would repeat ([`TradeStreams`]). Depth and other
//! streams are counted and skipped.
//!
//! Spot and USD-M futures have the same names of streams and symbols, so the data tell them apart: only a `bookTicker`
//! of futures has the type of the event (`e`), only a `trade` of futures the type of the order (`X`), and only an
//! `aggTrade` of spot the field `M`. USD-M is a venue of its own. The venue's times are ms, or µs if the streams were
//! asked for with `timeUnit=MICROSECOND`.
//! Formats: <https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams>,
//! <https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams>.

mod trade_streams;

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tapedeck_schemas::ids::{InstrumentId, VenueId};

use super::bodies::{self, SideText};
use super::times::EpochTimes;
use super::{Content, ParsedMarket, is_coin_m};
use crate::defect::{Defect, kind};

pub(super) use trade_streams::TradeStreams;

/// The venue of Binance's spot market.
pub(super) const SPOT: &str = "binance";
/// The venue of Binance's USD-M futures, whose symbols are those of the spot market.
pub(super) const USD_M: &str = "binance-usdm";
/// The id space of aggregate trades: their numbers are not those of trades.
pub(super) const AGGREGATES: &str = "agg";
/// The type of the orders whose trades are trades of the market. Futures also report those of the insurance fund.
const MARKET_ORDER: &str = "MARKET";

/// What a frame holds.
#[allow(clippy::large_enum_variant)] // short-lived: matched as soon as it is read
pub(super) enum Frame {
    Content(Content),
    /// An aggregate trade: the same trades as those of the `trade` stream.
    Aggregate(ParsedMarket),
}

impl Frame {
    /// The market event, if it is one.
    pub(super) fn market(&self) -> Option<&ParsedMarket> {
        match self {
            Frame::Content(Content::Market(market)) | Frame::Aggregate(market) => Some(market),
            Frame::Content(Content::Skipped(_)) => None,
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
    /// The type of the event; in a frame of a raw stream.
    #[serde(borrow, rename = "e")]
    event: Option<Cow<'a, str>>,
    #[serde(rename = "s")]
    symbol: Option<IgnoredAny>,
    #[serde(rename = "u")]
    update_id: Option<IgnoredAny>,
}

/// The event of a stream.
struct StreamEvent<'a> {
    kind: Cow<'a, str>,
    /// The symbol in the name of the stream, if the frame has that name.
    stream_symbol: Option<&'a str>,
    data: &'a str,
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

#[derive(Deserialize)]
struct AggregateTrade<'a> {
    a: u64,
    #[serde(borrow)]
    s: Cow<'a, str>,
    #[serde(borrow)]
    p: Cow<'a, str>,
    #[serde(borrow)]
    q: Cow<'a, str>,
    #[serde(rename = "T")]
    time: u64,
    m: bool,
    #[serde(rename = "M")]
    best_match: Option<IgnoredAny>,
}

/// Parses a frame; `received` is its receive time, ns since the epoch.
pub(super) fn frame(json: &str, received: u64, times: &mut EpochTimes) -> Result<Frame, Defect> {
    let envelope = envelope(json)?;
    let event = match stream_event(&envelope, json) {
        Some(event) => event,
        None if envelope.stream.is_some() => return Err(Defect::new(kind::FIELDS, "stream without data")),
        None if envelope.data.is_none() && envelope.last_update_id.is_some() => return Ok(skipped("depth_snapshot")),
        None => return Ok(skipped("other")),
    };
    match &*event.kind {
        "bookTicker" => book_ticker(&event, received),
        "trade" => trade(&event, received, times),
        "aggTrade" => aggregate_trade(&event, received, times),
        kind if kind.starts_with("depth") => Ok(skipped("depth")),
        _ => Ok(skipped("other")),
    }
}

fn skipped(kind: &'static str) -> Frame {
    Frame::Content(Content::Skipped(kind))
}

/// The instrument of a frame of the stream `trade`.
fn traded(json: &str) -> Option<InstrumentId> {
    let envelope = envelope(json).ok()?;
    let event = stream_event(&envelope, json).filter(|event| event.kind == "trade")?;
    let trade: Trade = serde_json::from_str(event.data).ok()?;
    instrument(&event, &trade.s, trade.order_type.is_some()).ok()
}

fn envelope(json: &str) -> Result<Envelope<'_>, Defect> {
    serde_json::from_str(json).map_err(|e| Defect::new(kind::NOT_JSON, format!("not a JSON object of a stream: {e}")))
}

/// The event of a combined stream (`{"stream":…,"data":…}`) or of a raw one.
fn stream_event<'a>(envelope: &'a Envelope<'a>, json: &'a str) -> Option<StreamEvent<'a>> {
    match (&envelope.stream, envelope.data) {
        (Some(stream), Some(data)) => {
            // `btcusdt@depth@100ms`: symbol, kind, options.
            let (symbol, kind) = stream.split_once('@').unwrap_or(("", stream));
            Some(StreamEvent { kind: kind.into(), stream_symbol: Some(symbol), data: data.get() })
        }
        (None, None) => {
            // A bookTicker of spot has no type.
            let untyped = || (envelope.update_id.is_some() && envelope.symbol.is_some()).then(|| "bookTicker".into());
            let kind = envelope.event.clone().or_else(untyped)?;
            Some(StreamEvent { kind, stream_symbol: None, data: json })
        }
        _ => None,
    }
}

fn fields<'a, T: Deserialize<'a>>(event: &StreamEvent<'a>, name: &str) -> Result<T, Defect> {
    serde_json::from_str(event.data).map_err(|e| Defect::new(kind::FIELDS, format!("not {name}: {e}")))
}

fn book_ticker(event: &StreamEvent, received: u64) -> Result<Frame, Defect> {
    let ticker: BookTicker = fields(event, "a bookTicker")?;
    let bid = SideText { price: ("b", &ticker.b), size: Some(("B", &ticker.bid_size)) };
    let ask = SideText { price: ("a", &ticker.a), size: Some(("A", &ticker.ask_size)) };
    let instrument = instrument(event, &ticker.s, ticker.e.is_some())?;
    let body = bodies::quote(&bid, &ask, Some(ticker.u.into()))?;
    Ok(Frame::Content(Content::Market(ParsedMarket { received, instrument, ts_event: None, body })))
}

fn trade(event: &StreamEvent, received: u64, times: &mut EpochTimes) -> Result<Frame, Defect> {
    let trade: Trade = fields(event, "a trade")?;
    let instrument = instrument(event, &trade.s, trade.order_type.is_some())?;
    if trade.order_type.is_some_and(|order_type| order_type != MARKET_ORDER) {
        return Ok(skipped("trade_off_market"));
    }
    let aggressor = bodies::aggressor(trade.m);
    let body = bodies::trade(("p", &trade.p), ("q", &trade.q), aggressor, Some(trade.t.into()))?;
    let (ts_event, _) = times.read("T", trade.time)?;
    Ok(Frame::Content(Content::Market(ParsedMarket { received, instrument, ts_event: Some(ts_event), body })))
}

fn aggregate_trade(event: &StreamEvent, received: u64, times: &mut EpochTimes) -> Result<Frame, Defect> {
    let trade: AggregateTrade = fields(event, "an aggTrade")?;
    let instrument = instrument(event, &trade.s, trade.best_match.is_none())?;
    let (aggressor, id) = (bodies::aggressor(trade.m), VenueId::in_space(AGGREGATES, trade.a));
    let body = bodies::trade(("p", &trade.p), ("q", &trade.q), aggressor, Some(id))?;
    let (ts_event, _) = times.read("T", trade.time)?;
    Ok(Frame::Aggregate(ParsedMarket { received, instrument, ts_event: Some(ts_event), body }))
}

fn instrument(event: &StreamEvent, symbol: &str, is_future: bool) -> Result<InstrumentId, Defect> {
    let bad = |detail: String| Err(Defect::new(kind::SYMBOL, detail));
    if let Some(other) = event.stream_symbol.filter(|named| !named.eq_ignore_ascii_case(symbol)) {
        return bad(format!("s {symbol:?} on the stream of {other:?}"));
    }
    if is_coin_m(symbol) {
        return bad(format!("s {symbol:?} is a COIN-M future, whose quantities are contracts: not supported"));
    }
    super::instrument(if is_future { USD_M } else { SPOT }, symbol).map_err(|defect| defect.within("s"))
}
