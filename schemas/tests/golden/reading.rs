//! The outer header of any format, and the errors of what this build does not know.

use tapedeck_schemas::event::*;
use tapedeck_schemas::record::{self, Entry, Header, RecordHash, Writer};

use crate::samples::{entry, order};

/// The outer header is frozen: whatever follows the first four elements, and whatever format and writer they name.
#[test]
fn the_outer_header_is_read_in_every_format() {
    let header = Header { writer: Writer::Risk, epoch: 2, prev_hash: RecordHash([5; 32]), inbox: None };
    let good = record::encode(&header, &[entry(ClockAdvanced { time: 1 }.into())]);
    let outer = |bytes: &[u8]| record::read(bytes).outer;
    let read = outer(&good).unwrap();
    assert_eq!((read.format, read.writer, read.epoch, read.prev_hash), (1, 5, 2, RecordHash([5; 32])));
    // Format 900, writer 70,000, epoch 2^40, the hash, and bytes that are no MessagePack.
    let mut next = vec![0x94, 0xcd, 0x03, 0x84, 0xce, 0x00, 0x01, 0x11, 0x70, 0xcf, 0, 0, 1, 0, 0, 0, 0, 0, 0xc4, 32];
    next.extend([7; 32]);
    let of_next = record::OuterHeader { format: 900, writer: 70_000, epoch: 1 << 40, prev_hash: RecordHash([7; 32]) };
    for (array, rest) in [(0x94, &[][..]), (0x95, &[0xc1]), (0x9f, &[0xc1, 0xff])] {
        next[0] = array;
        assert_eq!(outer(&[&next[..], rest].concat()), Some(of_next));
    }
    for length in 0..next.len() {
        assert_eq!(outer(&next[..length]), None, "{length} bytes");
    }
    for bytes in [&b"hello"[..], &[0x93, 1, 5, 2], &[0x80], &[0x95, 0xff, 5, 2]] {
        assert!(matches!(record::decode(bytes), Err(record::RecordError::NoHeader(_))), "{bytes:?}");
    }
}

/// A record whose last event is a `ClockAdvanced` at its tape time, and the index of the head of that event.
fn ends_with_clock(before: &[Entry]) -> (Vec<u8>, usize) {
    let header = Header { writer: Writer::Risk, epoch: 2, prev_hash: RecordHash::default(), inbox: None };
    let clock = entry(ClockAdvanced { time: entry(Progress {}.into()).at }.into());
    let bytes = record::encode(&header, &[before, &[clock]].concat());
    // [head, cause_seq, cause_index, index, at, time], or after an entry of the same cause.
    let length = if before.is_empty() { 18 } else { 6 };
    let head_at = bytes.len() - length;
    assert_eq!(bytes[head_at], (Kind::ClockAdvanced as u8) << 2 | 3);
    (bytes, head_at)
}

#[test]
fn each_part_that_a_build_does_not_know_has_its_error() {
    use record::RecordError::{Events, Format, TooLarge, Writer as UnknownWriter};
    let (good, head_at) = ends_with_clock(&[]);
    let changed = |at: usize, bytes: &[u8]| record::decode(&[&good[..at], bytes, &good[at + 1..]].concat());
    assert_eq!(changed(1, &[9]), Err(Format(9)));
    assert_eq!(changed(2, &[99]), Err(UnknownWriter(99)));
    assert_eq!(changed(head_at, &[19 << 2 | 3]), Err(Events("no kind has number 19 and version 1".into())));
    let [high, low] = (1024u16 + (23 << 2 | 3)).to_be_bytes();
    assert_eq!(changed(head_at, &[0xcd, high, low]), Err(Events("no kind has number 23 and version 2".into())));
    assert_eq!(record::decode(&[&good[..], &[0]].concat()), Err(Events("1 bytes after the end".into())));
    let large = [&good[..], &vec![0; 300_000]].concat();
    assert_eq!(record::decode(&large), Err(TooLarge(large.len())));
}

#[test]
fn the_entries_before_an_unknown_one_are_read() {
    let first = entry(ClockAdvanced { time: 1 }.into());
    let (mut bytes, head_at) = ends_with_clock(std::slice::from_ref(&first));
    bytes[head_at] = 19 << 2 | 3;
    let read = record::read(&bytes);
    assert_eq!(read.entries, [first]);
    assert!(read.error.is_some());
}

#[test]
fn an_unknown_reason_stops_a_reader() {
    let header = Header { writer: Writer::Control, epoch: 2, prev_hash: RecordHash::default(), inbox: None };
    let (subject, by) = ("cmd.0.x".into(), "ann".into());
    let refused = CommandRefused { subject, by, reason: RefusalReason::NotACommand };
    let mut bytes = record::encode(&header, &[entry(refused.into())]);
    assert_eq!(bytes[bytes.len() - 2..], [0x91, 2], "the record ends with the reason: an array of its number");
    *bytes.last_mut().unwrap() = 99;
    let error = record::decode(&bytes).unwrap_err();
    assert!(matches!(error, record::RecordError::Events(_)) && error.to_string().contains("RefusalReason"), "{error}");
}

#[test]
fn json_shows_numbers_ids_and_names_as_text() {
    let text = serde_json::to_string(&Event::from(OrderApproved { order: order() })).unwrap();
    for part in [r#""quantity":"0.5""#, r#""side":"buy""#, r#""instrument":"binance.BTCUSDT""#, r#""id":"0707"#] {
        assert!(text.contains(part), "{part} in {text}");
    }
}
