//! Facts of `paper`, the simulated exchange: acceptance, fills and the end of an order.

use crate::ids::{AccountId, Currency, FillId, InstrumentId, OrderId, StrategyId};
use crate::names::names;
use crate::number::{Money, Price, Quantity};
use crate::order::Side;
use crate::structs::structs;
use crate::variants::variants;

structs! {
    /// The exchange accepted the order, and may fill it.
    OrderAccepted {
        /// The accepted order.
        order: OrderId,
        /// Instrument of the order.
        instrument: InstrumentId,
    }
    /// The exchange rejected the order.
    OrderRejected {
        /// The rejected order.
        order: OrderId,
        /// Instrument of the order.
        instrument: InstrumentId,
        /// The rule that the order breaks.
        reason: OrderRejection,
    }
    /// The exchange filled the order, or a part of it.
    OrderFilled {
        /// Id of this fill.
        fill: FillId,
        /// The filled order.
        order: OrderId,
        /// Account of the order.
        account: AccountId,
        /// Strategy of the order.
        strategy: StrategyId,
        /// Instrument of the order.
        instrument: InstrumentId,
        /// Side of the order.
        side: Side,
        /// Price of the fill, in the quote currency.
        price: Price,
        /// Quantity of the fill, in the base currency, above zero.
        quantity: Quantity,
        /// Quantity of the order that remains open after the fill, from zero.
        leaves: Quantity,
        /// Fee in `fee_currency`; negative for a rebate.
        fee: Money,
        /// Currency of the fee; `paper` charges the quote currency.
        fee_currency: Currency,
        /// Whether the order took or provided liquidity. Selects the fee rate.
        liquidity: Liquidity,
    }
    /// The exchange closed the order before it was filled completely.
    OrderClosed {
        /// The closed order.
        order: OrderId,
        /// Instrument of the order.
        instrument: InstrumentId,
        /// Cause of the close.
        reason: CloseReason,
        /// Quantity of the order that was not filled, above zero.
        leaves: Quantity,
    }
    /// The exchange rejected a cancel, because the order is unknown or finished.
    CancelRejected {
        /// The order of the cancel.
        order: OrderId,
        /// Instrument of the order.
        instrument: InstrumentId,
        /// Reason for which the exchange rejected the cancel.
        reason: CancelRejection,
    }
}

variants! {
    /// Rule of the exchange that an order breaks.
    OrderRejection {
        /// The exchange knows no terms of the instrument.
        UnknownInstrument = 1 "unknown_instrument",
        /// The price is not above zero, or no multiple of the tick size.
        OffTick = 2 "off_tick" {
            /// Price of the order, in the quote currency.
            price: Price,
            /// Tick size of the instrument, in the quote currency.
            tick_size: Price,
        },
        /// The quantity is not above zero, or no multiple of the lot size.
        OffLot = 3 "off_lot" {
            /// Quantity of the order, in the base currency.
            quantity: Quantity,
            /// Lot size of the instrument, in the base currency.
            lot_size: Quantity,
        },
        /// An order with this id is working.
        RepeatedId = 4 "repeated_id",
        /// As many orders are working as the exchange permits.
        TooManyOrders = 5 "too_many_orders" {
            /// Greatest number of working orders.
            limit: u32,
        },
    }
}

names! {
    /// Reason for which the exchange rejected a cancel.
    CancelRejection {
        /// The order is unknown or finished.
        NotWorking = 1 "not_working",
    }
    /// Whether a fill took or provided liquidity.
    Liquidity {
        /// The order crossed the spread.
        Taker = 1 "taker",
        /// The order was resting in the book.
        Maker = 2 "maker",
    }
    /// Cause of a close by the exchange.
    CloseReason {
        /// The unfilled rest of an IOC order was dropped.
        IocRemainder = 1 "ioc_remainder",
        /// The order was canceled on request.
        Canceled = 2 "canceled",
    }
}
