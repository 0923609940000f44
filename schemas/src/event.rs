//! The alphabet: every fact that a tape can hold. Read this first.
//!
//! A fact is past tense and immutable. Its `cause` (the input it answers) and tape time stand beside it in
//! [`crate::record::Entry`]; its body stands here. On the wire a body is a MessagePack array in field order, so a
//! field is only ever appended, and then the kind's version goes up.

// longer because: the alphabet is one page, so that a reader finds every fact in one place.

use serde::de::SeqAccess;
use serde::{Deserialize, Serialize};

use crate::bar::BarSpec;
use crate::describe::{Described, Doc, FieldDoc, NamedType, Shape, Type};
use crate::ids::{AccountId, Currency, FillId, InstrumentId, OrderId, SourceId, StrategyId, TapeId, Token};
use crate::number::{Money, Price, Quantity, Ratio};
use crate::offset::{Offset, TapeTime};
use crate::record::RecordHash;

/// Declares the alphabet once: the body types, their numbers and versions, encoding, decoding and
/// description.
macro_rules! alphabet {
    ($(
        $(#[doc = $doc:literal])* $number:literal v $version:literal $name:ident {
            $($(#[doc = $fdoc:literal])* $field:ident : $ty:ty,)*
        }
    )*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
            pub struct $name { $($(#[doc = $fdoc])* pub $field: $ty,)* }
            impl From<$name> for Event {
                fn from(body: $name) -> Event { Event::$name(body) }
            }
        )*

        /// A fact of any kind.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        pub enum Event { $($(#[doc = $doc])* $name($name),)* }

        /// The kinds of fact, by their number on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Kind { $($(#[doc = $doc])* $name = $number,)* }

        impl Kind {
            /// Every kind, in the order of this page.
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)*];
            /// The kind's name, as tools print it.
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$name => stringify!($name),)* }
            }
            /// The version that this build writes.
            pub const fn version(self) -> u16 {
                match self { $(Kind::$name => $version,)* }
            }
            /// What it says.
            pub const fn doc(self) -> Doc {
                match self { $(Kind::$name => &[$($doc),*],)* }
            }
            /// The fields of its body, in the order of the array on the wire.
            pub const fn fields(self) -> &'static [FieldDoc] {
                match self {
                    $(Kind::$name => const {
                        &[$(FieldDoc { name: stringify!($field), ty: <$ty>::TYPE, doc: &[$($fdoc),*] },)*]
                    },)*
                }
            }
        }

        impl Event {
            /// What kind of fact this is.
            pub const fn kind(&self) -> Kind {
                match self { $(Event::$name(_) => Kind::$name,)* }
            }
        }

        /// Reads the body that (kind, version) announce; an unknown pair is an error that names it.
        pub(crate) fn read_body<'de, A: SeqAccess<'de>>(
            kind: u16,
            version: u16,
            seq: &mut A,
        ) -> Result<Event, A::Error> {
            use serde::de::Error;
            match (kind, version) {
                $(($number, $version) => seq
                    .next_element::<$name>()?
                    .map(Event::$name)
                    .ok_or_else(|| A::Error::custom("event without a body")),)*
                _ => Err(A::Error::custom(format!("{UNKNOWN_KIND}: kind {kind} version {version}"))),
            }
        }
    };
}

/// Declares a group of fields that stands within a body, as an array in field order.
macro_rules! group {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $fdoc:literal])* $field:ident : $ty:ty,)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name { $($(#[doc = $fdoc])* pub $field: $ty,)* }
        impl Described for $name {
            const TYPE: &'static Type = &Type::Named(&NamedType {
                name: stringify!($name),
                doc: &[$($doc),*],
                shape: Shape::Array(&[$(FieldDoc {
                    name: stringify!($field), ty: <$ty>::TYPE, doc: &[$($fdoc),*],
                },)*]),
            });
        }
    };
}

/// How the error for an unknown kind or version begins: a reader that meets it stops, it never skips.
pub(crate) const UNKNOWN_KIND: &str = "unknown event";

alphabet! {
    // ---- the driver's own facts, by every writer: never handed to a machine ----

    /// A new owner of a writer's subject begins; every older owner is shut out by the append that carries this.
    1 v 1 Epoch {
        /// Counts the writer's epochs from 1.
        number: u64,
        /// A random nonce of the process.
        owner: u64,
        /// The machine's `LOGIC`.
        logic: u32,
        /// What was built: version and commit.
        build: String,
    }
    /// Everything up to the cause was judged, and the last of it met with silence.
    2 v 1 Progress {}

    // ---- keeper ----

    /// The first record of every tape.
    10 v 1 TapeCreated {
        /// The tape's identity.
        tape: TapeId,
        /// Which partition this is.
        partition: u16,
        /// The market subjects placed on it.
        placement: Vec<String>,
    }
    /// Everything before a sequence was archived and purged.
    11 v 1 Trimmed {
        /// The first sequence that is kept.
        first_kept: u64,
        /// Per writer number: the sequence and hash of its last record that went.
        last_gone: Vec<(u8, u64, RecordHash)>,
    }

    // ---- ingest ----

    /// An instrument may be traded, on these terms, from here on.
    20 v 1 InstrumentDefined {
        /// Which.
        instrument: InstrumentId,
        /// What is bought and sold.
        base: Currency,
        /// What prices are in.
        quote: Currency,
        /// Prices are multiples of this.
        tick_size: Price,
        /// Quantities are multiples of this.
        lot_size: Quantity,
        /// Least order value, in the quote currency.
        min_notional: Money,
    }
    /// The best bid and ask of an instrument.
    21 v 1 Quote {
        /// Which.
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
    22 v 1 Trade {
        /// Which.
        instrument: InstrumentId,
        /// At what price.
        price: Price,
        /// How much.
        quantity: Quantity,
        /// Who crossed the spread.
        aggressor: Aggressor,
        /// The venue's id of the trade, where it gives one.
        trade_id: Option<u64>,
        /// When the publisher received it, ns.
        ts_recv: u64,
        /// The venue's time, ns, where it gives one.
        ts_event: Option<u64>,
    }
    /// Tape time crossed a boundary of the tick interval.
    23 v 1 ClockAdvanced {
        /// The boundary, ns.
        time: TapeTime,
    }
    /// A source skipped numbers: something was lost before it reached us.
    24 v 1 Gap {
        /// Which source.
        source: SourceId,
        /// Which of its sessions.
        session: Token,
        /// For which instrument.
        instrument: InstrumentId,
        /// The number that should have come.
        expected: u64,
        /// The number that came.
        got: u64,
    }
    /// A market event was refused; nothing of it counts.
    25 v 1 Rejected {
        /// Which rule refused it.
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
    26 v 1 Bar {
        /// Of which instrument.
        instrument: InstrumentId,
        /// Which sort of bar.
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
    27 v 1 BarsDefined {
        /// Of which instrument.
        instrument: InstrumentId,
        /// Which bars.
        bars: Vec<BarSpec>,
    }

    // ---- control ----

    /// Limits or parameters took new values; names not given keep theirs.
    40 v 1 LimitsSet {
        /// Where they hold.
        scope: Scope,
        /// Full name (`risk.max_position`) and value.
        values: Vec<(String, Ratio)>,
        /// Who asked.
        by: String,
        /// Why.
        reason: String,
    }
    /// The weights by which strategies are combined; strategies not given keep theirs.
    41 v 1 WeightsSet {
        /// Strategy and weight, 0 or more.
        weights: Vec<(StrategyId, Ratio)>,
        /// Who asked.
        by: String,
        /// Why.
        reason: String,
    }
    /// Trading was stopped, or limited to reducing.
    42 v 1 TradingHalted {
        /// Where.
        scope: Scope,
        /// How far down the ladder.
        level: HaltLevel,
        /// Who asked.
        by: String,
        /// Why.
        reason: String,
    }
    /// Trading may go on.
    43 v 1 TradingResumed {
        /// Where.
        scope: Scope,
        /// Who asked.
        by: String,
        /// Why.
        reason: String,
    }
    /// An operator wants an order cancelled.
    44 v 1 CancelRequested {
        /// Which.
        order: OrderId,
        /// Who asked.
        by: String,
        /// Why.
        reason: String,
    }
    /// Capital was paid into an account (out of it, if negative).
    45 v 1 AccountFunded {
        /// Which account.
        account: AccountId,
        /// In which currency.
        currency: Currency,
        /// How much.
        amount: Money,
        /// Who asked.
        by: String,
    }
    /// A command was refused; nothing of it counts.
    46 v 1 CommandRefused {
        /// The subject that it came on.
        subject: String,
        /// Who asked, as far as it could be read.
        by: String,
        /// What was wrong, with the value.
        detail: String,
    }

    // ---- signal ----

    /// The combined view of an instrument changed.
    60 v 1 SignalRaised {
        /// The account to trade for.
        account: AccountId,
        /// The strategy (here: the combination) that speaks.
        strategy: StrategyId,
        /// Of which instrument.
        instrument: InstrumentId,
        /// Wanted position as a fraction of the allowed one, −1 to 1.
        target: Ratio,
        /// How far the strategies agree, 0 to 1.
        confidence: Ratio,
        /// Each strategy's score, −1 to 1, and its weight.
        reasons: Vec<(StrategyId, Ratio, Ratio)>,
    }

    // ---- risk ----

    /// An order passed every check. Only risk's gate makes one.
    80 v 1 OrderApproved {
        /// The order.
        order: Order,
    }
    /// An order was refused by the first check that it failed.
    81 v 1 OrderDenied {
        /// The order that would have been.
        order: Order,
        /// Name of the check.
        check: String,
        /// What was measured.
        measured: Ratio,
        /// The limit that it broke.
        limit: Ratio,
    }
    /// The risk ladder moved.
    82 v 1 RiskStateChanged {
        /// For which account.
        account: AccountId,
        /// From.
        from: RiskState,
        /// To.
        to: RiskState,
        /// Why, with the measured value where a rule did it.
        reason: String,
    }

    // ---- execution ----

    /// An approved order was handed to the venue.
    100 v 1 OrderSubmitted {
        /// The order.
        order: Order,
    }
    /// The venue was asked to cancel.
    101 v 1 CancelSubmitted {
        /// Which order.
        order: OrderId,
        /// Of which instrument.
        instrument: InstrumentId,
        /// Why.
        reason: CancelReason,
    }
    /// An order moved through its life cycle. An order's status comes from these alone.
    102 v 1 OrderStatusChanged {
        /// Which order.
        order: OrderId,
        /// From.
        from: OrderStatus,
        /// To.
        to: OrderStatus,
        /// Filled so far.
        filled: Quantity,
        /// Why, in a word.
        reason: String,
    }
    /// A report came for an order that was finished or unknown; it changed nothing here.
    103 v 1 LateReport {
        /// Which order.
        order: OrderId,
        /// Its status, where known.
        status: Option<OrderStatus>,
        /// What came.
        report: String,
    }

    // ---- venue ----

    /// The venue took the order.
    120 v 1 OrderAccepted {
        /// Which order.
        order: OrderId,
        /// Of which instrument.
        instrument: InstrumentId,
    }
    /// The venue refused the order.
    121 v 1 OrderRejected {
        /// Which order.
        order: OrderId,
        /// Of which instrument.
        instrument: InstrumentId,
        /// Why.
        reason: String,
    }
    /// The venue executed (a part of) the order.
    122 v 1 OrderFilled {
        /// Which execution.
        fill: FillId,
        /// Which order.
        order: OrderId,
        /// The order's account.
        account: AccountId,
        /// The order's strategy.
        strategy: StrategyId,
        /// Of which instrument.
        instrument: InstrumentId,
        /// Bought or sold.
        side: Side,
        /// At what price.
        price: Price,
        /// How much.
        quantity: Quantity,
        /// Still open after it.
        leaves: Quantity,
        /// Paid, in `fee_currency`; negative for a rebate.
        fee: Money,
        /// Currency of the fee.
        fee_currency: Currency,
        /// Whether it took or made liquidity.
        liquidity: Liquidity,
    }
    /// The venue will do no more for the order.
    123 v 1 OrderClosed {
        /// Which order.
        order: OrderId,
        /// Of which instrument.
        instrument: InstrumentId,
        /// Why.
        reason: CloseReason,
        /// What was left unfilled.
        leaves: Quantity,
    }
    /// The venue could not cancel: it does not know the order, or it is finished.
    124 v 1 CancelRejected {
        /// Which order.
        order: OrderId,
        /// Of which instrument.
        instrument: InstrumentId,
        /// Why.
        reason: String,
    }

    // ---- portfolio ----

    /// A booking in double entry: the amounts of each currency sum to zero.
    140 v 1 LedgerPosted {
        /// Whose books.
        account: AccountId,
        /// The execution booked, or none for funding.
        fill: Option<FillId>,
        /// What was booked.
        entries: Vec<Posting>,
    }
    /// A position after a fill.
    141 v 1 PositionChanged {
        /// Whose.
        account: AccountId,
        /// By which strategy.
        strategy: StrategyId,
        /// In which instrument.
        instrument: InstrumentId,
        /// The fill that changed it.
        fill: FillId,
        /// Signed: above zero long, below zero short.
        quantity: Quantity,
        /// Cost of the open quantity, signed as the quantity, in the quote currency (exact).
        cost: Money,
        /// Average price of the open quantity, rounded half to even to 1e-9.
        average_price: Price,
        /// Realised profit so far, before fees, in the quote currency.
        realised: Money,
        /// Fees so far, in the quote currency.
        fees: Money,
    }
    /// What an account was worth, in one currency, at a tick or after a fill.
    142 v 1 EquityMarked {
        /// Whose.
        account: AccountId,
        /// In which currency.
        currency: Currency,
        /// Cash.
        cash: Money,
        /// Market value of the positions quoted in the currency, at the mid.
        position_value: Money,
        /// Realised profit so far, before fees.
        realised: Money,
        /// Unrealised profit, at the mid.
        unrealised: Money,
        /// Fees so far.
        fees: Money,
        /// Cash + position value.
        equity: Money,
    }
}

/// Declares a closed set of names that is a small integer on the wire and its name in text.
macro_rules! names {
    ($($(#[doc = $doc:literal])* $name:ident {
        $($(#[doc = $vdoc:literal])* $variant:ident = $number:literal $text:literal,)*
    })*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[doc = $vdoc])* $variant = $number,)* }
        impl $crate::describe::Described for $name {
            const TYPE: &'static $crate::describe::Type = &$crate::describe::Type::Named(&$crate::describe::NamedType {
                name: stringify!($name),
                doc: &[$($doc),*],
                shape: $crate::describe::Shape::Names(&[$($crate::describe::NameDoc {
                    number: $number,
                    text: $text,
                    doc: &[$($vdoc),*],
                },)*]),
            });
        }
        impl $name {
            /// Every value.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];
            /// Its name in text, JSON and the database.
            pub const fn as_str(self) -> &'static str { match self { $($name::$variant => $text,)* } }
            /// From its number on the wire.
            pub const fn from_number(n: u8) -> Option<Self> {
                match n { $($number => Some($name::$variant),)* _ => None }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.as_str()) }
        }
        impl std::str::FromStr for $name {
            type Err = crate::event::UnknownName;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok($name::$variant),)*
                    _ => Err(crate::event::UnknownName(text.chars().take(32).collect(), &[$($text),*])),
                }
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.serialize_str(self.as_str())
                } else {
                    serializer.serialize_u8(*self as u8)
                }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use serde::de::Error;
                if deserializer.is_human_readable() {
                    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                    text.parse().map_err(D::Error::custom)
                } else {
                    let n = u8::deserialize(deserializer)?;
                    let unknown = || D::Error::custom(format!("no {} has number {n}", stringify!($name)));
                    Self::from_number(n).ok_or_else(unknown)
                }
            }
        }
    )*};
}
pub(crate) use names;

/// A text that is none of the names it could be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of {1:?}")]
pub struct UnknownName(pub String, pub &'static [&'static str]);

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
    /// Buy or sell.
    Side {
        /// Buy.
        Buy = 1 "buy",
        /// Sell.
        Sell = 2 "sell",
    }
    /// How long a limit order lives.
    TimeInForce {
        /// Immediate or cancel.
        Ioc = 1 "ioc",
        /// Good till cancelled.
        Gtc = 2 "gtc",
    }
    /// Whether a fill took or made liquidity.
    Liquidity {
        /// Took it.
        Taker = 1 "taker",
        /// Made it.
        Maker = 2 "maker",
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
        /// Off the tick or lot grid.
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
    /// How far trading is stopped.
    HaltLevel {
        /// Only orders that reduce a position.
        Reducing = 1 "reducing",
        /// No orders.
        Halted = 2 "halted",
    }
    /// The risk ladder; only an operator goes back up.
    RiskState {
        /// Trading.
        Active = 1 "active",
        /// Only orders that reduce a position.
        Reducing = 2 "reducing",
        /// No orders.
        Halted = 3 "halted",
    }
    /// Where an order stands.
    OrderStatus {
        /// Approved by risk, not yet handed on.
        Approved = 1 "approved",
        /// Handed to the venue.
        Submitted = 2 "submitted",
        /// Taken by the venue.
        Accepted = 3 "accepted",
        /// Filled in part, still working.
        PartiallyFilled = 4 "partially_filled",
        /// A cancel is on its way.
        PendingCancel = 5 "pending_cancel",
        /// Finished: filled whole.
        Filled = 6 "filled",
        /// Finished: cancelled, by request or as the rest of an IOC.
        Canceled = 7 "canceled",
        /// Finished: too old to submit, or timed out.
        Expired = 8 "expired",
        /// Finished: refused by the venue, or stopped by the last gate.
        Rejected = 9 "rejected",
    }
    /// Why execution asks for a cancel.
    CancelReason {
        /// An operator asked.
        Requested = 1 "requested",
        /// It worked longer than its limit.
        TimedOut = 2 "timed_out",
        /// Trading was halted.
        Halted = 3 "halted",
    }
    /// Why the venue closed an order.
    CloseReason {
        /// The rest of an IOC.
        IocRemainder = 1 "ioc_remainder",
        /// Cancelled as asked.
        Canceled = 2 "canceled",
    }
}

/// Where a limit or a halt holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Everything on this partition.
    All,
    /// One instrument.
    Instrument(InstrumentId),
}

impl Scope {
    /// Whether an instrument is within it.
    pub fn covers(&self, instrument: &InstrumentId) -> bool {
        match self {
            Scope::All => true,
            Scope::Instrument(one) => one == instrument,
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scope::All => f.write_str("all"),
            Scope::Instrument(instrument) => write!(f, "{instrument}"),
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = crate::ids::BadName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" { Ok(Scope::All) } else { text.parse().map(Scope::Instrument) }
    }
}

group! {
    /// A limit order, from sizing to the end of its life.
    Order {
        /// Derived from the signal that caused it; the client order id.
        id: OrderId,
        /// Whose.
        account: AccountId,
        /// By which strategy.
        strategy: StrategyId,
        /// Of which instrument.
        instrument: InstrumentId,
        /// Buy or sell.
        side: Side,
        /// How much; above zero, on the lot grid.
        quantity: Quantity,
        /// Limit price, on the tick grid.
        price: Price,
        /// How long it lives.
        time_in_force: TimeInForce,
        /// Offset of the signal that wanted it.
        signal: Offset,
    }
}

impl Side {
    /// The quantity with the sign of the side: bought above zero, sold below.
    pub fn signed(self, quantity: Quantity) -> Quantity {
        match self {
            Side::Buy => quantity,
            Side::Sell => -quantity,
        }
    }
}

impl OrderStatus {
    /// Whether the order is finished for good.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Filled | Self::Canceled | Self::Expired | Self::Rejected)
    }
}

group! {
    /// One line of a booking.
    Posting {
        /// Which ledger.
        ledger: Ledger,
        /// In which currency (or base asset).
        currency: Currency,
        /// Debit above zero, credit below.
        amount: Money,
    }
}

names! {
    /// The ledgers of an account.
    Ledger {
        /// Cash and assets held.
        Cash = 1 "cash",
        /// What trades were exchanged with the market.
        Trading = 2 "trading",
        /// Fees paid.
        Fees = 3 "fees",
        /// Capital paid in.
        Capital = 4 "capital",
    }
}
