//! An order's terms, which facts of several writers repeat.

use crate::ids::{AccountId, InstrumentId, OrderId, StrategyId};
use crate::names::names;
use crate::number::{Price, Quantity};
use crate::offset::Offset;
use crate::structs::structs;

structs! {
    /// A limit order, from sizing to the end of its life.
    Order {
        /// Derived from the signal that caused it; the client order id.
        id: OrderId,
        /// The account.
        account: AccountId,
        /// The strategy that wanted it.
        strategy: StrategyId,
        /// The instrument.
        instrument: InstrumentId,
        /// Buy or sell.
        side: Side,
        /// Amount of the base currency: above zero, on the lot grid.
        quantity: Quantity,
        /// Limit price, on the tick grid.
        price: Price,
        /// How long it may work.
        time_in_force: TimeInForce,
        /// Offset of the signal that wanted it.
        signal: Offset,
    }
}

names! {
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
