//! The forms of messages and of their values, for the reasons of a rejection.

use crate::names::names;

names! {
    /// Encoding of a market message.
    MessageEncoding {
        /// JSON.
        Json = 1 "json",
        /// MessagePack.
        MessagePack = 2 "messagepack",
    }
    /// Unit of a time that a publisher sent in place of nanoseconds.
    TimeUnit {
        /// Seconds.
        Seconds = 1 "s",
        /// Milliseconds.
        Milliseconds = 2 "ms",
        /// Microseconds.
        Microseconds = 3 "us",
    }
    /// Form of the value that a field accepts.
    ValueForm {
        /// A text of at most 512 bytes.
        Text = 1 "text",
        /// An integer, or its digits as text.
        Integer = 2 "integer",
        /// A decimal as text, or an integer, which is a whole number.
        Decimal = 3 "decimal",
    }
}
