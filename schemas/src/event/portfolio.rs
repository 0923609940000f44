//! Facts of portfolio: bookings, positions and equity.

use crate::ids::{AccountId, Currency, FillId, InstrumentId, StrategyId};
use crate::names::names;
use crate::number::{Money, Price, Quantity};
use crate::structs::structs;

structs! {
    /// A booking in double entry: the amounts of each currency sum to zero.
    LedgerPosted {
        /// The account whose books change.
        account: AccountId,
        /// The execution booked, or none for funding.
        fill: Option<FillId>,
        /// The postings.
        entries: Vec<Posting>,
    }
    /// A position after a fill.
    PositionChanged {
        /// The account.
        account: AccountId,
        /// The strategy that holds it.
        strategy: StrategyId,
        /// The instrument held.
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
    EquityMarked {
        /// The account.
        account: AccountId,
        /// Currency of the amounts.
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
    /// One line of a booking.
    Posting {
        /// The ledger.
        ledger: Ledger,
        /// Currency, or base asset.
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
