//! Facts of control: what operators set, stop and pay in.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, Currency, InstrumentId, OrderId, StrategyId};
use crate::names::names;
use crate::number::{Money, Ratio};
use crate::structs::structs;

structs! {
    /// Limits or parameters took new values; names not given keep theirs.
    LimitsSet {
        /// The instrument that they hold for, or all.
        scope: Scope,
        /// Full name (`risk.max_position`) and value.
        values: Vec<(String, Ratio)>,
        /// The operator, as named in the command.
        by: String,
        /// Reason given by the operator.
        reason: String,
    }
    /// The weights by which strategies are combined; strategies not given keep theirs.
    WeightsSet {
        /// Strategy and weight, 0 or more.
        weights: Vec<(StrategyId, Ratio)>,
        /// The operator, as named in the command.
        by: String,
        /// Reason given by the operator.
        reason: String,
    }
    /// Trading was stopped, or limited to reducing.
    TradingHalted {
        /// One instrument, or all.
        scope: Scope,
        /// What is still allowed.
        level: HaltLevel,
        /// The operator, as named in the command.
        by: String,
        /// Reason given by the operator.
        reason: String,
    }
    /// Trading may go on.
    TradingResumed {
        /// One instrument, or all.
        scope: Scope,
        /// The operator, as named in the command.
        by: String,
        /// Reason given by the operator.
        reason: String,
    }
    /// An operator wants an order cancelled.
    CancelRequested {
        /// The order to cancel.
        order: OrderId,
        /// The operator, as named in the command.
        by: String,
        /// Reason given by the operator.
        reason: String,
    }
    /// Capital was paid into an account (out of it, if negative).
    AccountFunded {
        /// The account paid into.
        account: AccountId,
        /// Currency of the amounts.
        currency: Currency,
        /// Amount; negative for a payment out.
        amount: Money,
        /// The operator, as named in the command.
        by: String,
    }
    /// A command was refused; nothing of it counts.
    CommandRefused {
        /// The subject that it came on.
        subject: String,
        /// Who asked, as far as it could be read.
        by: String,
        /// What was wrong, with the value.
        detail: String,
    }
}

names! {
    /// How far trading is stopped.
    HaltLevel {
        /// Only orders that reduce a position.
        Reducing = 1 "reducing",
        /// No orders.
        Halted = 2 "halted",
    }
}

/// Where a limit or a halt holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Everything on this partition.
    All,
    /// One instrument.
    Instrument(InstrumentId),
}

impl Scope {
    /// Whether an instrument is within it.
    pub fn covers(&self, instrument: &InstrumentId) -> bool {
        match self {
            Scope::All => true,
            Scope::Instrument(one) => one == instrument,
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Scope::All => f.write_str("all"),
            Scope::Instrument(instrument) => write!(f, "{instrument}"),
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = crate::ids::BadName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" { Ok(Scope::All) } else { text.parse().map(Scope::Instrument) }
    }
}
