//! CSV with a header of the contract's field names, optionally `instrument` and `kind`.
//!
//! Each row is converted to a map and decoded as the contract's maps are. Empty cells are omitted. A column that is no
//! field of the rows' kind is an error, and so is the lack of a column that the kind requires.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::contract;
use tapedeck_schemas::subject::MarketKind;

use super::sheet::{self, Sheet};
use super::{FileEntry, FormatReader, native};
use crate::FeedError;
use crate::defect::{self, Defect};
use crate::input::InputFile;

struct CsvTable {
    sheet: Sheet,
    columns: Vec<String>,
    kind: Option<&'static str>,
    given: Option<InstrumentId>,
}

/// Columns that only one kind has: they determine the kind of a table without a column `kind`.
const KIND_BY_COLUMN: [(&str, MarketKind); 4] = [
    ("bid", MarketKind::Quote),
    ("price", MarketKind::Trade),
    ("open", MarketKind::Bar),
    ("tick_size", MarketKind::Definition),
];
/// Fields that the publisher sets: a table need not have them.
const NUMBERING: [&str; 3] = ["source", "session", "seq"];

pub(super) fn is(input: &InputFile) -> bool {
    let header = sheet::first_cells(input);
    is_header(&header.iter().map(String::as_str).collect::<Vec<_>>())
}

fn is_header(cells: &[&str]) -> bool {
    let is_field = |name: &&&str| contract::FIELDS.iter().any(|field| field.name == **name);
    cells.iter().any(|name| matches!(*name, "ts_recv" | "ts_event")) && cells.iter().filter(is_field).count() > 1
}

pub(super) fn open(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let columns = sheet::first_cells(&input);
    let malformed = |detail: String| FeedError::malformed(&input.path, 1, detail, input.first_line().as_bytes());
    let mut seen = BTreeSet::new();
    if let Some(repeated) = columns.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(malformed(format!("column {repeated:?} occurs twice")));
    }
    let has = |name: &str| columns.iter().any(|column| column == name);
    let kind = KIND_BY_COLUMN.iter().find(|(column, _)| has(column)).map(|(_, kind)| *kind);
    if kind.is_none() && !has("kind") {
        return Err(malformed("no column kind, nor one that implies it (bid, price, open, tick_size)".into()));
    }
    let kind = kind.filter(|_| !has("kind"));
    if given.is_none() && !has("instrument") {
        return Err(malformed("no column instrument: add it, or give --instrument".into()));
    }
    check_columns(&columns, kind).map_err(malformed)?;
    let kind = kind.map(MarketKind::as_str);
    Ok(Box::new(CsvTable { sheet: Sheet::new(input, columns.clone(), is_header), columns, kind, given }))
}

/// Checks that each column is a field of the kind, and that no field is missing that the kind requires; `None` for a
/// table of any kinds.
fn check_columns(columns: &[String], kind: Option<MarketKind>) -> Result<(), String> {
    let fields = || contract::FIELDS.iter().filter(|field| kind.is_none_or(|kind| field.kinds.contains(&kind)));
    let rows = kind.map_or("rows of any kind".into(), |kind| format!("rows of kind {kind}"));
    let is_known = |name: &str| name == "instrument" || fields().any(|field| field.name == name);
    if let Some(unknown) = columns.iter().find(|name| !is_known(name)) {
        return Err(format!(
            "column {:?} is no field of {rows} in docs/publishing.md: rename or remove it",
            super::cut(unknown)
        ));
    }
    let required = |field: &&contract::FieldSpec| match kind {
        Some(_) => field.required && !NUMBERING.contains(&field.name),
        None => field.name == "ts_recv",
    };
    match fields().filter(required).find(|field| !columns.iter().any(|name| name == field.name)) {
        Some(missing) => Err(format!("no column {}, which {rows} need", missing.name)),
        None => Ok(()),
    }
}

impl FormatReader for CsvTable {
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError> {
        self.sheet.next(|cells| row(cells, &self.columns, self.kind, self.given))
    }
}

fn row(
    cells: &[&str],
    columns: &[String],
    kind: Option<&'static str>,
    given: Option<InstrumentId>,
) -> Result<FileEntry, Defect> {
    if cells.len() != columns.len() {
        let detail = format!("{} fields, the header has {}", cells.len(), columns.len());
        return Err(Defect::new(defect::kind::FIELDS, detail));
    }
    let filled = columns.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
    let mut map: BTreeMap<&str, &str> = filled.map(|(name, cell)| (name.as_str(), *cell)).collect();
    map.extend(kind.map(|kind| ("kind", kind)));
    let json = serde_json::to_vec(&map).map_err(|e| e.to_string())?;
    let mut read = native::read(&json, given);
    read.pop_front().unwrap_or_else(|| Err("an empty row".into())).map(FileEntry::from)
}
