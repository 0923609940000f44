//! Facts of `portfolio`: bookings, positions and equity.

use crate::ids::{AccountId, Currency, FillId, InstrumentId, StrategyId};
use crate::names::names;
use crate::number::{Money, Price, Quantity};
use crate::structs::structs;

structs! {
    /// A double-entry booking. Its amounts sum to zero in each currency.
    LedgerPosted {
        /// Account that is booked.
        account: AccountId,
        /// The booked fill; nil for a booking of `AccountFunded`.
        fill: Option<FillId>,
        /// The postings, at least two.
        entries: Vec<Posting>,
    }
    /// A fill changed a position. The amounts are those after the fill.
    PositionChanged {
        /// Account that holds the position.
        account: AccountId,
        /// Strategy whose orders built the position.
        strategy: StrategyId,
        /// Instrument of the position.
        instrument: InstrumentId,
        /// The fill that changed it.
        fill: FillId,
        /// Quantity held, in the base currency: above zero long, below zero short.
        quantity: Quantity,
        /// Cost of the quantity held, in the quote currency, with the sign of the quantity.
        cost: Money,
        /// Cost divided by quantity, rounded half to even to 1e-12; zero for a flat position.
        average_price: Price,
        /// Total realised profit before fees, in the quote currency.
        realised: Money,
        /// Total fees paid in the quote currency.
        fees: Money,
    }
    /// Equity of an account in one currency, after a fill or at a `ClockAdvanced`.
    EquityMarked {
        /// Account that is valued.
        account: AccountId,
        /// Currency of every amount in the fact.
        currency: Currency,
        /// Cash balance of the account in the currency.
        cash: Money,
        /// Value at the mark of the positions quoted in the currency: at the mid, or at the latest trade while there is
        /// no quote with both sides; at cost while an instrument has neither.
        position_value: Money,
        /// Total realised profit of those positions, before fees.
        realised: Money,
        /// `position_value` minus the cost of those positions.
        unrealised: Money,
        /// Total fees of those positions.
        fees: Money,
        /// `cash` plus `position_value`.
        equity: Money,
        /// Time of the oldest of those marks, ns since the Unix epoch; nil without a position that has a mark.
        marked_at: Option<u64> as Time,
    }
    /// One line of a booking: an amount in one ledger.
    Posting {
        /// Ledger that the line changes.
        ledger: Ledger,
        /// Currency of the amount; the base currency for a traded quantity.
        currency: Currency,
        /// Change of the ledger: above zero a debit, below zero a credit.
        amount: Money,
    }
}

names! {
    /// A ledger of an account. Each holds one balance per currency.
    Ledger {
        /// Cash and traded quantities that the account holds.
        Cash = 1 "cash",
        /// Counterpart of the amounts exchanged in trades.
        Trading = 2 "trading",
        /// Counterpart of the fees paid.
        Fees = 3 "fees",
        /// Counterpart of the capital paid in.
        Capital = 4 "capital",
    }
}
