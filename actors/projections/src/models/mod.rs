//! The list of projections, one file each.

mod bars;
mod controls;
mod denials;
mod equity;
mod fills;
mod market_totals;
mod order_events;
mod orders;
mod positions;
mod reasons;
mod records;
mod rejects;
mod signals;

use crate::{ProjectedFact, Projection, Value};

/// Every projection: one file, one line.
pub fn all() -> &'static [&'static dyn Projection] {
    &[
        &market_totals::MarketTotals,
        &bars::BarHistory,
        &rejects::Rejects,
        &controls::Controls,
        &signals::Signals,
        &denials::Denials,
        &orders::Orders,
        &order_events::OrderEvents,
        &fills::Fills,
        &positions::Positions,
        &equity::Equity,
        &records::Records,
    ]
}

/// A value as text without NUL characters: Postgres rejects them, and free text comes from outside.
fn text(value: impl ToString) -> Value {
    let text = value.to_string();
    Some(if text.contains('\0') { text.replace('\0', "") } else { text })
}

/// A typed value as JSON: its code and its fields, no words.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("writing to memory cannot fail")
}

/// Partition, generation, sequence and index: the key of an append-only table.
fn key(event: &ProjectedFact<'_>) -> Vec<Value> {
    vec![text(event.partition), text(event.generation.get()), text(event.offset.seq), text(event.offset.index)]
}

/// Offset of the cause, tape time and stamp: latencies are computed from them.
fn timing(event: &ProjectedFact<'_>) -> Vec<Value> {
    vec![text(event.entry.cause.seq), text(event.entry.cause.index), text(event.entry.at), text(event.stamp)]
}

/// Defines `TABLE` from lines of column, type and merge rule.
macro_rules! table {
    ($name:literal, append: $append:literal, $($column:ident $ty:ident $merge:ident),* $(,)?) => {
        static TABLE: crate::Table = crate::Table {
            name: $name,
            append: $append,
            columns: &[$(crate::table::column(
                stringify!($column), crate::table::ColumnType::$ty, crate::table::ColumnMerge::$merge
            )),*],
        };
    };
}
use table;
