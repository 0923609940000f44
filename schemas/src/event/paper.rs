//! Facts of the simulated exchange: what became of an order there.

use crate::ids::{AccountId, Currency, FillId, InstrumentId, OrderId, StrategyId};
use crate::names::names;
use crate::number::{Money, Price, Quantity};
use crate::order::Side;
use crate::structs::structs;

structs! {
    /// The venue took the order.
    OrderAccepted {
        /// Which order.
        order: OrderId,
        /// Of which instrument.
        instrument: InstrumentId,
    }
    /// The venue refused the order.
    OrderRejected {
        /// Which order.
        order: OrderId,
        /// Of which instrument.
        instrument: InstrumentId,
        /// Why.
        reason: String,
    }
    /// The venue executed (a part of) the order.
    OrderFilled {
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
    OrderClosed {
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
    CancelRejected {
        /// Which order.
        order: OrderId,
        /// Of which instrument.
        instrument: InstrumentId,
        /// Why.
        reason: String,
    }
}

names! {
    /// Whether a fill took or made liquidity.
    Liquidity {
        /// Took it.
        Taker = 1 "taker",
        /// Made it.
        Maker = 2 "maker",
    }
    /// Why the venue closed an order.
    CloseReason {
        /// The rest of an IOC.
        IocRemainder = 1 "ioc_remainder",
        /// Cancelled as asked.
        Canceled = 2 "canceled",
    }
}
