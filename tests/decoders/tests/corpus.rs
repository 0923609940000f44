//! Everything that fuzzing has kept, through the same functions: what was found once is not lost again.

use std::path::PathBuf;

use tapedeck_decoders::{TARGETS, run};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus");

#[test]
fn every_kept_input_of_every_target_holds() {
    for target in TARGETS {
        let folder = PathBuf::from(CORPUS).join(target.name);
        let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        paths.sort();
        assert!(paths.len() >= 10, "{}: only {} inputs", target.name, paths.len());
        for path in paths {
            let input = std::fs::read(&path).unwrap();
            // Shown by the harness only if it fails: which input it was.
            println!("{}", path.display());
            run(target.name, &input);
        }
    }
}
