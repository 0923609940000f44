//! `run GROUP`: one actor group on one partition, until SIGTERM; then it drains and exits 0.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use tapedeck_groups::Group;
use tapedeck_runtime::metrics::Metrics;
use tapedeck_runtime::{http, state, supervisor::Supervised};

use crate::connection::{DatabaseArgs, DirArgs, NatsArgs};
use crate::groups::{self, Env};
use crate::process;

const EXAMPLES: &str = "\
Examples:
  tapedeck run ingest --partition 0
  tapedeck run projector --partition 0 --http 127.0.0.1:9465";

/// Runs one group on one partition, as a pod does
///
/// SIGTERM drains the group (appends the decisions on all inputs already read) and ends the process with exit status 0.
/// If the group stopped before, the exit status is that of its stop code, 40 or more (see docs/recovery.md).
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Name of the group
    #[arg(value_parser = groups::parser())]
    pub group: &'static Group,
    /// Number of the partition
    #[arg(long, env = "TAPEDECK_PARTITION", value_name = "N", hide_env_values = true)]
    pub partition: u16,
    /// Exchange to which orders are submitted
    #[arg(long, env = "TAPEDECK_VENUE", value_enum, default_value_t = Venue::Paper, hide_env_values = true)]
    pub venue: Venue,
    /// Address of health and metrics
    #[arg(
        long,
        env = "TAPEDECK_HTTP",
        default_value = "127.0.0.1:9464",
        value_name = "ADDRESS",
        hide_env_values = true,
        help_heading = "Servers"
    )]
    pub http: SocketAddr,
    /// Waits until a projector tells which records of the tape are projected, instead of starting without after 5 s
    #[arg(long, env = "TAPEDECK_REQUIRE_WITNESS", hide_env_values = true)]
    pub require_witness: bool,
    /// NATS of the streams.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Postgres of the projector.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Directory of `connection.toml`.
    #[command(flatten)]
    pub dir: DirArgs,
}

/// The exchanges. There is one so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Venue {
    /// The simulated exchange
    Paper,
}

/// Runs until a shutdown signal.
pub async fn run(args: Args) -> Result<ExitCode> {
    let metrics = Arc::new(Metrics::default());
    let database = args.group.needs_database().then(|| args.database.access(&args.dir)).transpose()?;
    let (nats, identity) = (args.nats.access(&args.dir)?, process::identity()?);
    let requires_witness = args.require_witness;
    let env = Env { nats: nats.clone(), database, metrics: metrics.clone(), identity, requires_witness };
    let (task, status) = groups::task(&env, args.group, args.partition);
    let bound = http::serve(args.http, metrics, Arc::new(vec![status.clone()]))
        .await
        .with_context(|| format!("cannot listen on {}; give another address with --http", args.http))?;
    tracing::info!(group = args.group.name, partition = args.partition, http = %bound, "running");
    let supervised = Supervised::start(vec![task]).await?;
    let _answers = tokio::spawn(state::serve(nats, Arc::new(vec![status.clone()])));
    process::shutdown_signal().await?;
    tracing::info!("draining");
    supervised.drain().await;
    Ok(process::stop_status(&[status]))
}
