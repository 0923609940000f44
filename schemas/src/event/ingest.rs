//! Facts of ingest: the market, checked, and tape time.

use crate::bar::BarSpec;
use crate::ids::{Currency, InstrumentId, SourceId, Token};
use crate::names::names;
use crate::number::{Money, Price, Quantity};
use crate::offset::TapeTime;
use crate::structs::structs;

structs! {
    /// An instrument may be traded, on these terms, from here on.
    InstrumentDefined {
        /// The instrument.
        instrument: InstrumentId,
        /// Currency that is bought and sold.
        base: Currency,
        /// Currency of the prices.
        quote: Currency,
        /// Prices are multiples of this.
        tick_size: Price,
        /// Quantities are multiples of this.
        lot_size: Quantity,
        /// Least order value, in the quote currency.
        min_notional: Money,
    }
    /// The best bid and ask of an instrument.
    Quote {
        /// The instrument.
        instrument: InstrumentId,
        /// Best bid.
        bid: Price,
        /// Displayed at the bid; zero when unknown.
        bid_size: Quantity,
        /// Best ask, above the bid.
        ask: Price,
        /// Displayed at the ask.
        ask_size: Quantity,
        /// When the publisher received it, ns.
        ts_recv: u64,
        /// The venue's time, ns, where it gives one.
        ts_event: Option<u64>,
        /// The venue's number of the update, where it gives one.
        update_id: Option<u64>,
    }
    /// A trade that was printed at the venue.
    Trade {
        /// The instrument.
        instrument: InstrumentId,
        /// Price, in the quote currency.
        price: Price,
        /// Amount of the base currency.
        quantity: Quantity,
        /// The side that crossed the spread.
        aggressor: Aggressor,
        /// The venue's id of the trade, where it gives one.
        trade_id: Option<u64>,
        /// When the publisher received it, ns.
        ts_recv: u64,
        /// The venue's time, ns, where it gives one.
        ts_event: Option<u64>,
    }
    /// Tape time crossed a boundary of the tick interval.
    ClockAdvanced {
        /// The boundary, ns.
        time: TapeTime,
    }
    /// A source skipped numbers: something was lost before it reached us.
    Gap {
        /// The source.
        source: SourceId,
        /// The session of the source.
        session: Token,
        /// The instrument whose events carry the numbers.
        instrument: InstrumentId,
        /// The number that should have come.
        expected: u64,
        /// The number that came.
        got: u64,
    }
    /// A market event was refused; nothing of it counts.
    Rejected {
        /// The rule that refused it.
        reason: RejectReason,
        /// What was wrong, with the value.
        detail: String,
        /// The subject that it came on.
        subject: String,
        /// Its source, as far as it could be read.
        source: Option<SourceId>,
        /// Its number, as far as it could be read.
        seq: Option<u64>,
        /// Its instrument, as far as it could be read.
        instrument: Option<InstrumentId>,
    }
    /// A bar of an instrument is complete.
    Bar {
        /// The instrument.
        instrument: InstrumentId,
        /// Size and input of the bar.
        bar: BarSpec,
        /// First price.
        open: Price,
        /// Highest price.
        high: Price,
        /// Lowest price.
        low: Price,
        /// Last price.
        close: Price,
        /// Traded quantity; zero for a bar of quotes.
        volume: Quantity,
        /// Events in it.
        count: u64,
        /// Events that came after their window was closed, since the bar before: they are in no bar.
        late: u64,
        /// Begin of a time bar's window, else the first event's `ts_recv`, ns.
        opened: u64,
        /// End of a time bar's window (not in it), else the last event's `ts_recv`, ns.
        closed: u64,
        /// Who published it; none for one that ingest built.
        source: Option<SourceId>,
        /// `ts_recv` of the event that brought or completed it, ns.
        ts_recv: u64,
    }
    /// These bars are built of an instrument from here on, and no others.
    BarsDefined {
        /// The instrument.
        instrument: InstrumentId,
        /// The bars; at most 8.
        bars: Vec<BarSpec>,
    }
}

names! {
    /// Which side of a trade crossed the spread.
    Aggressor {
        /// A buyer lifted the ask.
        Buyer = 1 "buyer",
        /// A seller hit the bid.
        Seller = 2 "seller",
        /// The venue does not say.
        Unknown = 3 "unknown",
    }
    /// Why a market event was refused.
    RejectReason {
        /// Not a map or array of maps (MessagePack or JSON), or a field of the wrong type.
        Malformed = 1 "malformed",
        /// The subject does not say what the contract says.
        BadSubject = 2 "bad_subject",
        /// No definition of the instrument came before.
        UnknownInstrument = 3 "unknown_instrument",
        /// A price or quantity is not above zero.
        NotPositive = 4 "not_positive",
        /// A price off the tick grid, or a quantity off the lot grid.
        OffGrid = 5 "off_grid",
        /// The bid is not below the ask.
        Crossed = 6 "crossed",
        /// The number or natural key was seen before.
        Duplicate = 7 "duplicate",
        /// `ts_recv` runs ahead of the broker's stamp by more than the bound.
        ClockAhead = 8 "clock_ahead",
        /// A definition that contradicts itself or an earlier one.
        BadDefinition = 9 "bad_definition",
        /// Price times quantity is beyond what money can hold.
        OutOfRange = 10 "out_of_range",
        /// A bar that contradicts itself.
        BadBar = 11 "bad_bar",
    }
}
