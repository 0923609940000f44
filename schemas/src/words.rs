//! Typed reasons in words, for publishers and operators. Rewording changes no record: facts hold the typed values.

use crate::bar::{BAR_FORMS, BarAlign};
use crate::event::{MalformedDetail, MessageEncoding, RefusalReason, RejectDetail, RejectedMany, ValueForm};
use crate::ids::{NameForm, Token};
use crate::market::contract::{FIELDS, FieldType};
use crate::number::{INSTEAD_OF_FLOAT, NumberError};
use crate::subject::market_subject;
use crate::venue_id::VENUE_ID_BYTES_MAX;

/// Type of a field; `None` for a name that is no field of the contract.
fn type_of(field: &Token) -> Option<FieldType> {
    FIELDS.iter().find(|spec| spec.name == field.as_str()).map(|spec| spec.ty)
}

/// The form of a field that holds a name.
fn name_form(field: &Token) -> NameForm {
    match type_of(field) {
        Some(FieldType::Symbol) => NameForm::Symbol,
        None if field.as_str() == "instrument" => NameForm::Instrument,
        _ => NameForm::Token,
    }
}

impl MalformedDetail {
    /// Returns the error in words, with the offending value, and what is accepted.
    pub fn words(&self) -> String {
        match self {
            Self::NotAMarketSubject => "not md.<venue>.<symbol>.<kind>, with the symbol escaped as in BRK%2EB".into(),
            Self::WrongEscape { instrument, kind } => {
                let right = market_subject(instrument, *kind);
                format!("the symbol {:?} is escaped in another way; publish on {right}", instrument.symbol.as_str())
            }
            Self::TooLarge { bytes, limit } => format!("message of {bytes} bytes, over the bound of {limit}"),
            Self::EmptyMessage => "an empty message".into(),
            Self::EmptyArray => "an empty array".into(),
            Self::TooManyEvents { limit } => format!("over {limit} events"),
            Self::NotMaps { encoding } => {
                let encoding = match encoding {
                    MessageEncoding::Json => "JSON",
                    MessageEncoding::MessagePack => "MessagePack",
                };
                format!("not a map or an array of maps in {encoding}")
            }
            Self::TrailingBytes => "there are bytes after the end of the message".into(),
            Self::NotAMap => "not a map".into(),
            Self::NoKind => "a map in a batch must name its kind".into(),
            Self::WrongKind { kind, subject } => format!("kind {kind} on a subject for {subject}"),
            Self::RepeatedBar { bar } => format!("bars: {bar} is asked for twice"),
            Self::TooManyBars { limit } => format!("bars: asks for over {limit} bars"),
            Self::Repeated { field } => format!("{field} is given twice"),
            Self::Missing { field } => format!("{field} is missing"),
            Self::WrongType { field, expected: ValueForm::Text } => format!("{field} must be a short text"),
            Self::WrongType { field, expected: ValueForm::Integer } => {
                format!("{field} must be an integer, or its digits as text")
            }
            Self::WrongType { field, expected: ValueForm::Decimal } => {
                format!("{field} must be a number or text")
            }
            Self::Float { field, expected: ValueForm::Decimal } => {
                format!("{field} is a float; {INSTEAD_OF_FLOAT}")
            }
            Self::Float { field, expected: ValueForm::Integer | ValueForm::Text } => {
                format!("{field} is a float; write an integer, or its digits as text")
            }
            Self::NotAVenueId { field, value } => {
                format!(
                    "{field} {value:?} is not an id (want 1 to {VENUE_ID_BYTES_MAX} ASCII characters without spaces)"
                )
            }
            Self::NotAName { field, value } => format!("{field} {value:?} is not {}", name_form(field)),
            Self::NotADecimal { field, value } => {
                format!("{field} {value:?} {}", NumberError::Malformed)
            }
            Self::TooPrecise { field, value, decimals } => {
                format!("{field} {value} {}", NumberError::TooPrecise(*decimals))
            }
            Self::TooLong { field } => format!("{field} {}", NumberError::TooLong),
            Self::OutOfRange { field, value } => match type_of(field).and_then(FieldType::decimal) {
                Some((_, most)) => format!("{field} {value} {}", NumberError::OutOfRange(most)),
                None => format!("{field} {value} is out of range"),
            },
            Self::Zero { field } => format!("{field} must be an integer from 1"),
            Self::UnknownWord { field, value } => match FIELDS.iter().find(|spec| spec.name == field.as_str()) {
                Some(spec) => format!("{field} {value:?} is unknown (want {})", spec.range),
                None => format!("{field} {value:?} is unknown"),
            },
            Self::TooManyNames { field, limit } => format!("{field}: over {limit} names"),
            Self::ForeignSource { source, subject: Some(own) } => {
                format!("source {source} on a subject of the source {own}: give each event the source of its subject")
            }
            Self::ForeignSource { source, subject: None } => {
                format!("source {source} is reserved for subjects that name it: in.{source}.<venue>.<symbol>.<kind>")
            }
            Self::NotABar { field, value } => format!("{field} {value:?} is no bar (want {BAR_FORMS})"),
            Self::NotACalendar { value, fault } => format!("calendar: {value:?} {}", fault.words()),
        }
    }
}

impl RejectDetail {
    /// Returns the code of the broken rule: of an event that does not decode, the code of the error.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Malformed { detail } => detail.code(),
            _ => self.code(),
        }
    }

    /// Returns the broken rule in words, with the value, and what to do.
    pub fn words(&self) -> String {
        match self {
            Self::Malformed { detail } => detail.words(),
            Self::NoDefinition => "no definition of the instrument came before: publish one first".into(),
            Self::RepeatedSeq { seq, last } => format!("seq {seq} is not above {last}, the last taken"),
            Self::RepeatedKey { field, id } => format!("{field} {id} was accepted before with the same values"),
            Self::ClockAhead { ts_recv, ahead_ns, limit_ns } => {
                format!("ts_recv {ts_recv} is {ahead_ns} ns ahead of the broker's stamp; at most {limit_ns} is allowed")
            }
            Self::NotNanoseconds { field, value, unit } => match unit {
                Some(unit) => format!("{field} {value} is before 1980 in ns, and looks like {unit}: send nanoseconds"),
                None => format!("{field} {value} is before 1980 in ns: send nanoseconds since 1970"),
            },
            Self::PriceNotPositive { field, price } => format!("{field} {price} is not above zero"),
            Self::QuantityNotPositive { field, quantity } => format!("{field} {quantity} is not above zero"),
            Self::QuantityNegative { field, quantity } => format!("{field} {quantity} is below zero"),
            Self::OffTick { field, price, tick_size } => {
                format!("{field} {price} is no multiple of the tick {tick_size}")
            }
            Self::OffLot { field, quantity, lot_size } => {
                format!("{field} {quantity} is no multiple of the lot {lot_size}")
            }
            Self::SizeWithoutPrice { field, quantity } => format!("{field} is {quantity}, but that side has no price"),
            Self::NotionalOverLimit { price, quantity, limit } => format!("{price} times {quantity} is above {limit}"),
            Self::NegativeNotional { min_notional } => format!("min_notional {min_notional} is below zero"),
            Self::EqualCurrencies { currency } => format!("base and quote are both {currency}"),
            Self::ChangedCurrency { field, currency, defined } => {
                format!("{field} {currency} was defined as {defined} before")
            }
            Self::TooManyInstruments { limit } => {
                format!("the partition already defines {limit} instruments, its bound")
            }
            Self::OutsideBar { field, price, low, high } => {
                format!("{field} {price} is not from low {low} to high {high}")
            }
            Self::NotAWindow { bar, opened, closed } => {
                let by = match bar.align {
                    BarAlign::Utc => "windows are aligned to UTC",
                    BarAlign::Session => "windows are those of the calendar in force",
                };
                format!("{opened} to {closed} is no window of {bar}, nor a part of one: {by}")
            }
            Self::NoCalendar { bar } => {
                format!("{bar} is by trading sessions, and no definition of the instrument has a calendar")
            }
            Self::TooManyCalendars { limit } => {
                format!("the partition already knows {limit} different calendars, its bound: use one of them")
            }
            Self::ClosedAhead { closed, ahead_ns, limit_ns } => {
                format!("closed {closed} is {ahead_ns} ns after ts_recv; at most {limit_ns} is allowed: it is not over")
            }
            Self::ClosedBeforeOpened { opened, closed } => format!("opened {opened} is after closed {closed}"),
            Self::SourceNotNamed { source } => {
                format!("source {source} is none of the sources that the definition of the instrument names")
            }
            Self::OperatorTerms { tick_size, lot_size } => format!(
                "the operator has set other terms (tick size {tick_size}, lot size {lot_size}), which only the \
                 operator can change: tapedeck control define"
            ),
            Self::OlderDefinition { ts_recv, defined } => {
                format!("ts_recv {ts_recv} is before that of the definition in force, {defined}, which has other terms")
            }
            Self::TooManySources { limit } => {
                format!("the partition knows {limit} sources, its bound: use the same source name at each start")
            }
            Self::TooManySessions { limit } => {
                format!(
                    "the source has {limit} live sessions of the instrument, its bound: wait 10 s and begin a new one, \
                     or publish several files with one command"
                )
            }
            Self::EndedSession { session } => {
                format!("session {session} ended and newer ones took its place: begin a new one")
            }
        }
    }
}

impl RejectedMany {
    /// Returns in words how many events were rejected, and which ones.
    pub fn words(&self) -> String {
        let seqs = match (self.first_seq, self.last_seq) {
            (Some(first), Some(last)) => format!(", from seq {first} to seq {last}"),
            _ => String::new(),
        };
        let gaps = if self.gaps > 0 { format!(", {} of them after a gap", self.gaps) } else { String::new() };
        format!("{} more events within a minute{seqs}{gaps}", self.count)
    }
}

impl RefusalReason {
    /// Returns the broken rule in words, with the value and the values that are allowed.
    pub fn words(&self) -> String {
        match self {
            Self::TooLarge { bytes, limit } => format!("{bytes} bytes, over the bound of {limit}"),
            Self::NotACommand => "not a command: want a map of by, reason and request in MessagePack".into(),
            Self::TrailingBytes { bytes } => format!("{bytes} bytes after the end of the command"),
            Self::BadText { field, limit } => format!("{field} must be 1 to {limit} bytes of plain text"),
            Self::RepeatedId => "a request with this id was accepted before".into(),
            Self::WrongSubject { verb } => {
                format!("a request to {verb} on another subject: publish it on cmd.<partition>.{verb}")
            }
            Self::CountOutOfBounds { count, limit } => format!("{count} values; give 1 to {limit}"),
            Self::UnknownParameter { name } => format!("there is no limit or parameter {name:?}"),
            Self::ValueOutOfBounds { name, value, min, max } => format!("{name} {value} is not within {min} to {max}"),
            Self::RepeatedParameter { name } => format!("{name} is given twice"),
            Self::NoWeights => "no weights; give at least one strategy".into(),
            Self::UnknownStrategy { strategy } => format!("there is no strategy {strategy}"),
            Self::WeightOutOfBounds { strategy, weight, limit } => {
                format!("the weight {weight} of {strategy} is not within 0 to {limit}")
            }
            Self::RepeatedStrategy { strategy } => format!("{strategy} is given twice"),
            Self::AmountOutOfBounds { amount, limit } => {
                format!("the amount {amount} is zero or beyond {limit} in or out")
            }
        }
    }
}
