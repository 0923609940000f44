//! The table of the fields of market events. Decoder, documentation and tests derive from it.

use crate::number;
use crate::subject::MarketKind::{self, Bar, Definition, Heartbeat, Quote, Trade};

/// Type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// A text of 1 to 24 characters of `A-Z a-z 0-9 - _`: a token of a subject.
    Token,
    /// A [`crate::symbol::Symbol`] as text, without the escapes of a subject.
    Symbol,
    /// A text in a form of its own, or one of several words.
    Text,
    /// An unsigned integer of at most 64 bits, or its digits as text.
    Count,
    /// Nanoseconds since the Unix epoch, in the forms of `Count`.
    Time,
    /// A [`crate::number::Price`]: text, a JSON number, or a MessagePack integer, which is a whole number. A
    /// MessagePack float is malformed.
    Price,
    /// A [`crate::number::Quantity`], in the forms of `Price`.
    Quantity,
    /// A [`crate::number::Money`], in the forms of `Price`.
    Money,
}

impl FieldType {
    /// Returns the name in the documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            FieldType::Token => "token",
            FieldType::Symbol => "symbol",
            FieldType::Text => "text",
            FieldType::Count => "count",
            FieldType::Time => "time",
            FieldType::Price => "price",
            FieldType::Quantity => "quantity",
            FieldType::Money => "money",
        }
    }

    /// Returns the decimals and the greatest value of a decimal number.
    pub const fn decimal(self) -> Option<(u32, i128)> {
        match self {
            FieldType::Price => Some((number::Price::SCALE, number::Price::MAX_UNITS / number::Price::ONE)),
            FieldType::Quantity => Some((number::Quantity::SCALE, number::Quantity::MAX_UNITS / number::Quantity::ONE)),
            FieldType::Money => Some((number::Money::SCALE, number::Money::MAX_UNITS / number::Money::ONE)),
            _ => None,
        }
    }
}

/// A field of a market event.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    /// Key in the map.
    pub name: &'static str,
    /// Kinds that have the field.
    pub kinds: &'static [MarketKind],
    /// Whether a map of these kinds must hold the field.
    pub required: bool,
    /// Type of the value.
    pub ty: FieldType,
    /// Unit of the value; empty if it has none.
    pub unit: &'static str,
    /// Accepted values. `describe::market` derives the minimum from the prefixes `from 1` and `above`.
    pub range: &'static str,
    /// An accepted value, as JSON.
    pub example: &'static str,
    /// Meaning of the field, as the documents show it.
    pub doc: &'static str,
}

/// Kinds of a single event: all but `batch`.
pub const KINDS: &[MarketKind] = &[Quote, Trade, Bar, Definition, Heartbeat];

macro_rules! fields {
    ($($variant:ident $name:literal $kinds:expr, $presence:ident $ty:ident, $unit:literal, $range:literal,
       $example:literal, $doc:literal;)*) => {
        /// A field, as an index into [`FIELDS`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Field { $($variant,)* }
        impl Field {
            /// Returns the field with this key.
            pub(super) fn named(key: &str) -> Option<Field> {
                match key { $($name => Some(Field::$variant),)* _ => None }
            }
            pub(super) const fn spec(self) -> &'static FieldSpec {
                &FIELDS[self as usize]
            }
            pub(super) const fn name(self) -> &'static str {
                self.spec().name
            }
        }
        /// Every field, in the order in which [`super::encode`] writes them.
        pub const FIELDS: &[FieldSpec] = &[$(FieldSpec {
            name: $name, kinds: $kinds, required: fields!(@$presence), ty: FieldType::$ty, unit: $unit, range: $range,
            example: $example, doc: $doc,
        },)*];
    };
    (@required) => { true };
    (@optional) => { false };
}

fields! {
    Kind "kind" KINDS, optional Text, "", "as the subject's last token; required on a subject of kind batch",
        "\"trade\"", "Kind of the event.";
    Source "source" KINDS, required Token, "", "1 to 24 of A-Z a-z 0-9 - _", "\"feed1\"", "Name of the publisher.";
    Session "session" KINDS, required Token, "", "1 to 24 of A-Z a-z 0-9 - _", "\"s20240809a\"",
        "Session of the source. Each session numbers from 1; begin a new one at each start.";
    Seq "seq" KINDS, required Count, "events", "from 1", "7",
        "Number of the event within source, session, venue and symbol, across kinds. A skipped number is a gap.";
    TsRecv "ts_recv" KINDS, required Time, "ns", "from 1; at most 5 s ahead of the broker's clock",
        "1723161254087891268", "Time at which the publisher received the event.";
    TsEvent "ts_event" KINDS, optional Time, "ns", "any", "1723161252823000000", "The venue's own time of the event.";
    Bid "bid" &[Quote], required Price, "quote currency", "above 0, below ask, on the tick grid",
        "\"61837.63\"", "Best bid.";
    BidSize "bid_size" &[Quote], required Quantity, "base currency", "from 0 (0: unknown), on the lot grid",
        "\"3.78826\"", "Quantity at the bid.";
    Ask "ask" &[Quote], required Price, "quote currency", "above bid, on the tick grid", "\"61837.64\"",
        "Best ask.";
    AskSize "ask_size" &[Quote], required Quantity, "base currency", "from 0 (0: unknown), on the lot grid",
        "\"2.5\"", "Quantity at the ask.";
    UpdateId "update_id" &[Quote], optional Count, "", "above the instrument's last", "50093239212",
        "The venue's number of the update: the natural key across sessions.";
    Price "price" &[Trade], required Price, "quote currency", "above 0, on the tick grid", "\"61837.63\"",
        "Price of the trade.";
    Quantity "quantity" &[Trade], required Quantity, "base currency", "above 0, on the lot grid", "\"0.01234\"",
        "Quantity of the trade.";
    Aggressor "aggressor" &[Trade], optional Text, "", "buyer, seller or unknown", "\"seller\"",
        "Side that crossed the spread; `unknown` if missing.";
    TradeId "trade_id" &[Trade], optional Count, "", "above the instrument's last", "3735683259",
        "The venue's number of the trade: the natural key across sessions.";
    Bar "bar" &[Bar], required Text, "", "a size such as 1m, 250ms, 1h, 100t or 2.5v; with -quote for a bar of quotes",
        "\"1m\"", "Size and input of the bar.";
    Open "open" &[Bar], required Price, "quote currency", "above 0, from low to high", "\"61837.63\"",
        "Price of the first event.";
    High "high" &[Bar], required Price, "quote currency", "above 0", "\"61840\"", "Highest price.";
    Low "low" &[Bar], required Price, "quote currency", "above 0", "\"61830.5\"", "Lowest price.";
    Close "close" &[Bar], required Price, "quote currency", "above 0, from low to high", "\"61835\"",
        "Price of the last event.";
    Volume "volume" &[Bar], required Quantity, "base currency", "from 0", "\"12.5\"",
        "Traded quantity; 0 for a bar of quotes.";
    Count "count" &[Bar], optional Count, "events", "any", "42", "Number of events in the bar; 0 if missing.";
    Opened "opened" &[Bar], required Time, "ns", "not above closed", "1723161240000000000",
        "Start of a time bar's window; for other bars ts_recv of the first event.";
    Closed "closed" &[Bar], required Time, "ns", "not below opened", "1723161300000000000",
        "Exclusive end of a time bar's window; for other bars ts_recv of the last event.";
    Base "base" &[Definition], required Symbol, "", "a symbol; never changed", "\"BTC\"",
        "Base currency: the unit of quantities; of a share, its symbol.";
    QuoteCurrency "quote" &[Definition], required Symbol, "", "not base; never changed", "\"USDT\"",
        "Quote currency: the currency of prices.";
    TickSize "tick_size" &[Definition], required Price, "quote currency", "above 0", "\"0.01\"",
        "Step of prices.";
    LotSize "lot_size" &[Definition], required Quantity, "base currency", "above 0", "\"0.00001\"",
        "Step of quantities.";
    MinNotional "min_notional" &[Definition], optional Money, "quote currency", "from 0", "\"5\"",
        "Least notional of an order; 0 if missing.";
    Bars "bars" &[Definition], optional Text, "", "at most 8 bars, comma-separated", "\"1m,100t,1s-quote\"",
        "Bars that ingest builds from now on, in place of the earlier ones; none if missing.";
}
