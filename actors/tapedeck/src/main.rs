//! Parses the command line and runs the command. Exit status: 0 success; 1 a difference, drift, unhealthy or not
//! found; 2 any other failure.

use std::process::ExitCode;

use clap::Parser as _;
use tapedeck::cli::Cli;
use tapedeck::process;

fn main() -> ExitCode {
    abort_on_panic();
    let command = Cli::parse().command;
    process::start_log(command.default_log());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("cannot start the async runtime")),
    };
    // On the main thread, which lives as long as the process: private servers die with the thread that starts them.
    match runtime.block_on(command.run()) {
        Ok(code) => code,
        // The reader of a pipe has seen enough, as `head` does.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let causes = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.into_iter().any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

fn fail(error: &anyhow::Error) -> ExitCode {
    // Many errors contain the text of their cause: each text is printed once.
    let text = error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text.as_str() {
        "" => cause,
        before if before.contains(&cause) => text,
        before => format!("{before}: {cause}"),
    });
    eprintln!("tapedeck: {text}");
    ExitCode::from(2)
}

/// A panic ends the process, so that recovery after it is the recovery after a kill, which is tested.
fn abort_on_panic() {
    let show = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        show(panic);
        std::process::abort();
    }));
}
