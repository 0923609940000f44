//! History out again: the facts of tapes, in the order in which they were recorded, at any pace.
//!
//! [`Replay`] reads and hands out facts; [`Renderer`] gives market facts back their publisher's own format; a
//! [`Player`] does both at a [`ReplaySpeed`], into a file or onto subjects, and can be interrupted and gone on with.
//!
//! ```no_run
//! use tapedeck_replay::{Filter, Replay, ReplayQuery};
//! use tapedeck_runtime::Bus;
//! use tapedeck_schemas::event::{Event, Kind};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let bus = Bus::connect("nats://127.0.0.1:4222", "reader").await?;
//! let range = "-10m".parse().map(|from| tapedeck_replay::Range { from: Some(from), to: None })?;
//! let selection = ReplayQuery { range, filter: Filter::of_kinds([Kind::Trade]) };
//! let mut replay = Replay::open(&bus, None, &selection).await?;
//! while let Some(played) = replay.next().await? {
//!     if let Event::Trade(trade) = &played.event {
//!         println!("{} {} {}", played.at, trade.instrument, trade.price);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! `examples/print_trades.rs` runs as it stands:
//! `cargo run --release -p tapedeck-replay --example print_trades -- nats://127.0.0.1:4222 -10m`.
#![forbid(unsafe_code)]

mod bounds;
mod error;
mod file;
mod filter;
mod plan;
mod play;
mod range;
mod reader;
mod render;
mod replay;
mod resume;
mod speed;
mod subjects;

pub use bounds::{RangeBounds, ResolvedBound};
pub use error::ReplayError;
pub use file::FileSink;
pub use filter::{Filter, account_of, instrument_of, is_market, parse_kind};
pub use plan::resolve;
pub use play::{Ended, Player, Sink};
pub use range::{InvalidRangeBound, Range, RangeBound};
pub use reader::{RangeReader, ReplayedFact};
pub use render::{OutputFormat, Rendered, Renderer, SOURCE};
pub use replay::{Replay, ReplayQuery};
pub use resume::{Checkpoint, Plan, Slot, TapePlan};
pub use speed::{InvalidSpeed, ReplaySpeed};
pub use subjects::{SubjectSink, check_prefix};
