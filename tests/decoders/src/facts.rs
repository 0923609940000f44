//! What must hold of the facts that a machine decides on an input from outside.

use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Header, RecordHash, Writer};
use tapedeck_schemas::text::{DETAIL_BYTES_MAX, SUBJECT_BYTES_MAX};

/// They fit a record, and the tape gives them back as they were.
pub fn stand_on_the_tape(writer: Writer, cause: Offset, at: u64, events: &[Event]) {
    let entry = |(index, event): (u32, &Event)| Entry { cause, index, at, event: event.clone() };
    let entries: Vec<Entry> = (0..).zip(events).map(entry).collect();
    let header = Header { writer, epoch: 1, prev_hash: RecordHash::default() };
    let bytes = record::encode(&header, &entries);
    assert_eq!(record::decode(&bytes), Ok((header, entries)));
}

/// What a refusal repeats is short and plain.
pub fn is_plain(detail: &str, subject: &str) {
    assert!(!detail.is_empty() && detail.len() <= DETAIL_BYTES_MAX, "detail {detail:?}");
    assert!(subject.len() <= SUBJECT_BYTES_MAX, "subject {subject:?}");
    assert!(!detail.chars().chain(subject.chars()).any(char::is_control), "{detail:?} {subject:?}");
}
