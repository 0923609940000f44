//! Why `ingest` rejected a market event: the rule that the event breaks, with the values.
//!
//! A machine records the typed value; [`RejectDetail::words`] renders it for publishers.

use super::forms::TimeUnit;
use super::malformed::MalformedDetail;
use crate::bar::BarSpec;
use crate::ids::{Currency, SourceId, Token, VenueId};
use crate::names::names;
use crate::number::{Money, Price, Quantity};
use crate::variants::variants;

names! {
    /// Check of `ingest` that a market event failed.
    RejectReason {
        /// Not a map or an array of maps in MessagePack or JSON, or a field is missing or has a wrong type.
        Malformed = 1 "malformed",
        /// The subject is not `md.<venue>.<symbol>.<kind>`.
        BadSubject = 2 "bad_subject",
        /// The instrument has no definition yet.
        UnknownInstrument = 3 "unknown_instrument",
        /// A traded quantity is not above zero, a displayed size or a volume is below zero, or a price is not above
        /// zero where the definition does not allow any price.
        NotPositive = 4 "not_positive",
        /// A price is off the tick grid, or a quantity is off the lot grid.
        OffGrid = 5 "off_grid",
        /// A side of a quote has a size and no price.
        BadQuote = 18 "bad_quote",
        /// The number (`seq`) is not above the last one, or the venue's id was accepted before with the same values.
        Duplicate = 7 "duplicate",
        /// `ts_recv` is more than 5 s ahead of the broker's stamp.
        ClockAhead = 8 "clock_ahead",
        /// A definition is inconsistent, changes the currencies of an earlier one, or exceeds the bound.
        BadDefinition = 9 "bad_definition",
        /// The magnitude of price times quantity is above 1e15 of the quote currency.
        OutOfRange = 10 "out_of_range",
        /// A time is before 1980, so that it is not in nanoseconds.
        NotNanoseconds = 12 "not_nanoseconds",
        /// The prices or times of a bar are inconsistent.
        BadBar = 11 "bad_bar",
        /// The partition keeps the numbers of as many sources as it can.
        TooManySources = 13 "too_many_sources",
        /// The source has as many live sessions of the instrument as it can.
        TooManySessions = 14 "too_many_sessions",
        /// The session of the source ended, and newer ones took its place.
        EndedSession = 15 "ended_session",
        /// The event names another source than its subject, which the broker wrote.
        ForeignSource = 16 "foreign_source",
        /// The definition in force names the sources of the instrument, and the source of the event is none of them.
        SourceNotNamed = 17 "source_not_named",
    }
}

variants! {
    /// The rule that a market event breaks, with the values.
    RejectDetail {
        /// The event does not decode.
        Malformed = 1 "malformed" {
            /// What does not decode.
            detail: MalformedDetail,
        },
        /// The instrument has no definition.
        NoDefinition = 2 "no_definition",
        /// The number (`seq`) is not above the last one of the session.
        RepeatedSeq = 3 "repeated_seq" {
            /// Number of the event.
            seq: u64,
            /// Greatest number before it.
            last: u64,
        },
        /// An event of the instrument with the venue's id, or a bar of the window, and the same prices and quantities
        /// was accepted before.
        RepeatedKey = 4 "repeated_key" {
            /// Name of the field: `trade_id` or `update_id`, or `opened` of a bar.
            field: Token,
            /// The venue's id, or the begin of the bar.
            id: VenueId,
        },
        /// `ts_recv` is too far ahead of the broker's stamp.
        ClockAhead = 5 "clock_ahead" {
            /// Time at which the publisher received the event, ns since the Unix epoch.
            ts_recv: u64 as Time,
            /// Distance from the stamp, ns.
            ahead_ns: u64,
            /// Greatest distance, ns.
            limit_ns: u64,
        },
        /// A time is before 1980, so that it is not in nanoseconds.
        NotNanoseconds = 22 "not_nanoseconds" {
            /// Name of the field.
            field: Token,
            /// The time, as it was sent.
            value: u64,
            /// The unit in which it would be a time from 1980 to 2200; nil if there is none.
            unit: Option<TimeUnit>,
        },
        /// A price is not above zero.
        PriceNotPositive = 6 "price_not_positive" {
            /// Name of the field.
            field: Token,
            /// The price, in the quote currency.
            price: Price,
        },
        /// A quantity is not above zero.
        QuantityNotPositive = 7 "quantity_not_positive" {
            /// Name of the field.
            field: Token,
            /// The quantity, in the base currency.
            quantity: Quantity,
        },
        /// A displayed size or a volume is below zero.
        QuantityNegative = 8 "quantity_negative" {
            /// Name of the field.
            field: Token,
            /// The quantity, in the base currency.
            quantity: Quantity,
        },
        /// A price is no multiple of the tick size.
        OffTick = 9 "off_tick" {
            /// Name of the field.
            field: Token,
            /// The price, in the quote currency.
            price: Price,
            /// Tick size of the instrument.
            tick_size: Price,
        },
        /// A quantity is no multiple of the lot size.
        OffLot = 10 "off_lot" {
            /// Name of the field.
            field: Token,
            /// The quantity, in the base currency.
            quantity: Quantity,
            /// Lot size of the instrument.
            lot_size: Quantity,
        },
        /// A side of a quote has a size and no price.
        SizeWithoutPrice = 42 "size_without_price" {
            /// Name of the field: `bid_size` or `ask_size`.
            field: Token,
            /// The size, in the base currency.
            quantity: Quantity,
        },
        /// Price times quantity is too great.
        NotionalOverLimit = 12 "notional_over_limit" {
            /// The price, in the quote currency.
            price: Price,
            /// The quantity, in the base currency.
            quantity: Quantity,
            /// Greatest product, in the quote currency.
            limit: Money,
        },
        /// The least notional of a definition is below zero.
        NegativeNotional = 13 "negative_notional" {
            /// The least notional, in the quote currency.
            min_notional: Money,
        },
        /// Base and quote currency of a definition are equal.
        EqualCurrencies = 14 "equal_currencies" {
            /// The currency.
            currency: Currency,
        },
        /// A definition changes a currency of the instrument.
        ChangedCurrency = 15 "changed_currency" {
            /// Name of the field: `base` or `quote`.
            field: Token,
            /// Currency of this definition.
            currency: Box<Currency>,
            /// Currency of the definition before.
            defined: Box<Currency>,
        },
        /// The partition defines as many instruments as it can.
        TooManyInstruments = 16 "too_many_instruments" {
            /// Greatest number of instruments.
            limit: u32,
        },
        /// A price of a bar is not from its low to its high.
        OutsideBar = 17 "outside_bar" {
            /// Name of the field.
            field: Token,
            /// The price, in the quote currency.
            price: Price,
            /// Low of the bar.
            low: Price,
            /// High of the bar.
            high: Price,
        },
        /// The times of a time bar are no window of its size, by UTC or by the calendar of the instrument, nor a part.
        NotAWindow = 18 "not_a_window" {
            /// Size of the bar.
            bar: BarSpec,
            /// Start of the bar, ns since the Unix epoch.
            opened: u64 as Time,
            /// End of the bar, ns since the Unix epoch.
            closed: u64 as Time,
        },
        /// A bar by trading sessions of an instrument without a calendar.
        NoCalendar = 40 "no_calendar" {
            /// The bar.
            bar: BarSpec,
        },
        /// The partition knows as many different calendars as it can.
        TooManyCalendars = 41 "too_many_calendars" {
            /// Greatest number of calendars.
            limit: u32,
        },
        /// A bar ends before it starts.
        ClosedBeforeOpened = 19 "closed_before_opened" {
            /// Start of the bar, ns since the Unix epoch.
            opened: u64 as Time,
            /// End of the bar, ns since the Unix epoch.
            closed: u64 as Time,
        },
        /// A bar closes later than its event was received: it is not over.
        ClosedAhead = 43 "closed_ahead" {
            /// End of the bar, ns since the Unix epoch.
            closed: u64 as Time,
            /// How far that is ahead of `ts_recv`, ns.
            ahead_ns: u64,
            /// Greatest value allowed, ns.
            limit_ns: u64,
        },
        /// A definition is older than the one in force, and has other terms.
        OlderDefinition = 21 "older_definition" {
            /// `ts_recv` of this definition, ns since the Unix epoch.
            ts_recv: u64 as Time,
            /// Greatest `ts_recv` of a definition with the terms in force, ns since the Unix epoch.
            defined: u64 as Time,
        },
        /// The partition keeps the numbers of as many sources as it can, and none of them was idle for a day.
        TooManySources = 24 "too_many_sources" {
            /// Greatest number of sources.
            limit: u32,
        },
        /// The source has as many live sessions of the instrument as it can. A session is live until a newer one has
        /// begun, and 10 s have passed since.
        TooManySessions = 25 "too_many_sessions" {
            /// Greatest number of live sessions.
            limit: u32,
        },
        /// The session of the source ended, and newer ones took its place.
        EndedSession = 26 "ended_session" {
            /// Name of the session.
            session: Token,
        },
        /// The definition in force names the sources of the instrument, and the source of the event is none of them.
        SourceNotNamed = 30 "source_not_named" {
            /// Source of the event.
            source: SourceId,
        },
        /// The operator has set the terms of the instrument, and a definition of a publisher has others.
        OperatorTerms = 31 "operator_terms" {
            /// Tick size that the operator has set, in the quote currency.
            tick_size: Price,
            /// Lot size that the operator has set, in the base currency.
            lot_size: Quantity,
        },
    }
}
