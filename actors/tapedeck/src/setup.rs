//! The setup: the argument that names its file, and the requests that have control apply it.

use std::path::PathBuf;

use anyhow::Result;
use tapedeck_feeds::Setup;
use tapedeck_runtime::Bus;
use tapedeck_runtime::publisher::FencedPublisher;
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

/// Sends control of a partition the requests of a setup, and returns how many were sent. Each request is sent once: a
/// second call sends nothing. A payment is named by its reference, so that control pays it once even if other setups
/// were applied in between.
pub async fn apply(bus: &Bus, setup: &Setup, partition: u16, by: &str) -> Result<u64> {
    let mut sent = 0;
    let reason = "setup".to_string();
    let nonce = process::random_u64()?;
    for (verb, requests) in setup_requests(setup, partition)? {
        let mut publisher =
            FencedPublisher::open(bus, subject::command_subject(partition, verb), session(&requests)).await?;
        for (through, (id, request)) in (1..).zip(requests) {
            if through > publisher.through() {
                let id = Some(id.unwrap_or_else(|| format!("setup-{nonce:016x}-{verb}-{through}")));
                let command = Command { id, by: by.into(), reason: reason.clone(), request };
                publisher.send(through, command.encode().into()).await?;
                sent += 1;
            }
        }
    }
    Ok(sent)
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
