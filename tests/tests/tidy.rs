//! The code's shape: who may depend on whom, how long a file may be, what the pure crates must not name.
//!
//! A rule is one function on a file's path and text, and one entry in `RULES` with an offence that it must catch.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Most lines in a file that does not say why it is longer.
const LINES_MAX: usize = 400;
/// Most lines in the file in the middle.
const MEDIAN_LINES_MAX: usize = 150;
/// Most characters in a line.
const COLUMNS_MAX: usize = 120;

/// Folders of the crates without clock, IO, randomness or float money, besides those of the machines.
const PURE: [&str; 4] = ["schemas/", "actors/groups/", "actors/kernel/", "actors/projections/"];

/// What may not be named in them: what differs from run to run, from machine to machine, or touches the outside.
const IMPURE: [&str; 25] = [
    "std::time",
    "Instant",
    "SystemTime",
    "rand",
    "thread_rng",
    "RandomState",
    "HashMap",
    "HashSet",
    "std::net",
    "std::fs",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "async",
    "tokio",
    "tracing",
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
    "static mut",
    "Mutex",
    "Atomic",
    "f32",
];

/// Float functions of the platform: their last bit depends on the CPU.
const PLATFORM_FLOAT: [&str; 24] = [
    "exp", "exp2", "exp_m1", "ln", "ln_1p", "log", "log2", "log10", "powf", "powi", "sin", "cos", "tan", "sin_cos",
    "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "cbrt", "hypot", "mul_add",
];

/// What the pure crates may use of others' (tests apart): data structures, hashing and the codec.
const PURE_DEPENDENCIES: [&str; 9] =
    ["arrayvec", "blake3", "rmp", "rmp-serde", "serde", "serde_bytes", "serde_json", "siphasher", "thiserror"];

/// A Rust file: its path from the root, its text, and the text without comments and test modules.
struct Source {
    path: String,
    text: String,
    code: String,
    is_test: bool,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        // Examples are programs of their own, as foreign to the crate beside them as tests.
        let is_test = ["/tests/", "/examples/"].iter().any(|part| path.contains(part)) || path.starts_with("tests/");
        Self { path: path.into(), text: text.into(), code: without_tests(&without_comments(text)), is_test }
    }

    fn is_pure(&self) -> bool {
        let of_a_machine = || self.path.strip_prefix("actors/")?.split_once('/').filter(|(name, _)| is_machine(name));
        !self.is_test && (PURE.iter().any(|folder| self.path.starts_with(folder)) || of_a_machine().is_some())
    }

    /// The offending lines among those of the code.
    fn code_lines(&self, is_offence: impl Fn(&str) -> bool) -> Vec<String> {
        self.code.lines().filter(|line| is_offence(line)).map(|line| line.trim().to_string()).collect()
    }
}

type Rule = fn(&Source) -> Vec<String>;

/// Every rule: its name, itself, a path, and a text there that it must catch.
const RULES: [(&str, Rule, &str, &str); 13] = [
    ("short files", short, "actors/x/src/a.rs", "LONG"),
    ("short lines", narrow, "actors/x/src/a.rs", "WIDE"),
    ("a header", header, "actors/x/src/a.rs", "use std::fmt;\n"),
    ("pure crates name nothing impure", pure, "actors/risk/src/a.rs", "use std::collections::{BTreeMap, HashMap};"),
    ("pure crates call no platform float", exact, "actors/signal/src/a.rs", "let y = x.exp();"),
    ("pure crates call no platform float by path", exact, "actors/signal/src/a.rs", "let y = f64::powf(x, 2.0);"),
    ("float only inside strategies", floatless, "actors/portfolio/src/a.rs", "fn cash(&self) -> f64 {"),
    ("unsafe nowhere", safe, "actors/runtime/src/a.rs", "let x = unsafe { *p };"),
    ("pure crates forbid unsafe", forbids, "actors/paper/src/lib.rs", "//! The venue.\npub mod fees;"),
    ("nothing unfinished", finished, "actors/feeds/src/a.rs", "todo!()"),
    ("nothing unfinished: dbg", finished, "actors/feeds/src/a.rs", "dbg!(x);"),
    ("approvals come from the gate", gate, "actors/risk/src/sizing.rs", "out.emit(OrderApproved { order });"),
    (
        "approvals come from the gate: by name",
        gate,
        "actors/signal/src/a.rs",
        "Event::OrderApproved(event::OrderApproved{order})",
    ),
];

fn short(file: &Source) -> Vec<String> {
    let (lines, says_why) = (file.text.lines().count(), |line: &str| line.starts_with("// longer because: "));
    let excused = file.text.lines().take(12).any(says_why);
    if lines > LINES_MAX && !excused { vec![format!("{lines} lines, at most {LINES_MAX}")] } else { Vec::new() }
}

fn narrow(file: &Source) -> Vec<String> {
    let wide = file.text.lines().enumerate().filter(|(_, line)| line.chars().count() > COLUMNS_MAX);
    wide.map(|(i, line)| format!("line {} has {} columns", i + 1, line.chars().count())).collect()
}

fn header(file: &Source) -> Vec<String> {
    let missing = !file.text.starts_with("//! ");
    if missing { vec!["does not open with a //! sentence".into()] } else { Vec::new() }
}

/// A file and the name that it may use: the formatters of serde_json write through `std::io::Write`, here to memory.
const PURE_EXCEPTION: (&str, &str) = ("schemas/src/json.rs", "std::io");

fn pure(file: &Source) -> Vec<String> {
    let may = |name: &str| (file.path.as_str(), name) == PURE_EXCEPTION;
    file.code_lines(|line| file.is_pure() && IMPURE.iter().any(|name| !may(name) && names(line, name)))
}

fn exact(file: &Source) -> Vec<String> {
    let calls = |line: &str, name: &str| line.contains(&format!(".{name}(")) || line.contains(&format!("f64::{name}"));
    file.code_lines(|line| file.is_pure() && PLATFORM_FLOAT.iter().any(|name| calls(line, name)))
}

/// `to_f64` leads into the strategies; serde's `visit_f64` is how a float on the wire is refused.
fn floatless(file: &Source) -> Vec<String> {
    let may = file.path.starts_with("actors/signal/");
    let leads = |line: &str| line.contains("fn to_f64") || line.contains("visit_f64");
    file.code_lines(|line| file.is_pure() && !may && !leads(line) && names(line, "f64"))
}

fn safe(file: &Source) -> Vec<String> {
    without_comments(&file.text).lines().filter(|line| names(line, "unsafe")).map(str::to_string).collect()
}

fn forbids(file: &Source) -> Vec<String> {
    let must = file.is_pure() && file.path.ends_with("/src/lib.rs") && file.path.matches('/').count() <= 3;
    let missing = must && !file.code.contains("#![forbid(unsafe_code)]");
    if missing { vec!["lacks #![forbid(unsafe_code)]".into()] } else { Vec::new() }
}

fn finished(file: &Source) -> Vec<String> {
    let marks = ["todo!(", "unimplemented!(", "dbg!("];
    without_comments(&file.text).lines().filter(|l| marks.iter().any(|m| l.contains(m))).map(str::to_string).collect()
}

fn gate(file: &Source) -> Vec<String> {
    // Where the kinds are declared they are named, not made.
    let may = file.is_test || ["actors/risk/src/gate.rs", "schemas/src/event/risk.rs"].contains(&file.path.as_str());
    file.code_lines(|line| {
        let made = line.split("OrderApproved").skip(1).any(|after| after.trim_start().starts_with('{'));
        !may && made
    })
}

#[test]
fn every_rule_holds() {
    let files = sources();
    assert!(files.len() > 50, "only {} files found", files.len());
    let offences: Vec<String> = RULES
        .iter()
        .flat_map(|(name, rule, ..)| {
            let here = |file: &&Source| file.path != "tests/tests/tidy.rs"; // it holds an offence of each kind
            files
                .iter()
                .filter(here)
                .flat_map(move |file| rule(file).into_iter().map(move |what| format!("{name}: {}: {what}", file.path)))
        })
        .collect();
    assert!(offences.is_empty(), "{} offences:\n{}", offences.len(), offences.join("\n"));
}

#[test]
fn every_rule_catches_its_offence_and_passes_a_good_file() {
    let good = "//! Words.\n#![forbid(unsafe_code)]\nuse std::collections::BTreeMap; // no HashMap, no f64, no unsafe\n\
        let x = \"a // b\";\n#[cfg(test)]\nmod tests {\n    use std::time::Instant;\n}\n";
    for (name, rule, path, offence) in RULES {
        let offence = match offence {
            "LONG" => "x\n".repeat(LINES_MAX + 1),
            "WIDE" => "x".repeat(COLUMNS_MAX + 1),
            other => other.to_string(),
        };
        assert!(!rule(&Source::new(path, &offence)).is_empty(), "{name}: does not catch {offence:?}");
        assert_eq!(rule(&Source::new(path, good)), [""; 0], "{name}: a good file");
    }
    for impure in IMPURE {
        assert!(!pure(&Source::new("actors/risk/src/a.rs", &format!("x({impure});"))).is_empty(), "{impure}");
    }
    let after_tests = "#[cfg(test)]\nmod tests {\n}\nuse tokio;\n#[cfg(test)]\nmod more;\nuse rand;";
    assert_eq!(pure(&Source::new("schemas/src/a.rs", after_tests)), ["use tokio;", "use rand;"]);
}

#[test]
fn the_file_in_the_middle_is_short() {
    let mut lines: Vec<usize> = sources().iter().map(|file| file.text.lines().count()).collect();
    lines.sort_unstable();
    let median = lines[lines.len() / 2];
    assert!(median <= MEDIAN_LINES_MAX, "the median file has {median} lines, at most {MEDIAN_LINES_MAX}");
}

#[test]
fn dependencies_point_down() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() >= 14, "only {} packages", packages.len());
    let mut offences = Vec::new();
    for package in packages {
        for dependency in package["dependencies"].as_array().unwrap() {
            let (from, to) = (package["name"].as_str().unwrap(), dependency["name"].as_str().unwrap());
            let for_tests = dependency["kind"] == "dev";
            if !may_depend(from, to, for_tests) {
                offences.push(format!("{from} -> {to}"));
            }
        }
    }
    assert!(offences.is_empty(), "these arrows may not be:\n{}", offences.join("\n"));
}

#[test]
fn an_arrow_up_or_sideways_is_caught() {
    for (from, to) in [
        ("tapedeck-schemas", "tapedeck-kernel"),
        ("tapedeck-kernel", "tapedeck-risk"),
        ("tapedeck-risk", "tapedeck-portfolio"),
        ("tapedeck-signal", "tokio"),
        ("tapedeck-projections", "tokio-postgres"),
        ("tapedeck-runtime", "tapedeck-risk"),
        ("tapedeck-risk", "tapedeck-groups"),
        ("tapedeck-groups", "tapedeck-runtime"),
        ("tapedeck-servers", "tapedeck-schemas"),
        ("tapedeck-feeds", "tapedeck"),
        ("tapedeck-new", "tapedeck-schemas"),
    ] {
        assert!(!may_depend(from, to, false), "{from} -> {to}");
    }
    assert!(may_depend("tapedeck-risk", "tapedeck-kernel", false));
    assert!(may_depend("tapedeck-risk", "proptest", true) && !may_depend("tapedeck-risk", "tapedeck-paper", true));
}

/// Whether this is the crate of a machine, by its name without `tapedeck-`.
fn is_machine(name: &str) -> bool {
    tapedeck_groups::writers().any(|writer| writer.as_str() == name)
}

/// Whether one crate may use another. A new crate of ours gets a line here.
fn may_depend(from: &str, to: &str, for_tests: bool) -> bool {
    let ours = to == "tapedeck" || to.starts_with("tapedeck-");
    let short = from.strip_prefix("tapedeck-").unwrap_or(from);
    if !ours {
        let is_pure = is_machine(short) || ["schemas", "kernel", "groups", "projections"].contains(&short);
        let reads_publishers = short == "groups" && to == "toml";
        return for_tests || !is_pure || reads_publishers || PURE_DEPENDENCIES.contains(&to);
    }
    let to_machine = to.strip_prefix("tapedeck-").is_some_and(is_machine);
    let down: &[&str] = match short {
        "groups" if to_machine => return true,
        "groups" => &["tapedeck-schemas", "tapedeck-kernel"],
        "schemas" | "servers" => &[],
        "kernel" => &["tapedeck-schemas"],
        "projections" | "feeds" => &["tapedeck-schemas", "tapedeck-kernel"],
        "runtime" => &["tapedeck-schemas", "tapedeck-kernel", "tapedeck-projections"],
        "history" => {
            &["tapedeck-schemas", "tapedeck-kernel", "tapedeck-projections", "tapedeck-groups", "tapedeck-runtime"]
        }
        "answers" => &["tapedeck-schemas", "tapedeck-kernel", "tapedeck-ingest", "tapedeck-runtime"],
        "k8s" => &["tapedeck-schemas", "tapedeck-groups", "tapedeck-servers"],
        "tapedeck" | "tests" | "loadtest" | "sim" | "decoders" | "chaos" => return to != from,
        _ if is_machine(short) => &["tapedeck-schemas", "tapedeck-kernel"],
        _ => return false,
    };
    down.contains(&to)
}

/// Whether a line names this, as whole words ("rand" is not in "operand"). `Atomic` is a prefix.
fn names(line: &str, name: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(name).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), line[at + name.len()..].chars().next());
        !part(before) && (!part(after) || name == "Atomic")
    })
}

/// Without line comments. A `//` inside a string stays.
fn without_comments(text: &str) -> String {
    let bare = |line: &str| {
        let in_code = |at: &usize| line[..*at].matches('"').count().is_multiple_of(2);
        let end = line.match_indices("//").map(|(at, _)| at).find(in_code).unwrap_or(line.len());
        line[..end].to_string() + "\n"
    };
    text.lines().map(bare).collect()
}

/// Without what stands under `#[cfg(test)]` at the left margin: a module or an item.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        if line.trim_end() == "#[cfg(test)]" {
            let item = lines.find(|line| !line.starts_with("#[")).unwrap_or_default().trim_end();
            if !item.ends_with(';') && !item.ends_with('}') {
                lines.find(|line| line.starts_with('}'));
            }
        } else {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Every Rust file; those that only tests include are marked.
fn sources() -> Vec<Source> {
    let (mut files, mut test_modules) = (Vec::new(), Vec::new());
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                test_modules.extend(modules_for_tests(&path, &text));
                let relative = path.strip_prefix(root()).unwrap().to_str().unwrap();
                files.push(Source::new(relative, &text));
            }
        }
    }
    for file in &mut files {
        let path = root().join(&file.path);
        file.is_test |= test_modules.iter().any(|module| path.with_extension("").starts_with(module));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Paths, without `.rs`, of the modules that a file declares under `#[cfg(test)]`.
fn modules_for_tests(path: &Path, text: &str) -> Vec<PathBuf> {
    let own_folder = ["lib.rs", "main.rs", "mod.rs"].iter().any(|name| path.ends_with(name));
    let folder = if own_folder { path.parent().unwrap().to_path_buf() } else { path.with_extension("") };
    let declared = text.split("#[cfg(test)]\n").skip(1).filter_map(|after| after.lines().next()?.strip_suffix(';'));
    declared.filter_map(|item| item.split_once("mod ")).map(|(_, name)| folder.join(name)).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}
