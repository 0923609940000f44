//! `verify`: decides every tape again and compares; exit 0 no difference, 1 a difference, 2 not completed.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use tapedeck_history::verify::{Verdict, verify};
use tapedeck_runtime::database;

use crate::cli::ConnectionArgs;
use crate::connection;

/// Arguments of `verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// Do not compare the rows in Postgres
    #[arg(long)]
    no_database: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Verifies every tape.
pub async fn run(at: ConnectionArgs, args: VerifyArgs) -> Result<ExitCode> {
    let bus = super::bus(&at).await?;
    let tapes = bus.tapes().await?;
    let database = match args.no_database {
        true => None,
        false => Some(database::connect(&connection::database(&at)?).await?),
    };
    let verdict = verify(&bus, &tapes, database.as_ref()).await?;
    if args.json {
        println!("{}", serde_json::to_string(&verdict)?);
    } else {
        print(&verdict);
    }
    Ok(super::exit(verdict.is_clean()))
}

/// Prints what was checked, and the findings.
pub fn print(verdict: &Verdict) {
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
    match verdict.findings.first() {
        None => println!("  clean"),
        Some(first) => {
            println!("  NOT CLEAN; first: {first}");
            verdict.findings.iter().skip(1).for_each(|finding| println!("    then: {finding}"));
        }
    }
}
