//! `halt`: stops trading.

use std::process::ExitCode;

use anyhow::Result;
use tapedeck_schemas::command::Request;
use tapedeck_schemas::event::{HaltLevel, Scope};

use crate::operator::{self, OperatorArgs};

const EXAMPLES: &str = "\
Examples:
  tapedeck halt --scope all --reason maintenance
  tapedeck halt --scope binance.BTCUSDT --level reducing --reason volatility";

/// Stops trading, in all instruments or in one
///
/// Sends the command to every partition, and waits until it is in force: for the facts that answer it.
///
/// Exit status: 0 in force on every partition; 1 refused, or no market event of the instrument is stored; 2 a partition
/// did not answer in time.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Scope of the halt: all, or an instrument such as binance.BTCUSDT
    #[arg(long)]
    pub scope: Scope,
    /// Level: reducing (only orders that bring a position nearer to zero) or halted (no orders; open orders are
    /// canceled)
    #[arg(long, default_value = "halted")]
    pub level: HaltLevel,
    /// Reason, recorded in the fact
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// The operator, and the connection to NATS.
    #[command(flatten)]
    pub operator: OperatorArgs,
}

/// Sends the request.
pub async fn run(args: Args) -> Result<ExitCode> {
    operator::send(args.operator, args.reason, Request::Halt { scope: args.scope, level: args.level }).await
}
