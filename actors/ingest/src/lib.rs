//! The ingest machine: market entries in, checked facts out. No prices are kept and nothing is traded here.
//!
//! Every entry is answered by exactly one of: an accepting fact (`InstrumentDefined`, `Quote`, `Trade`), one
//! `Rejected`, or, for a heartbeat that is in order, nothing. Before it may stand a `Gap` (numbers are missing) and
//! one `Tick` (tape time crossed a boundary). Read [`checks`] for the rules and their order, then [`machine`].
#![forbid(unsafe_code)]

pub mod checks;
pub mod instruments;
pub mod machine;
pub mod numbering;

pub use machine::{Ingest, TICK_INTERVAL_NS};
