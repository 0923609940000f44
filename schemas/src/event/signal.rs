//! Facts of `signal`: the combined target of the strategies.

use crate::ids::{AccountId, InstrumentId, StrategyId};
use crate::number::Ratio;
use crate::structs::structs;

structs! {
    /// The combined target of an instrument moved by at least `signal.threshold` since its last signal.
    SignalRaised {
        /// Account that is to trade.
        account: AccountId,
        /// Always `blend`, the weighted mean of all strategies.
        strategy: StrategyId,
        /// Instrument whose target moved.
        instrument: InstrumentId,
        /// Wanted position as a fraction of `risk.target_notional`, −1 (short) to 1 (long).
        target: Ratio,
        /// Agreement of the strategies: abs(Σ weight·score) / Σ weight·abs(score), 0 to 1.
        confidence: Ratio,
        /// Each strategy that has a score, with the score, −1 to 1, and its weight.
        reasons: Vec<(StrategyId, Ratio, Ratio)>,
    }
}
