//! Facts of the simulated exchange: what became of an order there.

use crate::ids::{AccountId, Currency, FillId, InstrumentId, OrderId, StrategyId};
use crate::names::names;
use crate::number::{Money, Price, Quantity};
use crate::order::Side;
use crate::structs::structs;

structs! {
    /// The exchange took the order.
    OrderAccepted {
        /// The order.
        order: OrderId,
        /// The instrument.
        instrument: InstrumentId,
    }
    /// The exchange refused the order.
    OrderRejected {
        /// The order.
        order: OrderId,
        /// The instrument.
        instrument: InstrumentId,
        /// Why the exchange refused it.
        reason: String,
    }
    /// The exchange executed (a part of) the order.
    OrderFilled {
        /// The execution.
        fill: FillId,
        /// The order.
        order: OrderId,
        /// The order's account.
        account: AccountId,
        /// The order's strategy.
        strategy: StrategyId,
        /// The instrument.
        instrument: InstrumentId,
        /// Bought or sold.
        side: Side,
        /// Price, in the quote currency.
        price: Price,
        /// Amount of the base currency.
        quantity: Quantity,
        /// Quantity still open after it.
        leaves: Quantity,
        /// Paid, in `fee_currency`; negative for a rebate.
        fee: Money,
        /// Currency of the fee.
        fee_currency: Currency,
        /// Whether it took or made liquidity.
        liquidity: Liquidity,
    }
    /// The exchange will do no more for the order.
    OrderClosed {
        /// The order.
        order: OrderId,
        /// The instrument.
        instrument: InstrumentId,
        /// What closed it.
        reason: CloseReason,
        /// Quantity left unfilled.
        leaves: Quantity,
    }
    /// The exchange could not cancel: it does not know the order, or it is finished.
    CancelRejected {
        /// The order.
        order: OrderId,
        /// The instrument.
        instrument: InstrumentId,
        /// Why it cannot be cancelled.
        reason: String,
    }
}

names! {
    /// Whether a fill took or made liquidity.
    Liquidity {
        /// Took liquidity.
        Taker = 1 "taker",
        /// Made liquidity.
        Maker = 2 "maker",
    }
    /// Why the exchange closed an order.
    CloseReason {
        /// The rest of an IOC.
        IocRemainder = 1 "ioc_remainder",
        /// Cancelled as asked.
        Canceled = 2 "canceled",
    }
}
