//! The help of every command: its width, its headings, its examples; and the completion scripts.

use std::process::{Command, Stdio};

use clap::{CommandFactory as _, Parser as _};
use tapedeck::cli::Cli;

use crate::common::{System, text};

/// Commands that talk to no server.
const OFFLINE: [&str; 6] = ["control show", "keys", "nats-accounts", "schema", "groups", "completions"];

/// Standard output of the binary, which is no terminal.
fn printed(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tapedeck")).args(args).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The words that name each command and each command of a command.
fn commands() -> Vec<Vec<String>> {
    fn collect(command: &clap::Command, path: &[String], all: &mut Vec<Vec<String>>) {
        for inner in command.get_subcommands() {
            let path = [path, &[inner.get_name().to_string()]].concat();
            all.push(path.clone());
            collect(inner, &path, all);
        }
    }
    let mut all = Vec::new();
    collect(&Cli::command(), &[], &mut all);
    all
}

/// What `--help` prints for each command, by its name.
fn helps() -> Vec<(String, String)> {
    let help = |path: Vec<String>| {
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        let long = printed(&[&words[..], &["--help"]].concat());
        assert_eq!(printed(&[&["help"], &words[..]].concat()), long, "{path:?}");
        (path.join(" "), long)
    };
    commands().into_iter().map(help).collect()
}

#[test]
fn help_fits_80_columns() {
    let mut all = helps();
    all.push(("tapedeck".into(), printed(&["--help"])));
    all.push(("tapedeck -h".into(), printed(&["-h"])));
    for (name, help) in all {
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line:?}");
        }
    }
}

#[test]
fn every_command_has_examples_that_parse() {
    for (name, help) in helps() {
        let (_, examples) = help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{name} has no examples"));
        let mut count = 0;
        for line in examples.lines().filter(|line| !line.is_empty()) {
            // What a shell would take away: the rest of a pipeline, and a redirection.
            let command = line.rsplit("| ").next().unwrap().split(" > ").next().unwrap().trim();
            assert!(command.starts_with(&format!("tapedeck {name}")), "{name}: {line}");
            if let Err(error) = Cli::try_parse_from(command.split_whitespace()) {
                panic!("{line}: {error}");
            }
            count += 1;
        }
        assert!((1..=3).contains(&count), "{name}: {count} examples");
    }
}

#[test]
fn connection_options_stand_together_and_only_where_they_are_used() {
    for (name, help) in helps() {
        let connection: Vec<&str> = help.split("\nConnection:\n").skip(1).collect();
        let has_commands = help.contains("\nCommands:\n");
        let expected = usize::from(!OFFLINE.contains(&name.as_str()) && !has_commands);
        assert_eq!(connection.len(), expected, "{name}:\n{help}");
        let indented = |line: &&str| line.is_empty() || line.starts_with(' ');
        let section: String = connection.concat().lines().take_while(indented).collect();
        for option in ["--dir <", "--nats-url <", "--nats-nkey <", "--database-url <", "--database-password-file <"] {
            assert_eq!(help.contains(option), section.contains(option), "{name}: {option} is under another heading");
        }
    }
}

#[test]
fn completions_name_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        for path in commands() {
            assert!(script.contains(path.last().unwrap()), "{shell}: {path:?}");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("tapedeck.bash");
    std::fs::write(&script, printed(&["completions", "bash"])).unwrap();
    assert!(Command::new("bash").arg("-n").arg(&script).status().unwrap().success());
}

#[test]
fn a_closed_pipe_ends_a_command_quietly_and_a_full_disk_with_a_message() {
    let system = System::new();
    for args in
        [&["groups"][..], &["groups", "--json"], &["schema", "tape"], &["completions", "bash"], &["nats-accounts"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let closed = system.command(args).stdout(writer).output().unwrap();
        assert_eq!((closed.status.code(), text(&closed.stderr).as_str()), (Some(0), ""), "{args:?}");
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let failed = system.command(args).stdout(full).output().unwrap();
        assert_eq!(failed.status.code(), Some(2), "{args:?}");
        assert!(text(&failed.stderr).contains("cannot write to standard output"), "{args:?}: {}", text(&failed.stderr));
    }
}
