//! What hostile input can cost: heap in proportion to its bytes, and no deep recursion.

mod common;
mod depth;
mod heap;
