//! `provision`: creates the streams and tapes, or compares them with their declaration.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use tapedeck_runtime::streams::{self, Declaration};

use crate::connection::{DirArgs, NatsArgs};
use crate::process;

const EXAMPLES: &str = "\
Examples:
  tapedeck provision --streams streams.toml
  tapedeck provision --check";

/// Creates the streams and tapes; with --check, compares them with the declaration
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Compares only; exit status 1 if a stream differs from its declaration
    #[arg(long)]
    pub check: bool,
    /// File that declares the streams and partitions (TOML) [default: built in]
    #[arg(long, value_name = "FILE")]
    pub streams: Option<PathBuf>,
    /// Number of partitions that the declaration must have, or the command fails
    #[arg(long, env = "TAPEDECK_PARTITIONS", value_name = "N", hide_env_values = true)]
    pub partitions: Option<usize>,
    /// NATS of the streams.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Directory of `connection.toml`.
    #[command(flatten)]
    pub dir: DirArgs,
}

/// Creates what is missing, or prints the differences.
pub async fn run(args: Args) -> Result<ExitCode> {
    let text = match &args.streams {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        None => streams::BUILT_IN.to_string(),
    };
    let declared = Declaration::parse(&text)?;
    let places = declared.partitions.len();
    ensure!(
        args.partitions.is_none_or(|wanted| wanted == places),
        "the declaration has {places} partition(s), but --partitions (or TAPEDECK_PARTITIONS) is {}; change either",
        args.partitions.unwrap_or_default()
    );
    let bus = args.nats.connect(&args.dir).await?;
    if args.check {
        let drifts = streams::check(&bus, &declared).await?;
        for drift in &drifts {
            println!("{}: {}", drift.stream, drift.what);
        }
        if drifts.is_empty() {
            println!("no difference: {} partition(s)", declared.partitions.len());
        }
        return Ok(process::exit_code(drifts.is_empty()));
    }
    let ids = process::tape_ids(declared.partitions.len())?;
    let done = streams::provision(&bus, &declared, |partition| ids[usize::from(partition)]).await?;
    done.iter().for_each(|line| println!("{line}"));
    if done.is_empty() {
        println!("nothing to do: {} partition(s) exist as declared", declared.partitions.len());
    }
    Ok(ExitCode::SUCCESS)
}
