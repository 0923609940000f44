//! `provision`: streams and tapes as declared; `--check` refuses drift.

use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use tapedeck_runtime::streams::{self, Declaration};

use crate::cli::{ConnectionArgs, ProvisionArgs};
use crate::process;

/// Provisions, or checks.
pub async fn run(at: ConnectionArgs, args: ProvisionArgs) -> Result<ExitCode> {
    let text = match &args.streams {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => streams::BUILT_IN.to_string(),
    };
    let declared = Declaration::parse(&text)?;
    let places = declared.partitions.len();
    ensure!(
        args.partitions.is_none_or(|wanted| wanted == places),
        "{} partitions are asked for, the market is placed on {places}: change [[partition]] or the number",
        args.partitions.unwrap_or_default()
    );
    let bus = super::bus(&at).await?;
    if args.check {
        let drifts = streams::check(&bus, &declared).await?;
        for drift in &drifts {
            println!("{}: {}", drift.stream, drift.what);
        }
        if drifts.is_empty() {
            println!("as declared: {} partition(s)", declared.partitions.len());
        }
        return Ok(super::exit(drifts.is_empty()));
    }
    let ids = process::tape_ids(declared.partitions.len())?;
    let done = streams::provision(&bus, &declared, |partition| ids[usize::from(partition)]).await?;
    done.iter().for_each(|line| println!("{line}"));
    if done.is_empty() {
        println!("as declared already: {} partition(s)", declared.partitions.len());
    }
    Ok(ExitCode::SUCCESS)
}
