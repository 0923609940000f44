//! Why `control` refused a command: the rule that the command breaks, with the values.
//!
//! A machine records the typed value; [`RefusalReason::words`] renders it for operators.

use crate::ids::{StrategyId, Token};
use crate::number::{Money, Ratio};
use crate::variants::variants;

variants! {
    /// The rule that a command breaks, with the values. What a build knows is not listed: another build knows more.
    RefusalReason {
        /// The message is too large.
        TooLarge = 1 "too_large" {
            /// Size of the message, in bytes.
            bytes: u64,
            /// Greatest size, in bytes.
            limit: u64,
        },
        /// The message is not a command in MessagePack.
        NotACommand = 2 "not_a_command",
        /// There are bytes after the end of the command.
        TrailingBytes = 3 "trailing_bytes" {
            /// Number of the bytes.
            bytes: u64,
        },
        /// A text is empty, too long, or has control characters.
        BadText = 4 "bad_text" {
            /// Name of the field.
            field: Token,
            /// Greatest length, in bytes.
            limit: u32,
        },
        /// A command with this id was accepted before.
        RepeatedId = 5 "repeated_id",
        /// The subject is that of another verb.
        WrongSubject = 6 "wrong_subject" {
            /// Verb of the request.
            verb: Token,
        },
        /// The number of values is not from 1 to the limit.
        CountOutOfBounds = 7 "count_out_of_bounds" {
            /// Number of values.
            count: u64,
            /// Greatest number of values.
            limit: u32,
        },
        /// The build that refused knows no limit or parameter with this name.
        UnknownParameter = 8 "unknown_parameter" {
            /// The name, cut to 64 bytes.
            name: String,
        },
        /// A value is not within the bounds of its parameter.
        ValueOutOfBounds = 9 "value_out_of_bounds" {
            /// Name of the parameter, cut to 64 bytes.
            name: String,
            /// The value, in the unit of the parameter.
            value: Ratio,
            /// Least value.
            min: Ratio,
            /// Greatest value.
            max: Ratio,
        },
        /// A parameter is given twice.
        RepeatedParameter = 10 "repeated_parameter" {
            /// Name of the parameter, cut to 64 bytes.
            name: String,
        },
        /// The command sets no weight.
        NoWeights = 11 "no_weights",
        /// The build that refused knows no strategy with this name.
        UnknownStrategy = 12 "unknown_strategy" {
            /// Name of the strategy.
            strategy: StrategyId,
        },
        /// A weight is not from 0 to the limit.
        WeightOutOfBounds = 13 "weight_out_of_bounds" {
            /// Name of the strategy.
            strategy: StrategyId,
            /// The weight.
            weight: Ratio,
            /// Greatest weight.
            limit: Ratio,
        },
        /// A strategy is given twice.
        RepeatedStrategy = 14 "repeated_strategy" {
            /// Name of the strategy.
            strategy: StrategyId,
        },
        /// An amount is zero, or its magnitude is over the limit.
        AmountOutOfBounds = 15 "amount_out_of_bounds" {
            /// The amount.
            amount: Money,
            /// Greatest magnitude.
            limit: Money,
        },
    }
}
