//! Facts of signal: what the strategies, combined, want.

use crate::ids::{AccountId, InstrumentId, StrategyId};
use crate::number::Ratio;
use crate::structs::structs;

structs! {
    /// The combined view of an instrument changed.
    SignalRaised {
        /// The account to trade for.
        account: AccountId,
        /// The strategy: here the combination of all.
        strategy: StrategyId,
        /// The instrument.
        instrument: InstrumentId,
        /// Wanted position as a fraction of the allowed one, −1 to 1.
        target: Ratio,
        /// How far the strategies agree, 0 to 1.
        confidence: Ratio,
        /// Each strategy's score, −1 to 1, and its weight.
        reasons: Vec<(StrategyId, Ratio, Ratio)>,
    }
}
