//! `nats-accounts`: prints the accounts of nats-server.

use std::process::ExitCode;

use anyhow::Result;
use tapedeck_groups::access;
use tapedeck_schemas::generation::Generations;

const EXAMPLES: &str = "\
Examples:
  tapedeck nats-accounts > accounts.conf
  tapedeck nats-accounts --generations INBOX_0_G2 > accounts.conf";

/// Prints the NATS accounts for the configuration of nats-server
///
/// Each role has a NATS account with the subjects that it may publish and subscribe to. The public keys are variables;
/// users.conf, which `tapedeck keys` writes, defines them. Publishers may read the inboxes of the generations in use
/// only: print the accounts again after an inbox has begun a new generation.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Inboxes whose generation is not 1, such as INBOX_0_G2
    #[arg(long, env = "TAPEDECK_GENERATIONS", value_name = "STREAMS", hide_env_values = true)]
    pub generations: Option<Generations>,
}

/// Prints them.
pub async fn run(args: Args) -> Result<ExitCode> {
    print!("{}", access::accounts_conf(&args.generations.unwrap_or_default()));
    Ok(ExitCode::SUCCESS)
}
