//! The terms of an order, which facts of several writers repeat.

use crate::ids::{AccountId, InstrumentId, OrderId, StrategyId};
use crate::names::names;
use crate::number::{Price, Quantity};
use crate::offset::Offset;
use crate::structs::structs;

structs! {
    /// The terms of a limit order. They do not change once the order is approved or denied.
    Order {
        /// Id of the order, derived from the offset of its signal; the client order id at an exchange.
        id: OrderId,
        /// Account that the order trades for.
        account: AccountId,
        /// Strategy whose signal caused the order.
        strategy: StrategyId,
        /// Instrument that the order buys or sells.
        instrument: InstrumentId,
        /// Side of the order.
        side: Side,
        /// Quantity in the base currency, above zero, on the lot grid.
        quantity: Quantity,
        /// Limit price, in the quote currency, on the tick grid.
        price: Price,
        /// Time for which the order works.
        time_in_force: TimeInForce,
        /// Offset of the signal that caused the order.
        signal: Offset,
    }
}

names! {
    /// Side of an order or of a fill.
    Side {
        /// Adds to a position.
        Buy = 1 "buy",
        /// Subtracts from a position.
        Sell = 2 "sell",
    }
    /// Time for which a limit order works.
    TimeInForce {
        /// Immediate or cancel: fills at once as far as possible, and the rest is canceled.
        Ioc = 1 "ioc",
        /// Good till canceled: works until filled, canceled or timed out.
        Gtc = 2 "gtc",
    }
}

impl Side {
    /// Returns the quantity as a change of position: positive for a buy, negative for a sell.
    pub fn signed(self, quantity: Quantity) -> Quantity {
        match self {
            Side::Buy => quantity,
            Side::Sell => -quantity,
        }
    }
}
