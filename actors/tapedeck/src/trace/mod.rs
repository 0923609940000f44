//! A tape as people look at it: in words, fact by fact, and as chains of causes.

pub mod chain;
pub mod names;
pub mod walk;
pub mod words;
