//! Runs the targets on the corpus of kept inputs, so that fixed faults do not return.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tapedeck_decoders::{TARGETS, run};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus");
/// Least number of inputs of a target; fewer mean that the corpus was lost.
const INPUTS_MIN: usize = 10;

/// Held by a running target: the heap is that of the process, and other tests read files meanwhile.
static SERIAL: Mutex<()> = Mutex::new(());

fn run_corpus(target: &str) {
    let _serial = SERIAL.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = PathBuf::from(CORPUS).join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= INPUTS_MIN, "{target}: only {} inputs", paths.len());
    for path in paths {
        println!("{}", path.display()); // shown if the test fails
        run(target, &std::fs::read(&path).unwrap());
    }
}

macro_rules! targets {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            run_corpus(stringify!($target));
        })*

        #[test]
        fn every_target_has_a_test_and_a_fuzz_target() {
            let tested = [$(stringify!($target)),*];
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), tested);
            let manifest = include_str!("../../fuzz/Cargo.toml");
            for target in tested {
                assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target}");
                let body = std::fs::read_to_string(format!("{CORPUS}/../fuzz_targets/{target}.rs")).unwrap();
                assert!(body.contains(&format!("run(\"{target}\", input)")), "{target}");
            }
        }
    };
}

targets!(record market command setup files numbers names ingest);
