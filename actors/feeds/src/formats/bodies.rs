//! The bodies of market events from the texts of a file: the only place where the formats build quotes and trades.

use tapedeck_schemas::event::Aggressor;
use tapedeck_schemas::ids::{NotAVenueId, VenueId};
use tapedeck_schemas::market::{MarketBody, QuoteBody, TradeBody};
use tapedeck_schemas::number::{Price, Quantity};

use super::number;
use crate::defect::{Defect, kind};

/// The names of a field in errors, and its text.
pub(super) type NamedText<'a> = (&'a str, &'a str);

/// One side of a quote. An empty price is no side, an empty or missing size is unknown.
pub(super) struct SideText<'a> {
    pub(super) price: NamedText<'a>,
    pub(super) size: Option<NamedText<'a>>,
}

impl SideText<'_> {
    /// The price, if there is one.
    fn price(&self) -> Result<Option<Price>, Defect> {
        let (key, text) = self.price;
        if text.is_empty() { Ok(None) } else { number(key, text).map(Some) }
    }

    fn size(&self) -> Result<Quantity, Defect> {
        self.size.filter(|(_, text)| !text.is_empty()).map_or(Ok(Quantity::ZERO), |(key, text)| number(key, text))
    }
}

/// A quote, which may lack a side.
pub(super) fn quote(bid: &SideText, ask: &SideText, update_id: Option<VenueId>) -> Result<MarketBody, Defect> {
    Ok(MarketBody::Quote(QuoteBody {
        bid: bid.price()?,
        bid_size: bid.size()?,
        ask: ask.price()?,
        ask_size: ask.size()?,
        update_id,
    }))
}

/// One side of a quote: its price, and its size (0 if unknown).
pub(super) type QuotedSide = Option<(Price, Quantity)>;

/// A quote of sides that are numbers already.
pub(super) fn quote_of_sides(bid: QuotedSide, ask: QuotedSide) -> MarketBody {
    let size = |side: QuotedSide| side.map_or(Quantity::ZERO, |(_, size)| size);
    let price = |side: QuotedSide| side.map(|(price, _)| price);
    let (bid_size, ask_size) = (size(bid), size(ask));
    MarketBody::Quote(QuoteBody { bid: price(bid), bid_size, ask: price(ask), ask_size, update_id: None })
}

/// A trade of numbers, without an id.
pub(super) fn trade_of(price: Price, quantity: Quantity, aggressor: Aggressor) -> MarketBody {
    MarketBody::Trade(TradeBody { price, quantity, aggressor, trade_id: None })
}

/// A trade.
pub(super) fn trade(
    price: NamedText,
    quantity: NamedText,
    aggressor: Aggressor,
    trade_id: Option<VenueId>,
) -> Result<MarketBody, Defect> {
    let (price, quantity) = (number(price.0, price.1)?, number(quantity.0, quantity.1)?);
    Ok(MarketBody::Trade(TradeBody { price, quantity, aggressor, trade_id }))
}

/// The aggressor of a trade of Binance: if the buyer was the maker, the seller crossed the spread.
pub(super) fn aggressor(buyer_is_maker: bool) -> Aggressor {
    if buyer_is_maker { Aggressor::Seller } else { Aggressor::Buyer }
}

/// The id of a trade; `None` if there is none.
pub(super) fn trade_id(text: &str) -> Result<Option<VenueId>, Defect> {
    let bad = |error: NotAVenueId| Defect::new(kind::FIELDS, format!("id {:?} is {error}", super::cut(text)));
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(bad) }
}
