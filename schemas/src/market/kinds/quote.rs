//! The market kind `quote`.

use crate::ids::InstrumentId;
use crate::number::{Price, Quantity};

market_kind! {
    /// The best bid and ask of an instrument, as the venue quotes them.
    Quote accepts QuoteBody {
        /// The quoted instrument; `InstrumentDefined` precedes its first quote.
        instrument: InstrumentId,
        /// Best bid.
        bid: Price as PriceChange { "above 0, below ask, on the tick grid" in "quote currency", as "61837.63" },
        /// Quantity at the bid.
        bid_size: Quantity as Change { "from 0 (0: unknown), on the lot grid" in "base currency", as "3.78826" },
        /// Best ask.
        ask: Price as PriceChange { "above bid, on the tick grid" in "quote currency", as "61837.64" },
        /// Quantity at the ask.
        ask_size: Quantity as Change { "from 0 (0: unknown), on the lot grid" in "base currency", as "2.5" },
        /// Time at which the publisher received the event, ns since the Unix epoch.
        ts_recv: u64 as Time,
        /// The venue's own time of the event, ns since the Unix epoch; nil if the venue gives none.
        ts_event: Option<u64> as Time,
        /// The venue's number of the update: the natural key across sessions.
        update_id: Option<u64> as Change { "above the instrument's last", as 50093239212, or None },
    }
}
