//! Sends an operator's request to the control of every partition, and waits for the facts that answer it.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use futures_util::future::join_all;
use tapedeck_history::{ControlsInForce, StoredFact, WriterFacts, render};
use tapedeck_runtime::Bus;
use tapedeck_runtime::publisher::FencedPublisher;
use tapedeck_schemas::command::{Command, Request};
use tapedeck_schemas::event::{Event, RefusalReason, Scope, TradingHalted};
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::subject;
use tokio::time::{Instant, timeout_at};

use crate::connection::{DirArgs, NatsArgs};
use crate::process;

/// The name of the operator, and the connection to NATS.
#[derive(Debug, Clone, clap::Args)]
pub struct OperatorArgs {
    /// Name of the operator, recorded in the facts
    #[arg(long, env = "USER", default_value = "operator", value_name = "NAME", hide_env_values = true)]
    pub by: String,
    /// Longest time to wait for the facts that answer the command
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,
    /// NATS of the streams.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Directory of `connection.toml`.
    #[command(flatten)]
    pub dir: DirArgs,
}

impl OperatorArgs {
    /// The end of the time to wait, from now.
    pub fn deadline(&self) -> Instant {
        Instant::now() + Duration::from_secs(self.timeout)
    }
}

/// The outcome of a command on one partition.
#[derive(Debug)]
pub enum CommandOutcome {
    /// The fact that grants it.
    Done(Box<StoredFact>),
    /// The fact that refuses it, and the reason in words.
    Refused(String),
    /// Neither is known, and why.
    Unanswered(String),
}

impl CommandOutcome {
    /// The exit status of these outcomes: 2 if one is unknown, else 1 if one is a refusal, else 0.
    pub fn exit_code<'a>(outcomes: impl Iterator<Item = &'a CommandOutcome>) -> ExitCode {
        let status = |outcome: &CommandOutcome| match outcome {
            CommandOutcome::Done(_) => 0,
            CommandOutcome::Refused(_) => 1,
            CommandOutcome::Unanswered(_) => 2,
        };
        ExitCode::from(outcomes.map(status).max().unwrap_or(0))
    }

    /// Prints the outcome: a fact to standard output, anything else to standard error.
    pub fn print(&self, partition: u16, verb: &str) {
        match self {
            CommandOutcome::Done(fact) => println!("partition {partition}: {}", render::line(fact)),
            CommandOutcome::Refused(why) => eprintln!("partition {partition}: {verb} refused: {why}"),
            CommandOutcome::Unanswered(why) => eprintln!("partition {partition}: {verb} not answered: {why}"),
        }
    }
}

/// Sends the request to every partition and prints the facts that answer it. A partition that cannot be reached does
/// not keep the request from the others.
///
/// The exit status is 0 if every partition granted the request (a cancel: one), 1 if it was refused or had no effect,
/// 2 if a partition did not answer in time.
pub async fn send(args: OperatorArgs, reason: String, request: Request) -> Result<ExitCode> {
    let session = format!("cli-{:016x}", process::random_u64()?);
    let command = Command { id: Some(session.clone()), by: args.by.clone(), reason, request };
    let payload = command.encode();
    Command::decode(&payload).map_err(|reason| anyhow!(reason.words())).context("invalid request")?;
    let deadline = args.deadline();
    let bus = args.nats.connect(&args.dir).await?;
    let partitions = bus.partitions().await?;
    let request = &command.request;
    let outcomes = join_all(partitions.iter().map(|partition| {
        let subject = subject::command_subject(*partition, request.verb());
        let (bus, session, payload) = (&bus, session.clone(), payload.clone());
        async move {
            match store(bus, subject, session, payload, deadline).await {
                Ok(seq) => answer(bus, *partition, seq, request, deadline).await,
                Err(why) => CommandOutcome::Unanswered(why),
            }
        }
    }))
    .await;
    if let Request::Cancel { order } = request {
        return Ok(print_cancel(&outcomes, &order.to_string()));
    }
    for (partition, outcome) in partitions.iter().zip(&outcomes) {
        outcome.print(*partition, request.verb());
    }
    let code = CommandOutcome::exit_code(outcomes.iter());
    if code != ExitCode::SUCCESS {
        return Ok(code);
    }
    let is_known = match request {
        Request::Halt { scope: Scope::Instrument(instrument), .. } => is_stored(&bus, &partitions, instrument).await?,
        _ => true,
    };
    if !is_known {
        eprintln!("no market event of this instrument is stored: is the name right? The halt is in force all the same");
    }
    Ok(process::exit_code(is_known))
}

/// Stores a command once: the session is used for it alone. If another command comes in between, control recognises the
/// id. The error says whether the command may be stored.
async fn store(
    bus: &Bus,
    subject: String,
    session: String,
    payload: Vec<u8>,
    deadline: Instant,
) -> Result<u64, String> {
    let stored = async {
        let mut publisher = FencedPublisher::open(bus, subject, session).await?;
        publisher.send(1, payload.into()).await?;
        anyhow::Ok(publisher.last_seq())
    };
    match timeout_at(deadline, stored).await {
        Ok(stored) => stored.map_err(|error| format!("{error:#}")),
        Err(_) => {
            let key = if bus.is_client() {
                "; or the key is not one that may send commands: give that of operator"
            } else {
                ""
            };
            Err(format!("JetStream did not acknowledge it in time; it may be stored, and then takes effect later{key}"))
        }
    }
}

/// Waits for the fact that decides on a command: that of control, and for a cancel that of execution.
pub async fn answer(bus: &Bus, partition: u16, seq: u64, request: &Request, deadline: Instant) -> CommandOutcome {
    match timeout_at(deadline, decide(bus, partition, seq, request)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => {
            CommandOutcome::Unanswered(format!("it is stored as command {seq}, but the tape cannot be read: {error:#}"))
        }
        Err(_) => CommandOutcome::Unanswered(format!(
            "it is stored as command {seq}, but {} has not decided on it in time; it takes effect once the group runs: \
             see `tapedeck status`",
            if matches!(request, Request::Cancel { .. }) { "control or execution" } else { "control" }
        )),
    }
}

async fn decide(bus: &Bus, partition: u16, seq: u64, request: &Request) -> Result<CommandOutcome> {
    let tape = bus.tape(partition).await?;
    let mut facts = WriterFacts::open(bus, &tape, Writer::Control);
    let mut controls = ControlsInForce::default();
    let fact = loop {
        let fact = facts.next().await?;
        if fact.answers(Offset::new(seq, 0)) {
            break fact;
        }
        controls.apply(&fact.event);
    };
    match (&fact.event, request) {
        (Event::CommandRefused(refused), _) => Ok(CommandOutcome::Refused(match (&refused.reason, request) {
            (RefusalReason::RepeatedId, Request::Fund { .. }) => PAID_BEFORE.into(),
            (reason, _) => reason.words(),
        })),
        (Event::TradingHalted(halted), _) => {
            let stricter = controls.halt_of(&halted.scope).filter(|in_force| in_force.level > halted.level);
            Ok(match stricter {
                Some(TradingHalted { scope, level, .. }) => {
                    CommandOutcome::Refused(format!("{scope} is {level} already, which is stricter; resume it first"))
                }
                None => CommandOutcome::Done(Box::new(fact)),
            })
        }
        (Event::TradingResumed(resumed), _) if controls.halt_of(&resumed.scope).is_none() => {
            let halts: Vec<String> = controls.halts().map(|halt| format!("{} ({})", halt.scope, halt.level)).collect();
            let halts = if halts.is_empty() { "none".into() } else { halts.join(", ") };
            Ok(CommandOutcome::Refused(format!("{} was not halted; halts in force: {halts}", resumed.scope)))
        }
        (_, Request::Cancel { .. }) => {
            let answer = WriterFacts::open(bus, &tape, Writer::Execution).answer_to(fact.offset).await?;
            Ok(match &answer.event {
                Event::CancelSubmitted(_) => CommandOutcome::Done(Box::new(answer)),
                Event::LateReport(late) => CommandOutcome::Refused(match late.status {
                    Some(status) => format!("the order is {status}"),
                    None => UNKNOWN_ORDER.into(),
                }),
                other => CommandOutcome::Refused(render::words(other)),
            })
        }
        _ => Ok(CommandOutcome::Done(Box::new(fact))),
    }
}

/// The refusal of a second payment of a reference, which names it.
pub const PAID_BEFORE: &str = "paid before under this reference";
/// The refusal of a partition that does not know the order.
const UNKNOWN_ORDER: &str = "there is no such order";

/// An order is on one partition: the others do not know it.
fn print_cancel(outcomes: &[CommandOutcome], order: &str) -> ExitCode {
    let is_unknown = |outcome: &CommandOutcome| matches!(outcome, CommandOutcome::Refused(why) if why == UNKNOWN_ORDER);
    let about_order: Vec<_> = (0..).zip(outcomes).filter(|(_, outcome)| !is_unknown(outcome)).collect();
    about_order.iter().for_each(|(partition, outcome)| outcome.print(*partition, "cancel"));
    if about_order.iter().any(|(_, outcome)| matches!(outcome, CommandOutcome::Done(_))) {
        return ExitCode::SUCCESS;
    }
    if about_order.is_empty() {
        eprintln!("cancel refused: no partition has an order {order}");
        return ExitCode::from(1);
    }
    CommandOutcome::exit_code(about_order.into_iter().map(|(_, outcome)| outcome))
}

/// Whether a market event of the instrument is stored in an inbox.
async fn is_stored(bus: &Bus, partitions: &[u16], instrument: &InstrumentId) -> Result<bool> {
    for partition in partitions {
        let inbox = bus.generations().inbox_stream(*partition);
        let filter = subject::instrument_filter(instrument);
        for filter in subject::sourced_filter(&filter).into_iter().chain([filter]) {
            if bus.last_on(&inbox, &filter).await? > 0 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
