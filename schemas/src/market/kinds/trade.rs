//! The market kind `trade`.

use crate::event::Aggressor;
use crate::ids::{InstrumentId, VenueId};
use crate::number::{Price, Quantity};

market_kind! {
    /// The venue printed a trade.
    Trade accepts TradeBody {
        /// The traded instrument; `InstrumentDefined` precedes its first trade.
        instrument: InstrumentId,
        /// Price of the trade.
        price: Price as PriceChange { "above 0, on the tick grid" in "quote currency", as "61837.63" },
        /// Quantity of the trade.
        quantity: Quantity { "above 0, on the lot grid" in "base currency", as "0.01234" },
        /// Side that crossed the spread; `unknown` if missing.
        aggressor: Aggressor { "buyer, seller or unknown", as "seller", or Aggressor::Unknown },
        /// The venue's id of the trade, which tells it from others across sources and sessions; in a space, `agg:7`.
        trade_id: Option<VenueId> as Change { "a number, or 1 to 96 ASCII characters", as 3735683259, or None },
        /// Time at which the publisher received the event, ns since the Unix epoch.
        ts_recv: u64 as Time,
        /// The venue's own time of the event, ns since the Unix epoch; nil if the venue gives none.
        ts_event: Option<u64> as Time,
    }
}
