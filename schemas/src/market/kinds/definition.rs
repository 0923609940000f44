//! The market kind `definition`.

use crate::bar::BarSpec;
use crate::calendar::Calendar;
use crate::event::{PriceDomain, TradeIdOrder};
use crate::ids::{Currency, InstrumentId, SourceId};
use crate::number::{Money, Price, Quantity};

market_kind! {
    /// The terms of an instrument were set, and apply to every later fact. The currencies never change.
    InstrumentDefined accepts DefinitionBody {
        /// The instrument, in the form `<venue>.<symbol>`.
        instrument: InstrumentId,
        /// Base currency: the unit of quantities; of a share, its symbol.
        base: Currency { "a symbol; never changed", as "BTC" },
        /// Quote currency: the currency of prices.
        quote: Currency { "not base; never changed", as "USDT" },
        /// Step of prices.
        tick_size: Price { "above 0" in "quote currency", as "0.01" },
        /// Step of quantities.
        lot_size: Quantity { "above 0" in "base currency", as "0.00001" },
        /// Least notional of an order; 0 if missing.
        min_notional: Money { "from 0" in "quote currency", as "5", or Money::ZERO },
        /// Bars that ingest builds from now on, in place of the earlier ones; none if missing.
        bars: Vec<BarSpec> { "at most 8 bars, comma-separated", as "1m,100t,1s-quote", or Vec::new() },
        /// Prices that the instrument may have: those of spreads, power and oil may be zero or below.
        prices: PriceDomain { "positive or any", as "positive", or PriceDomain::Positive },
        /// How the venue's ids of trades follow each other; a hole or a restart of consecutive ones becomes a fact.
        trade_ids: TradeIdOrder { "any or consecutive", as "consecutive", or TradeIdOrder::Any },
        /// Sources that may publish on the instrument from now on; if missing, those named before, or any source.
        sources: Vec<SourceId> { "at most 8 sources, comma-separated", as "feed1,feed2", or Vec::new() },
        /// Trading sessions from now on, for bars with -session; if missing, those named before, or none.
        calendar: Option<Calendar> {
            "at most 1024 sessions, as DATE=OPEN/CLOSE with times after 00:00 UTC of the trading date",
            as "2024-01-31=14:30/21:00,02-01,02", or None
        },
        /// Time at which the publisher received the event, ns since the Unix epoch.
        ts_recv: u64 as Time,
        /// The venue's own time of the event, ns since the Unix epoch; nil if the venue gives none.
        ts_event: Option<u64> as Time,
    }
}
