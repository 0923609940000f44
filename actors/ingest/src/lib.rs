//! The ingest machine: turns market entries into checked facts. No prices are kept and nothing is traded here.
//!
//! Every entry is answered by exactly one of: an accepting fact (`InstrumentDefined`, `Quote`, `Trade`, a published
//! `Bar`, `MarketHeartbeat`), or one `Rejected`; or, in a flood of invalid events, it is counted by a later
//! `RejectedMany`, which precedes the facts on the entry that brings it about. An accepting fact may be preceded by a
//! `Gap` (missing numbers), one `ClockAdvanced` (tape time crossed a boundary), the `Bar`s that the event closes or
//! cuts, and a `CalendarEnded`. It may be followed by the `Bar`s that the event fills. Read [`checks`] for the rules
//! and their order, then [`machine`] and [`bars`].
#![forbid(unsafe_code)]

pub mod bars;
pub mod calendars;
pub mod checks;
pub mod floods;
pub mod instruments;
pub mod machine;
pub mod numbering;
pub mod sessions;
pub mod venue_ids;

pub use machine::{CLOCK_INTERVAL_NS, Ingest};
