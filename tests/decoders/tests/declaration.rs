//! The declaration of streams on damaged text: it is an error with a text, or places every partition.

use proptest::collection::vec;
use proptest::prelude::*;
use tapedeck_decoders::heap;
use tapedeck_runtime::streams::{BUILT_IN, Declaration};

const PARTITIONS_MAX: usize = tapedeck_schemas::subject::PARTITIONS_MAX as usize;

const MIB: usize = 1024 * 1024;
/// Lines of the declaration, and TOML syntax.
const WORDS: [&str; 14] = [
    "[[partition]]\n",
    "market = []\n",
    "market = [\"md.>\"]\n",
    "market = [\"cmd.>\"]\n",
    "[tape]\n",
    "replicas = 1\n",
    "max_bytes = 99999999999999999999\n",
    "max_bytes = -1\n",
    "= ",
    "\"",
    "\"\"\"",
    "[",
    "{",
    "\u{0}",
];

/// Whether the declaration is valid; checks the result and the use of the heap.
fn check(text: &str) -> bool {
    let (read, taken) = heap(|| Declaration::parse(text));
    assert!(taken <= MIB + 512 * text.len(), "{} bytes used {taken} bytes of heap", text.len());
    match read {
        Ok(declared) => {
            assert!((1..=PARTITIONS_MAX).contains(&declared.partitions.len()), "{}", declared.partitions.len());
            let is_market = |subject: &String| subject.starts_with("md.");
            assert!(declared.partitions.iter().all(|one| !one.market.is_empty() && one.market.iter().all(is_market)));
            true
        }
        Err(error) => {
            assert!(error.to_string().len() > 10);
            false
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_declaration_is_an_error_or_places_every_partition(
        cuts in vec((0usize..8000, 0usize..60, 0..WORDS.len()), 1..6),
    ) {
        let mut text = BUILT_IN.to_string();
        for (at, length, word) in cuts {
            let at = at % (text.len() + 1); // the text is ASCII: every index is a character boundary
            let end = (at + length).min(text.len());
            text.replace_range(at..end, WORDS[word]);
        }
        check(&text);
    }

    #[test]
    fn arbitrary_text_is_an_error(text in ".{0,400}") {
        prop_assert!(!check(&text));
    }
}

#[test]
fn the_bounds_on_partitions_and_nesting_hold() {
    let partition = "[[partition]]\nmarket = [\"md.a.*\"]\n";
    let rest = BUILT_IN.split("[[partition]]").next().unwrap();
    for (count, is_valid) in
        [(0, false), (1, true), (PARTITIONS_MAX, true), (PARTITIONS_MAX + 1, false), (20_000, false)]
    {
        assert_eq!(check(&[rest, &partition.repeat(count)].concat()), is_valid, "{count} partitions");
    }
    for deep in ["[", "{a=", "a."] {
        assert!(!check(&[rest, "x = ", &deep.repeat(100_000)].concat()));
    }
}
