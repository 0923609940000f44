//! The last gates before the venue: halts, age of the approval, the clock, and room. No order is kept here.

use std::collections::BTreeMap;

use tapedeck_schemas::event::{HaltLevel, Order, Scope};
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::param::{ParamSpec, Params};

use crate::milliseconds;
use crate::transitions::Trigger;

/// How old an approval may be.
pub const APPROVAL_MAX_AGE_MS: ParamSpec = ParamSpec {
    name: "execution.approval_max_age_ms",
    unit: "ms",
    about: "age in tape time over which an approved order is not submitted any more",
    default: Ratio::whole(5_000),
    min: Ratio::ZERO,
    max: Ratio::whole(86_400_000),
};

/// The parameters of the last gates.
pub const PARAMS: &[ParamSpec] = &[APPROVAL_MAX_AGE_MS];

/// The halts in force.
#[derive(Debug, Clone, Default)]
pub struct Halts {
    levels: BTreeMap<Scope, HaltLevel>,
}

impl Halts {
    /// Whether nothing of an instrument may be submitted. Under a halt to reducing it may: risk judged that.
    pub fn stop(&self, instrument: &InstrumentId) -> bool {
        let halted = |scope| self.levels.get(&scope) == Some(&HaltLevel::Halted);
        halted(Scope::All) || halted(Scope::Instrument(*instrument))
    }

    /// A milder halt never lifts a harder one.
    pub(crate) fn halt(&mut self, scope: Scope, level: HaltLevel) {
        let held = self.levels.entry(scope).or_insert(level);
        *held = level.max(*held);
    }

    /// A resume of everything does not lift an instrument's own halt.
    pub(crate) fn resume(&mut self, scope: Scope) {
        self.levels.remove(&scope);
    }
}

/// What the gates look at.
#[derive(Debug, Clone, Copy)]
pub struct GateInput<'a> {
    /// Tape time, ns.
    pub now: TapeTime,
    /// Whether a tick has come: without a clock nothing would time out.
    pub ticked: bool,
    /// Whether as many orders are open as may be.
    pub full: bool,
    /// The halts in force.
    pub halts: &'a Halts,
    /// The parameters in force.
    pub params: &'a Params,
}

/// Whether an order approved at `approved_at` may go: [`Trigger::Submit`], or what stops it and why.
pub fn evaluate(view: &GateInput<'_>, order: &Order, approved_at: TapeTime) -> (Trigger, &'static str) {
    let age_max = milliseconds(view.params, &APPROVAL_MAX_AGE_MS, &order.instrument);
    if view.halts.stop(&order.instrument) {
        (Trigger::Stop, "halted")
    } else if !view.ticked {
        (Trigger::GoStale, "no clock")
    } else if view.now.saturating_sub(approved_at) > age_max {
        (Trigger::GoStale, "stale approval")
    } else if view.full {
        (Trigger::Stop, "too many open orders")
    } else {
        (Trigger::Submit, "")
    }
}
