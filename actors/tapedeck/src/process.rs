//! This process: its identity, its log, its signals, its exit code. No command and no server is known here.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressStyle};
use tapedeck_kernel::ProcessIdentity;
use tapedeck_runtime::GroupStatus;
use tapedeck_schemas::ids::TapeId;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Commit of this build, if the build was told.
pub const COMMIT: Option<&str> = option_env!("TAPEDECK_COMMIT");

/// Log filter of a process that serves: `run`, `up`.
pub const SERVICE_LOG: &str = "info,async_nats=warn";
/// Log filter of a command that prints a result and ends.
pub const COMMAND_LOG: &str = "warn,async_nats=error";

/// Logs to standard error, by `TAPEDECK_LOG` or else by `default`; in colour on a terminal only.
pub fn start_log(default: &str) {
    let filter = EnvFilter::try_from_env("TAPEDECK_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_ansi(std::io::stderr().is_terminal()).with_target(false).init();
}

/// Resolves at SIGINT (Ctrl-C) or SIGTERM.
pub async fn shutdown_signal() -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Exit code of a check: 0 if it passed, 1 if it failed.
pub fn exit_code(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Exit status of a process that ran these groups: that of the first stop, else 0.
pub fn stop_status(groups: &[Arc<GroupStatus>]) -> ExitCode {
    let stop = groups.iter().find_map(|group| group.stopped()?.0.exit_status());
    stop.map_or(ExitCode::SUCCESS, ExitCode::from)
}

/// Template of a progress bar that counts market events.
pub const EVENTS_BAR: &str = "{elapsed_precise} {wide_bar} {pos}/{len} events, {per_sec}, {eta} left";

/// A progress bar on standard error, if that is a terminal.
pub fn progress_bar(length: u64, template: &str) -> ProgressBar {
    ProgressBar::new(length).with_style(ProgressStyle::with_template(template).expect("the template is valid"))
}

/// Identity of this process, as its epochs record it.
pub fn identity() -> Result<ProcessIdentity> {
    Ok(ProcessIdentity { nonce: random_u64()?, build: format!("{VERSION}+{}", COMMIT.unwrap_or("unknown")) })
}

/// Identities for `count` new tapes.
pub fn tape_ids(count: usize) -> Result<Vec<TapeId>> {
    (0..count).map(|_| Ok(TapeId(random()?))).collect()
}

/// A random number from the operating system.
pub fn random_u64() -> Result<u64> {
    Ok(u64::from_be_bytes(random()?))
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("cannot get random bytes from the operating system")?;
    Ok(bytes)
}
