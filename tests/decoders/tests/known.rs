//! Faults that fuzzing has found and that are still there, each as it shows. One that is mended fails here: then its
//! test goes, with its guard in `src/known.rs`, and the input goes into the corpus.

use tapedeck_decoders::{files, known};
use tapedeck_feeds::{Payload, Selection, Setup};
use tapedeck_schemas::market;
use tapedeck_schemas::number::Money;
use tapedeck_schemas::subject::MarketKind;

#[test]
#[should_panic(expected = "overflow")]
fn a_lean_file_of_the_last_day_within_64_bits_panics() {
    let folder = tempfile::Builder::new().prefix("oanda-").tempdir().unwrap();
    let name = "25540721_eurusd_tick_quote.csv";
    assert!(known::lean_day_at_the_end_of_time(name));
    let path = folder.path().join(name);
    std::fs::write(&path, "86399999,1,2\n").unwrap();
    let read = tapedeck_feeds::open(&Selection { files: vec![path], ..Selection::default() }, &Setup::built_in());
    assert!(read.is_err());
}

#[test]
#[should_panic(expected = "index out of bounds")]
fn a_bulk_file_whose_header_is_too_short_panics() {
    assert!(known::bulk_header_too_short(b"agg_trade_id,price"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("BTCUSDT-aggTrades-2024-08-08.csv");
    std::fs::write(&path, "agg_trade_id,price\n1,2\n").unwrap();
    let read = tapedeck_feeds::open(&Selection { files: vec![path], ..Selection::default() }, &Setup::built_in());
    assert!(read.is_err());
}

#[test]
fn the_name_in_a_zip_stands_in_an_error_with_its_control_characters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.zip");
    let mut bytes = files::wrapped(files::Shape::Zip("\x1b[2Jabc"), b"1,2").1;
    // Encrypted, says the flag in the central directory: 8 bytes into its entry.
    let directory = bytes.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    bytes[directory + 8] |= 1;
    std::fs::write(&path, bytes).unwrap();
    let read = tapedeck_feeds::open(&Selection { files: vec![path], ..Selection::default() }, &Setup::built_in());
    let Err(error) = read else { panic!("taken") };
    let error = error.to_string();
    assert!(known::names_a_file_in_a_zip(&error) && error.contains("\x1b[2J"), "{error:?}");
}

#[test]
fn a_setup_that_asks_for_a_bar_twice_is_taken_and_its_definition_cannot_be_read() {
    let text = "[[instrument]]\nid = \"a.B\"\nbase = \"A\"\nquote = \"B\"\ntick_size = \"0.01\"\nlot_size = \"1\"\n\
                min_notional = \"0\"\nbars = [\"1m\", \"1m\"]\n";
    let setup = Setup::parse("twice", text).unwrap();
    let id = "a.B".parse().unwrap();
    let mut numberer = tapedeck_feeds::Numberer::new("feed".parse().unwrap(), "s".parse().unwrap());
    let items = tapedeck_feeds::definitions(&setup, [id], &mut numberer, 5).unwrap();
    let Payload::Event(event) = &items[0].payload else { panic!("no event") };
    let read = market::decode(MarketKind::Definition, &market::encode(event));
    assert_eq!(read[0].as_ref().unwrap_err().detail, "bars: 1m is asked for twice");
}

#[test]
fn sixteen_bytes_that_are_a_string_but_no_text_are_taken_as_a_number() {
    // 0xb0: a string of 16 bytes. Our own form is 0xc4 0x10, bytes.
    let units = (1i128 << 64) | 0xff;
    let text = [&[0xb0], &units.to_be_bytes()[..]].concat();
    let read = rmp_serde::from_slice::<Money>(&text).unwrap();
    assert_eq!(read.units(), units);
    assert_ne!(rmp_serde::to_vec(&read).unwrap(), text);
}
