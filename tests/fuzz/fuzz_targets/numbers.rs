//! `tapedeck_decoders::numbers` on what libFuzzer thinks up.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tapedeck_decoders::run("numbers", input));
