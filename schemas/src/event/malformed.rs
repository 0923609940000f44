//! Why a message does not decode to market events: the fault, with the values.

use super::forms::{MessageEncoding, ValueForm};
use crate::bar::BarSpec;
use crate::calendar::CalendarFault;
use crate::ids::{InstrumentId, SourceId, Token};
use crate::subject::MarketKind;
use crate::variants::variants;

variants! {
    /// Why a message, or a map of it, does not decode to a market event.
    MalformedDetail {
        /// The subject is not `md.<venue>.<symbol>.<kind>`, so instrument and kind are not known.
        NotAMarketSubject = 1 "not_a_market_subject",
        /// The message is too large.
        TooLarge = 2 "too_large" {
            /// Size of the message, in bytes.
            bytes: u64,
            /// Greatest size, in bytes.
            limit: u64,
        },
        /// The message is empty.
        EmptyMessage = 3 "empty_message",
        /// The message is an empty array.
        EmptyArray = 4 "empty_array",
        /// The message has too many maps.
        TooManyEvents = 5 "too_many_events" {
            /// Greatest number of maps.
            limit: u32,
        },
        /// The message is neither a map nor an array of maps.
        NotMaps = 6 "not_maps" {
            /// Encoding that the first byte of the message announces.
            encoding: MessageEncoding,
        },
        /// There are bytes after the end of the message.
        TrailingBytes = 7 "trailing_bytes",
        /// The element is not a map.
        NotAMap = 8 "not_a_map",
        /// A field is given twice.
        Repeated = 9 "repeated" {
            /// Name of the field.
            field: Token,
        },
        /// A required field is missing.
        Missing = 10 "missing" {
            /// Name of the field.
            field: Token,
        },
        /// A value has a wrong type.
        WrongType = 11 "wrong_type" {
            /// Name of the field.
            field: Token,
            /// Form that the field accepts.
            expected: ValueForm,
        },
        /// A value is a float, which the publisher may have rounded.
        Float = 12 "float" {
            /// Name of the field.
            field: Token,
            /// Form that the field accepts.
            expected: ValueForm,
        },
        /// A text is not a name of 1 to 24 characters of `A-Z a-z 0-9 - _`; an instrument is two names.
        NotAName = 13 "not_a_name" {
            /// Name of the field.
            field: Token,
            /// The text, cut to 64 bytes.
            value: String,
        },
        /// A text is not a decimal number.
        NotADecimal = 14 "not_a_decimal" {
            /// Name of the field.
            field: Token,
            /// The text, cut to 64 bytes.
            value: String,
        },
        /// A number has too many decimals.
        TooPrecise = 15 "too_precise" {
            /// Name of the field.
            field: Token,
            /// The number, cut to 64 bytes.
            value: String,
            /// Greatest number of decimals.
            decimals: u32,
        },
        /// A number is beyond the bounds of its type.
        OutOfRange = 16 "out_of_range" {
            /// Name of the field.
            field: Token,
            /// The number, cut to 64 bytes.
            value: String,
        },
        /// An integer is zero and must be from 1.
        Zero = 17 "zero" {
            /// Name of the field.
            field: Token,
        },
        /// A text is none of the words that the field accepts.
        UnknownWord = 18 "unknown_word" {
            /// Name of the field.
            field: Token,
            /// The text, cut to 64 bytes.
            value: String,
        },
        /// A text is not the size of a bar.
        NotABar = 19 "not_a_bar" {
            /// Name of the field.
            field: Token,
            /// The text, cut to 64 bytes.
            value: String,
        },
        /// A definition requests a bar twice.
        RepeatedBar = 20 "repeated_bar" {
            /// The bar.
            bar: BarSpec,
        },
        /// A definition requests too many bars.
        TooManyBars = 21 "too_many_bars" {
            /// Greatest number of bars.
            limit: u32,
        },
        /// A text is not a calendar of trading sessions.
        NotACalendar = 40 "not_a_calendar" {
            /// The session, cut to 64 bytes.
            value: String,
            /// The rule that the session breaks.
            fault: CalendarFault,
        },
        /// A map in a batch names no kind of its own.
        NoKind = 22 "no_kind",
        /// The text of a number is too long.
        TooLong = 24 "too_long" {
            /// Name of the field.
            field: Token,
        },
        /// A map names another kind than its subject.
        WrongKind = 23 "wrong_kind" {
            /// Kind that the map names.
            kind: MarketKind,
            /// Kind in the subject.
            subject: MarketKind,
        },
        /// The symbol in the subject is not escaped as each symbol must be.
        WrongEscape = 25 "wrong_escape" {
            /// Instrument that the subject was meant for.
            instrument: Box<InstrumentId>,
            /// Kind in the subject.
            kind: MarketKind,
        },
        /// A list of names is too long.
        TooManyNames = 26 "too_many_names" {
            /// Name of the field.
            field: Token,
            /// Greatest number of names.
            limit: u32,
        },
        /// A text is not an id of a venue.
        NotAVenueId = 28 "not_a_venue_id" {
            /// Name of the field.
            field: Token,
            /// The text, cut to 64 bytes.
            value: String,
        },
        /// The source of the event is not the one in the subject.
        ForeignSource = 27 "foreign_source" {
            /// Source that the event names.
            source: SourceId,
            /// Source in the subject; nil if the subject has none, and the named source needs one.
            subject: Option<SourceId>,
        },
    }
}
