//! Deep nesting uses no stack: it is an error or is skipped without recursion, wherever in a message it begins.

use proptest::prelude::*;
use tapedeck_feeds::Setup;
use tapedeck_schemas::market::{self, MESSAGE_BYTES_MAX};
use tapedeck_schemas::subject::MarketKind;

use crate::common::{self, DEEP, config, decoders, file, serialize};

/// Stack of the decoding thread: a quarter of the default.
const STACK_BYTES: usize = 512 * 1024;

/// Runs `work` on a thread with little stack, whose overflow would abort the test.
fn with_small_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    std::thread::scope(|scope| thread.spawn_scoped(scope, work).unwrap().join().unwrap())
}

#[test]
fn nesting_without_end_is_an_error_wherever_it_begins() {
    let _serial = serialize();
    proptest!(config(), |(which in 0usize..4, at in 0usize..400, wide: bool, array: bool)| {
        let decoder = &decoders()[which];
        let level: &[u8] = match (wide, array) {
            (true, true) => b"\xdd\0\0\0\x01",
            (true, false) => b"\xdf\0\0\0\x01\x01",
            (false, true) => b"\x91",
            (false, false) => b"\x81\x01",
        };
        let at = at % decoder.valid.len();
        let bytes = [&decoder.valid[..at], &level.repeat(DEEP), b"\x01"].concat();
        prop_assert!(with_small_stack(|| (decoder.is_error)(&bytes)), "{} accepts it", decoder.name);
    });
}

#[test]
fn deep_json_is_an_error_or_is_skipped_without_recursion() {
    let _serial = serialize();
    // The message is not longer than allowed, so that its length is not the error.
    let nested = |open: &str, close: &str| {
        let levels = DEEP.min((MESSAGE_BYTES_MAX - 200) / (open.len() + close.len()));
        [open.repeat(levels), "1".into(), close.repeat(levels)].concat()
    };
    let head = r#""source":"a","session":"s","seq":1,"ts_recv":5,"kind":"heartbeat""#;
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":"#, "}]"), ("[", ""), (r#"{"a":"#, "")] {
        let deep = nested(open, close);
        for message in [deep.clone(), format!("[{deep}]"), format!(r#"{{{head},"seq":{deep}}}"#)] {
            let message = message.as_bytes();
            assert!(message.len() <= MESSAGE_BYTES_MAX);
            assert!(with_small_stack(|| market::decode(MarketKind::Batch, message)[0].is_err()));
            assert!(with_small_stack(|| market::decode_unnumbered(message)[0].is_err()));
        }
        let skipped = format!(r#"{{{head},"other":{deep}}}"#);
        with_small_stack(|| market::decode(MarketKind::Heartbeat, skipped.as_bytes()));
        for line in [deep.clone(), format!("5 {{\"stream\":\"a\",\"data\":{deep}}}"), format!("5 {deep}"), skipped] {
            let read = with_small_stack(|| file(line.as_bytes()));
            assert!(read.is_err(), "{read:?}");
        }
    }
}

#[test]
fn a_deep_setup_is_an_error() {
    let _serial = serialize();
    for text in common::deep_setups() {
        assert!(with_small_stack(|| Setup::parse("deep", &text).is_err()));
    }
}
