//! What hostile input costs in heap: in proportion to its bytes, whatever lengths it declares.

use proptest::collection::vec;
use proptest::prelude::*;
use tapedeck_decoders::{files, heap};
use tapedeck_feeds::{Selection, Setup};
use tapedeck_schemas::event::ClockAdvanced;
use tapedeck_schemas::market::{MESSAGE_BYTES_MAX, MESSAGE_EVENTS_MAX};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Header, RECORD_BYTES_MAX, RECORD_EVENTS_MAX, RecordHash, Writer};

use crate::common::{self, Decoder, alone, config, decoders};

const MIB: usize = 1024 * 1024;

/// Heads of MessagePack that declare about 2^32 of what follows, or 2^16.
const LONG: [&[u8]; 9] = [
    b"\xdb\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x01",
    b"\xda\xff\xff",
    b"\xc5\xff\xff",
    b"\xdc\xff\xff",
    b"\xde\xff\xff",
];

fn frugal(decoder: &Decoder, bytes: &[u8]) {
    let (_, taken) = heap(|| (decoder.refuses)(bytes));
    let allowed = decoder.fixed + decoder.per_byte * bytes.len();
    assert!(taken <= allowed, "{}: {} bytes took {taken} of heap, allowed {allowed}", decoder.name, bytes.len());
}

/// In front of what is hostile stands the beginning of a good message, cut anywhere.
fn begin(which: usize, at: usize) -> (Decoder, Vec<u8>) {
    let decoder = decoders().swap_remove(which);
    let begin = decoder.good[..at % decoder.good.len()].to_vec();
    (decoder, begin)
}

#[test]
fn a_declared_length_takes_no_heap_until_the_bytes_are_there() {
    let _alone = alone();
    for decoder in decoders() {
        for (at, head) in (0..decoder.good.len()).flat_map(|at| LONG.map(|head| (at, head))) {
            frugal(&decoder, &[&decoder.good[..at], head, &decoder.good[at..]].concat());
        }
    }
}

#[test]
fn a_length_within_a_length_takes_no_heap() {
    let _alone = alone();
    proptest!(config(), |(which in 0usize..4, at in 0usize..400, heads in vec(0..LONG.len(), 1..2000))| {
        let (decoder, mut bytes) = begin(which, at);
        bytes.extend(heads.into_iter().flat_map(|head| LONG[head]));
        frugal(&decoder, &bytes);
    });
}

#[test]
fn many_bytes_of_one_sort_take_heap_in_proportion() {
    let _alone = alone();
    proptest!(config(), |(which in 0usize..4, at in 0usize..400, byte: u8, count in 0usize..300_000)| {
        let (decoder, mut bytes) = begin(which, at);
        bytes.resize(bytes.len() + count, byte);
        frugal(&decoder, &bytes);
    });
}

#[test]
fn each_decoder_takes_its_good_message() {
    let _alone = alone();
    for decoder in decoders() {
        assert!(!(decoder.refuses)(&decoder.good), "{}", decoder.name);
        frugal(&decoder, &decoder.good);
    }
}

#[test]
fn the_fullest_messages_take_what_their_bounds_say() {
    let _alone = alone();
    let all = decoders();
    let small = [b"\xdd\0\x03\xff\xf0".as_slice(), &vec![7; MESSAGE_BYTES_MAX - 5]].concat();
    frugal(&all[1], &small);
    for one in ["7", "{}", "[]", "\"\"", r#"{"a":1}"#] {
        for count in [MESSAGE_EVENTS_MAX, MESSAGE_BYTES_MAX / (one.len() + 1) - 2] {
            let array = format!("[{}]", vec![one; count].join(","));
            assert!((all[1].refuses)(array.as_bytes()), "{one}");
            frugal(&all[1], array.as_bytes());
        }
    }
    let text = format!(r#"[{{"kind":"trade","source":"{}"}}]"#, "\\u0041".repeat(MESSAGE_BYTES_MAX / 6 - 20));
    frugal(&all[1], text.as_bytes());
    let entry = Entry { cause: Offset::new(7, 0), index: 0, at: 5, event: ClockAdvanced { time: 5 }.into() };
    let header = Header { writer: Writer::Ingest, epoch: 1, prev_hash: RecordHash::default() };
    let full = record::encode(&header, &vec![entry; RECORD_EVENTS_MAX]);
    assert!(full.len() <= RECORD_BYTES_MAX && !(all[0].refuses)(&full));
    frugal(&all[0], &full);
}

#[test]
fn what_a_packed_file_unpacks_to_is_never_held_whole() {
    let _alone = alone();
    let line = r#"{"instrument":"binance.BTCUSDT","kind":"heartbeat","ts_recv":1}"#.to_string() + "\n";
    let dir = tempfile::tempdir().unwrap();
    // 64 MiB of lines, and 64 MiB without an end of line, in some KiB.
    for (content, good) in [(line.repeat(64 * MIB / line.len()), true), (" ".repeat(64 * MIB), false)] {
        let packed = files::wrapped(files::Shape::Gzip, content.as_bytes()).1;
        let path = dir.path().join("market");
        std::fs::write(&path, &packed).unwrap();
        drop((content, packed));
        let selection = Selection { files: vec![path], ..Selection::default() };
        let read = || tapedeck_feeds::open(&selection, &Setup::built_in()).map(|(_, feed, _)| feed.count());
        let (read, taken) = heap(read);
        assert_eq!(read.is_ok(), good);
        assert!(taken < 8 * MIB, "{taken} bytes of heap");
    }
}

#[test]
fn a_deep_setup_takes_heap_in_proportion() {
    let _alone = alone();
    for text in common::deep_setups() {
        let (refused, taken) = heap(|| Setup::parse("deep", &text).is_err());
        assert!(refused && taken <= MIB + 512 * text.len(), "{} bytes took {taken} of heap", text.len());
    }
}
