//! Halted: denies every order while halted, and while reducing every order that does not reduce the position.

use tapedeck_schemas::event::{Denial, HaltLevel, Order, Side};
use tapedeck_schemas::param::ParamSpec;

use super::{Check, OrderContext};
use crate::exposure::worst_case;

/// Passes all orders while active, only reducing orders while reducing, none while halted. The denial names the
/// strictest halt, or the loss.
#[derive(Debug)]
pub struct Halted;

impl Check for Halted {
    fn name(&self) -> &'static str {
        "halted"
    }
    fn params(&self) -> &'static [ParamSpec] {
        &[]
    }
    fn check(&self, context: &OrderContext<'_>, order: &Order) -> Result<(), Denial> {
        match &context.restriction {
            None => Ok(()),
            Some(denial @ Denial::Halted { level: HaltLevel::Halted, .. }) => Err(denial.clone()),
            Some(_) if reduces(context, order) => Ok(()),
            Some(denial) => Err(denial.clone()),
        }
    }
}

/// Whether the order can only move the position closer to zero, even if all open orders of its side fill first.
pub(crate) fn reduces(context: &OrderContext<'_>, order: &Order) -> bool {
    let after = worst_case(context.position, context.open.on(order.side), order.side, order.quantity);
    match order.side {
        Side::Buy => context.position.is_negative() && !after.is_positive(),
        Side::Sell => context.position.is_positive() && !after.is_negative(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{context, order};
    use super::*;
    use tapedeck_schemas::event::Scope;
    use tapedeck_schemas::event::Side::{Buy, Sell};
    use tapedeck_schemas::number::Ratio;
    use tapedeck_schemas::param::Params;

    #[test]
    fn active_passes_all_orders_and_halted_none() {
        let params = Params::default();
        let mut context = context(&params);
        context.position = "5".parse().unwrap();
        for side in [Buy, Sell] {
            context.restriction = None;
            assert_eq!(Halted.check(&context, &order(side, "1", "100")), Ok(()));
            let halted = Denial::Halted { scope: Scope::All, level: HaltLevel::Halted };
            context.restriction = Some(halted.clone());
            assert_eq!(Halted.check(&context, &order(side, "1", "100")), Err(halted));
        }
    }

    #[test]
    fn reducing_passes_orders_up_to_flat_counting_open_orders_of_the_side() {
        let params = Params::default();
        let mut context = context(&params);
        let reducing = Denial::Halted { scope: Scope::All, level: HaltLevel::Reducing };
        let by_loss = Denial::LossOverLimit { loss: Ratio::whole(2), limit: Ratio::whole(1) };
        for (position, open, side, quantity, passes) in [
            ("5", "0", Sell, "5", true),
            ("5", "0", Sell, "5.1", false),
            ("5", "2", Sell, "3", true),
            ("5", "2", Sell, "3.1", false),
            ("5", "0", Buy, "0.1", false),
            ("0", "0", Buy, "0.1", false),
            ("0", "0", Sell, "0.1", false),
            ("-5", "2", Buy, "3", true),
            ("-5", "2", Buy, "3.1", false),
            ("-5", "0", Sell, "0.1", false),
        ] {
            context.position = position.parse().unwrap();
            context.open.buy = if side == Buy { open } else { "0" }.parse().unwrap();
            context.open.sell = if side == Sell { open } else { "0" }.parse().unwrap();
            for denial in [reducing.clone(), by_loss.clone()] {
                context.restriction = Some(denial.clone());
                let expected = if passes { Ok(()) } else { Err(denial) };
                assert_eq!(
                    Halted.check(&context, &order(side, quantity, "100")),
                    expected,
                    "{position} {side} {quantity}"
                );
            }
        }
    }
}
