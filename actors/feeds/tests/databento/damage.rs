//! Records that cannot be read, and files that are cut off, damaged or hostile.

use std::io::Write as _;

use crate::common::unreadable;
use crate::*;

#[test]
fn records_that_cannot_be_events_are_counted_and_the_others_are_read() {
    let good = trade(7, MONDAY, 1, 1, b'A');
    let undefined = |ts_recv| TradeMsg { ts_recv, ..good.clone() };
    let records = [
        trade(7, MONDAY, 1, 1, b'X'),
        good.clone(),
        undefined(0),
        undefined(UNDEF_TIMESTAMP),
        trade(8, MONDAY, 1, 1, b'A'),
        good.clone(),
    ];
    let (events, summary) = open(&encoded(&metadata(Schema::Trades), &records)).unwrap();
    assert_eq!(events.len(), 2);
    let all = unreadable(&summary);
    let counts: Vec<_> = all.iter().map(|(kind, count, line, _)| (*kind, *count, *line)).collect();
    assert_eq!(counts, [("malformed", 1, 1), ("symbol", 1, 5), ("time", 2, 3)]);
    assert_eq!(all[0].3, "side 'X' is none of A, B and N");
    assert_eq!(all[2].3, "ts_recv is undefined, and is the receive time");
    let first = book(b'A', level((1_000_000_000, 1), (2_000_000_000, 1)));
    let mut other = first.clone();
    other.hd.publisher_id = 3;
    let (events, summary) = open(&encoded(&metadata(Schema::Mbp1), &[first.clone(), other, first])).unwrap();
    assert_eq!(events.len(), 2);
    let told = "a quote of publisher 3 after those of publisher 2: request a dataset of one book";
    assert_eq!(unreadable(&summary), [("venue", 1, 2, told)]);
    // A record that is shorter than its type.
    let header = encoded::<TradeMsg>(&metadata(Schema::Trades), &[]).len();
    let mut bytes = encoded(&metadata(Schema::Trades), &trades()[..2]);
    bytes[header] = 10;
    bytes.drain(header + 40..header + 48);
    let (events, summary) = open(&bytes).unwrap();
    assert_eq!((events.len(), unreadable(&summary)[0].0), (1, "fields"));
}

#[test]
fn a_file_that_ends_early_is_an_error_that_says_where() {
    let header = encoded::<TradeMsg>(&metadata(Schema::Trades), &[]).len();
    let bytes = encoded(&metadata(Schema::Trades), &trades());
    for length in 4..bytes.len() {
        let records = length.saturating_sub(header) / size_of::<TradeMsg>();
        let is_between = length >= header && (length - header).is_multiple_of(size_of::<TradeMsg>());
        match open(&bytes[..length]) {
            Ok((events, _)) => assert!(is_between && events.len() == records, "{length} of {} bytes", bytes.len()),
            Err(text) if length < header => assert!(text.contains("any:0: the file ends within its header"), "{text}"),
            Err(text) if is_between => assert!(length == header && text.starts_with("no market event in "), "{text}"),
            Err(text) => {
                let part = format!("any:{}: the file ends within this record; copy or download", records + 1);
                assert!(text.contains(&part), "{text}");
            }
        }
    }
    let packed = zstd::encode_all(&bytes[..], 3).unwrap();
    for length in 4..packed.len() {
        let text = error(&packed[..length]);
        assert!(text.contains("the compressed data end after line"), "{length}: {text}");
    }
}

#[test]
fn a_file_named_zst_is_unpacked_and_what_follows_the_data_is_an_error() {
    let text = "instrument,ts_recv,price,quantity\nnasdaq.ABC,5,1.5,2\n";
    let packed = zstd::encode_all(text.as_bytes(), 3).unwrap();
    assert_eq!(count_of_table(&packed), Ok(1), "any format");
    let error = count_of_table(&[&packed[..], b"more"].concat()).unwrap_err();
    assert!(error.contains("cannot read after line "), "{error}");
    let dir = TempDir::new().unwrap();
    let path = common::write(&dir, "table.csv.zst", text);
    let selection = Selection { files: vec![path], ..Selection::default() };
    let error = tapedeck_feeds::open(&selection, &setup()).err().unwrap().to_string();
    assert!(error.contains("table.csv.zst: cannot read after line 0: "), "the name says zstd: {error}");
}

/// The number of events of a file that is not DBN, without definitions.
fn count_of_table(bytes: &[u8]) -> Result<usize, String> {
    let dir = TempDir::new().unwrap();
    let path = common::write(&dir, "table.csv.zst", bytes);
    let selection = Selection { files: vec![path], ..Selection::default() };
    tapedeck_feeds::open(&selection, &setup()).map(|(_, feed, _)| feed.count() - 1).map_err(|error| error.to_string())
}

#[test]
fn a_damaged_or_hostile_file_is_an_error_or_other_events_and_no_panic() {
    let bytes = encoded(&metadata(Schema::Trades), &trades());
    let (dir, setup) = (TempDir::new().unwrap(), setup());
    let selection = Selection { files: vec![dir.path().join("any")], ..Selection::default() };
    let mut accepted = 0;
    for at in 0..bytes.len() {
        for value in [0, 255, bytes[at] ^ 0x20] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            std::fs::write(&selection.files[0], damaged).unwrap();
            match tapedeck_feeds::open(&selection, &setup) {
                Ok((_, feed, items)) => {
                    accepted += 1;
                    assert_eq!(feed.filter(Result::is_ok).count() as u64, items, "byte {at} as {value}");
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
    assert!(accepted > 0 && accepted < 3 * bytes.len(), "{accepted} of {}", 3 * bytes.len());
    let mut long = bytes.clone();
    long[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(error(&long).contains("any:0: a header of 4294967295 bytes, at most 67108864 are read"));
    long[4..8].copy_from_slice(&60_000_000_u32.to_le_bytes());
    assert!(error(&long).contains("any:0: the file ends within its header"));
    let mut short_symbols = bytes.clone();
    short_symbols[53] = 1;
    assert!(error(&short_symbols).contains("any:0: the header has symbols of the length [1, 0], want 71 bytes"));
    // A record of a length that would leave the next one without its alignment, or that is shorter than its header.
    let header = encoded::<TradeMsg>(&metadata(Schema::Trades), &[]).len();
    for (record, first) in [(1, header), (2, header + size_of::<TradeMsg>())] {
        let mut shifted = bytes.clone();
        shifted[first] = 5;
        let text = error(&shifted);
        assert!(text.contains(&format!("any:{record}: a record of 20 bytes, want a multiple of 8")), "{text}");
        assert!(text.ends_with("; what follows cannot be read"), "{text}");
        for length in [3, 0] {
            shifted[first] = length;
            let text = error(&shifted);
            assert!(text.contains(&format!("any:{record}: the record is malformed")), "{text}");
        }
    }
    let mut packer = zstd::Encoder::new(Vec::new(), 3).unwrap();
    packer.include_checksum(true).unwrap();
    packer.write_all(&bytes).unwrap();
    let mut packed = packer.finish().unwrap();
    *packed.last_mut().unwrap() ^= 1;
    let text = error(&packed);
    assert!(text.contains("any: cannot read after line "), "{text}");
}
