//! Facts of `ingest`: gaps, rejected market events and tape time. The facts that accept market events, and bars, are
//! declared by [`crate::market::kinds`].

use crate::event::{RejectDetail, RejectReason};
use crate::ids::{InstrumentId, SourceId, Token};
use crate::names::names;
use crate::offset::TapeTime;
use crate::structs::structs;

/// Code in the message about a `RejectedMany`, in the place of that of a broken rule.
pub const REJECTED_MANY_CODE: &str = "rejected_many";

pub use crate::market::kinds::facts::*;

structs! {
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
    /// The venue's ids of trades, which are consecutive by the definition of the instrument, skipped some: those trades
    /// had not reached the tape, and may still follow.
    TradeIdGap {
        /// Instrument of the trades.
        instrument: InstrumentId,
        /// The number that was due.
        expected: u64,
        /// The number that arrived; those from `expected` to `got` − 1 are missing.
        got: u64,
    }
    /// The venue's ids of trades, which are consecutive by the definition of the instrument, began anew.
    TradeIdsRestarted {
        /// Instrument of the trades.
        instrument: InstrumentId,
        /// The last number before.
        last: u64,
        /// The first number of the new count.
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
    /// Market events of one source that were rejected for one reason within one minute, beyond those with a `Rejected`
    /// of their own. Like those, they change nothing, except that their numbers are used up if they could be decoded.
    RejectedMany {
        /// Source of the events; nil for those whose source could not be read or has no count of its own.
        source: Option<SourceId>,
        /// The check that the events failed.
        reason: RejectReason,
        /// Number of the events, from 1.
        count: u64,
        /// Number (`seq`) of the first event; nil if it could not be read.
        first_seq: Option<u64>,
        /// Number (`seq`) of the last event; nil if it could not be read.
        last_seq: Option<u64>,
        /// How many of the events came after a gap, which has no `Gap` of its own.
        gaps: u64,
    }
}

structs! {
    /// The calendar of an instrument has no session after this time: its bars by trading sessions are no longer built,
    /// until a definition has a later calendar. Recorded once, with the first event at or after the time.
    CalendarEnded {
        /// Instrument whose definition asks for bars by trading sessions.
        instrument: InstrumentId,
        /// End of the last session, ns since the Unix epoch.
        closed: u64 as Time,
    }
}

names! {
    /// The prices that an instrument may have.
    PriceDomain {
        /// Above zero.
        Positive = 1 "positive",
        /// Any, zero and below it included.
        Any = 2 "any",
    }
    /// How the ids that a venue gives its trades follow each other.
    TradeIdOrder {
        /// In any order, or they are no numbers.
        Any = 1 "any",
        /// Numbers without holes: each is one above that of the trade before.
        Consecutive = 2 "consecutive",
    }
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
