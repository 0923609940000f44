//! `control`: applies a setup, defines instruments, cancels an order, lists what can be set.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use tapedeck_feeds::Setup;
use tapedeck_schemas::command::Request;
use tapedeck_schemas::ids::{InstrumentId, OrderId};
use tokio::time::{Instant, timeout_at};

use crate::connection::{DirArgs, NatsArgs};
use crate::define;
use crate::operator::{self, CommandOutcome, OperatorArgs};
use crate::setup::{self, StoredRequest};

const EXAMPLES: &str = "\
Examples:
  tapedeck control apply setup.toml
  tapedeck control define setup.toml
  tapedeck control cancel 00f1a2b3c4d5e6f700f1a2b3c4d5e6f7";

/// Sets limits and weights, funds accounts, defines instruments, cancels orders
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
    /// Each payment is made once, even if other files were applied in between. Waits for the facts that answer.
    ///
    /// Exit status: 0 everything is as the file says; 1 a request was refused; 2 a partition did not answer in time.
    #[command(after_help = "Examples:\n  tapedeck control apply setup.toml --by alice")]
    Apply {
        /// Setup file (TOML)
        file: PathBuf,
        /// Stores the requests and does not wait for the facts: for a system whose groups do not run yet
        #[arg(long, conflicts_with = "timeout")]
        no_wait: bool,
        /// The operator, and the connection to NATS.
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Cancels an open order
    ///
    /// Exit status: 0 the cancel was submitted; 1 refused, or there is no such order; 2 not answered in time.
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
    /// Sets the definitions of a setup file, over those of publishers
    ///
    /// The tick size, the lot size, the sources and all other terms become those of the file. From then on ingest
    /// rejects a definition of a publisher that has other terms, until the operator sets them again. The currencies of
    /// an instrument never change. Waits for the facts that answer.
    ///
    /// Exit status: 0 the definitions are in force; 1 one was refused; 2 one was not answered in time.
    #[command(after_help = "Examples:\n  tapedeck control define setup.toml --instrument binance.BTCUSDT")]
    Define {
        /// Setup file (TOML)
        file: PathBuf,
        /// Instrument to define; may be repeated [default: every instrument of the file]
        #[arg(long, value_name = "VENUE.SYMBOL")]
        instrument: Vec<InstrumentId>,
        /// Longest time to wait for the facts
        #[arg(long, value_name = "SECONDS", default_value_t = 10)]
        #[arg(value_parser = clap::value_parser!(u64).range(1..=600))]
        timeout: u64,
        /// NATS of the inboxes.
        #[command(flatten)]
        nats: NatsArgs,
        /// Directory of `connection.toml`.
        #[command(flatten)]
        dir: DirArgs,
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
        ControlRequest::Apply { file, no_wait, operator } => return apply(&file, !no_wait, operator).await,
        ControlRequest::Define { file, instrument, timeout, nats, dir } => {
            let (setup, deadline) = (Setup::read(&file)?, Instant::now() + Duration::from_secs(timeout));
            return define::define(&nats.connect(&dir).await?, &setup, instrument, deadline).await;
        }
        ControlRequest::Cancel { order, reason, operator } => {
            return operator::send(operator, reason, Request::Cancel { order }).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Sends the requests of the file to every partition, and prints the facts that answer them. What an earlier run of the
/// same file sent is not sent again, but its answer counts.
async fn apply(file: &Path, waits: bool, operator: OperatorArgs) -> Result<ExitCode> {
    let (setup, deadline) = (Setup::read(file)?, operator.deadline());
    let bus = operator.nats.connect(&operator.dir).await?;
    let mut outcomes = Vec::new();
    for partition in bus.partitions().await? {
        let sent = timeout_at(deadline, setup::apply(&bus, &setup, partition, &operator.by)).await;
        let stored = sent.with_context(|| format!("partition {partition}: JetStream did not answer in time"))??;
        let new = stored.iter().filter(|one| !one.is_repeated).count();
        println!("partition {partition}: {new} request(s) sent, {} sent before", stored.len() - new);
        for StoredRequest { request, seq, is_repeated } in stored.into_iter().filter(|_| waits) {
            match operator::answer(&bus, partition, seq, &request, deadline).await {
                // A payment that was made under its reference is as the file wants it.
                CommandOutcome::Refused(why)
                    if matches!(request, Request::Fund { .. }) && why == operator::PAID_BEFORE =>
                {
                    println!("partition {partition}: {} not repeated: {why}", request.verb());
                }
                outcome => {
                    if !(is_repeated && matches!(outcome, CommandOutcome::Done(_))) {
                        outcome.print(partition, request.verb());
                    }
                    outcomes.push(outcome);
                }
            }
        }
    }
    Ok(CommandOutcome::exit_code(outcomes.iter()))
}
