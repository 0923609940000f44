//! Approved orders that may still fill, and their sum by instrument and side. No prices, no limits.
//!
//! An order is open from its approval until execution reports a terminal status; fills reduce its remaining quantity.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{Order, Side};
use tapedeck_schemas::ids::{InstrumentId, OrderId};
use tapedeck_schemas::number::Quantity;

/// Quantities of an instrument that open orders may still trade; both are 0 or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenQuantity {
    /// Sum of the remaining quantities of open buys.
    pub buy: Quantity,
    /// Sum of the remaining quantities of open sells.
    pub sell: Quantity,
}

impl OpenQuantity {
    /// The quantity of one side.
    pub fn on(&self, side: Side) -> Quantity {
        match side {
            Side::Buy => self.buy,
            Side::Sell => self.sell,
        }
    }

    fn on_mut(&mut self, side: Side) -> &mut Quantity {
        match side {
            Side::Buy => &mut self.buy,
            Side::Sell => &mut self.sell,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct RemainingOrder {
    instrument: InstrumentId,
    side: Side,
    remaining: Quantity,
}

/// Every open order of the account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OpenOrders {
    orders: BTreeMap<OrderId, RemainingOrder>,
    /// Sums over `orders`; entries of zero are removed.
    sums: BTreeMap<InstrumentId, OpenQuantity>,
}

impl OpenOrders {
    /// The open quantities of an instrument.
    pub fn of(&self, instrument: &InstrumentId) -> OpenQuantity {
        self.sums.get(instrument).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, order: &Order) {
        self.close(&order.id);
        let remaining = RemainingOrder { instrument: order.instrument, side: order.side, remaining: order.quantity };
        *self.sums.entry(order.instrument).or_default().on_mut(order.side) += order.quantity;
        self.orders.insert(order.id, remaining);
    }

    /// Subtracts a fill from the remaining quantity, down to zero. A fill of a closed order changes nothing.
    pub(crate) fn fill(&mut self, id: &OrderId, quantity: Quantity) {
        if let Some(order) = self.orders.get_mut(id) {
            let filled = quantity.clamp(Quantity::ZERO, order.remaining);
            order.remaining -= filled;
            let (instrument, side) = (order.instrument, order.side);
            self.reduce(instrument, side, filled);
        }
    }

    pub(crate) fn close(&mut self, id: &OrderId) {
        if let Some(order) = self.orders.remove(id) {
            self.reduce(order.instrument, order.side, order.remaining);
        }
    }

    fn reduce(&mut self, instrument: InstrumentId, side: Side, quantity: Quantity) {
        if let Some(sum) = self.sums.get_mut(&instrument) {
            *sum.on_mut(side) -= quantity;
            if *sum == OpenQuantity::default() {
                self.sums.remove(&instrument);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::fixture::order;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn sums_equal_the_remaining_quantities_of_open_orders(
            actions in prop::collection::vec((0u8..3, 0u8..6, 0i64..50, any::<bool>(), any::<bool>()), 1..80),
        ) {
            let mut open = OpenOrders::default();
            for (action, id, quantity, buy, other) in actions {
                let side = if buy { Side::Buy } else { Side::Sell };
                let mut order = order(side, &quantity.to_string(), "1");
                order.id = OrderId([id; 16]);
                if other {
                    order.instrument = "sim.OTHER".parse().unwrap();
                }
                match action {
                    0 => open.add(&order),
                    1 => open.fill(&order.id, order.quantity),
                    _ => open.close(&order.id),
                }
                for instrument in ["sim.X", "sim.OTHER"] {
                    let instrument = instrument.parse().unwrap();
                    for side in [Side::Buy, Side::Sell] {
                        let of = open.orders.values().filter(|o| o.instrument == instrument && o.side == side);
                        let sum: Quantity = of.map(|o| o.remaining).sum();
                        prop_assert_eq!(open.of(&instrument).on(side), sum);
                    }
                }
            }
        }
    }
}
