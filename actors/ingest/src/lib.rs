//! The ingest machine: market entries in, checked facts out. No prices are kept and nothing is traded here.
//!
//! Every entry is answered by exactly one of: an accepting fact (`InstrumentDefined`, `Quote`, `Trade`, a published
//! `Bar`), one `Rejected`, or, for a heartbeat that is in order, nothing. Before it may stand a `Gap` (numbers are
//! missing), one `ClockAdvanced` (tape time crossed a boundary) and the `Bar`s that it closes; behind it the `Bar`s that it
//! fills, and the `BarsDefined` of a definition that asks for others. Read [`checks`] for the rules and their order,
//! then [`machine`] and [`bars`].
#![forbid(unsafe_code)]

pub mod bars;
pub mod checks;
pub mod instruments;
pub mod machine;
pub mod numbering;
pub mod sources;

pub use machine::{Ingest, TICK_INTERVAL_NS};
