//! Bounds on the cost of hostile input: heap in proportion to its bytes, and no deep recursion.

mod common;
mod depth;
mod heap;
