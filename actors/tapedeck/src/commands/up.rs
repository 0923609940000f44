//! `up`: a whole system that runs until Ctrl-C.

use std::process::ExitCode;

use anyhow::Result;
use tapedeck_runtime::bus::without_credentials;

use crate::stack::{Ports, Stack, StackArgs};
use crate::{connection, process};

const EXAMPLES: &str = "\
Examples:
  tapedeck up
  tapedeck up --partitions 2 --fresh";

/// Runs a whole system until Ctrl-C
///
/// Starts a private NATS and Postgres and every group, and writes connection.toml, from which the other commands read
/// the addresses of the servers. Publishes no market: use `tapedeck publish` for that.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Servers, partitions and setup.
    #[command(flatten)]
    pub stack: StackArgs,
}

/// Runs until a shutdown signal.
pub async fn run(Args { stack: args }: Args) -> Result<ExitCode> {
    let Some(stack) = Stack::start(&args, Ports::FIXED).await? else { return Ok(ExitCode::SUCCESS) };
    println!("nats        {}", without_credentials(&stack.nats.url));
    println!("postgres    {}", without_credentials(&stack.database.url));
    println!("health      http://{}/readyz", stack.http);
    println!("metrics     http://{}/metrics", stack.http);
    println!("connection  {}", connection::path(&args.dir.dir).display());
    let stops = stack.stops();
    if stops.is_empty() {
        println!(
            "ready: publish to md.<venue>.<symbol>.<kind>; other commands read the connection file; Ctrl-C stops the \
             system"
        );
    } else {
        stops.iter().for_each(|stop| println!("{stop}"));
        println!(
            "not ready: see docs/recovery.md; the servers stay up for `tapedeck recover`; Ctrl-C stops the system"
        );
    }
    process::shutdown_signal().await?;
    let groups = stack.groups.clone();
    stack.stop().await;
    Ok(process::stop_status(&groups))
}
