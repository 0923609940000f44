//! The proofs named in the checklist exist, and its counts are those of its rows.

use std::path::{Path, PathBuf};

const CHECKLIST: &str = include_str!("../../CHECKLIST.md");

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "sh") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

/// The rows, each with its five cells.
fn rows() -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>();
    let is_row = |cells: &Vec<&str>| cells.len() == 5 && cells[0].ends_with(|c: char| c.is_ascii_digit());
    CHECKLIST.lines().filter(|line| line.starts_with("| ")).map(cells).filter(is_row).collect()
}

#[test]
fn every_named_proof_exists_and_every_done_row_has_one() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut text = String::new();
    for folder in ["tests/e2e", "tests/k8s-scripts", "k8s/verify/src", "k8s/scripts"] {
        sources(&root.join(folder), &mut text);
    }
    let mut proven = 0;
    for row in rows() {
        let [id, _, state, _, proof] = row[..] else { unreachable!() };
        match proof.split('`').nth(1) {
            Some(name) => assert!(text.contains(name), "{id}: the proof {name:?} does not exist"),
            None => assert_ne!(state, "done", "{id} is done, but has no proof"),
        }
        proven += u32::from(!proof.is_empty());
    }
    assert!(proven > 40, "{proven} rows with a proof");
}

#[test]
fn the_counts_equal_those_of_the_rows() {
    let of = |state: &str| rows().iter().filter(|row| row[2] == state).count();
    let counts = format!("{} done, {} part, {} later, {} n/a.", of("done"), of("part"), of("later"), of("n/a"));
    assert!(CHECKLIST.contains(&counts), "{counts}");
}
