//! Faults that fuzzing has found and that are still there, each as it shows. One that is mended fails here: then its
//! test goes, with its guard in `src/known.rs`, and the input goes into the corpus.

use tapedeck_schemas::number::Money;

#[test]
fn sixteen_bytes_that_are_a_string_but_no_text_are_taken_as_a_number() {
    // 0xb0: a string of 16 bytes. Our own form is 0xc4 0x10, bytes.
    let units = (1i128 << 64) | 0xff;
    let text = [&[0xb0], &units.to_be_bytes()[..]].concat();
    let read = rmp_serde::from_slice::<Money>(&text).unwrap();
    assert_eq!(read.units(), units);
    assert_ne!(rmp_serde::to_vec(&read).unwrap(), text);
}
