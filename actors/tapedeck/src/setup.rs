//! The setup: the argument that names its file, and the requests that have control apply it.

use std::collections::VecDeque;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use tapedeck_feeds::Setup;
use tapedeck_runtime::Bus;
use tapedeck_runtime::publisher::FencedPublisher;
use tapedeck_runtime::tail::Tail;
use tapedeck_schemas::command::{Command, Request};
use tapedeck_schemas::ids::AccountId;
use tapedeck_schemas::record::RecordHash;
use tapedeck_schemas::subject;

use crate::process;

/// Which setup is used.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Market")]
pub struct SetupArgs {
    /// File with instruments, funding, limits and weights (TOML) [default: built in]
    #[arg(long, value_name = "FILE")]
    pub setup: Option<PathBuf>,
}

impl SetupArgs {
    /// The setup of the file, or the built-in one.
    pub fn read(&self) -> Result<Setup> {
        match &self.setup {
            Some(path) => Ok(Setup::read(path)?),
            None => Ok(Setup::built_in()),
        }
    }
}

/// A request of a setup, as it is stored.
#[derive(Debug)]
pub struct StoredRequest {
    /// The request.
    pub request: Request,
    /// Its sequence in the command stream.
    pub seq: u64,
    /// Whether an earlier run sent it.
    pub is_repeated: bool,
}

/// Sends control of a partition the requests of a setup, and returns all of them. Each request is sent once: a second
/// call sends nothing. A payment is named by its reference, so that control pays it once even if other setups were
/// applied in between.
pub async fn apply(bus: &Bus, setup: &Setup, partition: u16, by: &str) -> Result<Vec<StoredRequest>> {
    let mut stored = Vec::new();
    let reason = "setup".to_string();
    let nonce = process::random_u64()?;
    for (verb, requests) in setup_requests(setup, partition)? {
        let subject = subject::command_subject(partition, verb);
        let mut publisher = FencedPublisher::open(bus, subject.clone(), session(&requests)).await?;
        let before = usize::try_from(publisher.through())?;
        let mut seqs = sequences(bus, publisher.stream(), &subject, publisher.last_seq(), before).await?.into_iter();
        for (through, (id, request)) in (1..).zip(requests) {
            let is_repeated = through <= publisher.through();
            let seq = match is_repeated {
                true => seqs.next().context("a command that was stored is missing")?,
                false => {
                    let id = Some(id.unwrap_or_else(|| format!("setup-{nonce:016x}-{verb}-{through}")));
                    let command = Command { id, by: by.into(), reason: reason.clone(), request: request.clone() };
                    publisher.send(through, command.encode().into()).await?;
                    publisher.last_seq()
                }
            };
            stored.push(StoredRequest { request, seq, is_repeated });
        }
    }
    Ok(stored)
}

/// The sequences of the last `count` messages on a subject, up to `last`, in order: those of the session that sent the
/// last of them, since each of its messages is fenced by the one before.
async fn sequences(bus: &Bus, stream: &str, subject: &str, last: u64, count: usize) -> Result<Vec<u64>> {
    let mut seqs = VecDeque::new();
    if count > 0 {
        let mut tail = Tail::new(bus, stream.into(), subject.into(), 1);
        while let Some(stored) = tail.next_until(last).await? {
            seqs.push_back(stored.seq);
            if seqs.len() > count {
                seqs.pop_front();
            }
        }
    }
    Ok(seqs.into())
}

/// The publisher session of the requests of one verb: the same requests have the same session.
fn session(requests: &[(Option<String>, Request)]) -> String {
    let text = |(id, request): &(Option<String>, Request)| format!("{id:?} {request:?}\n");
    let hash = RecordHash::of(requests.iter().map(text).collect::<String>().as_bytes());
    format!("setup-{:.12}", format!("{hash:?}"))
}

/// The requests by verb, in the order in which they are sent, with the ids of those that must be carried out once.
type Requests = Vec<(&'static str, Vec<(Option<String>, Request)>)>;

fn setup_requests(setup: &Setup, partition: u16) -> Result<Requests> {
    let account = AccountId::simulated(partition);
    let fund = |(reference, currency, amount)| {
        (Some(format!("fund-{reference}.{currency}")), Request::Fund { account, currency, amount })
    };
    let fund = setup.funds().map(fund).collect();
    let limits = setup.limits().map(|(scope, values)| (None, Request::Limits { scope, values })).collect();
    let weights = setup.weights();
    let weights = if weights.is_empty() { Vec::new() } else { vec![(None, Request::Weights { weights })] };
    Ok(vec![("fund", fund), ("limits", limits), ("weights", weights)])
}
