//! A whole system in one process: private servers unless others are given, streams, database, all groups.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tapedeck_feeds::Setup;
use tapedeck_groups::{GROUPS, Group};
use tapedeck_kernel::{Inbox, Reads};
use tapedeck_runtime::bus::NatsAccess;
use tapedeck_runtime::database::{self, DatabaseAccess};
use tapedeck_runtime::metrics::Metrics;
use tapedeck_runtime::streams::{self, Declaration, Partition};
use tapedeck_runtime::supervisor::Supervised;
use tapedeck_runtime::{Bus, GroupStatus, http, state};
use tapedeck_schemas::generation::Generations;
use tapedeck_schemas::subject;
use tapedeck_servers::{NatsServer, Postgres};

use crate::connection::{self, Connection, DatabaseArgs, DirArgs, NatsArgs};
use crate::groups::{self, Env};
use crate::process;
use crate::setup::{self, SetupArgs};

const NATS_HELP: &str = "URL of NATS, such as nats://host:4222 [default: a private server]";
const DATABASE_HELP: &str = "URL of Postgres, such as postgres://user@host/db [default: a private server]";

/// What a stack is made of.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Servers")]
#[command(mut_arg("nats_url", |arg| arg.help(NATS_HELP)), mut_arg("database_url", |arg| arg.help(DATABASE_HELP)))]
pub struct StackArgs {
    /// Number of partitions that the instruments are distributed over
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub partitions: u16,
    /// Deletes the data of earlier runs first; private servers only
    #[arg(long)]
    pub fresh: bool,
    /// Port of the private NATS, 0 for a free one [default: 4222 for up, 0 for demo]
    #[arg(long, value_name = "PORT")]
    pub nats_port: Option<u16>,
    /// Port of the private Postgres, 0 for a free one [default: 15432 for up, 0 for demo]
    #[arg(long, value_name = "PORT")]
    pub database_port: Option<u16>,
    /// Address of health and metrics [default: 127.0.0.1, port 9464 for up, a free one for demo]
    #[arg(long, value_name = "ADDRESS")]
    pub http: Option<SocketAddr>,
    /// Instruments, funding, limits and weights.
    #[command(flatten)]
    pub setup: SetupArgs,
    /// NATS to use instead of a private one.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Postgres to use instead of a private one.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Directory of the private servers.
    #[command(flatten)]
    pub dir: DirArgs,
}

/// Ports on loopback where a stack listens by default; 0 is any free port.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// Port of NATS.
    pub nats: u16,
    /// Port of Postgres.
    pub database: u16,
    /// Port of health and metrics.
    pub http: u16,
}

impl Ports {
    /// Free ports: for a run that ends by itself.
    pub const FREE: Ports = Ports { nats: 0, database: 0, http: 0 };
    /// The same ports each time: the default port of NATS clients, and one beside the default port of Postgres.
    pub const FIXED: Ports = Ports { nats: 4222, database: 15432, http: 9464 };
}

/// A running system.
pub struct Stack {
    /// NATS of the stack.
    pub nats: NatsAccess,
    /// Postgres of the stack.
    pub database: DatabaseAccess,
    /// Address of health and metrics.
    pub http: SocketAddr,
    /// A connection to NATS for the command that runs the stack.
    pub bus: Bus,
    /// Status of every group of every partition.
    pub groups: Arc<Vec<Arc<GroupStatus>>>,
    supervised: Option<Supervised>,
    servers: Servers,
    dir: PathBuf,
}

/// The private servers. They stop when this is dropped.
#[derive(Default)]
struct Servers {
    nats: Option<NatsServer>,
    postgres: Option<Postgres>,
}

impl Servers {
    /// Starts the servers for which no URL is given.
    fn start(args: &StackArgs, ports: Ports) -> Result<(Self, NatsAccess, DatabaseAccess)> {
        let (mut servers, dir) = (Self::default(), &args.dir.dir);
        let nats_url = match &args.nats.nats_url {
            Some(url) => url.clone(),
            None => {
                let nats = NatsServer::start(&dir.join("nats"), args.nats_port.unwrap_or(ports.nats));
                servers.nats.insert(nats.context("--nats-port")?).url()
            }
        };
        let database_url = match &args.database.database_url {
            Some(url) => url.clone(),
            None => {
                let port = args.database_port.unwrap_or(ports.database);
                let postgres = Postgres::start(&dir.join("postgres"), port);
                servers.postgres.insert(postgres.context("--database-port")?).url()
            }
        };
        let password_file = args.database.database_password_file.clone();
        let saved = || match args.nats.nats_url {
            Some(_) => Ok(Generations::default()),
            None => connection::saved_generations(dir),
        };
        let generations = args.nats.generations.clone().map_or_else(saved, Ok)?;
        let nats = NatsAccess { url: nats_url, nkey: args.nats.nats_nkey.clone(), generations };
        Ok((servers, nats, DatabaseAccess { url: database_url, password_file }))
    }
}

impl Stack {
    /// Starts everything and waits until every group is ready, or has stopped. `None` if a shutdown signal comes first;
    /// then everything is stopped again.
    pub async fn start(args: &StackArgs, ports: Ports) -> Result<Option<Self>> {
        tokio::select! { biased;
            stopped = process::shutdown_signal() => stopped.map(|()| None),
            started = Self::start_all(args, ports) => started.map(Some),
        }
    }

    async fn start_all(args: &StackArgs, ports: Ports) -> Result<Self> {
        let setup = args.setup.read()?;
        let dir = args.dir.dir.clone();
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        if args.fresh {
            delete_data(args)?;
        }
        let (servers, nats, database) = Servers::start(args, ports)?;
        let bus = Bus::connect(&nats, "tapedeck").await?;
        provision(&bus, &setup, args.partitions).await?;
        database::migrate(&mut database::connect(&database).await?).await?;
        for partition in 0..args.partitions {
            setup::apply(&bus, &setup, partition, "setup").await?;
        }
        let env = Env {
            nats: nats.clone(),
            database: Some(database.clone()),
            metrics: Arc::new(Metrics::default()),
            identity: process::identity()?,
            requires_witness: false,
        };
        let (tasks, groups): (Vec<_>, Vec<_>) = (0..args.partitions)
            .flat_map(|partition| GROUPS.iter().map(move |group| (group, partition)))
            .map(|(group, partition)| groups::task(&env, group, partition))
            .unzip();
        let groups = Arc::new(groups);
        let http = args.http.unwrap_or((Ipv4Addr::LOCALHOST, ports.http).into());
        let http = http::serve(http, env.metrics.clone(), groups.clone()).await.with_context(|| {
            format!("cannot listen on {http}; give another address with --http (port 0: any free one)")
        })?;
        let supervised = Some(Supervised::start(tasks).await?);
        drop(tokio::spawn(state::serve(nats.clone(), groups.clone())));
        // From here on, dropping the stack removes connection.toml.
        let stack = Self { nats, database, http, bus, groups, supervised, servers, dir };
        let connection = Connection {
            nats_url: stack.nats.url.clone(),
            database_url: stack.database.url.clone(),
            http: Some(http.to_string()),
            generations: stack.nats.generations.to_string(),
            is_private: stack.servers.nats.is_some(),
        };
        connection.save(&stack.dir)?;
        stack.wait_ready().await;
        Ok(stack)
    }

    /// The machines that follow tape time: all but control, which goes by the time of NATS.
    pub fn machines(&self) -> Vec<Arc<GroupStatus>> {
        let follows = |group: &&Arc<GroupStatus>| {
            let info = tapedeck_groups::named(group.group).and_then(Group::info);
            info.is_some_and(|info| info.reads != Reads::Inbox(Inbox::Command))
        };
        self.groups.iter().filter(follows).cloned().collect()
    }

    async fn wait_ready(&self) {
        while !self.groups.iter().all(|group| group.is_ready() || group.stopped().is_some()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A line for each group that stopped: its name, stop code and text.
    pub fn stops(&self) -> Vec<String> {
        let stop = |group: &Arc<GroupStatus>| {
            let (reason, text) = group.stopped()?;
            Some(format!("{} on partition {} stopped: {reason}: {text}", group.group, group.partition))
        };
        self.groups.iter().filter_map(stop).collect()
    }

    /// Fails if a group stopped, with its reason.
    pub fn check_stops(&self) -> Result<()> {
        let lines = self.stops();
        ensure!(lines.is_empty(), "groups stopped (see docs/recovery.md):\n{}", lines.join("\n"));
        Ok(())
    }

    /// Waits until every group has processed everything that was published. `stored` is the last sequence per inbox.
    pub async fn wait_quiet(&self, stored: &std::collections::BTreeMap<String, u64>) -> Result<()> {
        loop {
            let mut quiet = true;
            for group in self.groups.iter() {
                let end = self.bus.last_sequence(&self.bus.generations().tape_stream(group.partition)).await?;
                let sent = stored.get(&self.bus.generations().inbox_stream(group.partition)).copied().unwrap_or(0);
                quiet &= match tapedeck_groups::named(group.group).and_then(Group::inbox) {
                    Some(Inbox::Market) => group.inbox_seq() >= sent,
                    Some(Inbox::Command) => {
                        let asked =
                            self.bus.last_sequence(&self.bus.generations().command_stream(group.partition)).await?;
                        group.inbox_seq() >= asked
                    }
                    None => group.tape_seq() >= end,
                };
            }
            if quiet {
                return Ok(());
            }
            self.check_stops()?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Drains every group; the servers stay up.
    pub async fn drain(&mut self) {
        if let Some(supervised) = self.supervised.take() {
            supervised.drain().await;
        }
    }

    /// Drains every group, then stops the private servers.
    pub async fn stop(mut self) {
        self.drain().await;
        let servers = std::mem::take(&mut self.servers);
        drop(self); // the connections close before their servers stop
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
    ensure!(
        !existing,
        "NATS holds more than {partitions} partition(s); give the same --partitions as before, or --fresh"
    );
    let ids = process::tape_ids(declared.partitions.len())?;
    if let Ok(tape) = bus.tape(0).await {
        ensure!(
            tape.placement == declared.partitions[0].market,
            "partition 0 was created for {:?}, but --partitions {partitions} with this setup needs {:?}; give the same \
             --partitions and --setup as before, or --fresh",
            tape.placement,
            declared.partitions[0].market
        );
    }
    match streams::provision(bus, &declared, |partition| ids[usize::from(partition)]).await {
        // The groups stop for it, and the servers stay up for `tapedeck recover`.
        Err(error) if error.stop().is_some() => tracing::error!(%error, "a tape is lost; see docs/recovery.md"),
        done => drop(done?),
    }
    Ok(())
}

/// Distributes the instruments of the setup over the partitions in turn. A single partition takes all markets.
fn placement(setup: &Setup, partitions: u16) -> Result<Vec<Partition>> {
    if partitions == 1 {
        return Ok(vec![Partition { market: vec!["md.>".into()] }]);
    }
    let mut placed = vec![Partition { market: Vec::new() }; usize::from(partitions)];
    for (index, instrument) in setup.instruments().enumerate() {
        placed[index % usize::from(partitions)].market.push(subject::instrument_filter(&instrument));
    }
    let empty = placed.iter().any(|partition| partition.market.is_empty());
    ensure!(
        !empty,
        "--partitions {partitions} exceeds the {} instruments of the setup; give a smaller number",
        setup.instruments().count()
    );
    Ok(placed)
}

fn delete_data(args: &StackArgs) -> Result<()> {
    ensure!(
        args.nats.nats_url.is_none() && args.database.database_url.is_none(),
        "--fresh deletes the data of private servers only; with --nats-url or --database-url, delete the streams and \
         the schema `tapedeck` yourself"
    );
    let dir = &args.dir.dir;
    NatsServer::remove_data(&dir.join("nats"))?;
    connection::save_generations(dir, &Generations::default())?;
    Postgres::remove_data(&dir.join("postgres"))?;
    Ok(())
}
