//! Nesting costs no stack: it is refused, or passed over in a loop, wherever in a message it begins.

use proptest::prelude::*;
use tapedeck_feeds::Setup;
use tapedeck_schemas::market::{self, MESSAGE_BYTES_MAX};
use tapedeck_schemas::subject::MarketKind;

use crate::common::{self, DEEP, alone, config, decoders, file};

/// Stack that decoding has here: a quarter of what a thread has by default.
const STACK_BYTES: usize = 512 * 1024;

/// On a thread with little stack: overflowing it would end the whole test.
fn shallow<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    std::thread::scope(|scope| thread.spawn_scoped(scope, work).unwrap().join().unwrap())
}

#[test]
fn nesting_without_end_is_refused_wherever_it_begins() {
    let _alone = alone();
    proptest!(config(), |(which in 0usize..4, at in 0usize..400, wide: bool, array: bool)| {
        let decoder = &decoders()[which];
        let level: &[u8] = match (wide, array) {
            (true, true) => b"\xdd\0\0\0\x01",
            (true, false) => b"\xdf\0\0\0\x01\x01",
            (false, true) => b"\x91",
            (false, false) => b"\x81\x01",
        };
        let at = at % decoder.good.len();
        let bytes = [&decoder.good[..at], &level.repeat(DEEP), b"\x01"].concat();
        prop_assert!(shallow(|| (decoder.refuses)(&bytes)), "{} takes it", decoder.name);
    });
}

#[test]
fn deep_json_is_refused_or_passed_over_without_recursion() {
    let _alone = alone();
    // As deep as a message may be long, so that it is not its length that is refused.
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
            assert!(shallow(|| market::decode(MarketKind::Batch, message)[0].is_err()));
            assert!(shallow(|| market::decode_unnumbered(message)[0].is_err()));
        }
        let passed_over = format!(r#"{{{head},"other":{deep}}}"#);
        shallow(|| market::decode(MarketKind::Heartbeat, passed_over.as_bytes()));
        for line in [deep.clone(), format!("5 {{\"stream\":\"a\",\"data\":{deep}}}"), format!("5 {deep}"), passed_over]
        {
            let read = shallow(|| file(line.as_bytes()));
            assert!(read.is_err(), "{read:?}");
        }
    }
}

#[test]
fn a_deep_setup_is_refused() {
    let _alone = alone();
    for text in common::deep_setups() {
        assert!(shallow(|| Setup::parse("deep", &text).is_err()));
    }
}
