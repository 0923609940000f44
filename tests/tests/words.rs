//! The words: retired ones, doc comments that say nothing, type names and lists of groups that stand twice.
//!
//! As in `tidy.rs`, a rule is one function on a file's path and text, and one entry in `RULES` with an offence that it
//! must catch. [`type_names`] alone looks at all files at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Most lines in a script, program or document that does not say why it is longer.
const LINES_MAX: usize = 400;
/// Most words of a doc comment that may be a pronoun and its company ("Which.", "All of them.").
const EMPTY_DOC_WORDS_MAX: usize = 3;
/// As many different groups, named close together, are a list of them.
const LISTED_GROUPS: usize = 4;
/// How many lines are close together.
const LIST_LINES: usize = 8;

/// Files that name retired words because they are about them.
const ABOUT_WORDS: [&str; 3] = ["docs/glossary.md", "CHANGELOG.md", "tests/tests/words.rs"];

/// Type names that stand once a file by convention: the arguments of a command beside it.
const ONE_A_FILE: [&str; 1] = ["Args"];

/// What a doc comment that only restates its item begins with.
const PRONOUNS: [&str; 22] = [
    "which", "whose", "who", "whom", "what", "where", "when", "why", "how", "it", "its", "this", "that", "these",
    "those", "they", "them", "all", "both", "one", "ours", "theirs",
];

/// A text file: its path from the root and its text.
struct File {
    path: String,
    text: String,
}

type Rule = fn(&File) -> Vec<String>;

/// Every rule: its name, itself, a path, and a text there that it must catch.
const RULES: [(&str, Rule, &str, &str); 9] = [
    ("no retired word", retired, "actors/x/src/a.rs", "/// Skips void records."),
    ("no retired word: in a name", retired, "actors/x/src/a.rs", "let looked_at = self.void_records;"),
    ("no retired word: in a type", retired, "actors/x/src/a.rs", "struct PublisherLanes;"),
    ("no retired word: in a document", retired, "docs/x.md", "The judge speaks."),
    ("a doc comment says something", empty_docs, "actors/x/src/a.rs", "    /// Which.\n    pub order: OrderId,"),
    ("a doc comment says something: in a macro", empty_docs, "a.rs", "x\n/// All of them.\nx"),
    ("one list of groups", lists_of_groups, "tests/x.rs", "[\"ingest\", \"control\", \"signal\",\n \"risk\"]"),
    ("one list of groups: in a script", lists_of_groups, "k8s/x.sh", "for group in ingest control signal risk; do"),
    ("short files", short, "k8s/scripts/a.sh", "LONG"),
];

/// The words of the glossary's last table, and their forms.
fn retired(file: &File) -> Vec<String> {
    if ABOUT_WORDS.contains(&file.path.as_str()) {
        return Vec::new();
    }
    let retired = retired_words();
    let offends = |word: &String| retired.iter().any(|one| is_form_of(word, one));
    let lines = file.text.lines().enumerate();
    lines
        .filter_map(|(index, line)| words(line).into_iter().find(offends).map(|word| (index, word, line)))
        .map(|(index, word, line)| format!("line {}: {word:?}: {}", index + 1, line.trim()))
        .collect()
}

fn retired_words() -> Vec<String> {
    let glossary = std::fs::read_to_string(root().join("docs/glossary.md")).unwrap();
    let table = glossary.split("## Retired words").nth(1).expect("the glossary ends with the retired words");
    let cells = table.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let words = cells.filter(|cell| *cell != "word").flat_map(|cell| cell.split(", "));
    words.map(|word| word.split(" (").next().unwrap_or(word).to_string()).collect()
}

/// The word itself, its plural or past, or its present participle.
fn is_form_of(word: &str, retired: &str) -> bool {
    let stem = retired.strip_suffix('e').unwrap_or(retired);
    let ends = ["s", "es", "d", "ed"].iter().any(|end| word.strip_suffix(end) == Some(retired));
    word == retired || ends || word.strip_suffix("ing") == Some(stem) || word.strip_suffix("ment") == Some(retired)
}

/// The words of a line in lower case, those within names (`snake_case`, `CamelCase`) too.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in line.chars() {
        if !c.is_ascii_alphabetic() || (c.is_ascii_uppercase() && was_lower) {
            words.push(String::new());
        }
        if c.is_ascii_alphabetic() {
            words.last_mut().expect("there is always one").push(c.to_ascii_lowercase());
        }
        was_lower = c.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// One-line doc comments of a pronoun and little else.
fn empty_docs(file: &File) -> Vec<String> {
    if !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let is_doc = |index: usize| lines.get(index).is_some_and(|line| line.starts_with("///"));
    let alone = |index: &usize| is_doc(*index) && !is_doc(index + 1) && (*index == 0 || !is_doc(index - 1));
    let says_nothing = |index: &usize| {
        let said = words(lines[*index]);
        said.len() <= EMPTY_DOC_WORDS_MAX && said.first().is_some_and(|first| PRONOUNS.contains(&first.as_str()))
    };
    let found = (0..lines.len()).filter(alone).filter(says_nothing);
    found.map(|index| format!("line {}: {}", index + 1, lines[index])).collect()
}

/// Places that name several groups close together, as string literals, writers, crates or words of a script.
fn lists_of_groups(file: &File) -> Vec<String> {
    let says_why = |line: &str| line.to_lowercase().contains("lists groups because: ");
    let list_itself =
        ["actors/groups/", "k8s/scripts/roles.txt", "Cargo.toml"].iter().any(|path| file.path.starts_with(path));
    let rendered = [".md", ".yaml", ".conf"].iter().any(|end| file.path.ends_with(end));
    if list_itself || rendered || file.text.lines().any(says_why) {
        return Vec::new();
    }
    let groups: Vec<&str> = tapedeck_groups::names().collect();
    let is_script = !file.path.ends_with(".rs");
    let lines: Vec<Vec<&str>> = file.text.lines().map(|line| named_groups(line, &groups, is_script)).collect();
    let mut offences = Vec::new();
    let mut index = 0;
    while index < lines.len() {
        let window = &lines[index..lines.len().min(index + LIST_LINES)];
        let different: std::collections::BTreeSet<&str> = window.iter().flatten().copied().collect();
        if !lines[index].is_empty() && different.len() >= LISTED_GROUPS {
            offences.push(format!("line {}: names {different:?}", index + 1));
            index += LIST_LINES;
        } else {
            index += 1;
        }
    }
    offences
}

fn named_groups<'a>(line: &str, groups: &[&'a str], is_script: bool) -> Vec<&'a str> {
    // What a machine reads is declared with it.
    let is_comment = line.trim_start().starts_with(if is_script { "#" } else { "//" }) || line.contains("Reads::Tape(");
    let named = |group: &&&str| {
        let mut capital = group.to_string();
        capital[..1].make_ascii_uppercase();
        let literal = line.contains(&format!("\"{group}\"")) || line.contains(&format!("Writer::{capital}"));
        let made = line.contains(&format!("tapedeck_{group}::{capital}"));
        let word = || line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|one| one == **group);
        literal || made || (is_script && word())
    };
    if is_comment { Vec::new() } else { groups.iter().filter(named).copied().collect() }
}

/// `tidy.rs` looks at the Rust files.
fn short(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    let excused = file.text.lines().take(12).any(|line| line.contains("longer because: "));
    let rendered = file.path.ends_with(".yaml") || file.path.ends_with(".rs") || file.path.starts_with("schemas/docs/");
    if lines > LINES_MAX && !excused && !rendered {
        vec![format!("{lines} lines, at most {LINES_MAX}")]
    } else {
        Vec::new()
    }
}

/// Types of the same name in several files under `actors/`, without a line above that says `same name as`.
fn type_names(files: &[File]) -> Vec<String> {
    let mut defined: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.path.starts_with("actors/") && file.path.contains("/src/")) {
        let lines: Vec<&str> = file.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let above = lines[..index].iter().rev().take_while(|line| line.starts_with("//") || line.starts_with("#["));
            let says_why = above.into_iter().any(|line| line.contains("same name as"));
            if let Some(name) = defined_type(line).filter(|name| !says_why && !ONE_A_FILE.contains(name)) {
                defined.entry(name).or_default().push(format!("{}:{}", file.path, index + 1));
            }
        }
    }
    let twice = defined.into_iter().filter(|(_, places)| places.len() > 1);
    twice.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect()
}

/// The type that a line at the left margin defines.
fn defined_type(line: &str) -> Option<&str> {
    let rest = match line.strip_prefix("pub") {
        None => line,
        Some(rest) => {
            rest.strip_prefix("(").and_then(|rest| rest.split_once(')')).map_or(rest, |(_, rest)| rest).trim_start()
        }
    };
    let rest = ["struct ", "enum ", "trait ", "type "].iter().find_map(|keyword| rest.strip_prefix(keyword))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

#[test]
fn every_rule_holds() {
    let files = files();
    assert!(files.len() > 100, "only {} files found", files.len());
    let of_file = |(name, rule, ..): &(&'static str, Rule, &str, &str), file: &File| -> Vec<String> {
        rule(file).into_iter().map(|what| format!("{name}: {}: {what}", file.path)).collect()
    };
    let own = |file: &&File| file.path != "tests/tests/words.rs"; // it holds an offence of each kind
    let mut offences: Vec<String> =
        RULES.iter().flat_map(|rule| files.iter().filter(own).flat_map(|file| of_file(rule, file))).collect();
    offences.extend(type_names(&files).into_iter().map(|what| format!("a type name is defined once: {what}")));
    offences.sort();
    offences.dedup_by_key(|offence| offence.split_once(": ").map(|(_, what)| what.to_string()));
    assert!(offences.is_empty(), "{} offences:\n{}", offences.len(), offences.join("\n"));
}

#[test]
fn every_rule_catches_its_offence_and_passes_a_good_file() {
    let good = "//! A file.\n/// Which order the fill belongs to.\npub order: OrderId,\n\
        let groups = tapedeck_groups::names(); // \"ingest\" is one of them\navoid silently devoid planes judicious\n";
    for (name, rule, path, offence) in RULES {
        let text = if offence == "LONG" { "x\n".repeat(LINES_MAX + 1) } else { offence.to_string() };
        assert!(!rule(&File { path: path.into(), text }).is_empty(), "{name}: does not catch {offence:?}");
        assert_eq!(rule(&File { path: path.into(), text: good.into() }), [""; 0], "{name}: a good file");
    }
    for retired_word in retired_words() {
        let text = format!("// {retired_word}\n");
        assert_eq!(retired(&File { path: "a.rs".into(), text }).len(), 1, "{retired_word}");
    }
}

#[test]
fn a_type_name_that_is_defined_twice_is_caught() {
    let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
    let first = file("actors/a/src/lib.rs", "pub struct Order {\n}\n");
    for again in ["pub(crate) enum Order {", "trait Order {", "pub type Order = u8;"] {
        assert_eq!(type_names(&[file("actors/b/src/x.rs", again), file(&first.path, &first.text)]).len(), 1, "{again}");
    }
    let excused = file("actors/b/src/x.rs", "/// An order.\n// same name as a::Order: the venue's word\nenum Order {");
    assert_eq!(type_names(&[excused, file("actors/c/tests/x.rs", "struct Order;"), first]), [""; 0]);
}

/// Every text file that is written by hand.
fn files() -> Vec<File> {
    let ends = [".rs", ".md", ".sh", ".py", ".go", ".toml", ".yaml", ".conf", ".awk", ".sql", "justfile", "dev", "run"];
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
            let relative = path.strip_prefix(root()).unwrap().to_str().unwrap().to_string();
            let skipped = ["target", "corpus", "golden", "artifacts", "node_modules"].contains(&name.as_str());
            if path.is_dir() && (!name.starts_with('.') || name == ".ci") && !skipped {
                folders.push(path);
            } else if path.is_file() && ends.iter().any(|end| name.ends_with(end)) {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push(File { path: relative, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}
