//! The checks before submission: halts, age of the approval, the clock, number of open orders. No order is kept.

use std::collections::BTreeMap;

use tapedeck_schemas::event::{HaltLevel, Order, Scope};
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::param::{ParamSpec, Params};

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
#[derive(Debug, Clone, Default)]
pub struct Halts {
    levels: BTreeMap<Scope, HaltLevel>,
}

impl Halts {
    /// Whether no order of an instrument may be submitted. A halt to reducing stops none: risk has checked that they
    /// reduce.
    pub fn stop(&self, instrument: &InstrumentId) -> bool {
        let halted = |scope| self.levels.get(&scope) == Some(&HaltLevel::Halted);
        halted(Scope::All) || halted(Scope::Instrument(*instrument))
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

/// [`Trigger::Submit`] if an order approved at `approved_at` may be submitted, else the trigger that ends it, and the
/// reason.
pub fn evaluate(input: &GateInput<'_>, order: &Order, approved_at: TapeTime) -> (Trigger, &'static str) {
    let age_max = input.params.in_force(&APPROVAL_MAX_AGE_MS, &order.instrument).milliseconds_to_ns();
    if input.halts.stop(&order.instrument) {
        (Trigger::Stop, "halted")
    } else if !input.has_clock {
        (Trigger::Expire, "no clock")
    } else if input.now.saturating_sub(approved_at) > age_max {
        (Trigger::Expire, "stale approval")
    } else if input.full {
        (Trigger::Stop, "too many open orders")
    } else {
        (Trigger::Submit, "")
    }
}
