//! Halted: no order while halted, and only orders that reduce the position while reducing.

use tapedeck_schemas::event::{Order, RiskState, Side};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::param::ParamSpec;

use super::{Breach, Check, OrderContext};
use crate::exposure::worst_case;

/// Measures the rung of the ladder (1 active, 2 reducing, 3 halted) against 1.
#[derive(Debug)]
pub struct Halted;

impl Check for Halted {
    fn name(&self) -> &'static str {
        "halted"
    }
    fn params(&self) -> &'static [ParamSpec] {
        &[]
    }
    fn check(&self, view: &OrderContext<'_>, order: &Order) -> Result<(), Breach> {
        let allowed = match view.state {
            RiskState::Active => true,
            RiskState::Reducing => reduces(view, order),
            RiskState::Halted => false,
        };
        let rung = |state: RiskState| Ratio::whole(i64::from(state as u8));
        if allowed { Ok(()) } else { Err(Breach { measured: rung(view.state), limit: rung(RiskState::Active) }) }
    }
}

/// Whether the position only comes closer to zero, even if all that is open on the order's side fills first.
pub(crate) fn reduces(view: &OrderContext<'_>, order: &Order) -> bool {
    let after = worst_case(view.position, view.open.on(order.side), order.side, order.quantity);
    match order.side {
        Side::Buy => view.position.is_negative() && !after.is_positive(),
        Side::Sell => view.position.is_positive() && !after.is_negative(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{order, refused, verdict, view};
    use super::*;
    use tapedeck_schemas::event::Side::{Buy, Sell};
    use tapedeck_schemas::param::Params;

    #[test]
    fn active_lets_all_pass_and_halted_none() {
        let params = Params::default();
        let mut view = view(&params);
        view.position = "5".parse().unwrap();
        for side in [Buy, Sell] {
            view.state = RiskState::Active;
            assert_eq!(verdict(&Halted, &view, &order(side, "1", "100")), Ok(()));
            view.state = RiskState::Halted;
            assert_eq!(verdict(&Halted, &view, &order(side, "1", "100")), refused("3", "1"));
        }
    }

    #[test]
    fn reducing_lets_pass_up_to_flat_counting_what_is_open_on_the_side() {
        let params = Params::default();
        let mut view = view(&params);
        view.state = RiskState::Reducing;
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
            view.position = position.parse().unwrap();
            view.open.buy = if side == Buy { open } else { "0" }.parse().unwrap();
            view.open.sell = if side == Sell { open } else { "0" }.parse().unwrap();
            let expected = if passes { Ok(()) } else { refused("2", "1") };
            assert_eq!(
                verdict(&Halted, &view, &order(side, quantity, "100")),
                expected,
                "{position} {side} {quantity}"
            );
        }
    }
}
