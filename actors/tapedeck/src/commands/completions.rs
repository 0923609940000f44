//! `completions`: prints a completion script for a shell.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Command, ValueEnum};
use clap_complete::generate;
use clap_complete::shells::{Bash, Fish, Zsh};

const EXAMPLES: &str = "\
Examples:
  tapedeck completions bash > /etc/bash_completion.d/tapedeck
  tapedeck completions fish > ~/.config/fish/completions/tapedeck.fish";

/// Prints a completion script for a shell
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Shell that reads the script
    #[arg(value_enum)]
    pub shell: Shell,
}

/// The shells.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[expect(missing_docs, reason = "names of programs")]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Prints the script of the whole command line.
pub async fn run(args: Args, mut tapedeck: Command) -> Result<ExitCode> {
    let mut script = Vec::new();
    match args.shell {
        Shell::Bash => generate(Bash, &mut tapedeck, "tapedeck", &mut script),
        Shell::Zsh => generate(Zsh, &mut tapedeck, "tapedeck", &mut script),
        Shell::Fish => generate(Fish, &mut tapedeck, "tapedeck", &mut script),
    }
    print!("{}", String::from_utf8(script)?);
    Ok(ExitCode::SUCCESS)
}
