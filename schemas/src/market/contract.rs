//! The fields of a market event, once: the reader, the documents and the tests all take them from this table.

use crate::subject::MarketKind::{self, Bar, Definition, Heartbeat, Quote, Trade};

/// What a field's value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// 1 to 24 of `A-Z a-z 0-9 - _`: one token of a subject.
    Token,
    /// Text.
    Text,
    /// A count that fits 64 bits: an integer, or its digits as text.
    Count,
    /// Nanoseconds since the Unix epoch: an integer, or its digits as text.
    Time,
    /// A decimal as text, or an integer that counts 1e-9. Never a float.
    Decimal,
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    /// Its key.
    pub name: &'static str,
    /// The kinds that have it.
    pub kinds: &'static [MarketKind],
    /// Whether these kinds must give it.
    pub required: bool,
    /// What its value may be.
    pub ty: FieldType,
    /// What one of it is.
    pub unit: &'static str,
    /// What is accepted.
    pub range: &'static str,
    /// One that is accepted, as JSON.
    pub example: &'static str,
    /// What it says.
    pub doc: &'static str,
}

/// The kinds of a single event.
pub const KINDS: &[MarketKind] = &[Quote, Trade, Bar, Definition, Heartbeat];

macro_rules! fields {
    ($($variant:ident $name:literal $kinds:expr, $presence:ident $ty:ident, $unit:literal, $range:literal,
       $example:literal, $doc:literal;)*) => {
        /// The name of a field, as a place in [`FIELDS`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Field { $($variant,)* }
        impl Field {
            /// The field of this key.
            pub(super) fn named(key: &str) -> Option<Field> {
                match key { $($name => Some(Field::$variant),)* _ => None }
            }
            pub(super) const fn name(self) -> &'static str {
                FIELDS[self as usize].name
            }
        }
        /// Every field, in the order in which our own publisher writes them.
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
        "\"trade\"", "Which kind of event the map is.";
    Source "source" KINDS, required Token, "", "1 to 24 of A-Z a-z 0-9 - _", "\"feed1\"", "Who publishes.";
    Session "session" KINDS, required Token, "", "1 to 24 of A-Z a-z 0-9 - _", "\"s20240809a\"",
        "New whenever the publisher begins to number anew: at each start.";
    Seq "seq" KINDS, required Count, "events", "from 1", "7",
        "Counts the events of (source, session, venue, instrument), across kinds. A number skipped is a gap.";
    TsRecv "ts_recv" KINDS, required Time, "ns", "from 1; at most 5 s ahead of the broker's clock",
        "1723161254087891268", "When the publisher received it.";
    TsEvent "ts_event" KINDS, optional Time, "ns", "any", "1723161252823000000", "The venue's own time.";
    Bid "bid" &[Quote], required Decimal, "quote currency", "above 0, below ask, on the tick grid",
        "\"61837.63\"", "Best bid.";
    BidSize "bid_size" &[Quote], required Decimal, "base currency", "from 0 (0: not known), on the lot grid",
        "\"3.78826\"", "Displayed at the bid.";
    Ask "ask" &[Quote], required Decimal, "quote currency", "above bid, on the tick grid", "\"61837.64\"",
        "Best ask.";
    AskSize "ask_size" &[Quote], required Decimal, "base currency", "from 0 (0: not known), on the lot grid",
        "\"2.5\"", "Displayed at the ask.";
    UpdateId "update_id" &[Quote], optional Count, "", "above the instrument's last", "50093239212",
        "The venue's number of the update: natural key across sessions.";
    Price "price" &[Trade], required Decimal, "quote currency", "above 0, on the tick grid", "\"61837.63\"",
        "At what price.";
    Quantity "quantity" &[Trade], required Decimal, "base currency", "above 0, on the lot grid", "\"0.01234\"",
        "How much.";
    Aggressor "aggressor" &[Trade], optional Text, "", "buyer, seller or unknown", "\"seller\"",
        "Who crossed the spread.";
    TradeId "trade_id" &[Trade], optional Count, "", "above the instrument's last", "3735683259",
        "The venue's id of the trade: natural key across sessions.";
    Bar "bar" &[Bar], required Text, "", "a size as 1m, 250ms, 1h, 100t or 2.5v; of quotes with -quote", "\"1m\"",
        "Which sort of bar.";
    Open "open" &[Bar], required Decimal, "quote currency", "above 0, from low to high", "\"61837.63\"",
        "First price.";
    High "high" &[Bar], required Decimal, "quote currency", "above 0", "\"61840\"", "Highest price.";
    Low "low" &[Bar], required Decimal, "quote currency", "above 0", "\"61830.5\"", "Lowest price.";
    Close "close" &[Bar], required Decimal, "quote currency", "above 0, from low to high", "\"61835\"",
        "Last price.";
    Volume "volume" &[Bar], required Decimal, "base currency", "from 0", "\"12.5\"", "Traded quantity.";
    Count "count" &[Bar], optional Count, "events", "any", "42", "Events in it.";
    Opened "opened" &[Bar], required Time, "ns", "below closed", "1723161240000000000",
        "Begin of a time bar's window; else the first event's ts_recv.";
    Closed "closed" &[Bar], required Time, "ns", "not below opened", "1723161300000000000",
        "End of a time bar's window; else the last event's ts_recv.";
    Base "base" &[Definition], required Token, "", "1 to 24 of A-Z a-z 0-9 - _; as before", "\"BTC\"",
        "What is bought and sold.";
    QuoteCurrency "quote" &[Definition], required Token, "", "not base; as before", "\"USDT\"",
        "What prices are in.";
    TickSize "tick_size" &[Definition], required Decimal, "quote currency", "above 0", "\"0.01\"",
        "Prices are multiples of this.";
    LotSize "lot_size" &[Definition], required Decimal, "base currency", "above 0", "\"0.00001\"",
        "Quantities are multiples of this.";
    MinNotional "min_notional" &[Definition], optional Decimal, "quote currency", "from 0", "\"5\"",
        "Least order value.";
    Bars "bars" &[Definition], optional Text, "", "at most 8 bars, comma-separated", "\"1m,100t,1s-quote\"",
        "Which bars to build of this instrument from here on; none given: none.";
}
