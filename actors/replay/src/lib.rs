//! History out again: the facts of tapes, in the order in which they were recorded, at any pace.
//!
//! [`Replay`] reads and hands out facts; [`Renderer`] gives market facts back their publisher's own format; a
//! [`Player`] does both at a [`Pace`], into a file or onto subjects, and can be interrupted and gone on with.
#![forbid(unsafe_code)]

mod bounds;
mod error;
mod file;
mod filter;
mod pace;
mod play;
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
pub use play::{Ended, Player, Sink};
pub use render::{Format, Rendered, Renderer, SOURCE};
pub use replay::Replay;
pub use resume::{Checkpoint, Plan, Slot, TapePlan};
pub use stretch::{Played, Stretch};
pub use subjects::{SubjectSink, check_prefix};
