//! The marked shell blocks of the README, run in order.

use std::process::{Command, Stdio};

use crate::common::{Process, System, text};

const README: &str = include_str!("../../README.md");

struct Block {
    in_background: bool,
    script: String,
}

/// The blocks after a mark `<!-- run … -->`.
fn blocks() -> Vec<Block> {
    let marked = README.split("<!-- run").skip(1);
    let block = |after: &str| {
        let (mark, rest) = after.split_once("-->").expect("the mark has no end");
        let script = rest.trim_start().strip_prefix("```sh\n").expect("no block follows the mark");
        let script = script.split("```").next().expect("the block has no end").to_string();
        Block { in_background: mark.contains("background"), script }
    };
    marked.map(block).collect()
}

/// Writes a replacement of `./dev` that runs the built binary on free ports.
fn dev(system: &System) {
    let binary = env!("CARGO_BIN_EXE_tapedeck");
    let script = format!(
        "#!/bin/sh\ncase $1 in\nrun) shift; exec {binary} \"$@\" ;;\n\
         up) exec {binary} up --nats-port 0 --database-port 0 --http 127.0.0.1:0 ;;\n*) exit 9 ;;\nesac\n"
    );
    let path = system.path().join("dev");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

fn shell(system: &System, script: &str) -> Command {
    let mut command = Command::new("bash");
    // `exec` in a background block replaces the shell, so that a signal reaches the system.
    command.args(["-euo", "pipefail", "-c", script]).current_dir(system.path()).stdin(Stdio::null());
    command.env("TAPEDECK_DIR", system.path()).env_remove("TAPEDECK_NATS_URL").env_remove("TAPEDECK_DATABASE_URL");
    command
}

#[test]
fn the_marked_blocks_of_the_readme_work() {
    let system = System::new();
    dev(&system);
    let blocks = blocks();
    assert!(blocks.len() >= 4, "{} blocks are marked", blocks.len());
    let mut background = Vec::new();
    let mut outputs = Vec::new();
    for block in &blocks {
        if block.in_background {
            background.push(Process::start(&mut shell(&system, &format!("exec {}", block.script.trim()))));
            while !system.run(&["status"]).status.success() {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            continue;
        }
        let output = shell(&system, &block.script).output().unwrap();
        assert!(output.status.success(), "{}\n{}", block.script, text(&output.stderr));
        outputs.push(text(&output.stdout));
        while !system.run(&["status"]).status.success() {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
    let [published, queried, _replayed] = &outputs[..] else { panic!("{outputs:?}") };
    assert!(published.contains(": 3 published"), "{published}");
    for expected in ["10.04", "10.05", "source    publish: 3 accepted"] {
        assert!(queried.contains(expected), "{expected} in {queried}");
    }
    let file = std::fs::read_to_string(system.path().join("acme.jsonl")).unwrap();
    let kinds = ["definition", "quote", "trade"];
    assert_eq!(file.lines().count(), 3, "{file}");
    assert!(file.lines().zip(kinds).all(|(line, kind)| line.contains(&format!("\"kind\":\"{kind}\""))), "{file}");
    for process in background {
        assert_eq!(process.terminate(), Some(0));
    }
}
