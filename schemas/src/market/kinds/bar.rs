//! The market kind `bar`.

use crate::bar::BarSpec;
use crate::ids::{InstrumentId, SourceId};
use crate::number::{Price, Quantity};

market_kind! {
    /// A bar of an instrument was completed by `ingest`, or published by a source. It is never changed. In a bar of
    /// quotes, the price of a quote is its mid.
    Bar accepts BarBody {
        /// Instrument of the trades or quotes in the bar.
        instrument: InstrumentId,
        /// Size and input of the bar.
        bar: BarSpec {
            range: "a size such as 1m, 250ms, 1h, 100t or 2.5v; with -quote for a bar of quotes", example: "\"1m\""
        },
        /// Price of the first event.
        open: Price { unit: "quote currency", range: "above 0, from low to high", example: "\"61837.63\"" },
        /// Highest price.
        high: Price { unit: "quote currency", range: "above 0", example: "\"61840\"" },
        /// Lowest price.
        low: Price { unit: "quote currency", range: "above 0", example: "\"61830.5\"" },
        /// Price of the last event.
        close: Price { unit: "quote currency", range: "above 0, from low to high", example: "\"61835\"" },
        /// Traded quantity; 0 for a bar of quotes.
        volume: Quantity { unit: "base currency", range: "from 0", example: "\"12.5\"" },
        /// Number of events in the bar; 0 if missing.
        count: u64 { default: 0, unit: "events", range: "any", example: "42" },
        /// Number of late events since the previous bar of this size. Late events are in no time bar.
        late: u64,
        /// Start of a time bar's window; for other bars ts_recv of the first event.
        opened: u64 as Time { unit: "ns", range: "not above closed", example: "1723161240000000000" },
        /// Exclusive end of a time bar's window; for other bars ts_recv of the last event.
        closed: u64 as Time { unit: "ns", range: "not below opened", example: "1723161300000000000" },
        /// Source that published the bar; nil for a bar that `ingest` built.
        source: Option<SourceId>,
        /// `ts_recv` of the event that completed or published the bar, ns since the Unix epoch.
        ts_recv: u64 as Time,
        /// The venue's own time of a published bar, ns since the Unix epoch; nil if the venue gives none.
        ts_event: Option<u64> as Time,
    }
    published if |bar| bar.source.is_some()
}
