//! Known faults that fuzzing has found. A test fails when its fault is fixed: then remove it and its exception in
//! `src/known.rs`, and add the input to the corpus.

use tapedeck_schemas::number::Money;

#[test]
fn a_string_of_9_bytes_that_is_not_utf8_decodes_as_a_number() {
    // 0xa9: a string of 9 bytes. The canonical form is 0xc4 0x09, bytes.
    let units = (1i128 << 64) | 0xff;
    let text = [&[0xa9], &units.to_be_bytes()[7..]].concat();
    let read = rmp_serde::from_slice::<Money>(&text).unwrap();
    assert_eq!(read.units(), units);
    assert_ne!(rmp_serde::to_vec(&read).unwrap(), text);
}
