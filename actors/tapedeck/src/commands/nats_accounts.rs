//! `nats-accounts`: prints the accounts of nats-server.

use std::process::ExitCode;

use anyhow::Result;
use tapedeck_groups::access;

use super::keys::PublishersArgs;

const EXAMPLES: &str = "\
Examples:
  tapedeck nats-accounts > accounts.conf
  tapedeck nats-accounts --publishers publishers.toml > accounts.conf";

/// Prints the NATS accounts for the configuration of nats-server
///
/// Each role and each publisher has a NATS account with the subjects that it may publish and subscribe to. The public
/// keys are variables; users.conf, which `tapedeck keys` writes, defines them.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The publishers.
    #[command(flatten)]
    pub publishers: PublishersArgs,
}

/// Prints them.
pub async fn run(args: Args) -> Result<ExitCode> {
    print!("{}", access::accounts_conf(&args.publishers.read()?));
    Ok(ExitCode::SUCCESS)
}
