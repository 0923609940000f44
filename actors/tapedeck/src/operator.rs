//! Sends an operator's request to the control of every partition. Control answers with facts on the tape.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tapedeck_runtime::Bus;
use tapedeck_runtime::publisher::FencedPublisher;
use tapedeck_schemas::command::{Command, Request};
use tapedeck_schemas::subject;

use crate::connection::{DirArgs, NatsArgs};
use crate::process;

/// How long an unacknowledged request is retried.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// The name of the operator, and the connection to NATS.
#[derive(Debug, Clone, clap::Args)]
pub struct OperatorArgs {
    /// Name of the operator, recorded in the facts
    #[arg(long, env = "USER", default_value = "operator", value_name = "NAME", hide_env_values = true)]
    pub by: String,
    /// NATS of the streams.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Directory of `connection.toml`.
    #[command(flatten)]
    pub dir: DirArgs,
}

/// Sends the request to every partition and prints its sequence in each command stream. A partition that cannot be
/// reached does not keep the request from the others.
pub async fn send(args: OperatorArgs, reason: String, request: Request) -> Result<ExitCode> {
    let session = format!("cli-{:016x}", process::random_u64()?);
    let command = Command { id: Some(session.clone()), by: args.by, reason, request };
    let payload = command.encode();
    Command::decode(&payload).map_err(|reason| anyhow::Error::msg(reason.words())).context("invalid request")?;
    let (bus, verb) = (args.nats.connect(&args.dir).await?, command.request.verb());
    bus.tape(0).await?;
    let mut unreached = Vec::new();
    for partition in bus.partitions().await? {
        match send_to(&bus, subject::command_subject(partition, verb), &session, &payload).await {
            Ok(seq) => println!("partition {partition}: {verb} sent as command {seq}"),
            Err(error) => {
                eprintln!("partition {partition}: {verb} not sent: {error:#}");
                unreached.push(partition);
            }
        }
    }
    ensure!(unreached.is_empty(), "{verb} was not sent to partition(s) {unreached:?}; send it again");
    Ok(ExitCode::SUCCESS)
}

/// The session is used for this request alone, so a retry is stored once. If another command comes in between, control
/// recognises the id.
async fn send_to(bus: &Bus, subject: String, session: &str, payload: &[u8]) -> Result<u64> {
    let sent = async {
        let mut publisher = FencedPublisher::open(bus, subject, session.into()).await?;
        publisher.send(1, payload.to_vec().into()).await?;
        anyhow::Ok(publisher.last_seq())
    };
    let acknowledged = tokio::time::timeout(SEND_TIMEOUT, sent).await;
    let seconds = SEND_TIMEOUT.as_secs();
    let unknown = || format!("no acknowledgement from NATS for {seconds} s; it may be stored: see `tapedeck status`");
    acknowledged.with_context(unknown)?
}
