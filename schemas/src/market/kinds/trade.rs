//! The market kind `trade`.

use crate::event::Aggressor;
use crate::ids::InstrumentId;
use crate::number::{Price, Quantity};

market_kind! {
    /// The venue printed a trade.
    Trade accepts TradeBody {
        /// The traded instrument; `InstrumentDefined` precedes its first trade.
        instrument: InstrumentId,
        /// Price of the trade.
        price: Price as PriceChange {
            unit: "quote currency", range: "above 0, on the tick grid", example: "\"61837.63\""
        },
        /// Quantity of the trade.
        quantity: Quantity {
            unit: "base currency", range: "above 0, on the lot grid", example: "\"0.01234\""
        },
        /// Side that crossed the spread; `unknown` if missing.
        aggressor: Aggressor {
            default: Aggressor::Unknown, range: "buyer, seller or unknown", example: "\"seller\""
        },
        /// The venue's number of the trade: the natural key across sessions.
        trade_id: Option<u64> as Change {
            default: None, range: "above the instrument's last", example: "3735683259"
        },
        /// Time at which the publisher received the event, ns since the Unix epoch.
        ts_recv: u64 as Time,
        /// The venue's own time of the event, ns since the Unix epoch; nil if the venue gives none.
        ts_event: Option<u64> as Time,
    }
}
