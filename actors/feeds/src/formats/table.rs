//! Plain CSV with a header that names the contract's fields, and `instrument`, `kind` where it has them.
//!
//! Each row is read as the map of its cells, by the contract's own reader; empty cells are as if they were not there,
//! and columns that the contract does not know are passed over. Quoting as in RFC 4180, without ends of lines in it.

use std::collections::{BTreeMap, BTreeSet};

use csv_core::{ReadFieldResult, Reader};
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::contract;

use super::{FormatReader, TextLine, native};
use crate::FeedError;
use crate::input::InputFile;
use crate::lines::Lines;

struct CsvTable {
    lines: Lines,
    columns: Vec<String>,
    kind: Option<&'static str>,
    given: Option<InstrumentId>,
}

/// What a table without a `kind` holds is told by a column that only that kind has.
const TELLING: [(&str, &str); 4] = [("bid", "quote"), ("price", "trade"), ("open", "bar"), ("tick_size", "definition")];

pub(super) fn is(input: &InputFile) -> bool {
    let header = cells(input.first_line().as_bytes()).unwrap_or_default();
    let time = header.iter().any(|name| name == "ts_recv" || name == "ts_event");
    time && header.iter().filter(|name| contract::FIELDS.iter().any(|field| field.name == **name)).count() > 1
}

pub(super) fn open(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let mut lines = Lines::of(input);
    let header = lines.next()?.unwrap_or_default();
    let columns = cells(header).map_err(|detail| lines.malformed(detail))?;
    let mut seen = BTreeSet::new();
    if let Some(twice) = columns.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(lines.malformed(format!("column {twice:?} is there twice")));
    }
    let has = |name: &str| columns.iter().any(|column| column == name);
    let kind = TELLING.iter().find(|(column, _)| has(column)).map(|(_, kind)| *kind);
    if kind.is_none() && !has("kind") {
        return Err(lines.malformed("no column kind, and none that tells it (bid, price, open, tick_size)".into()));
    }
    let kind = kind.filter(|_| !has("kind"));
    if given.is_none() && !has("instrument") {
        return Err(lines.malformed("no column instrument: add it, or give --instrument".into()));
    }
    Ok(Box::new(CsvTable { lines, columns, kind, given }))
}

impl FormatReader for CsvTable {
    fn next(&mut self) -> Result<Option<TextLine>, FeedError> {
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
) -> Result<TextLine, String> {
    let cells = cells(line)?;
    if cells.len() != columns.len() {
        return Err(format!("{} fields, the header has {}", cells.len(), columns.len()));
    }
    let filled = columns.iter().zip(&cells).filter(|(_, cell)| !cell.is_empty());
    let mut map: BTreeMap<&str, &str> = filled.map(|(name, cell)| (name.as_str(), cell.as_str())).collect();
    map.extend(kind.map(|kind| ("kind", kind)));
    let json = serde_json::to_vec(&map).map_err(|e| e.to_string())?;
    let mut read = native::read(&json, given)?;
    read.pop_front().map(TextLine::from).ok_or_else(|| "an empty row".into())
}

/// The cells of a line, unquoted, without the blanks around them.
fn cells(line: &[u8]) -> Result<Vec<String>, String> {
    let mut reader = Reader::new();
    let mut unquoted = vec![0; line.len() + 1];
    let (mut cells, mut rest, mut cell) = (Vec::new(), line, String::new());
    loop {
        let (result, read, written) = reader.read_field(rest, &mut unquoted);
        let text = std::str::from_utf8(&unquoted[..written]).map_err(|_| "not UTF-8".to_string())?;
        cell.push_str(text);
        rest = &rest[read..];
        match result {
            ReadFieldResult::InputEmpty => {} // once more without input ends the line
            ReadFieldResult::OutputFull => return Err("a field longer than its line".into()),
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
