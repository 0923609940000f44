//! `migrate`: applies the migrations of this build to the database, or lists those that are missing.

use std::process::ExitCode;

use anyhow::Result;
use tapedeck_runtime::database;

use crate::connection::{DatabaseArgs, DirArgs};
use crate::process;

const EXAMPLES: &str = "\
Examples:
  tapedeck migrate
  tapedeck migrate --check";

/// Applies the migrations of this build to the database
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Compares only; exit status 1 if a migration is missing
    #[arg(long)]
    pub check: bool,
    /// Postgres of the read models.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Directory of `connection.toml`.
    #[command(flatten)]
    pub dir: DirArgs,
}

/// Applies what is missing, or lists it.
pub async fn run(args: Args) -> Result<ExitCode> {
    let mut client = args.database.connect(&args.dir).await?;
    if args.check {
        let missing = database::missing_migrations(&client).await?;
        missing.iter().for_each(|name| println!("missing: {name}"));
        if missing.is_empty() {
            println!("no migration is missing");
        }
        return Ok(process::exit_code(missing.is_empty()));
    }
    let applied = database::migrate(&mut client).await?;
    applied.iter().for_each(|name| println!("applied: {name}"));
    if applied.is_empty() {
        println!("nothing to do: no migration is missing");
    }
    Ok(ExitCode::SUCCESS)
}
