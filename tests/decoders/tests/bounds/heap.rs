//! Hostile input uses heap in proportion to its bytes, not to the lengths that it declares.

use proptest::collection::vec;
use proptest::prelude::*;
use tapedeck_decoders::{files, heap};
use tapedeck_feeds::{Selection, Setup};
use tapedeck_schemas::event::ClockAdvanced;
use tapedeck_schemas::market::{MESSAGE_BYTES_MAX, MESSAGE_EVENTS_MAX};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Header, RECORD_BYTES_MAX, RECORD_EVENTS_MAX, RecordHash, Writer};

use crate::common::{self, Decoder, config, decoders, serialize};

const MIB: usize = 1024 * 1024;

/// MessagePack heads that declare a length of about 2^32 or 2^16.
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

fn assert_frugal(decoder: &Decoder, bytes: &[u8]) {
    let (_, taken) = heap(|| (decoder.is_error)(bytes));
    let allowed = decoder.fixed + decoder.per_byte * bytes.len();
    assert!(taken <= allowed, "{}: {} bytes used {taken} bytes of heap, allowed {allowed}", decoder.name, bytes.len());
}

/// A decoder, and the beginning of a valid message for it.
fn beginning(which: usize, at: usize) -> (Decoder, Vec<u8>) {
    let decoder = decoders().swap_remove(which);
    let bytes = decoder.valid[..at % decoder.valid.len()].to_vec();
    (decoder, bytes)
}

#[test]
fn a_declared_length_uses_no_heap_before_its_bytes_are_read() {
    let _serial = serialize();
    for decoder in decoders() {
        for (at, head) in (0..decoder.valid.len()).flat_map(|at| LONG.map(|head| (at, head))) {
            assert_frugal(&decoder, &[&decoder.valid[..at], head, &decoder.valid[at..]].concat());
        }
    }
}

#[test]
fn nested_declared_lengths_use_no_heap() {
    let _serial = serialize();
    proptest!(config(), |(which in 0usize..4, at in 0usize..400, heads in vec(0..LONG.len(), 1..2000))| {
        let (decoder, mut bytes)  = beginning(which, at);
        bytes.extend(heads.into_iter().flat_map(|head| LONG[head]));
        assert_frugal(&decoder, &bytes);
    });
}

#[test]
fn many_equal_bytes_use_heap_in_proportion() {
    let _serial = serialize();
    proptest!(config(), |(which in 0usize..4, at in 0usize..400, byte: u8, count in 0usize..300_000)| {
        let (decoder, mut bytes)  = beginning(which, at);
        bytes.resize(bytes.len() + count, byte);
        assert_frugal(&decoder, &bytes);
    });
}

#[test]
fn each_decoder_accepts_its_valid_message() {
    let _serial = serialize();
    for decoder in decoders() {
        assert!(!(decoder.is_error)(&decoder.valid), "{}", decoder.name);
        assert_frugal(&decoder, &decoder.valid);
    }
}

#[test]
fn the_largest_messages_stay_within_the_bound() {
    let _serial = serialize();
    let all = decoders();
    let small = [b"\xdd\0\x03\xff\xf0".as_slice(), &vec![7; MESSAGE_BYTES_MAX - 5]].concat();
    assert_frugal(&all[1], &small);
    for one in ["7", "{}", "[]", "\"\"", r#"{"a":1}"#] {
        for count in [MESSAGE_EVENTS_MAX, MESSAGE_BYTES_MAX / (one.len() + 1) - 2] {
            let array = format!("[{}]", vec![one; count].join(","));
            assert!((all[1].is_error)(array.as_bytes()), "{one}");
            assert_frugal(&all[1], array.as_bytes());
        }
    }
    let text = format!(r#"[{{"kind":"trade","source":"{}"}}]"#, "\\u0041".repeat(MESSAGE_BYTES_MAX / 6 - 20));
    assert_frugal(&all[1], text.as_bytes());
    let entry = Entry { cause: Offset::new(7, 0), index: 0, at: 5, event: ClockAdvanced { time: 5 }.into() };
    let header = Header { writer: Writer::Ingest, epoch: 1, prev_hash: RecordHash::default(), inbox: None };
    let full = record::encode(&header, &vec![entry; RECORD_EVENTS_MAX]);
    assert!(full.len() <= RECORD_BYTES_MAX && !(all[0].is_error)(&full));
    assert_frugal(&all[0], &full);
}

#[test]
fn a_packed_file_is_not_unpacked_into_memory() {
    let _serial = serialize();
    let line = r#"{"instrument":"binance.BTCUSDT","kind":"heartbeat","ts_recv":1}"#.to_string() + "\n";
    let dir = tempfile::tempdir().unwrap();
    // 64 MiB of lines, and 64 MiB without a line break, each packed into some KiB.
    for (content, is_valid) in [(line.repeat(64 * MIB / line.len()), true), (" ".repeat(64 * MIB), false)] {
        let packed = files::packed(files::Shape::Gzip, content.as_bytes()).1;
        let path = dir.path().join("market");
        std::fs::write(&path, &packed).unwrap();
        drop((content, packed));
        let selection = Selection { files: vec![path], ..Selection::default() };
        let read = || tapedeck_feeds::open(&selection, &Setup::built_in()).map(|(_, feed, _)| feed.count());
        let (read, taken) = heap(read);
        assert_eq!(read.is_ok(), is_valid);
        assert!(taken < 8 * MIB, "{taken} bytes of heap");
    }
}

#[test]
fn a_header_of_databento_uses_no_heap_for_the_lengths_that_it_declares() {
    let _serial = serialize();
    let header = dbn::Metadata::builder()
        .dataset("binance")
        .schema(Some(dbn::Schema::Trades))
        .start(0)
        .stype_in(Some(dbn::SType::RawSymbol))
        .stype_out(dbn::SType::InstrumentId)
        .symbols(vec!["BTCUSDT".into(); 3])
        .build();
    let mut bytes = Vec::new();
    dbn::encode::DbnEncoder::new(&mut bytes, &header).unwrap();
    for at in 4..=bytes.len() - 4 {
        for declared in [u32::MAX, 1 << 24, 1] {
            let mut damaged = bytes.clone();
            damaged[at..at + 4].copy_from_slice(&declared.to_le_bytes());
            let (read, taken) = heap(|| common::file(&damaged));
            assert!(read.is_err() && taken <= MIB, "{declared} at {at}: {taken} bytes of heap");
        }
    }
    // 64 MiB of zeros, packed into some KiB, are a header of the greatest length: also one with many short symbols.
    let (zeros, length_at, count_at) = (64 * MIB, 53, 112);
    assert_eq!((&bytes[length_at..][..2], &bytes[count_at..][..4]), (&[71, 0][..], &[3, 0, 0, 0][..]));
    bytes[4..8].copy_from_slice(&(zeros as u32).to_le_bytes());
    bytes.resize(8 + zeros, 0);
    for (symbol_bytes, count) in [(71, 3), (71, 900_000), (1, 20_000_000_u32)] {
        bytes[length_at] = symbol_bytes;
        bytes[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
        let packed = zstd::encode_all(&bytes[..], 1).unwrap();
        let (read, taken) = heap(|| common::file(&packed));
        assert!(read.is_err() && taken <= 5 * zeros, "{count} symbols of {symbol_bytes} bytes: {taken} bytes of heap");
    }
}

#[test]
fn a_deep_setup_uses_heap_in_proportion() {
    let _serial = serialize();
    for text in common::deep_setups() {
        let (is_error, taken) = heap(|| Setup::parse("deep", &text).is_err());
        assert!(is_error && taken <= MIB + 512 * text.len(), "{} bytes used {taken} bytes of heap", text.len());
    }
}
