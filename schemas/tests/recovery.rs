//! `docs/recovery.md` has a section for each stop code, and a row for each reason with its exit status.

use tapedeck_schemas::reason::Reason;

/// The reasons that the document misses, and the sections that are of no stop.
fn faults(document: &str) -> Vec<String> {
    let sections: Vec<&str> = document.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let kind = |reason: &Reason| match reason.exit_status() {
        Some(status) => format!("stop, exit status {status}"),
        None => "passes".into(),
    };
    let is_missing = |reason: &&Reason| {
        let has_row = document.contains(&format!("\n| `{reason}` | {} | ", kind(reason)));
        !has_row || reason.is_stop() && !sections.contains(&reason.as_str())
    };
    let missing = Reason::ALL.iter().filter(is_missing).map(ToString::to_string);
    let is_stop = |name: &str| name.parse::<Reason>().is_ok_and(Reason::is_stop);
    missing.chain(sections.iter().filter(|name| !is_stop(name)).map(|name| format!("section {name}"))).collect()
}

#[test]
fn every_stop_code_has_a_section() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/recovery.md")).unwrap();
    assert_eq!(faults(&document), Vec::<String>::new());
    assert_eq!(faults(&document.replace("## older-logic", "## newer-logic")), ["older-logic", "section newer-logic"]);
    assert_eq!(faults(&document.replace("| `standby`", "| standby")), ["standby"]);
    assert_eq!(faults(&document.replace("exit status 45", "exit status 46")), ["tape-lost-data"]);
}
