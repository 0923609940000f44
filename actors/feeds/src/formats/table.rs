//! CSV with a header of the contract's field names, optionally `instrument` and `kind`.
//!
//! Each row is converted to a map and decoded as the contract's maps are. Empty cells are omitted. A column that is no
//! field of the rows' kind is an error, and so is the lack of a column that the kind requires. Quoting follows RFC
//! 4180, but a quoted cell cannot contain a line break.

use std::collections::{BTreeMap, BTreeSet};

use csv_core::{ReadFieldResult, Reader};
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::contract;
use tapedeck_schemas::subject::MarketKind;

use super::{FileEntry, FormatReader, native};
use crate::FeedError;
use crate::input::InputFile;
use crate::lines::Lines;

struct CsvTable {
    lines: Lines,
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
    let header = cells(input.first_line().as_bytes()).unwrap_or_default();
    let has_time = header.iter().any(|name| name == "ts_recv" || name == "ts_event");
    has_time && header.iter().filter(|name| contract::FIELDS.iter().any(|field| field.name == **name)).count() > 1
}

pub(super) fn open(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let mut lines = Lines::new(input);
    let header = lines.next()?.unwrap_or_default();
    let columns = cells(header).map_err(|detail| lines.malformed(detail))?;
    let mut seen = BTreeSet::new();
    if let Some(repeated) = columns.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(lines.malformed(format!("column {repeated:?} occurs twice")));
    }
    let has = |name: &str| columns.iter().any(|column| column == name);
    let kind = KIND_BY_COLUMN.iter().find(|(column, _)| has(column)).map(|(_, kind)| *kind);
    if kind.is_none() && !has("kind") {
        return Err(lines.malformed("no column kind, nor one that implies it (bid, price, open, tick_size)".into()));
    }
    let kind = kind.filter(|_| !has("kind"));
    if given.is_none() && !has("instrument") {
        return Err(lines.malformed("no column instrument: add it, or give --instrument".into()));
    }
    check_columns(&columns, kind).map_err(|detail| lines.malformed(detail))?;
    let kind = kind.map(MarketKind::as_str);
    Ok(Box::new(CsvTable { lines, columns, kind, given }))
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
        while let Some(line) = self.lines.next()? {
            if line.is_empty() {
                continue;
            }
            let row = row(line, &self.columns, self.kind, self.given);
            return row.map(Some).map_err(|detail| self.lines.malformed(detail));
        }
        Ok(None)
    }
}

fn row(
    line: &[u8],
    columns: &[String],
    kind: Option<&'static str>,
    given: Option<InstrumentId>,
) -> Result<FileEntry, String> {
    let cells = cells(line)?;
    if cells.len() != columns.len() {
        return Err(format!("{} fields, the header has {}", cells.len(), columns.len()));
    }
    let filled = columns.iter().zip(&cells).filter(|(_, cell)| !cell.is_empty());
    let mut map: BTreeMap<&str, &str> = filled.map(|(name, cell)| (name.as_str(), cell.as_str())).collect();
    map.extend(kind.map(|kind| ("kind", kind)));
    let json = serde_json::to_vec(&map).map_err(|e| e.to_string())?;
    let mut read = native::read(&json, given)?;
    read.pop_front().map(FileEntry::from).ok_or_else(|| "an empty row".into())
}

/// The cells of a line, unquoted and trimmed.
fn cells(line: &[u8]) -> Result<Vec<String>, String> {
    let mut reader = Reader::new();
    let mut unquoted = vec![0; line.len() + 1];
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut rest = line;
    loop {
        let (result, read, written) = reader.read_field(rest, &mut unquoted);
        let text = std::str::from_utf8(&unquoted[..written]).map_err(|_| "not UTF-8".to_string())?;
        cell.push_str(text);
        rest = &rest[read..];
        match result {
            ReadFieldResult::InputEmpty => {} // the next call, without input, ends the line
            ReadFieldResult::OutputFull => return Err("a field is longer than its line".into()),
            ReadFieldResult::Field { record_end } => {
                cells.push(std::mem::take(&mut cell).trim().to_string());
                if record_end {
                    return Ok(cells);
                }
            }
            ReadFieldResult::End => return Ok(cells),
        }
    }
}
