//! `up`: the stack without a market; stays until Ctrl-C.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::{ConnectionArgs, StackArgs};
use crate::stack::Stack;

/// Runs until asked to stop.
pub async fn run(at: ConnectionArgs, args: StackArgs) -> Result<ExitCode> {
    let stack = Stack::start(&at, &args).await?;
    println!("nats      {}", tapedeck_runtime::bus::without_credentials(&stack.nats_url));
    println!("postgres  {}", tapedeck_runtime::bus::without_credentials(&stack.database_url));
    println!("http      http://{}/readyz /metrics", stack.http);
    println!("The other commands find it by {}. Ctrl-C stops it.", at.dir.join("connection.toml").display());
    super::asked_to_stop().await?;
    stack.stop().await;
    Ok(ExitCode::SUCCESS)
}
