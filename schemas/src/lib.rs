//! The data types and wire formats that every program of Tapedeck shares. Depends on no other crate of the workspace.
//!
//! Read [`event`] first: it lists every kind of fact that a tape can hold. This crate does no IO and reads no clock;
//! prices, quantities and money are exact decimals.
#![forbid(unsafe_code)]

pub mod about;
pub mod bar;
pub mod calendar;
pub mod command;
pub mod describe;
pub mod event;
pub mod generation;
pub mod ids;
pub mod json;
pub mod market;
mod names;
pub mod number;
pub mod offset;
mod order;
pub mod param;
pub mod reason;
pub mod record;
mod structs;
pub mod subject;
pub mod symbol;
pub mod text;
mod variants;
mod venue_id;
mod words;

pub use event::{Event, Kind};
pub use generation::{Generation, Generations, Lineage};
pub use ids::{AccountId, Currency, FillId, InstrumentId, OrderId, SourceId, StrategyId, Symbol, TapeId, Token};
pub use number::{Money, Price, Quantity, Ratio};
pub use offset::{Offset, TapeTime};
pub use record::{Entry, Header, RecordHash, Writer};
