//! `run GROUP`: one actor group on one partition, until SIGTERM; then it drains and exits 0.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tapedeck_runtime::metrics::Metrics;
use tapedeck_runtime::{http, supervisor::Supervised};

use crate::cli::{ConnectionArgs, RunArgs};
use crate::groups::{self, Env, GroupName};
use crate::{connection, process};

/// Runs the group.
pub async fn run(at: ConnectionArgs, args: RunArgs) -> Result<ExitCode> {
    let metrics = Arc::new(Metrics::default());
    let database = match args.group {
        GroupName::Projector => Some(connection::database(&at)?),
        _ => None,
    };
    let env = Env { nats: connection::nats(&at)?, database, metrics: metrics.clone(), owner: process::owner()? };
    let (task, status) = groups::task(&env, args.group, args.partition);
    let bound = http::serve(args.http, metrics, Arc::new(vec![status]))
        .await
        .with_context(|| format!("cannot listen on {}; give another --http", args.http))?;
    tracing::info!(group = args.group.as_str(), partition = args.partition, http = %bound, "running");
    let supervised = Supervised::start(vec![task]).await?;
    super::asked_to_stop().await?;
    tracing::info!("draining");
    supervised.drain().await;
    Ok(ExitCode::SUCCESS)
}
