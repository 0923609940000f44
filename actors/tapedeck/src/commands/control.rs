//! `control`, `halt`, `resume`: requests to every partition's control, which answers with facts on the tape.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tapedeck_runtime::Bus;
use tapedeck_runtime::publisher::FencedPublisher;
use tapedeck_runtime::streams::PARTITIONS_MAX;
use tapedeck_schemas::command::{Command, Request};
use tapedeck_schemas::subject;

use crate::cli::{ConnectionArgs, ControlArgs, ControlRequest, HaltArgs, ScopeArgs};
use crate::{groups, process, stack};

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
            for tape in bus.tapes().await? {
                let sent = stack::apply_setup(&bus, &setup, tape.partition, &args.by).await?;
                println!("partition {}: {sent} request(s) sent", tape.partition);
            }
        }
        ControlRequest::Cancel { order, reason } => {
            return ask(&at, args.by, reason, Request::Cancel { order }).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `halt`.
pub async fn halt(at: ConnectionArgs, args: HaltArgs) -> Result<ExitCode> {
    let ScopeArgs { scope, reason, by } = args.scope;
    ask(&at, by, reason, Request::Halt { scope, level: args.level }).await
}

/// Runs `resume`.
pub async fn resume(at: ConnectionArgs, args: ScopeArgs) -> Result<ExitCode> {
    let ScopeArgs { scope, reason, by } = args;
    ask(&at, by, reason, Request::Resume { scope }).await
}

/// Asks every partition, and says where the request waits. One that cannot be reached keeps none of the others waiting.
async fn ask(at: &ConnectionArgs, by: String, reason: String, request: Request) -> Result<ExitCode> {
    let session = format!("cli-{:016x}", process::random_u64()?);
    let command = Command { id: Some(session.clone()), by, reason, request };
    let payload = command.encode();
    Command::decode(&payload).map_err(anyhow::Error::msg).context("the request would be refused")?;
    let (bus, verb) = (super::bus(at).await?, command.request.verb());
    bus.tape(0).await?;
    let mut unreached = Vec::new();
    for partition in 0..PARTITIONS_MAX as u16 {
        let asked = match bus.has_tape(partition).await {
            Ok(false) => break,
            Ok(true) => send(&bus, subject::command_subject(partition, verb), &session, &payload).await,
            Err(error) => Err(error.into()),
        };
        match asked {
            Ok(seq) => println!("partition {partition}: {verb} asked, command {seq}"),
            Err(error) => {
                eprintln!("partition {partition}: {verb} NOT asked: {error:#}");
                unreached.push(partition);
            }
        }
    }
    ensure!(unreached.is_empty(), "{verb} did not reach partition(s) {unreached:?}");
    Ok(ExitCode::SUCCESS)
}

/// A lane of its own, so that a request repeated for want of an answer is stored once; where another's came between,
/// its id makes it count once.
async fn send(bus: &Bus, subject: String, session: &str, payload: &[u8]) -> Result<u64> {
    let asked = async {
        let mut publisher = FencedPublisher::open(bus, subject, session.into()).await?;
        publisher.send(1, payload.to_vec().into()).await?;
        anyhow::Ok(publisher.last_seq())
    };
    let answered = tokio::time::timeout(PATIENCE, asked).await;
    answered.context("no answer from the broker; look at `tapedeck status` before asking again")?
}
