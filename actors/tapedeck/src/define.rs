//! Sets the definitions of instruments as the operator, and waits for the facts of ingest that answer.
//!
//! A definition of the operator is a market event of the source `operator`, on the subject of that source. With keys,
//! only operators can publish on it.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use tapedeck_feeds::Setup;
use tapedeck_history::WriterFacts;
use tapedeck_ingest::checks::TIME_NS_MIN;
use tapedeck_runtime::Bus;
use tapedeck_runtime::publisher::FencedPublisher;
use tapedeck_schemas::event::{Event, RejectReason};
use tapedeck_schemas::ids::{InstrumentId, SourceId, Token};
use tapedeck_schemas::market::{self, MarketBody, MarketEvent};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::subject::{MarketKind, OPERATOR_SOURCE, sourced_subject};
use tokio::time::{Instant, timeout_at};

use crate::operator::CommandOutcome;
use crate::process;

/// Sets the definitions that the setup has of these instruments, of all if none is given, and prints the facts.
///
/// # Errors
/// If the setup does not have one of the instruments, or none at all.
pub async fn define(bus: &Bus, setup: &Setup, only: Vec<InstrumentId>, deadline: Instant) -> Result<ExitCode> {
    let instruments = if only.is_empty() { setup.instruments().collect() } else { only };
    anyhow::ensure!(!instruments.is_empty(), "the file has no [[instrument]]; add one");
    let definition = |id| setup.definition(id).with_context(|| format!("the file has no [[instrument]] id = \"{id}\""));
    let bodies = instruments.iter().map(definition).collect::<Result<Vec<_>>>()?;
    let mut outcomes = Vec::new();
    for (instrument, body) in instruments.into_iter().zip(bodies) {
        let (partition, outcome) = match partition_of(bus, instrument).await {
            Ok(partition) => (partition, answer(bus, partition, instrument, &body, deadline).await),
            Err(error) => (0, CommandOutcome::Unanswered(format!("{error:#}"))),
        };
        outcome.print(partition, &format!("definition of {instrument}"));
        outcomes.push(outcome);
    }
    Ok(CommandOutcome::exit_code(outcomes.iter()))
}

fn operator() -> SourceId {
    OPERATOR_SOURCE.parse().expect("it is a token")
}

fn subject(instrument: &InstrumentId) -> String {
    sourced_subject(operator(), instrument, MarketKind::Definition)
}

/// The partition whose inbox stores the instrument.
async fn partition_of(bus: &Bus, instrument: InstrumentId) -> Result<u16> {
    let stored = bus.context().stream_by_subject(subject(&instrument)).await;
    let stream =
        stored.with_context(|| format!("no partition stores {instrument}; place it with `tapedeck provision`"))?;
    let mut partitions = bus.partitions().await?.into_iter();
    partitions.find(|p| bus.generations().inbox_stream(*p) == stream).with_context(|| format!("{stream} is no inbox"))
}

async fn answer(
    bus: &Bus,
    partition: u16,
    instrument: InstrumentId,
    body: &MarketBody,
    deadline: Instant,
) -> CommandOutcome {
    match timeout_at(deadline, decide(bus, partition, instrument, body)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => CommandOutcome::Unanswered(format!("{error:#}")),
        Err(_) => CommandOutcome::Unanswered(
            "ingest has not decided on it in time; if it is stored, it takes effect once ingest runs: see `tapedeck \
             status`"
                .into(),
        ),
    }
}

/// Stores the definition, and waits for the fact that accepts or rejects it.
async fn decide(bus: &Bus, partition: u16, instrument: InstrumentId, body: &MarketBody) -> Result<CommandOutcome> {
    let tape = bus.tape(partition).await?;
    // One session of all operators, so that the definitions of an instrument are numbered one after another. After a
    // loss ingest may know greater numbers than the inbox does: then another session is not taken for a repetition.
    let other: Token = format!("cli-{:016x}", process::random_u64()?).parse()?;
    for (session, is_last) in [(operator(), false), (other, true)] {
        let (mut facts, now) = WriterFacts::open_at_end(bus, &tape, Writer::Ingest).await?;
        let mut publisher = FencedPublisher::open(bus, subject(&instrument), session.to_string()).await?;
        let stored = loop {
            let seq = publisher.through() + 1;
            // The present tape time: the time of the operator would make a recorded market late.
            let ts_recv = now.max(TIME_NS_MIN);
            let event = MarketEvent { source: operator(), session, seq, ts_recv, ts_event: None, body: body.clone() };
            let payload = market::encode(&event);
            publisher.send(seq, payload.clone().into()).await?;
            let last = publisher.last_seq();
            // Another operator may have taken the number.
            if bus.message(publisher.stream(), last).await?.is_some_and(|message| message.payload == payload) {
                break last;
            }
        };
        loop {
            let fact = facts.answer_to(Offset::new(stored, 0)).await?;
            match &fact.event {
                Event::InstrumentDefined(_) => return Ok(CommandOutcome::Done(Box::new(fact))),
                Event::Rejected(rejected) if rejected.reason == RejectReason::Duplicate && !is_last => break,
                Event::Rejected(rejected) => return Ok(CommandOutcome::Refused(rejected.detail.words())),
                _ => {} // a gap before it, or the tape time
            }
        }
    }
    anyhow::bail!("the last session returns")
}
