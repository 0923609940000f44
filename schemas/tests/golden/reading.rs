//! The outer header of any format, and the errors of what this build does not know.

use tapedeck_schemas::event::*;
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::record::{self, Elements, Entry, Header, InboxDigest, InboxPrefix, RecordHash, Writer};

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
    assert_eq!(good[..6], [0x97, 1, 5, 2, 0xc4, 32]);
    for (at, longer) in [(0, &[0xdc, 0, 7][..]), (1, &[0xcc, 1]), (2, &[0xcd, 0, 5]), (4, &[0xc5, 0])] {
        assert_eq!(outer(&[&good[..at], longer, &good[at + 1..]].concat()), None, "byte {at} in a longer form");
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

fn decoded_header(payload: &[u8]) -> Header {
    record::decode(payload).unwrap().0
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
    assert_eq!(record::decode(&record::encode(&decoded_header(&good), &[])), Err(record::RecordError::NoEvents));
    assert_eq!(record::decode(&[&good[..], &[0]].concat()), Err(Events("1 bytes after the end".into())));
    let large = [&good[..], &vec![0; 300_000]].concat();
    assert_eq!(record::decode(&large), Err(TooLarge(large.len())));
}

#[test]
fn only_the_record_of_a_writer_that_reads_an_inbox_carries_one() {
    let inbox = Some(InboxPrefix { generation: Generation::FIRST, digest: InboxDigest::default() });
    for writer in Writer::ALL {
        let header = Header { writer: *writer, epoch: 1, prev_hash: RecordHash::default(), inbox };
        let read = record::decode(&record::encode(&header, &[entry(Progress {}.into())]));
        match [Writer::Ingest, Writer::Control].contains(writer) {
            true => assert_eq!(read.unwrap().0, header),
            false => assert!(read.unwrap_err().to_string().contains("which reads none"), "{writer}"),
        }
    }
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
    let refused =
        CommandRefused { subject, by, reason: RefusalReason::NotACommand, stamp: entry(Progress {}.into()).at };
    let mut bytes = record::encode(&header, &[entry(refused.into())]);
    let at = bytes.len() - 2;
    assert_eq!(bytes[at - 1..], [0x91, 2, 0], "the record ends with the reason, an array of its number, and the stamp");
    bytes[at] = 99;
    let error = record::decode(&bytes).unwrap_err();
    assert!(matches!(error, record::RecordError::Events(_)) && error.to_string().contains("RefusalReason"), "{error}");
}

/// Events of hand-made records, each `[head, at, field, …]`.
const CLOCK: &[u8] = &[0x93, 23 << 2 | 1, 0, 5];
const ACCEPTED: &[u8] = &[0x94, 0xcd, 0x01, 0xe1, 0, 0, 1]; // kind 120, step 1: order 0 and instrument 1

/// The error of a record with these shared values and events; `None` if it decodes.
fn error_of(shared: &[&[u8]], events: &[&[u8]]) -> Option<String> {
    let elements = |all: &[&[u8]]| Elements { count: all.len(), bytes: all.concat() };
    let header = Header { writer: Writer::Paper, epoch: 1, prev_hash: RecordHash::default(), inbox: None };
    record::decode(&record::assemble(&header, &elements(shared), &elements(events))).err().map(|e| e.to_string())
}

#[test]
fn another_encoding_of_a_record_is_an_error() {
    let id = [&[0xc4, 16][..], &[7; 16]].concat();
    let (id, other): (&[u8], &[u8]) = (&id, b"\xa5sim.Y");
    let instrument = b"\xa5sim.X";
    assert_eq!(error_of(&[], &[CLOCK]), None);
    assert_eq!(error_of(&[id, instrument], &[ACCEPTED]), None);
    let accepted = |order: u8, instrument: u8| [&ACCEPTED[..5], &[order, instrument]].concat();
    let rejected = |reason: &[u8]| [&[0x95, 0xcd, 0x01, 0xe5, 0, 0, 1], reason].concat(); // kind 121
    assert_eq!(error_of(&[id, instrument], &[&rejected(&[0x91, 1])]), None);
    for (shared, events, error) in [
        (&[id, instrument, other][..], &[ACCEPTED][..], "a shared value that no event refers to"),
        (&[id, instrument, id], &[ACCEPTED, &accepted(2, 1)], "a shared value that stands twice"),
        (&[instrument, id], &[&accepted(1, 0)], "shared value 1 before 0"),
        (&[instrument, id], &[ACCEPTED], "shared value 0 is a text, not an id"),
        (&[id], &[&accepted(0, 0)], "shared value 0 is an id, not a text"),
        (&[id, instrument], &[&accepted(0, 9)], "value 9 of 2 shared ones"),
        (&[id, b"\xa3sim"], &[ACCEPTED], "is not an instrument"),
        (&[id, b"\xd9\x05sim.X"], &[ACCEPTED], "a text in a form that is not the shortest"),
        (&[b"\x05"], &[CLOCK], "the integer 5 where a text or 16 bytes is due"),
        (&[b"\xa1\xff"], &[CLOCK], "a text that is not UTF-8"),
        (&[id, instrument], &[&rejected(&[0x92, 1, 0])], "2 elements for number 1 of OrderRejection, which has 1"),
        (&[id, instrument], &[&rejected(&[0x91, 2])], "1 elements for number 2 of OrderRejection, which has 3"),
        (&[id, instrument], &[&rejected(&[0x91, 99])], "no OrderRejection has number 99"),
        // Step 3 where the cause is in the next message.
        (&[], &[&[0x96, 23 << 2 | 3, 1, 0, 0, 0, 5]], "a cause that is not in its shortest form"),
        (&[], &[&[0x93, 23 << 2 | 1, 0xcc, 0, 5]], "the integer 0 in a form that is not the shortest"),
        (&[], &[&[0x93, 23 << 2 | 1, 0xd0, 5, 5]], "the integer 5 in a form that is not the shortest"),
        (&[], &[&[0xdc, 0, 3, 23 << 2 | 1, 0, 5]], "an array of 3 in a form that is not the shortest"),
        (&[], &[&[0x93, 23 << 2 | 1, 0, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0]], "a value of a type that no record has (0xcb)"),
        (&[], &[&[0x93, 23 << 2 | 1, 0, 0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0]], "where a signed integer is due"),
        (&[], &[&[0x92, 23 << 2 | 1, 0]], "a body of 0 fields where 1 are due"),
        (&[], &[&[0x91, 23 << 2 | 1, 0]], "an event of 1 elements"),
        (&[], &[&CLOCK[..3]], "the record is cut off"),
        (&[], &[&[0x93, 23 << 2 | 1, 0, 0xdd, 0xff, 0xff, 0xff, 0xff]], "an array of 4294967295 where"),
    ] {
        let found = error_of(shared, events).unwrap_or_default();
        assert!(found.contains(error), "{found:?}, expected {error:?}");
    }
}

#[test]
fn a_cause_beyond_the_greatest_offset_is_an_error() {
    // [head, cause_seq, cause_index, index, at, time] with the greatest values, and the next step from there.
    let last = [0x96, 23 << 2 | 3, 0xff, 0xce, 255, 255, 255, 255, 0xce, 255, 255, 255, 255, 0, 5];
    assert_eq!(error_of(&[], &[&last]), None);
    for step in 0..3 {
        let next = [0x93, 23 << 2 | step, 0, 5];
        assert_eq!(error_of(&[], &[&last, &next]).as_deref(), Some("a cause beyond the greatest offset"));
    }
}

#[test]
fn json_shows_numbers_ids_and_names_as_text() {
    let text = serde_json::to_string(&Event::from(OrderApproved { order: order() })).unwrap();
    for part in [r#""quantity":"0.5""#, r#""side":"buy""#, r#""instrument":"binance.BTCUSDT""#, r#""id":"0707"#] {
        assert!(text.contains(part), "{part} in {text}");
    }
}
