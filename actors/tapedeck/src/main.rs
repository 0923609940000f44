//! The one binary: parses the command line and hands over. Exit codes: 0 done, 1 found wanting, 2 could not tell.

use std::process::ExitCode;

use clap::Parser;
use tapedeck::cli::Cli;
use tapedeck::process;

fn main() -> ExitCode {
    abort_on_panic();
    let cli = Cli::parse();
    process::start_log(cli.command.default_log());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("cannot start the async runtime")),
    };
    // The command runs on the main thread, which outlives it: child servers are tied to the thread that starts them.
    match runtime.block_on(tapedeck::commands::run(cli)) {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // Many errors say their cause themselves: each is said once.
    let said = error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        before if before.contains(&cause) => said,
        before => format!("{before}: {cause}"),
    });
    eprintln!("tapedeck: {said}");
    ExitCode::from(2)
}

/// A panic in a machine or driver ends the process: there is one recovery path, and it is the tested one.
fn abort_on_panic() {
    let show = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        show(panic);
        std::process::abort();
    }));
}
