//! Entries of a file that cannot be read: their defects, and the counts that a publication reports.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::FeedError;

/// Kinds of defects of the formats. Maps of the contract have the codes of `MalformedDetail` besides.
pub(crate) mod kind {
    pub(crate) const FIELDS: &str = "fields";
    pub(crate) const HEADER: &str = "header";
    pub(crate) const INSTRUMENT: &str = "instrument";
    pub(crate) const INTERVAL: &str = "interval";
    pub(crate) const LONG_LINE: &str = "long_line";
    pub(crate) const MALFORMED: &str = "malformed";
    pub(crate) const NOT_JSON: &str = "not_json";
    pub(crate) const NOT_UTF8: &str = "not_utf8";
    pub(crate) const NUMBER: &str = "number";
    pub(crate) const SYMBOL: &str = "symbol";
    pub(crate) const TIME: &str = "time";
    pub(crate) const VENUE: &str = "venue";
}

/// Why an entry cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Defect {
    /// One of few kinds, under which such entries are counted.
    pub(crate) kind: &'static str,
    /// The violation, with the value.
    pub(crate) detail: String,
}

impl Defect {
    pub(crate) fn new(kind: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// The defect with words before its detail.
    pub(crate) fn within(self, key: &str) -> Self {
        Self { detail: format!("{key} {}", self.detail), ..self }
    }
}

impl From<String> for Defect {
    fn from(detail: String) -> Self {
        Self::new(kind::MALFORMED, detail)
    }
}

impl From<&str> for Defect {
    fn from(detail: &str) -> Self {
        Self::new(kind::MALFORMED, detail)
    }
}

impl From<Defect> for String {
    fn from(defect: Defect) -> Self {
        defect.detail
    }
}

/// Entries that cannot be read, by the kind of their defect.
pub type UnreadableCounts = BTreeMap<&'static str, UnreadableEntries>;

/// Entries with defects of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreadableEntries {
    /// Number of entries.
    pub count: u64,
    /// The first one.
    pub first: UnreadableEntry,
}

/// An entry that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreadableEntry {
    /// Path of the file, as given.
    pub file: String,
    /// Line, or number of the entry in a file without lines, from 1.
    pub line: u64,
    /// The violation, with the value.
    pub detail: String,
    /// The beginning of the entry, quoted.
    pub excerpt: String,
}

/// Adds an error to the counts, if only one entry is affected; returns any other error.
pub(crate) fn count(counts: &mut UnreadableCounts, error: FeedError) -> Result<(), FeedError> {
    let FeedError::Malformed { path, line, kind, detail, excerpt } = error else { return Err(error) };
    let first = || UnreadableEntry { file: path.display().to_string(), line, detail, excerpt };
    counts.entry(kind).or_insert_with(|| UnreadableEntries { count: 0, first: first() }).count += 1;
    Ok(())
}

/// The error of an entry that was counted.
pub(crate) fn error_of(kind: &'static str, entry: UnreadableEntry) -> FeedError {
    let UnreadableEntry { file, line, detail, excerpt } = entry;
    FeedError::Malformed { path: file.into(), line, kind, detail, excerpt }
}
