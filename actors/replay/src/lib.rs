//! History out again: the facts of tapes, in the order in which they were recorded, at any pace.
//!
//! [`Replay`] reads and hands out facts; [`Renderer`] gives market facts back their publisher's own format; a
//! [`Player`] does both at a [`Pace`], into a file or onto subjects, and can be interrupted and gone on with.
//!
//! ```no_run
//! use tapedeck_replay::{Filter, Replay, Selection};
//! use tapedeck_runtime::Bus;
//! use tapedeck_schemas::event::{Event, Kind};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let bus = Bus::connect("nats://127.0.0.1:4222", "reader").await?;
//! let range = "-10m".parse().map(|from| tapedeck_replay::Range { from: Some(from), to: None })?;
//! let selection = Selection { range, filter: Filter::of_kinds([Kind::Trade]) };
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
mod pace;
mod plan;
mod play;
mod range;
mod render;
mod replay;
mod resume;
mod stretch;
mod subjects;

pub use bounds::{Bounds, Edge};
pub use error::ReplayError;
pub use file::FileSink;
pub use filter::{Filter, account_of, instrument_of, is_market, parse_kind};
pub use pace::{NotAPace, Pace};
pub use plan::resolve;
pub use play::{Ended, Player, Sink};
pub use range::{NotAPlace, Place, Range};
pub use render::{Format, Rendered, Renderer, SOURCE};
pub use replay::{Replay, Selection};
pub use resume::{Checkpoint, Plan, Slot, TapePlan};
pub use stretch::{Played, Stretch};
pub use subjects::{SubjectSink, check_prefix};
