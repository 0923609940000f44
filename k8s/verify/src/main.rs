//! `tapedeck-k8s policy OVERLAY=FILE…` checks rendered manifests; `tapedeck-k8s local FILE` runs them as processes.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use tapedeck_k8s::local::{self, Options};
use tapedeck_k8s::manifests::Manifests;
use tapedeck_k8s::policy::{self, Overlay};

/// Checks rendered Kubernetes manifests.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks overlays against the rules. Exit status: 1 if a rule is violated.
    Policy {
        /// NAME=FILE, where FILE is the output of `kubectl kustomize`.
        #[arg(required = true)]
        overlays: Vec<String>,
    },
    /// Runs an overlay as local processes, kills and upgrades its groups under load, and verifies the tapes.
    Local {
        /// File with the output of `kubectl kustomize`.
        rendered: PathBuf,
        /// The binary of the image.
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
        Command::Policy { overlays } => check(&overlays),
        Command::Local { rendered, binary, rules, market } => {
            // Postgres runs as another user, which must be able to enter the directory.
            let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            let dir = tempfile::Builder::new().prefix("tapedeck-k8s-").permissions(readable).tempdir()?;
            local::run(&Options { rendered, binary, market, rules }, dir.path())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(named: &[String]) -> Result<ExitCode> {
    let mut overlays = Vec::new();
    for one in named {
        let (name, file) = one.split_once('=').with_context(|| format!("{one:?} is not NAME=FILE"))?;
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
        let manifests = Manifests::parse(&text).with_context(|| file.to_string())?;
        overlays.push(Overlay { name: name.into(), manifests });
    }
    let mut violations: Vec<String> = overlays.iter().flat_map(policy::check).collect();
    violations.extend(policy::immutable(&overlays));
    violations.iter().for_each(|violation| println!("{violation}"));
    let rules = policy::RULES.len() + 1;
    println!("policy: {} overlays, {rules} rules, {} violations", overlays.len(), violations.len());
    Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
