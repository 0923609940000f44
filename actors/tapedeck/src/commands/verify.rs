//! `verify`: decides every tape again and compares; exit 0 no difference, 1 a difference, 2 not completed.

use std::process::ExitCode;

use anyhow::Result;
use tapedeck_history::verify::verify;

use crate::connection::{DatabaseArgs, DirArgs, NatsArgs};
use crate::{process, report};

const EXAMPLES: &str = "\
Examples:
  tapedeck verify
  tapedeck verify --no-database --json";

/// Re-executes every machine over every tape and compares
///
/// Compares each decision byte for byte; inputs that were decided under another LOGIC (version of the machine's
/// decisions) are counted, not re-executed. Also checks the hash chains, evaluates the invariants, and compares the
/// rows in Postgres with those that follow from the facts on the tape.
///
/// Exit status: 0 no difference; 1 a difference; 2 not completed.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Does not compare the rows in Postgres
    #[arg(long)]
    pub no_database: bool,
    /// Prints JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// NATS of the tapes.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Postgres of the read models.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Directory of `connection.toml`.
    #[command(flatten)]
    pub dir: DirArgs,
}

/// Verifies every tape.
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
        report::print_verdict(&verdict);
    }
    Ok(process::exit_code(verdict.is_clean()))
}
