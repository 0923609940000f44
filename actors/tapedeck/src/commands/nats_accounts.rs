//! `nats-accounts`: prints the accounts of nats-server.

use std::process::ExitCode;

use anyhow::Result;
use tapedeck_groups::access;

const EXAMPLES: &str = "\
Examples:
  tapedeck nats-accounts > accounts.conf";

/// Prints the accounts for the configuration of nats-server
///
/// The accounts give each role the subjects that it may publish and subscribe to. The public keys are variables, which
/// the file users.conf of `tapedeck keys` defines.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

/// Prints them.
pub async fn run(Args {}: Args) -> Result<ExitCode> {
    print!("{}", access::accounts_conf());
    Ok(ExitCode::SUCCESS)
}
