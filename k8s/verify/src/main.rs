//! `tapedeck-k8s policy OVERLAY=FILE…` judges rendered manifests; `tapedeck-k8s local FILE` starts them as processes.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use tapedeck_k8s::local::{self, Options};
use tapedeck_k8s::manifests::Manifests;
use tapedeck_k8s::policy::{self, Overlay};

/// What rendered manifests hold, and do.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judges overlays; exit 1 if any offends.
    Policy {
        /// Each as NAME=FILE; the file is what `kubectl kustomize` prints.
        #[arg(required = true)]
        overlays: Vec<String>,
    },
    /// Starts an overlay as processes, kills and rolls its groups under load, verifies.
    Local {
        /// What `kubectl kustomize` prints.
        rendered: PathBuf,
        /// The binary that the image would hold.
        #[arg(long)]
        binary: PathBuf,
        /// Folder of alert rules.
        #[arg(long)]
        rules: PathBuf,
        /// Recorded market data instead of the synthetic market.
        #[arg(long, num_args = 1..)]
        market: Vec<PathBuf>,
    },
}

fn main() -> Result<ExitCode> {
    match Cli::parse().command {
        Command::Policy { overlays } => judge(&overlays),
        Command::Local { rendered, binary, rules, market } => {
            // Where the unprivileged user that runs Postgres can reach it.
            let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            let dir = tempfile::Builder::new().prefix("tapedeck-k8s-").permissions(everybody).tempdir()?;
            local::run(&Options { rendered, binary, market, rules }, dir.path())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn judge(named: &[String]) -> Result<ExitCode> {
    let mut overlays = Vec::new();
    for one in named {
        let (name, file) = one.split_once('=').with_context(|| format!("{one:?} is not NAME=FILE"))?;
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
        let manifests = Manifests::parse(&text).with_context(|| file.to_string())?;
        overlays.push(Overlay { name: name.into(), manifests });
    }
    let mut offences: Vec<String> = overlays.iter().flat_map(policy::judge).collect();
    offences.extend(policy::immutable(&overlays));
    offences.iter().for_each(|offence| println!("{offence}"));
    let rules = policy::RULES.len() + 1;
    println!("policy: {} overlays, {rules} rules, {} offences", overlays.len(), offences.len());
    Ok(if offences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
