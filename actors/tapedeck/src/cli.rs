//! The command line: the one list of commands, and the help and exit codes that they share.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::process;

/// Declares the file of each command as a module, the enum of the commands, and what is done with each of them. Each
/// file has `Args`, with the command's help and examples, and `run(args)`. A line may name another log filter
/// (`logs`), and a second argument of `run` (`with`).
macro_rules! commands {
    ($($file:literal $module:ident::$Name:ident $(logs $log:ident)? $(with $more:expr)?;)*) => {
        $(#[path = $file] pub mod $module;)*

        /// The commands, with their arguments.
        #[derive(Debug, Subcommand)]
        #[expect(missing_docs, reason = "the help of a command is the doc comment of its arguments")]
        #[allow(clippy::large_enum_variant, reason = "a process has one, and moves it once")]
        pub enum Command {
            $($Name($module::Args),)*
        }

        impl Command {
            /// Log filter where `TAPEDECK_LOG` is not set.
            pub fn default_log(&self) -> &'static str {
                match self {
                    $($(Command::$Name(_) => process::$log,)?)*
                    _ => process::COMMAND_LOG,
                }
            }

            /// Runs the command to its end.
            pub async fn run(self) -> anyhow::Result<ExitCode> {
                match self {
                    $(Command::$Name(args) => $module::run(args $(, $more)?).await,)*
                }
            }
        }
    };
}

// In the order of `tapedeck --help`. rustfmt does not follow these paths: `./dev fmt` names the folder.
commands! {
    "commands/demo.rs" demo::Demo;
    "commands/up.rs" up::Up logs SERVICE_LOG;
    "commands/run.rs" run::Run logs SERVICE_LOG;
    "commands/publish.rs" publish::Publish;
    "commands/replay.rs" replay::Replay;
    "commands/tape.rs" tape::Tape;
    "commands/trace.rs" trace::Trace;
    "commands/verify.rs" verify::Verify;
    "commands/status.rs" status::Status;
    "commands/halt.rs" halt::Halt;
    "commands/resume.rs" resume::Resume;
    "commands/control.rs" control::Control;
    "commands/provision.rs" provision::Provision;
    "commands/migrate.rs" migrate::Migrate;
    "commands/recover.rs" recover::Recover;
    "commands/keys.rs" keys::Keys;
    "commands/nats_accounts.rs" nats_accounts::NatsAccounts;
    "commands/groups.rs" groups::Groups;
    "commands/schema.rs" schema::Schema;
    "commands/completions.rs" completions::Completions with Cli::command();
}

const AFTER_HELP: &str = "\
Environment:
  TAPEDECK_LOG  log filter, such as info or tapedeck_runtime=debug

Exit status:
  0  success
  1  a difference, drift, an unhealthy system, or not found
  2  the check could not be completed, or the command failed

Examples:
  tapedeck demo
  tapedeck help publish";

/// An event-sourced trading system on NATS JetStream
#[derive(Debug, Parser)]
#[command(version = process::VERSION, long_version = long_version(), after_help = AFTER_HELP, max_term_width = 80)]
pub struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// Version, commit, and the LOGIC number of each machine.
fn long_version() -> String {
    let logics: Vec<String> = tapedeck_groups::logics().map(|(writer, logic)| format!("{writer} {logic}")).collect();
    let commit = process::COMMIT.unwrap_or("unknown commit");
    format!("{} ({commit})\nlogic: {}", process::VERSION, logics.join(", "))
}
