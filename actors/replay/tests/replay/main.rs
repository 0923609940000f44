//! The pure parts of a replay, and what is kept of an unfinished one.

mod common;
mod filter;
mod reader;
mod render;
mod resume;
