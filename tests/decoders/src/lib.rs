//! Properties of every decoder on arbitrary bytes. A target panics if one does not hold.
//!
//! `tests/fuzz` runs the targets on inputs from libFuzzer, and `tests/corpus.rs` on the kept inputs, with every
//! `./dev test`. This crate installs an allocator that measures the heap: a target may use at most [`Target::allowed`].
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

/// A decoder and its properties.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Name of the target and of its folder in `tests/fuzz/corpus`.
    pub name: &'static str,
    /// Panics if a property does not hold for the input.
    pub check: fn(&[u8]),
    /// Heap allowed for any input, in bytes.
    pub fixed: usize,
    /// Heap allowed in addition for each byte of the input, in bytes.
    pub per_byte: usize,
}

const MIB: usize = 1024 * 1024;

/// Every fuzz target, by name.
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
    /// The heap allowed for an input of this length, in bytes.
    pub fn allowed(&self, bytes: usize) -> usize {
        self.fixed + self.per_byte * bytes
    }
}

/// Runs the target of this name on an input.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target {name}"));
    let ((), taken) = heap(|| (target.check)(input));
    let allowed = target.allowed(input.len());
    assert!(
        taken <= allowed,
        "{name}: an input of {} bytes used {taken} bytes of heap, allowed {allowed}",
        input.len()
    );
}

/// The result of a function and its peak use of the heap in bytes. Calls are serialized, because the heap is shared.
pub fn heap<T>(work: impl FnOnce() -> T) -> (T, usize) {
    static SERIAL: Mutex<()> = Mutex::new(());
    let _serial = SERIAL.lock().unwrap_or_else(PoisonError::into_inner);
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let result = work();
    (result, HEAP.peak_usage().saturating_sub(before))
}
