//! The vocabulary of Tapedeck, shared by everything and depending on nothing of it.
//!
//! Read [`event`] first: it lists every fact that a tape can hold. No IO, no clock, no float money.
#![forbid(unsafe_code)]

pub mod about;
pub mod bar;
pub mod command;
pub mod describe;
pub mod event;
pub mod ids;
pub mod market;
mod names;
pub mod number;
pub mod offset;
mod order;
pub mod param;
pub mod record;
mod structs;
pub mod subject;
pub mod text;

pub use event::{Event, Kind};
pub use ids::{AccountId, Currency, FillId, InstrumentId, OrderId, SourceId, StrategyId, TapeId, Token};
pub use number::{Money, Price, Quantity, Ratio};
pub use offset::{Offset, TapeTime};
pub use record::{Entry, Header, RecordHash, Writer};
