//! The market kind `definition`.

use crate::bar::BarSpec;
use crate::ids::{Currency, InstrumentId};
use crate::number::{Money, Price, Quantity};

market_kind! {
    /// The terms of an instrument were set, and apply to every later fact. The currencies never change.
    InstrumentDefined accepts DefinitionBody {
        /// The instrument, in the form `<venue>.<symbol>`.
        instrument: InstrumentId,
        /// Base currency: the unit of quantities; of a share, its symbol.
        base: Currency { range: "a symbol; never changed", example: "\"BTC\"" },
        /// Quote currency: the currency of prices.
        quote: Currency { range: "not base; never changed", example: "\"USDT\"" },
        /// Step of prices.
        tick_size: Price { unit: "quote currency", range: "above 0", example: "\"0.01\"" },
        /// Step of quantities.
        lot_size: Quantity { unit: "base currency", range: "above 0", example: "\"0.00001\"" },
        /// Least notional of an order; 0 if missing.
        min_notional: Money { default: Money::ZERO, unit: "quote currency", range: "from 0", example: "\"5\"" },
        /// Bars that ingest builds from now on, in place of the earlier ones; none if missing.
        bars: Vec<BarSpec> {
            default: Vec::new(), range: "at most 8 bars, comma-separated", example: "\"1m,100t,1s-quote\""
        },
        /// Time at which the publisher received the event, ns since the Unix epoch.
        ts_recv: u64 as Time,
        /// The venue's own time of the event, ns since the Unix epoch; nil if the venue gives none.
        ts_event: Option<u64> as Time,
    }
}
