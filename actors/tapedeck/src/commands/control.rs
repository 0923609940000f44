//! `control`: applies a setup, cancels an order, lists what can be set.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use tapedeck_feeds::Setup;
use tapedeck_schemas::command::Request;
use tapedeck_schemas::ids::OrderId;

use crate::operator::{self, OperatorArgs};
use crate::setup;

const EXAMPLES: &str = "\
Examples:
  tapedeck control show
  tapedeck control apply setup.toml
  tapedeck control cancel 00f1a2b3c4d5e6f700f1a2b3c4d5e6f7";

/// Sets limits and weights, funds accounts, cancels orders
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The request.
    #[command(subcommand)]
    pub request: ControlRequest,
}

/// The requests of `control`.
#[derive(Debug, Clone, Subcommand)]
pub enum ControlRequest {
    /// Applies the limits, weights and funding of a setup file to every partition
    ///
    /// A file can be applied any number of times. If it is applied twice in a row, nothing is sent the second time.
    /// Each payment is made once, even if other files were applied in between.
    #[command(after_help = "Examples:\n  tapedeck control apply setup.toml --by alice")]
    Apply {
        /// Setup file (TOML)
        file: PathBuf,
        /// The operator, and the connection to NATS.
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Cancels an open order
    #[command(after_help = "Examples:\n  tapedeck control cancel 00f1a2b3c4d5e6f700f1a2b3c4d5e6f7")]
    Cancel {
        /// Id of the order, 32 hex digits
        order: OrderId,
        /// Reason, recorded in the fact
        #[arg(long, default_value = "requested", value_name = "TEXT")]
        reason: String,
        /// The operator, and the connection to NATS.
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Lists the parameters that can be set: names, units, defaults, bounds
    #[command(after_help = "Examples:\n  tapedeck control show")]
    Show,
}

/// Sends the request, or prints the list.
pub async fn run(args: Args) -> Result<ExitCode> {
    match args.request {
        ControlRequest::Show => {
            for spec in tapedeck_groups::params() {
                let bounds = format!("{} to {}", spec.min, spec.max);
                println!(
                    "{:<32} {:<16} default {:<10} {bounds:<20} {}",
                    spec.name, spec.unit, spec.default, spec.about
                );
            }
        }
        ControlRequest::Apply { file, operator } => {
            let setup = Setup::read(&file)?;
            let bus = operator.nats.connect(&operator.dir).await?;
            for tape in bus.tapes().await? {
                let sent = setup::apply(&bus, &setup, tape.partition, &operator.by).await?;
                println!("partition {}: {sent} request(s) sent", tape.partition);
            }
        }
        ControlRequest::Cancel { order, reason, operator } => {
            return operator::send(operator, reason, Request::Cancel { order }).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}
