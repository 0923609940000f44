//! `control`, `halt`, `resume`: requests to every partition's control, which answers with facts on the tape.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tapedeck_runtime::Bus;
use tapedeck_runtime::lane::Lane;
use tapedeck_schemas::command::{Command, Request};
use tapedeck_schemas::subject;

use crate::cli::{ConnectionArgs, ControlArgs, ControlRequest, HaltArgs, ScopeArgs};
use crate::{groups, stack};

/// How long a request is repeated before it is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `control`.
pub async fn run(at: ConnectionArgs, args: ControlArgs) -> Result<ExitCode> {
    match args.request {
        ControlRequest::Show => {
            for spec in groups::params() {
                let bounds = format!("{} to {}", spec.min, spec.max);
                println!(
                    "{:<32} {:<16} default {:<10} {bounds:<20} {}",
                    spec.name, spec.unit, spec.default, spec.about
                );
            }
        }
        ControlRequest::Apply { file } => {
            let bus = super::bus(&at).await?;
            let setup = stack::setup(Some(&file))?;
            for tape in super::tapes(&bus).await? {
                let sent = stack::apply_setup(&bus, &setup, tape.partition, &args.by).await?;
                println!("partition {}: {sent} request(s) sent", tape.partition);
            }
        }
        ControlRequest::Cancel { order, reason } => {
            ask(&at, Command { by: args.by, reason, request: Request::Cancel { order } }).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `halt`.
pub async fn halt(at: ConnectionArgs, args: HaltArgs) -> Result<ExitCode> {
    let ScopeArgs { scope, reason, by } = args.scope;
    ask(&at, Command { by, reason, request: Request::Halt { scope, level: args.level } }).await
}

/// Runs `resume`.
pub async fn resume(at: ConnectionArgs, args: ScopeArgs) -> Result<ExitCode> {
    let ScopeArgs { scope, reason, by } = args;
    ask(&at, Command { by, reason, request: Request::Resume { scope } }).await
}

/// Asks every partition, and says where the request waits.
async fn ask(at: &ConnectionArgs, command: Command) -> Result<ExitCode> {
    let payload = command.encode();
    Command::decode(&payload).map_err(anyhow::Error::msg).context("the request would be refused")?;
    let bus = super::bus(at).await?;
    for tape in super::tapes(&bus).await? {
        let seq = send(&bus, tape.partition, &command).await?;
        println!("partition {}: {} asked, command {seq}", tape.partition, command.request.verb());
    }
    Ok(ExitCode::SUCCESS)
}

/// A lane of its own, so that a request repeated for want of an answer is stored once.
async fn send(bus: &Bus, partition: u16, command: &Command) -> Result<u64> {
    let subject = subject::command_subject(partition, command.request.verb());
    let session = format!("cli-{:016x}", stack::random_u64()?);
    let asked = async {
        let mut lane = Lane::open(bus, subject, session).await?;
        lane.send(1, command.encode().into()).await?;
        anyhow::Ok(lane.last_seq())
    };
    let answered = tokio::time::timeout(PATIENCE, asked).await;
    answered.context("no answer from the broker; look at `tapedeck status` before asking again")?
}
