//! Any entries make a record that decodes to them, and a record has one encoding.

use proptest::prelude::*;
use tapedeck_schemas::event::*;
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Header, InboxDigest, InboxPrefix, RecordEncoder, RecordHash, Writer};

use crate::samples::samples;

/// Entries of any kind, each with causes, indices and times near those before it or far from them.
fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let near = prop_oneof![Just(0u64), Just(1), 0u64..300, any::<u64>()];
    let offset = (near.clone(), prop_oneof![Just(0u32), 0u32..3, any::<u32>()]);
    let one = (0..Kind::ALL.len(), offset, prop_oneof![Just(0u32), 0u32..3, any::<u32>()], near);
    proptest::collection::vec(one, 1..30).prop_map(|all| {
        let samples = samples();
        let mut last = Entry { cause: Offset::START, index: 0, at: 0, event: Progress {}.into() };
        let follow = |(which, (seq, event), index, at): (usize, (u64, u32), u32, u64)| {
            let cause = Offset::new(last.cause.seq.wrapping_add(seq), event);
            last = Entry { cause, index, at: last.at.wrapping_sub(at), event: samples[which].clone() };
            last.clone()
        };
        all.into_iter().map(follow).collect()
    })
}

fn inbox() -> impl Strategy<Value = Option<InboxPrefix>> {
    let prefix =
        |(number, digest)| Some(InboxPrefix { generation: Generation::new(number)?, digest: InboxDigest(digest) });
    (prop_oneof![0u32..300, any::<u32>()], any::<[u8; 16]>()).prop_map(prefix)
}

/// The bytes of a record, after up to three changes.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<proptest::sample::Index>(), 0usize..3, any::<u8>());
    (entries(), inbox(), proptest::collection::vec(change, 0..4)).prop_map(|(entries, inbox, changes)| {
        let header = Header { writer: Writer::Risk, epoch: 2, prev_hash: RecordHash([5; 32]), inbox };
        let mut bytes = record::encode(&header, &entries);
        for (at, how, byte) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

proptest::proptest! {
    #[test]
    fn any_bytes_decode_or_are_an_error_without_panic(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400),
    ) {
        let _ = record::decode(&bytes);
    }

    #[test]
    fn a_record_of_any_entries_decodes_to_them(entries in entries(), inbox in inbox()) {
        let header = Header { writer: Writer::Ingest, epoch: u64::MAX, prev_hash: RecordHash([5; 32]), inbox };
        let bytes = record::encode(&header, &entries);
        prop_assert_eq!(record::decode(&bytes), Ok((header, entries.clone())));
        let mut encoder = RecordEncoder::default();
        for record in [1, 2] {
            entries.iter().for_each(|entry| encoder.push(entry));
            prop_assert_eq!(encoder.finish(&header), &bytes[..], "record {}", record);
        }
        entries.iter().for_each(|entry| encoder.push(entry));
        prop_assert!((bytes.len()..=bytes.len() + record::HEADER_BYTES_MAX).contains(&encoder.size_max()));
    }

    #[test]
    fn bytes_that_decode_are_the_encoding_of_what_they_decode_to(bytes in damaged()) {
        if let Ok((header, entries)) = record::decode(&bytes) {
            prop_assert_eq!(record::encode(&header, &entries), bytes);
        }
    }
}
