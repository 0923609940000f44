//! What operators ask of a partition on `cmd.<partition>.<verb>`: a MessagePack map, bounded.

use serde::{Deserialize, Serialize};

use crate::event::{HaltLevel, Scope};
use crate::ids::{AccountId, Currency, OrderId, StrategyId};
use crate::number::{Money, Ratio};

/// Largest command, in bytes.
pub const COMMAND_BYTES_MAX: usize = 64 * 1024;
/// Longest id, in bytes.
pub const ID_BYTES_MAX: usize = 64;
/// Longest free text (who, why), in bytes.
pub const TEXT_BYTES_MAX: usize = 256;
/// Most values in one command.
pub const VALUES_MAX: usize = 256;

/// A request; `control` answers it with a fact, accepted or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Names the request, if it must count once however often it comes: control refuses an id that it has accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The operator.
    pub by: String,
    /// Reason given by the operator.
    pub reason: String,
    /// What control is to do.
    pub request: Request,
}

/// The requests that control takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Set limits or parameters.
    Limits {
        /// One instrument, or all.
        scope: Scope,
        /// Name and value.
        values: Vec<(String, Ratio)>,
    },
    /// Set strategy weights.
    Weights {
        /// Strategy and weight.
        weights: Vec<(StrategyId, Ratio)>,
    },
    /// Stop trading, or limit it to reducing.
    Halt {
        /// One instrument, or all.
        scope: Scope,
        /// What stays allowed.
        level: HaltLevel,
    },
    /// Resume trading.
    Resume {
        /// One instrument, or all.
        scope: Scope,
    },
    /// Cancel an order.
    Cancel {
        /// The order to cancel.
        order: OrderId,
    },
    /// Pay capital in (or out, if negative).
    Fund {
        /// The account paid into.
        account: AccountId,
        /// Currency of the amount.
        currency: Currency,
        /// Amount; negative for a payment out.
        amount: Money,
    },
}

impl Request {
    /// The last token of its subject.
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
    /// The bytes to publish.
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("writing a command to memory cannot fail")
    }

    /// Reads a command, or says what is wrong with it.
    pub fn decode(payload: &[u8]) -> Result<Self, String> {
        if payload.len() > COMMAND_BYTES_MAX {
            return Err(format!("{} bytes, over the bound of {COMMAND_BYTES_MAX}", payload.len()));
        }
        let mut rest = payload;
        let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
        deserializer.set_max_depth(16);
        let command = Self::deserialize(&mut deserializer).map_err(|e| format!("not a command: {e}"))?;
        if !rest.is_empty() {
            return Err(format!("{} bytes after the end of the command", rest.len()));
        }
        let texts = [("by", &command.by, TEXT_BYTES_MAX), ("reason", &command.reason, TEXT_BYTES_MAX)];
        let id = command.id.as_ref().map(|id| ("id", id, ID_BYTES_MAX));
        for (name, text, most) in texts.into_iter().chain(id) {
            if text.is_empty() || text.len() > most || text.chars().any(char::is_control) {
                return Err(format!("{name} must be 1 to {most} bytes of plain text"));
            }
        }
        Ok(command)
    }
}
