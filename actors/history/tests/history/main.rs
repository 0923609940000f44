//! The pure parts: filter, range, rendering; and the checkpoint of an unfinished replay.

mod checkpoint;
mod common;
mod filter;
mod range;
mod render;
