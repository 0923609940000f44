//! Reports in words: of the demo, read from Postgres; of a verification.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use tapedeck_feeds::Totals;
use tapedeck_history::verify::{Extent, Verdict};
use tapedeck_projections::report::{QUERIES, Query};
use tapedeck_runtime::Bus;
use tokio_postgres::Client;

use crate::latency;

/// One row: the text of each column, by the name of the column.
pub type Row = BTreeMap<&'static str, Option<String>>;

/// The report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Number of fills.
    pub fills: u64,
    /// Number of gaps in the numbers of sources.
    pub gaps: u64,
    /// The rows of each part, by the name of its query.
    #[serde(flatten)]
    pub parts: BTreeMap<&'static str, Vec<Row>>,
}

impl Report {
    /// Reads the report from Postgres, and the stamps of market events, which Postgres does not hold, from the streams.
    pub async fn read(bus: &Bus, client: &Client) -> Result<Self> {
        let mut parts = BTreeMap::new();
        for Query { name, columns, sql } in QUERIES {
            let rows = client.query(*sql, &[]).await?;
            let row =
                |row: &tokio_postgres::Row| -> Row { (0..).zip(*columns).map(|(i, c)| (*c, row.get(i))).collect() };
            parts.insert(*name, rows.iter().map(row).collect());
        }
        let latencies = latency::from_market_event(bus, client).await?;
        parts
            .entry("latency_us")
            .or_insert_with(Vec::new)
            .extend(latencies.map(|(hop, times)| latency_row(hop, times)));
        let mut report = Self { fills: 0, gaps: 0, parts };
        report.fills = report.part("executions").iter().filter_map(|row| number(row, "fills")).sum();
        let gap = |row: &&Row| row["reason"].as_deref() == Some("gap");
        report.gaps = report.part("rejects").iter().filter(gap).filter_map(|row| number(row, "count")).sum();
        Ok(report)
    }

    fn part(&self, name: &str) -> &[Row] {
        self.parts.get(name).map_or(&[], Vec::as_slice)
    }

    /// Differences between the market totals in Postgres and those of the published events.
    pub fn differences(&self, published: &Totals) -> Vec<String> {
        let market = self.part("market");
        let mut differences = Vec::new();
        for (instrument, totals) in &published.by_instrument {
            let name = instrument.to_string();
            let Some(row) = market.iter().find(|row| row["instrument"].as_deref() == Some(&name)) else {
                differences.push(format!("{name}: not in Postgres"));
                continue;
            };
            let text = |value: Option<String>| value.unwrap_or_default();
            let wanted = [
                ("quotes", totals.quotes.to_string()),
                ("trades", totals.trades.to_string()),
                ("notional", totals.notional.to_string()),
                ("quantity", totals.quantity.to_string()),
                ("first", text(totals.first_price.map(|price| price.to_string()))),
                ("last", text(totals.last_price.map(|price| price.to_string()))),
                ("bid", text(totals.last_bid.map(|bid| bid.to_string()))),
                ("ask", text(totals.last_ask.map(|ask| ask.to_string()))),
            ];
            for (column, want) in wanted {
                let have = row[column].clone().unwrap_or_default();
                if have != want {
                    differences.push(format!("{name} {column}: Postgres {have}, published {want}"));
                }
            }
        }
        differences
    }

    /// Prints every part as a table.
    pub fn print(&self) {
        for Query { name, columns, .. } in QUERIES {
            let rows = self.part(name);
            println!("{name}");
            if rows.is_empty() {
                println!("  none");
                continue;
            }
            let cell = |row: &Row, column: &str| row[column].clone().unwrap_or_else(|| "-".into());
            let width =
                |column: &str| rows.iter().map(|row| cell(row, column).len()).chain([column.len()]).max().unwrap_or(0);
            let line = |cells: Vec<String>| {
                let padded: Vec<String> =
                    columns.iter().zip(cells).map(|(column, cell)| format!("{cell:<w$}", w = width(column))).collect();
                println!("  {}", padded.join("  ").trim_end());
            };
            line(columns.iter().map(|column| column.to_string()).collect());
            rows.iter().for_each(|row| line(columns.iter().map(|column| cell(row, column)).collect()));
        }
    }
}

/// Prints what was checked, and the findings.
pub fn print_verdict(verdict: &Verdict) {
    println!("verified");
    println!(
        "  chain       {} records, {} events, {} invalid",
        verdict.records, verdict.events, verdict.invalid_records
    );
    for (writer, [inputs, events, followed]) in &verdict.decisions {
        let note = if *followed > 0 {
            format!(", {followed} decided by another logic and not compared")
        } else {
            String::new()
        };
        println!("  {writer:<11} {inputs} inputs decided again, {events} events equal byte for byte{note}");
    }
    for (id, times) in &verdict.invariants {
        println!("  {id:<36} held {times} times");
    }
    for (table, rows) in &verdict.rows {
        println!("  {table:<36} {rows} rows equal to the fold of the tape");
    }
    for Extent { partition, records, rows, not_compared } in &verdict.extents {
        let rows = rows.map_or_else(|| "no rows".into(), |seq| format!("rows up to {seq}"));
        println!("  partition {partition} compared: records up to {records}, {rows}");
        not_compared.iter().for_each(|what| println!("    not compared: {what}"));
    }
    match verdict.findings.first() {
        None => println!("  clean"),
        Some(first) => {
            println!("  NOT CLEAN; first: {first}");
            verdict.findings.iter().skip(1).for_each(|finding| println!("    then: {finding}"));
        }
    }
}

fn number(row: &Row, column: &str) -> Option<u64> {
    row.get(column)?.as_ref()?.parse().ok()
}

fn latency_row(hop: &str, mut times_ns: Vec<i64>) -> Row {
    times_ns.sort_unstable();
    let at = |percent: usize| times_ns.get((times_ns.len() * percent / 100).min(times_ns.len().saturating_sub(1)));
    let us = |percent| at(percent).map(|ns| (ns / 1000).to_string());
    let count = Some(times_ns.len().to_string());
    Row::from([("hop", Some(hop.into())), ("count", count), ("p50", us(50)), ("p99", us(99))])
}
