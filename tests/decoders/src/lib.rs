//! What must hold of every decoder on any bytes. Each target panics where it does not hold; none panics otherwise.
//!
//! `tests/fuzz` hands them what libFuzzer thinks up; `tests/corpus.rs` hands them what is kept of that, on every
//! `./dev test`. Whoever links this crate counts allocations: a target may need no more than [`Target::allowed`].
#![forbid(unsafe_code)]

pub mod command;
pub mod facts;
pub mod files;
pub mod ingest;
pub mod known;
pub mod market;
pub mod names;
pub mod numbers;
pub mod record;
pub mod setup;

use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// A decoder and what must hold of it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder in `tests/fuzz/corpus`.
    pub name: &'static str,
    /// Panics if something does not hold.
    pub check: fn(&[u8]),
    /// Heap that it may take whatever it reads, in bytes.
    pub fixed: usize,
    /// Heap that it may take a byte of input.
    pub per_byte: usize,
}

const MIB: usize = 1024 * 1024;

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "record", check: record::check, fixed: 8 * MIB, per_byte: 64 },
    Target { name: "market", check: market::check, fixed: 16 * MIB, per_byte: 64 },
    Target { name: "command", check: command::check, fixed: MIB, per_byte: 64 },
    Target { name: "setup", check: setup::check, fixed: MIB, per_byte: 256 },
    Target { name: "files", check: files::check, fixed: 16 * MIB, per_byte: 256 },
    Target { name: "numbers", check: numbers::check, fixed: MIB, per_byte: 16 },
    Target { name: "names", check: names::check, fixed: MIB, per_byte: 16 },
    Target { name: "ingest", check: ingest::check, fixed: 16 * MIB, per_byte: 64 },
];

impl Target {
    /// Most heap that an input of so many bytes may take.
    pub fn allowed(&self, bytes: usize) -> usize {
        self.fixed + self.per_byte * bytes
    }
}

/// Runs the target of this name on an input.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target {name}"));
    let ((), taken) = heap(|| (target.check)(input));
    let allowed = target.allowed(input.len());
    assert!(taken <= allowed, "{name}: {} bytes took {taken} of heap, allowed are {allowed}", input.len());
}

/// What a function gives, and the most heap that it held meanwhile, in bytes. One at a time, for the heap is shared.
pub fn heap<T>(work: impl FnOnce() -> T) -> (T, usize) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let given = work();
    (given, HEAP.peak_usage().saturating_sub(before))
}
