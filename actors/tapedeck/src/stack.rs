//! A whole system in one process: private servers unless others are named, streams, database, all groups.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tapedeck_feeds::{Feed, Selection, Setup};
use tapedeck_runtime::bus::NatsAccess;
use tapedeck_runtime::metrics::Metrics;
use tapedeck_runtime::publisher::FencedPublisher;
use tapedeck_runtime::streams::{self, Declaration, Partition};
use tapedeck_runtime::supervisor::Supervised;
use tapedeck_runtime::{Bus, GroupStatus, database, http};
use tapedeck_schemas::command::{Command, Request};
use tapedeck_schemas::record::RecordHash;
use tapedeck_schemas::subject;
use tapedeck_servers::{NatsServer, Postgres};

use crate::cli::{ConnectionArgs, StackArgs};
use crate::connection::Connection;
use crate::groups::{self, Env, GroupName};
use crate::process;

/// Where a stack listens on loopback unless told otherwise; 0 is any free port.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// NATS.
    pub nats: u16,
    /// Postgres.
    pub database: u16,
    /// Health and metrics.
    pub http: u16,
}

impl Ports {
    /// Any that are free: for a run that is over before anybody would look for it.
    pub const FREE: Ports = Ports { nats: 0, database: 0, http: 0 };
    /// The same ones each time: NATS where every client looks first, Postgres beside where a system's own would be.
    pub const FIXED: Ports = Ports { nats: 4222, database: 15432, http: 9464 };
}

/// A running system.
pub struct Stack {
    /// NATS.
    pub nats_url: String,
    /// Postgres.
    pub database_url: String,
    /// The same, to connect to.
    pub database: database::DatabaseAccess,
    /// Health and metrics.
    pub http: SocketAddr,
    /// A connection for whoever runs the stack.
    pub bus: Bus,
    /// What is traded, and on which terms.
    pub setup: Setup,
    /// Every group.
    pub groups: Arc<Vec<Arc<GroupStatus>>>,
    supervised: Option<Supervised>,
    servers: Servers,
    dir: PathBuf,
}

/// The private servers; dropped, they stop.
#[derive(Default)]
struct Servers {
    nats: Option<NatsServer>,
    postgres: Option<Postgres>,
}

impl Stack {
    /// Starts everything, and waits until every group is ready; `None` if asked to stop meanwhile: then all is stopped.
    pub async fn start(at: &ConnectionArgs, args: &StackArgs, ports: Ports) -> Result<Option<Self>> {
        tokio::select! { biased;
            stopped = process::shutdown_signal() => stopped.map(|()| None),
            started = Self::start_all(at, args, ports) => started.map(Some),
        }
    }

    async fn start_all(at: &ConnectionArgs, args: &StackArgs, ports: Ports) -> Result<Self> {
        let setup = setup(args.setup.as_deref())?;
        std::fs::create_dir_all(&at.dir).with_context(|| format!("cannot create {}", at.dir.display()))?;
        if args.fresh {
            forget_everything(at)?;
        }
        let mut servers = Servers::default();
        let nats_url = match &at.nats_url {
            Some(url) => url.clone(),
            None => {
                let nats = NatsServer::start(&at.dir.join("nats"), args.nats_port.unwrap_or(ports.nats))
                    .context("--nats-port")?;
                servers.nats.insert(nats).url()
            }
        };
        let database_url = match &at.database_url {
            Some(url) => url.clone(),
            None => {
                let postgres = Postgres::start(&at.dir.join("postgres"), args.database_port.unwrap_or(ports.database))
                    .context("--database-port")?;
                servers.postgres.insert(postgres).url()
            }
        };
        let nats = NatsAccess { url: nats_url.clone(), nkey: at.nats_nkey.clone() };
        let database =
            database::DatabaseAccess { url: database_url.clone(), password_file: at.database_password_file.clone() };
        let bus = Bus::connect(&nats, "tapedeck").await?;
        provision(&bus, &setup, args.partitions).await?;
        database::migrate(&mut database::connect(&database).await?).await?;
        for partition in 0..args.partitions {
            apply_setup(&bus, &setup, partition, "setup").await?;
        }
        let env = Env {
            nats,
            database: Some(database.clone()),
            metrics: Arc::new(Metrics::default()),
            owner: process::owner()?,
        };
        let (tasks, groups): (Vec<_>, Vec<_>) = (0..args.partitions)
            .flat_map(|partition| GroupName::ALL.map(|name| groups::task(&env, name, partition)))
            .unzip();
        let groups = Arc::new(groups);
        let http = args.http.unwrap_or((Ipv4Addr::LOCALHOST, ports.http).into());
        let http = http::serve(http, env.metrics.clone(), groups.clone())
            .await
            .with_context(|| format!("cannot listen on {http}; give another --http (port 0: any free one)"))?;
        let connection =
            Connection { nats_url: nats_url.clone(), database_url: database_url.clone(), http: Some(http.to_string()) };
        let supervised = Some(Supervised::start(tasks).await?);
        let dir = at.dir.clone();
        // From here on the file is taken away again, however this ends.
        let stack = Self { nats_url, database_url, database, http, bus, setup, groups, supervised, servers, dir };
        connection.save(&at.dir)?;
        stack.wait_ready().await;
        Ok(stack)
    }

    /// The groups that are machines and live in tape time (control keeps the broker's).
    pub fn machines(&self) -> Vec<Arc<GroupStatus>> {
        let edge = |group: &&Arc<GroupStatus>| !["control", "projector"].contains(&group.group);
        self.groups.iter().filter(edge).cloned().collect()
    }

    async fn wait_ready(&self) {
        while !self.groups.iter().all(|group| group.is_ready()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until everything that was published is answered, and nothing is left to do for any group.
    pub async fn wait_quiet(&self, stored: &std::collections::BTreeMap<String, u64>) -> Result<()> {
        loop {
            let mut quiet = true;
            for group in self.groups.iter() {
                let end = self.last_sequence(&subject::tape_stream(group.partition)).await?;
                let sent = stored.get(&subject::inbox_stream(group.partition)).copied().unwrap_or(0);
                quiet &= match group.group {
                    "ingest" => group.inbox_seq() >= sent,
                    "control" => {
                        let asked = self.last_sequence(&subject::command_stream(group.partition)).await?;
                        group.inbox_seq() >= asked
                    }
                    _ => group.tape_seq() >= end,
                };
            }
            if quiet {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn last_sequence(&self, stream: &str) -> Result<u64> {
        Ok(self.bus.context().get_stream(stream).await?.cached_info().state.last_sequence)
    }

    /// Drains every group; the servers stay up.
    pub async fn drain(&mut self) {
        if let Some(supervised) = self.supervised.take() {
            supervised.drain().await;
        }
    }

    /// Drains, then stops what was started here.
    pub async fn stop(mut self) {
        self.drain().await;
        let servers = std::mem::take(&mut self.servers);
        drop(self); // whoever is connected goes first
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(servers);
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        Connection::forget(&self.dir);
    }
}

async fn provision(bus: &Bus, setup: &Setup, partitions: u16) -> Result<()> {
    let declared = Declaration::parse(streams::BUILT_IN)?.placed(placement(setup, partitions)?);
    let existing = bus.has_tape(partitions).await?;
    ensure!(!existing, "there are more than {partitions} partitions already; give --partitions as before, or --fresh");
    let ids = process::tape_ids(declared.partitions.len())?;
    if let Ok(tape) = bus.tape(0).await {
        ensure!(
            tape.placement == declared.partitions[0].market,
            "partition 0 holds {:?}, but {partitions} partition(s) of this setup want {:?}; use --fresh",
            tape.placement,
            declared.partitions[0].market
        );
    }
    streams::provision(bus, &declared, |partition| ids[usize::from(partition)]).await?;
    Ok(())
}

/// Deals the setup's instruments to the partitions; a single partition takes the whole market.
fn placement(setup: &Setup, partitions: u16) -> Result<Vec<Partition>> {
    if partitions == 1 {
        return Ok(vec![Partition { market: vec!["md.>".into()] }]);
    }
    let mut dealt = vec![Partition { market: Vec::new() }; usize::from(partitions)];
    for (index, instrument) in setup.instruments().enumerate() {
        dealt[index % usize::from(partitions)].market.push(subject::instrument_filter(&instrument));
    }
    let short = dealt.iter().any(|partition| partition.market.is_empty());
    ensure!(!short, "--partitions {partitions} is more than the setup has instruments");
    Ok(dealt)
}

/// Asks control for what the setup says, once: a second time sends nothing. A payment is named by its reference, so
/// that control pays it once even if other setups were applied meanwhile.
pub async fn apply_setup(bus: &Bus, setup: &Setup, partition: u16, by: &str) -> Result<u64> {
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

/// Names what a setup asks of one verb: only who asks for something else is another session.
fn session(requests: &[(Option<String>, Request)]) -> String {
    let text = |(id, request): &(Option<String>, Request)| format!("{id:?} {request:?}\n");
    let hash = RecordHash::of(requests.iter().map(text).collect::<String>().as_bytes());
    format!("setup-{:.12}", format!("{hash:?}"))
}

/// By verb, in order: each request, and the id of one that must never come twice.
type Requests = Vec<(&'static str, Vec<(Option<String>, Request)>)>;

fn setup_requests(setup: &Setup, partition: u16) -> Result<Requests> {
    let account = format!("sim-p{partition}").parse()?;
    let fund = |(reference, currency, amount)| {
        (Some(format!("fund-{reference}-{currency}")), Request::Fund { account, currency, amount })
    };
    let fund = setup.funds().map(fund).collect();
    let limits = setup.limits().map(|(scope, values)| (None, Request::Limits { scope, values })).collect();
    let weights = setup.weights();
    let weights = if weights.is_empty() { Vec::new() } else { vec![(None, Request::Weights { weights })] };
    Ok(vec![("fund", fund), ("limits", limits), ("weights", weights)])
}

/// The setup of a file, or the built-in one.
pub fn setup(path: Option<&Path>) -> Result<Setup> {
    match path {
        Some(path) => Ok(Setup::read(path)?),
        None => Ok(Setup::built_in()),
    }
}

/// What is to be published: a feed, and the session that names it.
pub struct Market {
    /// Names these very events, whenever they are played.
    pub session: String,
    /// The events.
    pub feed: Box<dyn Feed>,
    /// About how many there are, for the progress bar.
    pub events_about: u64,
}

impl Market {
    /// Opens what is selected.
    pub fn open(selection: &Selection, setup: &Setup) -> Result<Self> {
        let (session, feed, events_about) = tapedeck_feeds::open(selection, setup)?;
        Ok(Self { session, feed, events_about })
    }
}

fn forget_everything(at: &ConnectionArgs) -> Result<()> {
    ensure!(
        at.nats_url.is_none() && at.database_url.is_none(),
        "--fresh throws away private servers' data only; for servers of your own, delete the streams and the schema"
    );
    NatsServer::remove_data(&at.dir.join("nats"))?;
    Postgres::remove_data(&at.dir.join("postgres"))?;
    Ok(())
}
