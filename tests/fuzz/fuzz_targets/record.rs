//! `tapedeck_decoders::record` on inputs from libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tapedeck_decoders::run("record", input));
