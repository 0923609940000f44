//! Commands of operators to a partition: a MessagePack map on `cmd.<p>.<verb>`.
//!
//! A number is the decimal that it spells: text, or an integer, which is a whole number. A float is an error.

use serde::{Deserialize, Serialize};

use crate::event::{HaltLevel, RefusalReason, Scope};
use crate::ids::{AccountId, Currency, OrderId, StrategyId};
use crate::number::{Money, Ratio, spelled, spelled_pairs};

/// Greatest size of a command, in bytes.
pub const COMMAND_BYTES_MAX: usize = 64 * 1024;
/// Greatest length of an id, in bytes. The id of a payment names a reference and a currency.
pub const ID_BYTES_MAX: usize = 96;
/// Greatest length of `by` and of `reason`, in bytes.
pub const TEXT_BYTES_MAX: usize = 256;
/// Greatest number of values in one request for limits.
pub const VALUES_MAX: usize = 256;

/// A command. `control` answers it with one fact: that of the request, or `CommandRefused`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Id that makes the command idempotent: `control` refuses a second command with an id that it has accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name of the operator.
    pub by: String,
    /// The operator's reason.
    pub reason: String,
    /// The requested change.
    pub request: Request,
}

/// The change that a command requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Sets limits or other parameters.
    Limits {
        /// The instruments that the values apply to.
        scope: Scope,
        /// Full name and value of each parameter.
        #[serde(with = "spelled_pairs")]
        values: Vec<(String, Ratio)>,
    },
    /// Sets weights of strategies.
    Weights {
        /// Each strategy and its weight, from 0.
        #[serde(with = "spelled_pairs")]
        weights: Vec<(StrategyId, Ratio)>,
    },
    /// Halts trading, or limits it to orders that reduce a position.
    Halt {
        /// The instruments to halt.
        scope: Scope,
        /// Orders that remain permitted.
        level: HaltLevel,
    },
    /// Resumes trading: lifts the halt of the scope.
    Resume {
        /// The scope of the halt to lift.
        scope: Scope,
    },
    /// Cancels an order.
    Cancel {
        /// The order to cancel.
        order: OrderId,
    },
    /// Pays capital into an account, or out of it.
    Fund {
        /// Account to credit.
        account: AccountId,
        /// Currency of the amount.
        currency: Currency,
        /// Amount to pay in; negative to pay out.
        #[serde(with = "spelled")]
        amount: Money,
    },
}

impl Request {
    /// Returns the last token of the subject that the request is sent on.
    pub fn verb(&self) -> &'static str {
        match self {
            Request::Limits { .. } => "limits",
            Request::Weights { .. } => "weights",
            Request::Halt { .. } => "halt",
            Request::Resume { .. } => "resume",
            Request::Cancel { .. } => "cancel",
            Request::Fund { .. } => "fund",
        }
    }
}

impl Command {
    /// Returns the bytes to publish.
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("writing a command to memory cannot fail")
    }

    /// Decodes a command. The error becomes the reason of a `CommandRefused` fact.
    pub fn decode(payload: &[u8]) -> Result<Self, RefusalReason> {
        if payload.len() > COMMAND_BYTES_MAX {
            let (bytes, limit) = (payload.len() as u64, COMMAND_BYTES_MAX as u64);
            return Err(RefusalReason::TooLarge { bytes, limit });
        }
        let mut rest = payload;
        let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
        deserializer.set_max_depth(16);
        // The text of the decoder's error is not used: it changes with the version of the crate.
        let command = Self::deserialize(&mut deserializer).map_err(|_| RefusalReason::NotACommand)?;
        if !rest.is_empty() {
            return Err(RefusalReason::TrailingBytes { bytes: rest.len() as u64 });
        }
        let texts = [("by", &command.by, TEXT_BYTES_MAX), ("reason", &command.reason, TEXT_BYTES_MAX)];
        let id = command.id.as_ref().map(|id| ("id", id, ID_BYTES_MAX));
        for (name, text, most) in texts.into_iter().chain(id) {
            if text.is_empty() || text.len() > most || text.chars().any(char::is_control) {
                let field = name.parse().expect("a fixed short name");
                return Err(RefusalReason::BadText { field, limit: most as u32 });
            }
        }
        Ok(command)
    }
}
