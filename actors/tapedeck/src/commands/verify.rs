//! `verify`: decides everything again and compares; exit 0 clean, 1 differs, 2 no verdict.

use std::process::ExitCode;

use anyhow::Result;
use tapedeck_runtime::database;

use crate::connection::{DatabaseArgs, DirArgs, NatsArgs};
use crate::process;
use crate::verify::{Verdict, verify};

const EXAMPLES: &str = "\
Examples:
  tapedeck verify
  tapedeck verify --no-database --json";

/// Decides the tapes again and compares
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Leave Postgres out.
    #[arg(long)]
    pub no_database: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// NATS of the streams.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Postgres of the read models.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Directory of `connection.toml`.
    #[command(flatten)]
    pub dir: DirArgs,
}

/// Verifies.
pub async fn run(args: Args) -> Result<ExitCode> {
    let bus = args.nats.connect(&args.dir).await?;
    let tapes = bus.tapes().await?;
    let database = match args.no_database {
        true => None,
        false => Some(args.database.connect(&args.dir).await?),
    };
    let verdict = verify(&bus, &tapes, database.as_ref()).await?;
    if args.json {
        println!("{}", serde_json::to_string(&verdict)?);
    } else {
        print(&verdict);
    }
    Ok(process::exit_code(verdict.is_clean()))
}

/// Prints what was checked and what was found.
pub fn print(verdict: &Verdict) {
    println!("verified");
    println!(
        "  chain       {} records, {} events, {} invalid",
        verdict.records, verdict.events, verdict.invalid_records
    );
    for (writer, [inputs, events, followed]) in &verdict.decisions {
        let note = if *followed > 0 { format!(", {followed} followed only (another logic)") } else { String::new() };
        println!("  {writer:<11} {inputs} inputs decided again, {events} events the same to the byte{note}");
    }
    for (id, times) in &verdict.invariants {
        println!("  {id:<36} held {times} times");
    }
    for (table, rows) in &verdict.rows {
        println!("  {table:<36} {rows} rows = fold of the tape");
    }
    match verdict.findings.first() {
        None => println!("  clean"),
        Some(first) => {
            println!("  NOT CLEAN; first: {first}");
            verdict.findings.iter().skip(1).for_each(|finding| println!("    then: {finding}"));
        }
    }
}
