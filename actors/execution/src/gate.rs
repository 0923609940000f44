//! The checks before submission: halts, age of the approval, the clock, number of open orders. No order is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{HaltLevel, Order, Scope, StatusReason};
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::param::{ParamSpec, Params};

use crate::orders::OPEN_ORDERS_MAX;
use crate::transitions::Trigger;

/// Greatest age of an approval.
pub const APPROVAL_MAX_AGE_MS: ParamSpec = ParamSpec {
    name: "execution.approval_max_age_ms",
    unit: "ms",
    about: "age in tape time over which an approved order is not submitted",
    default: Ratio::whole(5_000),
    min: Ratio::ZERO,
    max: Ratio::whole(86_400_000),
};

/// The parameters of the checks.
pub const PARAMS: &[ParamSpec] = &[APPROVAL_MAX_AGE_MS];

/// The halts in force.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Halts {
    levels: BTreeMap<Scope, HaltLevel>,
}

impl Halts {
    /// The scope of the halt for which no order of an instrument may be submitted, if there is one. A halt to reducing
    /// stops none: risk has checked that they reduce.
    pub fn stop(&self, instrument: &InstrumentId) -> Option<Scope> {
        let halted = |scope: &Scope| self.levels.get(scope) == Some(&HaltLevel::Halted);
        [Scope::All, Scope::Instrument(*instrument)].into_iter().find(halted)
    }

    /// A milder halt never replaces a stricter one.
    pub(crate) fn halt(&mut self, scope: Scope, level: HaltLevel) {
        let in_force = self.levels.entry(scope).or_insert(level);
        *in_force = level.max(*in_force);
    }

    /// A resume of everything does not lift the halt of an instrument.
    pub(crate) fn resume(&mut self, scope: Scope) {
        self.levels.remove(&scope);
    }
}

/// The state against which an order is checked.
#[derive(Debug, Clone, Copy)]
pub struct GateInput<'a> {
    /// Tape time, ns.
    pub now: TapeTime,
    /// Whether a `ClockAdvanced` has been observed: without a clock no order would time out.
    pub has_clock: bool,
    /// Whether [`crate::orders::OPEN_ORDERS_MAX`] orders are open.
    pub full: bool,
    /// The halts in force.
    pub halts: &'a Halts,
    /// The parameters in force.
    pub params: &'a Params,
}

/// Passes an order approved at `approved_at` if it may be submitted, else returns the trigger that ends it, and the
/// reason.
pub fn evaluate(input: &GateInput<'_>, order: &Order, approved_at: TapeTime) -> Result<(), (Trigger, StatusReason)> {
    let limit_ns = input.params.in_force(&APPROVAL_MAX_AGE_MS, &order.instrument).milliseconds_to_ns();
    let age_ns = input.now.saturating_sub(approved_at);
    if let Some(scope) = input.halts.stop(&order.instrument) {
        Err((Trigger::Stop, StatusReason::Halted { scope }))
    } else if !input.has_clock {
        Err((Trigger::Expire, StatusReason::NoClock))
    } else if age_ns > limit_ns {
        Err((Trigger::Expire, StatusReason::StaleApproval { age_ns, limit_ns }))
    } else if input.full {
        Err((Trigger::Stop, StatusReason::TooManyOrders { limit: OPEN_ORDERS_MAX as u32 }))
    } else {
        Ok(())
    }
}
