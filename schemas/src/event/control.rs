//! Facts of `control`: limits, weights, halts, cancels and funding, as operators commanded them.

use serde::{Deserialize, Serialize};

use crate::event::RefusalReason;
use crate::ids::{AccountId, Currency, InstrumentId, OrderId, StrategyId};
use crate::names::names;
use crate::number::{Money, Ratio};
use crate::structs::structs;

structs! {
    /// Limits or other parameters were set. Parameters that are not named keep their values.
    LimitsSet {
        /// The instruments that the values apply to.
        scope: Scope,
        /// Full name of each parameter (`risk.max_position`), and its value in the parameter's unit.
        values: Vec<(String, Ratio)>,
        /// Name of the operator.
        by: String,
        /// The operator's reason.
        reason: String,
        /// Time at which JetStream stored the command, ns since the Unix epoch.
        stamp: u64 as Time,
    }
    /// Weights of strategies were set. Strategies that are not named keep their weights.
    WeightsSet {
        /// Each strategy and its weight in the signal, from 0.
        weights: Vec<(StrategyId, Ratio)>,
        /// Name of the operator.
        by: String,
        /// The operator's reason.
        reason: String,
        /// Time at which JetStream stored the command, ns since the Unix epoch.
        stamp: u64 as Time,
    }
    /// Trading was halted, or limited to orders that reduce a position.
    TradingHalted {
        /// The instruments that are halted.
        scope: Scope,
        /// Orders that remain permitted. A milder level never replaces a stricter one in the same scope.
        level: HaltLevel,
        /// Name of the operator.
        by: String,
        /// The operator's reason.
        reason: String,
        /// Time at which JetStream stored the command, ns since the Unix epoch.
        stamp: u64 as Time,
    }
    /// Trading was resumed: the halt of the scope was lifted.
    TradingResumed {
        /// The scope of the halt. `All` does not lift the halt of a single instrument.
        scope: Scope,
        /// Name of the operator.
        by: String,
        /// The operator's reason.
        reason: String,
        /// Time at which JetStream stored the command, ns since the Unix epoch.
        stamp: u64 as Time,
    }
    /// An operator requested the cancel of an order.
    CancelRequested {
        /// The order to cancel.
        order: OrderId,
        /// Name of the operator.
        by: String,
        /// The operator's reason.
        reason: String,
        /// Time at which JetStream stored the command, ns since the Unix epoch.
        stamp: u64 as Time,
    }
    /// Capital was paid into an account, or out of it.
    AccountFunded {
        /// The account that is credited.
        account: AccountId,
        /// Currency of the amount.
        currency: Currency,
        /// Amount paid in; negative if paid out.
        amount: Money,
        /// Name of the operator.
        by: String,
        /// Time at which JetStream stored the command, ns since the Unix epoch.
        stamp: u64 as Time,
    }
    /// A command was refused. It has no effect.
    CommandRefused {
        /// Subject of the command, cut to 128 bytes.
        subject: String,
        /// Name of the operator; empty if the command could not be decoded.
        by: String,
        /// The rule that the command breaks, with the values.
        reason: RefusalReason,
        /// Time at which JetStream stored the command, ns since the Unix epoch.
        stamp: u64 as Time,
    }
}

names! {
    /// Level of a halt.
    HaltLevel {
        /// Permits only orders that bring a position nearer to zero.
        Reducing = 1 "reducing",
        /// Permits no order at all.
        Halted = 2 "halted",
    }
}

/// The instruments of one partition that a limit or a halt applies to. Printed `all` or `<venue>.<symbol>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Every instrument of the partition.
    All,
    /// One instrument of the partition.
    Instrument(InstrumentId),
}

impl Scope {
    /// Returns whether the scope includes `instrument`.
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
