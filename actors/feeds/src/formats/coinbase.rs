//! Frames of the feed of Coinbase Exchange (formerly Coinbase Pro, GDAX), one JSON object each, with its `type`.
//!
//! `match` and `last_match` become trades, `ticker` a quote; all other types are counted and skipped. A `last_match`
//! repeats the last trade before a subscription: it is that trade, with its id. A `ticker` repeats the trade that
//! caused it, which is not published from it. Quotes have the sequence of their ticker as update id. Older tickers have
//! no sizes; they are set to 0, unknown.
//! Format: <https://docs.cdp.coinbase.com/exchange/websocket-feed/channels>.

use std::borrow::Cow;

use serde::Deserialize;
use tapedeck_schemas::event::Aggressor;
use tapedeck_schemas::ids::VenueId;
use tapedeck_schemas::market::MarketBody;

use super::bodies::{self, SideText};
use super::times::rfc3339;
use super::{Content, ParsedMarket, cut, instrument_as_spelled};
use crate::defect::{Defect, kind};

/// The venue of Coinbase Exchange.
pub(super) const COINBASE: &str = "coinbase";

/// The types of frames that are no market events, by which such frames are counted.
const SKIPPED: [&str; 15] = [
    "activate",
    "auction",
    "change",
    "done",
    "error",
    "heartbeat",
    "l2update",
    "open",
    "received",
    "rfq_match",
    "snapshot",
    "status",
    "subscribe",
    "subscriptions",
    "unsubscribe",
];

/// The type of any frame.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

/// A `match` or `last_match`.
#[derive(Deserialize)]
struct MatchFrame<'a> {
    trade_id: u64,
    /// That of the order in the book: the maker's.
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow)]
    size: Cow<'a, str>,
    #[serde(borrow)]
    price: Cow<'a, str>,
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

/// A `ticker`. A product that was never traded has no time.
#[derive(Deserialize)]
struct TickerFrame<'a> {
    sequence: Option<u64>,
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    #[serde(borrow)]
    best_bid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    best_bid_size: Option<Cow<'a, str>>,
    #[serde(borrow)]
    best_ask: Option<Cow<'a, str>>,
    #[serde(borrow)]
    best_ask_size: Option<Cow<'a, str>>,
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
}

/// Parses a frame; `received` is its receive time, ns since the epoch.
pub(super) fn frame(json: &str, received: u64) -> Result<Content, Defect> {
    let typed: Typed =
        serde_json::from_str(json).map_err(|e| Defect::new(kind::NOT_JSON, format!("not a frame of Coinbase: {e}")))?;
    let fields = |e: serde_json::Error| Defect::new(kind::FIELDS, format!("not a {}: {e}", typed.kind));
    let (product, time, body) = match &*typed.kind {
        "match" | "last_match" => {
            let frame: MatchFrame = serde_json::from_str(json).map_err(fields)?;
            let body = trade(&frame)?;
            (frame.product_id, Some(frame.time), body)
        }
        "ticker" => {
            let frame: TickerFrame = serde_json::from_str(json).map_err(fields)?;
            let body = quote(&frame)?;
            (frame.product_id, frame.time, body)
        }
        other => {
            let known = SKIPPED.iter().find(|kind| **kind == other);
            return Ok(Content::Skipped(known.copied().unwrap_or("other")));
        }
    };
    let instrument = instrument_as_spelled(COINBASE, &product).map_err(|defect| defect.within("product_id"))?;
    let ts_event = time.map(|time| rfc3339("time", &time)).transpose()?;
    Ok(Content::Market(ParsedMarket { received, instrument, ts_event, body }))
}

/// The trade of a match: the aggressor took the side that the maker had not.
fn trade(frame: &MatchFrame) -> Result<MarketBody, Defect> {
    let aggressor = match &*frame.side {
        "sell" => Aggressor::Buyer,
        "buy" => Aggressor::Seller,
        other => return Err(format!("side {:?} is neither buy nor sell", cut(other)).into()),
    };
    bodies::trade(("price", &frame.price), ("size", &frame.size), aggressor, Some(frame.trade_id.into()))
}

/// The quote of a ticker. A side that is missing, null or empty is not quoted.
fn quote(frame: &TickerFrame) -> Result<MarketBody, Defect> {
    if frame.best_bid.is_none() && frame.best_ask.is_none() {
        return Err(Defect::new(kind::FIELDS, "a ticker without best_bid and best_ask"));
    }
    let bid = side(("best_bid", &frame.best_bid), ("best_bid_size", &frame.best_bid_size));
    let ask = side(("best_ask", &frame.best_ask), ("best_ask_size", &frame.best_ask_size));
    bodies::quote(&bid, &ask, frame.sequence.map(VenueId::from))
}

/// The name of a field, and its text if the frame has it.
type OptionalText<'a> = (&'a str, &'a Option<Cow<'a, str>>);

fn side<'a>(price: OptionalText<'a>, size: OptionalText<'a>) -> SideText<'a> {
    let text = |(name, field): OptionalText<'a>| (name, field.as_deref().unwrap_or_default());
    SideText { price: text(price), size: Some(text(size)) }
}
