//! One file a command; each is `run(args) -> exit code`.

pub mod control;
pub mod demo;
mod keys;
pub mod migrate;
pub mod provision;
pub mod publish;
pub mod replay;
pub mod run;
pub mod schema;
pub mod status;
pub mod tape;
pub mod trace;
pub mod up;
pub mod verify;

use std::process::ExitCode;

use anyhow::Result;
use tapedeck_runtime::Bus;

use crate::cli::{Cli, Command, ConnectionArgs};
pub use crate::process::{VERSION, exit_code as exit, shutdown_signal as asked_to_stop};
use crate::{connection, groups, process};

/// Version, commit, and the LOGIC number of each machine.
pub fn long_version() -> String {
    let logics: Vec<String> = groups::logics().iter().map(|(writer, logic)| format!("{writer} {logic}")).collect();
    format!("{} ({})\nlogic: {}", process::VERSION, process::COMMIT.unwrap_or("no commit given"), logics.join(", "))
}

/// Runs the command.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    let at = cli.connection;
    match cli.command {
        Command::Demo(args) => demo::run(at, args).await,
        Command::Up(args) => up::run(at, args).await,
        Command::Run(args) => run::run(at, args).await,
        Command::Publish(args) => publish::run(at, args).await,
        Command::Replay(args) => replay::run(at, args).await,
        Command::Provision(args) => provision::run(at, args).await,
        Command::Migrate(args) => migrate::run(at, args).await,
        Command::Control(args) => control::run(at, args).await,
        Command::Halt(args) => control::halt(at, args).await,
        Command::Resume(args) => control::resume(at, args).await,
        Command::Tape(args) => tape::run(at, args).await,
        Command::Trace(args) => trace::run(at, args).await,
        Command::Verify(args) => verify::run(at, args).await,
        Command::Status(args) => status::run(at, args).await,
        Command::Schema(args) => schema::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::NatsAccounts => keys::accounts(),
    }
}

/// A connection for a command.
async fn bus(at: &ConnectionArgs) -> Result<Bus> {
    Ok(Bus::connect(&connection::nats(at)?, "tapedeck-cli").await?)
}
