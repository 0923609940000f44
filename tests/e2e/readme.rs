//! The README's blocks, run as they are printed, in their order.

use std::process::{Command, Stdio};

use crate::common::{Process, System, text};

const README: &str = include_str!("../../README.md");

struct Block {
    in_background: bool,
    script: String,
}

/// The blocks that are marked to be run.
fn blocks() -> Vec<Block> {
    let marked = README.split("<!-- run").skip(1);
    let block = |after: &str| {
        let (mark, rest) = after.split_once("-->").expect("a mark ends");
        let script = rest.trim_start().strip_prefix("```sh\n").expect("a block follows its mark");
        let script = script.split("```").next().expect("a block ends").to_string();
        Block { in_background: mark.contains("background"), script }
    };
    marked.map(block).collect()
}

/// `./dev`, for a binary that is built already; the test's own directory and ports that are free.
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
    // What is started in the background is what the shell becomes, so that ending it ends the system.
    command.args(["-euo", "pipefail", "-c", script]).current_dir(system.path()).stdin(Stdio::null());
    command.env("TAPEDECK_DIR", system.path()).env_remove("TAPEDECK_NATS_URL").env_remove("TAPEDECK_DATABASE_URL");
    command
}

#[test]
fn the_blocks_work_as_printed() {
    let system = System::new();
    dev(&system);
    let blocks = blocks();
    assert!(blocks.len() >= 4, "{} blocks are marked", blocks.len());
    let mut background = Vec::new();
    let mut said = Vec::new();
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
        said.push(text(&output.stdout));
        while !system.run(&["status"]).status.success() {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
    let [published, looked, _replayed] = &said[..] else { panic!("{said:?}") };
    assert!(published.contains(": 3 published"), "{published}");
    for expected in ["10.04", "10.05", "source    publish: 3 accepted"] {
        assert!(looked.contains(expected), "{expected} in {looked}");
    }
    let file = std::fs::read_to_string(system.path().join("acme.jsonl")).unwrap();
    let kinds = ["definition", "quote", "trade"];
    assert_eq!(file.lines().count(), 3, "{file}");
    assert!(file.lines().zip(kinds).all(|(line, kind)| line.contains(&format!("\"kind\":\"{kind}\""))), "{file}");
    for process in background {
        assert_eq!(process.terminate(), Some(0));
    }
}
