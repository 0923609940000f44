//! The commands of operators: one verb a file, dispatched by [`decide`].

mod cancel;
mod fund;
mod halt;
mod limits;
mod resume;
mod weights;

pub use fund::AMOUNT_MAX;
pub use weights::WEIGHT_MAX;

use tapedeck_schemas::command::{Command, Request};
use tapedeck_schemas::event::{Event, RefusalReason};
use tapedeck_schemas::ids::StrategyId;
use tapedeck_schemas::param::ParamSpec;

/// The names that commands may set.
#[derive(Debug, Clone)]
pub struct Known {
    /// Every limit and parameter of every machine.
    pub specs: Vec<ParamSpec>,
    /// The strategies that can be given weights.
    pub strategies: Vec<StrategyId>,
}

/// The fact that a command becomes, or the reason to refuse it. `stamp` is the time at which JetStream stored it, ns.
pub fn decide(known: &Known, command: &Command, stamp: u64) -> Result<Event, RefusalReason> {
    match &command.request {
        Request::Limits { scope, values } => limits::decide(known, command, stamp, *scope, values),
        Request::Weights { weights } => weights::decide(known, command, stamp, weights),
        Request::Halt { scope, level } => halt::decide(command, stamp, *scope, *level),
        Request::Resume { scope } => resume::decide(command, stamp, *scope),
        Request::Cancel { order } => cancel::decide(command, stamp, *order),
        Request::Fund { account, currency, amount } => fund::decide(command, stamp, *account, *currency, *amount),
    }
}

/// The first name that an earlier item has too; quadratic, which is cheap for 256 items or fewer.
fn repeated<T: PartialEq, V>(items: &[(T, V)]) -> Option<&T> {
    let seen_before = |at: usize| items[..at].iter().any(|(name, _)| *name == items[at].0);
    (0..items.len()).find(|at| seen_before(*at)).map(|at| &items[at].0)
}
