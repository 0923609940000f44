//! `up`: the stack without a market; stays until Ctrl-C.

use std::process::ExitCode;

use anyhow::Result;
use tapedeck_runtime::bus::without_credentials;

use crate::cli::{ConnectionArgs, StackArgs};
use crate::connection;
use crate::stack::{Ports, Stack};

/// Runs until asked to stop.
pub async fn run(at: ConnectionArgs, args: StackArgs) -> Result<ExitCode> {
    let Some(stack) = Stack::start(&at, &args, Ports::FIXED).await? else { return Ok(ExitCode::SUCCESS) };
    println!("nats        {}", without_credentials(&stack.nats_url));
    println!("postgres    {}", without_credentials(&stack.database_url));
    println!("health      http://{}/readyz", stack.http);
    println!("metrics     http://{}/metrics", stack.http);
    println!("connection  {}", connection::path(&at.dir).display());
    println!(
        "ready: publish to md.<venue>.<symbol>.<kind>; the other commands find this by the file. Ctrl-C stops it."
    );
    super::asked_to_stop().await?;
    stack.stop().await;
    Ok(ExitCode::SUCCESS)
}
