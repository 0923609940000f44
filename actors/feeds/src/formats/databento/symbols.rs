//! The symbols of instrument ids by time, from the header of a DBN file.

use std::collections::BTreeMap;

use dbn::{Metadata, SType};
use time::Date;

use crate::defect::{Defect, kind};

/// Symbols by instrument id and the beginning of their validity, each with its end; both in ns since the epoch.
pub(super) struct SymbolsById(BTreeMap<(u32, u64), (u64, String)>);

impl SymbolsById {
    /// An error if the header maps no instrument ids, or one id to two symbols at a time.
    pub(super) fn new(metadata: &Metadata) -> Result<Self, Defect> {
        let bad = |detail: String| Defect::new(kind::SYMBOL, detail);
        let from_id = metadata.stype_in == Some(SType::InstrumentId);
        if !from_id && metadata.stype_out != SType::InstrumentId && !metadata.mappings.is_empty() {
            let to = metadata.stype_out.as_str();
            let detail = format!("the header maps symbols to {to}, not to instrument ids");
            return Err(bad(format!("{detail}: request the file with stype_out=instrument_id")));
        }
        let mut all = Vec::new();
        for mapping in &metadata.mappings {
            // An interval without a symbol is one in which the mapping was not resolved.
            for interval in mapping.intervals.iter().filter(|interval| !interval.symbol.is_empty()) {
                let (id, symbol) = match from_id {
                    true => (&mapping.raw_symbol, &interval.symbol),
                    false => (&interval.symbol, &mapping.raw_symbol),
                };
                let id: u32 = id.parse().map_err(|_| bad(format!("{:?} is not an instrument id", super::cut(id))))?;
                all.push((id, midnight(interval.start_date), midnight(interval.end_date), symbol));
            }
        }
        all.sort_unstable();
        let mut symbols: BTreeMap<(u32, u64), (u64, String)> = BTreeMap::new();
        for (id, start, end, symbol) in all {
            if let Some((_, (last_end, last))) = symbols.range_mut((id, 0)..=(id, start)).next_back()
                && *last_end > start
            {
                if last != symbol {
                    let (one, other) = (super::cut(last), super::cut(symbol));
                    let detail = format!("instrument id {id} is both {one:?} and {other:?} at a time");
                    return Err(bad(format!("{detail}: request the file with raw symbols")));
                }
                *last_end = end.max(*last_end);
            } else {
                symbols.insert((id, start), (end, symbol.clone()));
            }
        }
        Ok(Self(symbols))
    }

    /// The symbol of an instrument id at a time in ns since the epoch.
    pub(super) fn at(&self, id: u32, ns: u64) -> Option<&str> {
        let (_, (end, symbol)) = self.0.range((id, 0)..=(id, ns)).next_back()?;
        (ns < *end).then_some(symbol)
    }
}

/// The beginning of a day in UTC, ns since the epoch, or the nearest time that 64 bits hold.
fn midnight(date: Date) -> u64 {
    let ns = date.midnight().assume_utc().unix_timestamp_nanos();
    u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
}
