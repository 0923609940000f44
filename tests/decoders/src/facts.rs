//! Properties of the facts that a machine decides on external input.

use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Header, RecordHash, Writer};
use tapedeck_schemas::text::{DETAIL_BYTES_MAX, SUBJECT_BYTES_MAX};

/// The facts fit into a record, which decodes to equal facts.
pub fn assert_record_round_trip(writer: Writer, cause: Offset, at: u64, events: &[Event]) {
    let entry = |(index, event): (u32, &Event)| Entry { cause, index, at, event: event.clone() };
    let entries: Vec<Entry> = (0..).zip(events).map(entry).collect();
    let header = Header { writer, epoch: 1, prev_hash: RecordHash::default(), inbox: None };
    let bytes = record::encode(&header, &entries);
    assert_eq!(record::decode(&bytes), Ok((header, entries)));
}

/// A reason in words and the subject are bounded and have no control characters.
pub fn assert_plain_text(detail: &str, subject: &str) {
    assert!(!detail.is_empty() && detail.len() <= DETAIL_BYTES_MAX, "detail {detail:?}");
    assert!(subject.len() <= SUBJECT_BYTES_MAX, "subject {subject:?}");
    assert!(!detail.chars().chain(subject.chars()).any(char::is_control), "{detail:?} {subject:?}");
}
