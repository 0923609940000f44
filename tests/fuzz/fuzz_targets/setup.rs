//! `tapedeck_decoders::setup` on inputs from libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tapedeck_decoders::run("setup", input));
