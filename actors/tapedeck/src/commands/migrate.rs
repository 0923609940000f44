//! `migrate`: brings the database to this build's schema; `--check` only compares.

use std::process::ExitCode;

use anyhow::Result;
use tapedeck_runtime::database;

use crate::cli::{CheckArgs, ConnectionArgs};
use crate::connection;

/// Migrates, or checks.
pub async fn run(at: ConnectionArgs, args: CheckArgs) -> Result<ExitCode> {
    let mut client = database::connect(&connection::database(&at)?).await?;
    if args.check {
        let missing = database::missing_migrations(&client).await?;
        missing.iter().for_each(|name| println!("missing: {name}"));
        if missing.is_empty() {
            println!("as this build wants it");
        }
        return Ok(super::exit(missing.is_empty()));
    }
    for name in database::migrate(&mut client).await? {
        println!("applied {name}");
    }
    Ok(ExitCode::SUCCESS)
}
