//! History: reads tapes, selects facts by range and filter, and replays, traces, verifies or prints them.
//!
//! [`FactReader`] reads the facts of one tape, [`Replay`] those of several tapes in one order. [`render`] renders a
//! fact as JSON, as a line of words, or as a market event in the format of publishers. A [`Player`](replay::Player)
//! writes facts at a [`ReplaySpeed`] to a file or to subjects, and resumes after an interruption.
//! [`trace`](trace::trace) finds the chain of causes of a fact, [`verify`](verify::verify) re-executes the machines on
//! a tape.
//!
//! ```no_run
//! use tapedeck_history::{Filter, Range, Replay, ReplayQuery};
//! use tapedeck_runtime::Bus;
//! use tapedeck_schemas::event::{Event, Kind};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let bus = Bus::connect("nats://127.0.0.1:4222", "reader").await?;
//! let range = Range { from: Some("-10m".parse()?), to: None };
//! let query = ReplayQuery { range, filter: Filter::of_kinds([Kind::Trade]) };
//! let mut replay = Replay::open(&bus, None, &query).await?;
//! while let Some(replayed) = replay.next().await? {
//!     if let Event::Trade(trade) = &replayed.event {
//!         println!("{} {} {}", replayed.at, trade.instrument, trade.price);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! `examples/print_trades.rs` is a whole program:
//! `cargo run --release -p tapedeck-history --example print_trades -- nats://127.0.0.1:4222 -10m`.
#![forbid(unsafe_code)]

mod bounds;
mod controls;
mod decided;
mod error;
mod fact;
mod filter;
mod range;
mod reader;
mod resolve;

pub mod recovery;
pub mod render;
pub mod replay;
pub mod sinks;
pub mod status;
pub mod trace;
pub mod verify;

pub use bounds::{RangeBounds, ResolvedBound};
pub use controls::{ControlInForce, ControlsInForce};
pub use decided::WriterFacts;
pub use error::HistoryError;
pub use fact::StoredFact;
pub use filter::{Filter, Matcher, is_market, parse_kind};
pub use range::{InvalidRangeBound, Range, RangeBound};
pub use reader::{ClassifiedFact, Classifier, FactReader, Messages, RecordReader, Standing, TapeMessage};
pub use replay::{Replay, ReplayQuery, ReplaySpeed};
pub use resolve::{TapeRange, resolve};
