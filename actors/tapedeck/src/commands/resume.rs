//! `resume`: ends a halt.

use std::process::ExitCode;

use anyhow::Result;
use tapedeck_schemas::command::Request;
use tapedeck_schemas::event::Scope;

use crate::operator::{self, OperatorArgs};

const EXAMPLES: &str = "\
Examples:
  tapedeck resume --scope all --reason checked";

/// Resumes trading after a halt of the same scope
///
/// Sends the command to every partition, and waits for the facts that answer it. A resume of scope all does not end the
/// halt of a single instrument.
///
/// Exit status: 0 resumed on every partition; 1 refused, or the scope was not halted; 2 a partition did not answer in
/// time.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scope of the halt: all, or an instrument such as binance.BTCUSDT
    #[arg(long)]
    pub scope: Scope,
    /// Reason, recorded in the fact
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// The operator, and the connection to NATS.
    #[command(flatten)]
    pub operator: OperatorArgs,
}

/// Sends the request.
pub async fn run(args: Args) -> Result<ExitCode> {
    operator::send(args.operator, args.reason, Request::Resume { scope: args.scope }).await
}
