//! `weights`: sets the weight of strategies in the combined signal. A command sets all of its weights or none.

use tapedeck_schemas::command::Command;
use tapedeck_schemas::event::{Event, RefusalReason, WeightsSet};
use tapedeck_schemas::ids::StrategyId;
use tapedeck_schemas::number::Ratio;

use super::{Known, repeated};

/// Greatest weight; the least is 0, which takes a strategy out of the combined signal.
pub const WEIGHT_MAX: Ratio = Ratio::whole(1000);

/// Accepts one or more weights, if every strategy is known and given once, and every weight is 0 to [`WEIGHT_MAX`].
pub(super) fn decide(
    known: &Known,
    command: &Command,
    stamp: u64,
    weights: &[(StrategyId, Ratio)],
) -> Result<Event, RefusalReason> {
    if weights.is_empty() {
        return Err(RefusalReason::NoWeights);
    }
    for (strategy, weight) in weights {
        if !known.strategies.contains(strategy) {
            return Err(RefusalReason::UnknownStrategy { strategy: *strategy });
        }
        if weight.is_negative() || *weight > WEIGHT_MAX {
            let (strategy, weight) = (*strategy, *weight);
            return Err(RefusalReason::WeightOutOfBounds { strategy, weight, limit: WEIGHT_MAX });
        }
    }
    if let Some(strategy) = repeated(weights) {
        return Err(RefusalReason::RepeatedStrategy { strategy: *strategy });
    }
    let (by, reason) = (command.by.clone(), command.reason.clone());
    Ok(WeightsSet { weights: weights.to_vec(), by, reason, stamp }.into())
}
