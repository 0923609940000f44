//! The invariants of every tape, as named pure predicates over its facts in order.
//!
//! The rules are written from the kinds of facts and the design, and share no code with the machines. Each keeps its
//! own small state: open orders, fills that are not booked yet, sets of ids. They need a tape from its first record on:
//! on a trimmed tape, the facts before the trim are missing.
//!
//! To add a rule: one file (or one type in the file of its group), one [`InvariantId`], one line in `rules`.

mod booking;
mod causes;
mod epochs;
mod fills;
mod halts;
mod ledger;
mod lifecycle;
mod orders;
mod positions;
#[cfg(test)]
mod script;
#[cfg(test)]
mod tests;
mod time;
mod writers;

use std::collections::BTreeMap;

use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, Writer};

/// Declares every invariant once: its id, its name in reports, and its statement.
macro_rules! invariant_ids {
    ($($id:ident $name:literal $about:literal,)*) => {
        /// Identifies an invariant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum InvariantId { $(#[doc = $about] $id,)* }

        impl InvariantId {
            /// Every invariant, in order of declaration.
            pub const ALL: &'static [InvariantId] = &[$(InvariantId::$id,)*];
            /// Name in reports.
            pub const fn name(self) -> &'static str {
                match self { $(InvariantId::$id => $name,)* }
            }
            /// The invariant in one sentence.
            pub const fn about(self) -> &'static str {
                match self { $(InvariantId::$id => $about,)* }
            }
        }
    };
}

invariant_ids! {
    TapeCreatedOnce "tape_created_once" "The first event is the keeper's TapeCreated, and there is no other.",
    OwnKinds "own_kinds" "Every writer appends only its own kinds of fact.",
    EpochsCount "epochs_count" "Each writer but the keeper begins with an Epoch, and its epochs count 1, 2, 3…",
    CausesInOrder "causes_in_order" "A writer's causes never go back; facts on one cause are in one record, from 0.",
    TapeTime "tape_time" "Ingest's tape time never goes back, and its ClockAdvanced times strictly rise.",
    OrderIdsUnique "order_ids_unique" "No order is approved twice or submitted twice.",
    SubmittedAsApproved "submitted_as_approved" "Every submitted order was approved before, on the same terms.",
    DeniedNeverSubmitted "denied_never_submitted" "A denied order is never submitted.",
    HaltsHold "halts_hold" "No order is approved or submitted on a cause between a full halt and its resume.",
    OrderLifeCycle "order_life_cycle" "The status of an order makes legal transitions, each from its current status.",
    FillIdsUnique "fill_ids_unique" "No fill is reported twice.",
    FillsOfSubmitted "fills_of_submitted" "Only a submitted order is filled.",
    FillsWithinOrder "fills_within_order" "Fills have the order's terms and never exceed it; their `leaves` is exact.",
    FillsBookedOnce "fills_booked_once" "Every fill is booked exactly once, with its amounts.",
    FundingBookedOnce "funding_booked_once" "Every funding is booked exactly once, with its amount.",
    LedgerBalances "ledger_balances" "Every booking sums to zero in each currency.",
    PositionsFoldFills "positions_fold_fills" "Quantity, fees and cost less realised profit are sums of the fills.",
    EquityFoldsLedger "equity_folds_ledger" "Cash is the sum of its postings; equity is cash plus position value.",
}

/// A violation of an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The violated invariant.
    pub id: InvariantId,
    /// Offset of the event that violates it.
    pub offset: Offset,
    /// The expected and the found value.
    pub detail: String,
}

/// An event of the tape, with its offset and writer.
#[derive(Debug, Clone, Copy)]
pub struct TapeFact<'a> {
    /// Offset of the event.
    pub offset: Offset,
    /// Writer of its record.
    pub writer: Writer,
    /// Generation of the inbox that its record names; `None` if it names none.
    pub inbox: Option<Generation>,
    /// The event, with its cause and time.
    pub entry: &'a Entry,
}

/// A rule: a fold over the tape that reports violations. It never panics, on any tape.
trait Invariant: Send {
    /// Observes the next event, and reports each check made on it.
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport);
    /// Reports the checks that can only be made at the end of the tape.
    fn finish(&self, _report: &mut CheckReport) {}
}

/// Every rule, in its initial state.
fn rules() -> Vec<Box<dyn Invariant>> {
    vec![
        Box::<writers::TapeCreatedOnce>::default(),
        Box::<writers::OwnKinds>::default(),
        Box::<epochs::EpochsCount>::default(),
        Box::<causes::CausesInOrder>::default(),
        Box::<time::TapeTime>::default(),
        Box::<orders::OrderIdsUnique>::default(),
        Box::<orders::SubmittedAsApproved>::default(),
        Box::<orders::DeniedNeverSubmitted>::default(),
        Box::<halts::HaltsHold>::default(),
        Box::<lifecycle::OrderLifeCycle>::default(),
        Box::<fills::FillIdsUnique>::default(),
        Box::<fills::FillsOfSubmitted>::default(),
        Box::<fills::FillsWithinOrder>::default(),
        Box::<booking::FillsBookedOnce>::default(),
        Box::<booking::FundingBookedOnce>::default(),
        Box::<ledger::LedgerBalances>::default(),
        Box::<positions::PositionsFoldFills>::default(),
        Box::<ledger::EquityFoldsLedger>::default(),
    ]
}

/// Number of checks made by each rule, and the violations.
#[derive(Debug, Default)]
struct CheckReport {
    checked: BTreeMap<InvariantId, u64>,
    violations: Vec<Violation>,
}

impl CheckReport {
    /// Counts a check, and records a violation if it fails. Returns `holds`.
    fn check(&mut self, id: InvariantId, offset: Offset, holds: bool, detail: impl FnOnce() -> String) -> bool {
        *self.checked.entry(id).or_default() += 1;
        if !holds {
            self.violations.push(Violation { id, offset, detail: detail() });
        }
        holds
    }
}

/// All rules, over the tape of one partition.
pub struct Invariants {
    rules: Vec<Box<dyn Invariant>>,
    report: CheckReport,
}

impl Default for Invariants {
    fn default() -> Self {
        Self::new()
    }
}

impl Invariants {
    /// The rules before the first event.
    pub fn new() -> Self {
        Self { rules: rules(), report: CheckReport::default() }
    }

    /// Observes the next event, in tape order, and returns the violations.
    pub fn observe(&mut self, recorded: &TapeFact) -> Vec<Violation> {
        for rule in &mut self.rules {
            rule.observe(recorded, &mut self.report);
        }
        std::mem::take(&mut self.report.violations)
    }

    /// The violations if the tape ends here. An input after the last cause of a writer need not be answered yet.
    pub fn finish(&self) -> Vec<Violation> {
        let mut report = CheckReport::default();
        self.rules.iter().for_each(|rule| rule.finish(&mut report));
        report.violations
    }

    /// Number of checks made by each rule; a rule with 0 checks has shown nothing about the tape.
    pub fn checked(&self) -> BTreeMap<InvariantId, u64> {
        InvariantId::ALL.iter().map(|id| (*id, self.report.checked.get(id).copied().unwrap_or(0))).collect()
    }
}
