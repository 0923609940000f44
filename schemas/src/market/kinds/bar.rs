//! The market kind `bar`.

use crate::bar::BarSpec;
use crate::ids::{InstrumentId, SourceId};
use crate::number::{Price, Quantity};

market_kind! {
    /// A bar of an instrument was completed by `ingest`, or published by a source. It is never changed. In a bar of
    /// quotes, the price of a quote is its mid. A bar that cannot hold its next event is closed before it, and is a
    /// part; so is a bar that a definition cuts. The parts of a window have the same `opened`.
    Bar accepts BarBody {
        /// Instrument of the trades or quotes in the bar.
        instrument: InstrumentId,
        /// Size and input of the bar.
        bar: BarSpec {
            "a size such as 1m, 250ms, 1h, 1w, 3mo, 100t or 2.5v; -session by trading sessions, then -quote of quotes",
            as "1m"
        },
        /// Price of the first event.
        open: Price { "above 0, from low to high" in "quote currency", as "61837.63" },
        /// Highest price.
        high: Price { "above 0" in "quote currency", as "61840" },
        /// Lowest price.
        low: Price { "above 0" in "quote currency", as "61830.5" },
        /// Price of the last event.
        close: Price { "above 0, from low to high" in "quote currency", as "61835" },
        /// Traded quantity; 0 for a bar of quotes.
        volume: Quantity { "from 0" in "base currency", as "12.5" },
        /// Number of events in the bar; 0 if missing.
        count: u64 { "any" in "events", as 42, or 0 },
        /// Number of late events since the previous bar of this size. Late events are in no time bar.
        late: u64,
        /// Start of a time bar's window; for other bars ts_recv of the first event, as it arrived.
        opened: u64 as Time { "not above closed" in "ns", as "1723161180000000000" },
        /// Exclusive end of a time bar's window; for other bars, and parts before the end, the greatest ts_recv.
        closed: u64 as Time { "not below opened" in "ns", as "1723161240000000000" },
        /// 0 for a whole bar; for a part of one, its number among the parts, from 1.
        part: u64 { "any" in "parts", as 0, or 0 },
        /// Source that published the bar; nil for a bar that `ingest` built.
        source: Option<SourceId>,
        /// `ts_recv` of the event that completed or published the bar, ns since the Unix epoch.
        ts_recv: u64 as Time,
        /// The venue's own time of a published bar, ns since the Unix epoch; nil if the venue gives none.
        ts_event: Option<u64> as Time,
    }
    published if |bar| bar.source.is_some()
}
