//! Facts of `ingest`: accepted and rejected market events, bars, and tape time.

use crate::bar::BarSpec;
use crate::event::{RejectDetail, RejectReason};
use crate::ids::{Currency, InstrumentId, SourceId, Token};
use crate::names::names;
use crate::number::{Money, Price, Quantity};
use crate::offset::TapeTime;
use crate::structs::structs;

structs! {
    /// The terms of an instrument were set, and apply to every later fact. The currencies never change.
    InstrumentDefined {
        /// The instrument, in the form `<venue>.<symbol>`.
        instrument: InstrumentId,
        /// Base currency: the unit of quantities.
        base: Currency,
        /// Quote currency: the currency of prices.
        quote: Currency,
        /// Step of prices, in the quote currency, above zero.
        tick_size: Price,
        /// Step of quantities, in the base currency, above zero.
        lot_size: Quantity,
        /// Least notional of an order, in the quote currency, from zero.
        min_notional: Money,
        /// Bars that `ingest` builds from now on, in place of the earlier ones: at most 8, each once; empty for none.
        bars: Vec<BarSpec>,
        /// Time at which the publisher received the event, ns since the Unix epoch.
        ts_recv: u64 as Time,
        /// The venue's own time of the event, ns since the Unix epoch; nil if the venue gives none.
        ts_event: Option<u64> as Time,
    }
    /// The best bid and ask of an instrument, as the venue quotes them.
    Quote {
        /// The quoted instrument; `InstrumentDefined` precedes its first quote.
        instrument: InstrumentId,
        /// Best bid, in the quote currency, above zero, on the tick grid.
        bid: Price as PriceChange,
        /// Quantity at the bid, in the base currency, on the lot grid; zero if unknown.
        bid_size: Quantity as Change,
        /// Best ask, in the quote currency, above the bid, on the tick grid.
        ask: Price as PriceChange,
        /// Quantity at the ask, in the base currency, on the lot grid; zero if unknown.
        ask_size: Quantity as Change,
        /// Time at which the publisher received the event, ns since the Unix epoch.
        ts_recv: u64 as Time,
        /// The venue's own time of the event, ns since the Unix epoch; nil if the venue gives none.
        ts_event: Option<u64> as Time,
        /// The venue's number of the update, increasing per instrument; nil if the venue gives none.
        update_id: Option<u64> as Change,
    }
    /// The venue printed a trade.
    Trade {
        /// The traded instrument; `InstrumentDefined` precedes its first trade.
        instrument: InstrumentId,
        /// Price of the trade, in the quote currency, above zero, on the tick grid.
        price: Price as PriceChange,
        /// Quantity of the trade, in the base currency, above zero, on the lot grid.
        quantity: Quantity,
        /// Side that crossed the spread.
        aggressor: Aggressor,
        /// The venue's number of the trade, increasing per instrument; nil if the venue gives none.
        trade_id: Option<u64> as Change,
        /// Time at which the publisher received the event, ns since the Unix epoch.
        ts_recv: u64 as Time,
        /// The venue's own time of the event, ns since the Unix epoch; nil if the venue gives none.
        ts_event: Option<u64> as Time,
    }
    /// Tape time reached a multiple of 100 ms. A jump over several multiples gives one fact, for the last of them.
    ClockAdvanced {
        /// The multiple that tape time reached, ns since the Unix epoch.
        time: TapeTime as Time,
    }
    /// A session of a source skipped numbers: the skipped market events never reached the inbox.
    Gap {
        /// Source of the numbered events.
        source: SourceId,
        /// Session of the source.
        session: Token,
        /// Instrument of the numbered events.
        instrument: InstrumentId,
        /// The number that was due: one above the last.
        expected: u64,
        /// The number that arrived; the numbers from `expected` to `got` − 1 are missing.
        got: u64,
    }
    /// A market event was rejected. It changes nothing, except that its number is used up if it could be decoded.
    Rejected {
        /// The check that the event failed.
        reason: RejectReason,
        /// The rule that the event breaks, with the values.
        detail: RejectDetail,
        /// Subject of the message, cut to 192 bytes.
        subject: String,
        /// Source of the event; nil if it could not be read.
        source: Option<SourceId>,
        /// Number (`seq`) of the event; nil if it could not be read.
        seq: Option<u64>,
        /// Instrument that the subject names; nil if it names none.
        instrument: Option<InstrumentId>,
    }
    /// A bar of an instrument was completed by `ingest`, or published by a source. It is never changed.
    Bar {
        /// Instrument of the trades or quotes in the bar.
        instrument: InstrumentId,
        /// Size and input of the bar, such as `1m` or `100t-quote`.
        bar: BarSpec,
        /// Price of the first event, in the quote currency. The price of a quote is its mid.
        open: Price,
        /// Highest price, in the quote currency.
        high: Price,
        /// Lowest price, in the quote currency.
        low: Price,
        /// Price of the last event, in the quote currency.
        close: Price,
        /// Traded quantity, in the base currency; zero for a bar of quotes.
        volume: Quantity,
        /// Number of events in the bar.
        count: u64,
        /// Number of late events since the previous bar of this size. Late events are in no time bar.
        late: u64,
        /// Start of a time bar's window; for other bars `ts_recv` of the first event. Ns since the Unix epoch.
        opened: u64 as Time,
        /// Exclusive end of a time bar's window; for other bars `ts_recv` of the last event. Ns since the Unix epoch.
        closed: u64 as Time,
        /// Source that published the bar; nil for a bar that `ingest` built.
        source: Option<SourceId>,
        /// `ts_recv` of the event that completed or published the bar, ns since the Unix epoch.
        ts_recv: u64 as Time,
        /// The venue's own time of a published bar, ns since the Unix epoch; nil if the venue gives none.
        ts_event: Option<u64> as Time,
    }
    /// A publisher is alive: a market event that carries only a time. It advances tape time and closes time bars.
    MarketHeartbeat {
        /// Instrument whose time bars the heartbeat closes.
        instrument: InstrumentId,
        /// Time at which the publisher received the event, ns since the Unix epoch.
        ts_recv: u64 as Time,
        /// The venue's own time of the event, ns since the Unix epoch; nil if the venue gives none.
        ts_event: Option<u64> as Time,
    }
}

names! {
    /// Side of a trade that crossed the spread.
    Aggressor {
        /// The buyer lifted the ask.
        Buyer = 1 "buyer",
        /// The seller hit the bid.
        Seller = 2 "seller",
        /// The venue does not publish the side.
        Unknown = 3 "unknown",
    }
}
