//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tapedeck_replay::{RangeBound, ReplaySpeed};
use tapedeck_schemas::event::{HaltLevel, Kind, Scope};
use tapedeck_schemas::ids::{AccountId, InstrumentId, OrderId, SourceId, StrategyId, Token};

mod look;

pub use look::{TapeArgs, TraceArgs, TraceId};

use crate::groups::GroupName;
use crate::process;

/// An event-sourced trading system on NATS JetStream.
#[derive(Debug, Parser)]
#[command(version = process::VERSION, long_version = crate::commands::long_version())]
pub struct Cli {
    /// Where the servers are.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where the servers are: flags win over the environment, that over `.tapedeck/connection.toml`.
#[derive(Debug, Clone, Args)]
pub struct ConnectionArgs {
    /// NATS to use, as nats://host:4222; demo and up start a private one without it.
    #[arg(long, global = true, env = "TAPEDECK_NATS_URL")]
    pub nats_url: Option<String>,
    /// File with the seed of the nkey to connect to NATS with; read again at every connect.
    #[arg(long, global = true, env = "TAPEDECK_NATS_NKEY", value_name = "FILE", requires = "nats_url")]
    pub nats_nkey: Option<PathBuf>,
    /// Postgres to use, as postgres://user:password@host/db; demo and up start a private one without it.
    #[arg(long, global = true, env = "TAPEDECK_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// File with the database's password, where the URL has none; read again at every connect.
    #[arg(
        long,
        global = true,
        env = "TAPEDECK_DATABASE_PASSWORD_FILE",
        value_name = "FILE",
        requires = "database_url"
    )]
    pub database_password_file: Option<PathBuf>,
    /// Where private servers and what they hold live, and where connection.toml is looked for.
    #[arg(long, global = true, env = "TAPEDECK_DIR", default_value = ".tapedeck")]
    pub dir: PathBuf,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Private servers, all groups: plays a market, reports, verifies, stops.
    Demo(StackArgs),
    /// The same stack without a market; stays up until Ctrl-C and writes connection.toml for the other commands.
    Up(StackArgs),
    /// One actor group on one partition: what a pod runs.
    Run(RunArgs),
    /// Publishes recorded or synthetic market events onto md.>; resumable.
    Publish(PublishArgs),
    /// Plays history out again, to a file or onto subjects, in the publisher's own format; exact, resumable.
    Replay(ReplayArgs),
    /// Creates the streams and the tapes, or with --check tells where they differ from what is declared.
    Provision(ProvisionArgs),
    /// Brings the database to this build's schema, or with --check tells whether it is there.
    Migrate(CheckArgs),
    /// Limits, weights, funding, cancels: asked of control, which answers with facts.
    Control(ControlArgs),
    /// The kill switch: stops trading.
    Halt(HaltArgs),
    /// Lets trading go on.
    Resume(ScopeArgs),
    /// Prints the records and events of a tape.
    Tape(TapeArgs),
    /// The chain of causes of an order, a fill or a fact: from the tick to the position, with latencies.
    Trace(TraceArgs),
    /// Decides everything again and compares: 0 clean, 1 differs, 2 no verdict.
    Verify(VerifyArgs),
    /// What the tapes, inboxes, writers and projections are at; exit 1 if unhealthy.
    Status(StatusArgs),
    /// Prints a document made from the code: how to publish, how to read a tape.
    Schema(SchemaArgs),
    /// Makes the keys that an own cluster begins with: nkeys of all roles, database passwords. Overwrites nothing.
    Keys(KeysArgs),
    /// Prints the accounts of a nats-server: who may do what on the bus.
    NatsAccounts,
}

impl Command {
    /// What is logged when TAPEDECK_LOG does not say.
    pub fn default_log(&self) -> &'static str {
        match self {
            Command::Run(_) | Command::Up(_) => process::SERVICE_LOG,
            _ => process::COMMAND_LOG,
        }
    }
}

/// What `demo` and `up` start.
#[derive(Debug, Clone, Args)]
pub struct StackArgs {
    /// Recorded input instead of the synthetic market: files of any format that publish reads.
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub market: Vec<PathBuf>,
    /// Instruments, funding, limits and weights (TOML) instead of the built-in ones.
    #[arg(long, value_name = "FILE")]
    pub setup: Option<PathBuf>,
    /// How many partitions the instruments are dealt to.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub partitions: u16,
    /// Throw away what earlier runs left.
    #[arg(long)]
    pub fresh: bool,
    /// Seed of the synthetic market.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Quotes and trades of the synthetic market.
    #[arg(long, default_value_t = 240_000)]
    pub events: u64,
    /// How far the market may run ahead of the slowest group, in milliseconds of tape time.
    #[arg(long, default_value_t = 500)]
    pub lead_ms: u64,
    /// Port of the private NATS, 0 for any free one (up: 4222, demo: any free one).
    #[arg(long)]
    pub nats_port: Option<u16>,
    /// Port of the private Postgres, 0 for any free one (up: 15432, demo: any free one).
    #[arg(long)]
    pub database_port: Option<u16>,
    /// Address of health and metrics, port 0 for any free one (up: 127.0.0.1:9464, demo: any free port).
    #[arg(long)]
    pub http: Option<SocketAddr>,
    /// The report as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What `run` runs.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Which group.
    pub group: GroupName,
    /// On which partition.
    #[arg(long, env = "TAPEDECK_PARTITION")]
    pub partition: u16,
    /// Address of health and metrics.
    #[arg(long, env = "TAPEDECK_HTTP", default_value = "127.0.0.1:9464")]
    pub http: SocketAddr,
    /// Which venue orders go to. There is only paper, the simulated exchange.
    #[arg(long, env = "TAPEDECK_VENUE", value_enum, default_value_t = Venue::Paper)]
    pub venue: Venue,
}

/// A venue. A name that is none of these does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Venue {
    /// The simulated exchange.
    Paper,
}

/// Where keys go.
#[derive(Debug, Clone, Args)]
pub struct KeysArgs {
    /// Folder for a seed per role and users.conf; what is there already is kept.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// What `publish` publishes.
#[derive(Debug, Clone, Args)]
pub struct PublishArgs {
    /// Files of market data, merged by receive time, `-` for standard input; none: the synthetic market.
    ///
    /// Told apart by what they hold, plain, .gz or .zip: Binance captures, JSON lines or MessagePack as replay writes
    /// them, Binance bulk CSV (aggTrades, trades), LEAN FX ticks, CSV whose header names the contract's fields.
    #[arg(value_name = "FILE")]
    pub market: Vec<PathBuf>,
    /// Instruments, funding, limits and weights (TOML) instead of the built-in ones.
    #[arg(long, value_name = "FILE")]
    pub setup: Option<PathBuf>,
    /// Whose market it is, where the data do not say it, as oanda.EURUSD.
    #[arg(long, value_name = "VENUE.SYMBOL")]
    pub instrument: Option<InstrumentId>,
    /// Who publishes it; by default whom the format implies.
    #[arg(long, value_name = "NAME")]
    pub source: Option<SourceId>,
    /// Seed of the synthetic market.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Quotes and trades of the synthetic market.
    #[arg(long, default_value_t = 240_000)]
    pub events: u64,
    /// The recorded pace times this (1x, 10x, 0.5x), or max: as fast as the broker takes it.
    #[arg(long, default_value = "max", value_name = "PACE")]
    pub speed: ReplaySpeed,
}

/// What `replay` replays, where to and how fast.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("onto").required(true))]
pub struct ReplayArgs {
    /// Which partition; all if not given, merged by tape time.
    #[arg(long)]
    pub partition: Option<u16>,
    /// First fact: an offset (p0:1234.5), a sequence, a time (RFC 3339) or how long before the tape's end (-10m).
    #[arg(long, allow_hyphen_values = true)]
    pub from: Option<RangeBound>,
    /// Last fact, likewise; if not given, the tape's end at the start of the replay.
    #[arg(long, allow_hyphen_values = true)]
    pub to: Option<RangeBound>,
    /// Only of these instruments, as binance.BTCUSDT.
    #[arg(long, value_delimiter = ',')]
    pub instrument: Vec<InstrumentId>,
    /// Only these kinds of fact, as Trade. With none of kind, writer, strategy, account: market facts.
    #[arg(long, value_delimiter = ',', value_parser = tapedeck_replay::parse_kind)]
    pub kind: Vec<Kind>,
    /// Only of these writers, as risk.
    #[arg(long, value_delimiter = ',')]
    pub writer: Vec<tapedeck_schemas::record::Writer>,
    /// Only of these strategies.
    #[arg(long, value_delimiter = ',')]
    pub strategy: Vec<StrategyId>,
    /// Only of these accounts.
    #[arg(long, value_delimiter = ',')]
    pub account: Vec<AccountId>,
    /// To a file, as JSON lines (.jsonl) or MessagePack maps (.msgpack); - for standard output. Interrupted, the same
    /// command goes on.
    #[arg(long, group = "onto", value_name = "FILE")]
    pub to_file: Option<PathBuf>,
    /// Onto subjects: the market on PREFIX.<venue>.<symbol>.<kind>, as on md.>; other facts on
    /// PREFIX-facts.<writer>.<Kind>. By plain NATS: at least once, and never waiting for a slow subscriber.
    #[arg(long, group = "onto", value_name = "PREFIX")]
    pub to_subject: Option<String>,
    /// What the file holds, if its name does not say: jsonl or msgpack.
    #[arg(long)]
    pub format: Option<tapedeck_replay::OutputFormat>,
    /// recorded, max, or times the recorded pace, as 10x.
    #[arg(long, default_value = "max")]
    pub speed: tapedeck_replay::ReplaySpeed,
    /// Name of the run: the session of its market events. If not given it is derived from what is played, so that
    /// the same replay has the same name.
    #[arg(long)]
    pub run: Option<Token>,
    /// Goes on with an interrupted run onto subjects; what was sent last may come twice.
    #[arg(long)]
    pub resume: bool,
    /// Starts over: forgets an interrupted replay, and overwrites the file.
    #[arg(long, conflicts_with = "resume")]
    pub fresh: bool,
}

/// What `provision` does.
#[derive(Debug, Clone, Args)]
pub struct ProvisionArgs {
    /// Only compare; exit 1 on drift.
    #[arg(long)]
    pub check: bool,
    /// Declaration of the streams and the placement (TOML) instead of the built-in one.
    #[arg(long, value_name = "FILE")]
    pub streams: Option<PathBuf>,
    /// How many partitions there must be: refuses a declaration of another number.
    #[arg(long, env = "TAPEDECK_PARTITIONS")]
    pub partitions: Option<usize>,
}

/// A check instead of a change.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// Only compare; exit 1 if it differs.
    #[arg(long)]
    pub check: bool,
}

/// What `control` asks.
#[derive(Debug, Clone, Args)]
pub struct ControlArgs {
    /// The request.
    #[command(subcommand)]
    pub request: ControlRequest,
    /// Who asks.
    #[arg(long, global = true, env = "USER", default_value = "operator")]
    pub by: String,
}

/// The requests of `control`.
#[derive(Debug, Clone, Subcommand)]
pub enum ControlRequest {
    /// Limits, weights and funding of a setup file, on every partition; applied once a file.
    Apply {
        /// The setup file (TOML).
        file: PathBuf,
    },
    /// Cancels an order.
    Cancel {
        /// Which order.
        order: OrderId,
        /// Why.
        #[arg(long, default_value = "requested")]
        reason: String,
    },
    /// What can be set: names, units, defaults, bounds.
    Show,
}

/// What `halt` stops.
#[derive(Debug, Clone, Args)]
pub struct HaltArgs {
    /// Where and why.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// How far down: reducing (only orders that reduce a position) or halted.
    #[arg(long, default_value = "halted")]
    pub level: HaltLevel,
}

/// Where, why and who.
#[derive(Debug, Clone, Args)]
pub struct ScopeArgs {
    /// all, or an instrument as binance.BTCUSDT.
    #[arg(long)]
    pub scope: Scope,
    /// Why.
    #[arg(long)]
    pub reason: String,
    /// Who asks.
    #[arg(long, env = "USER", default_value = "operator")]
    pub by: String,
}

/// What `verify` checks.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// Leave Postgres out.
    #[arg(long)]
    pub no_database: bool,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// What `status` shows.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// What `schema` prints.
#[derive(Debug, Clone, Args)]
pub struct SchemaArgs {
    /// Which document.
    #[arg(value_enum)]
    pub document: Document,
}

/// The documents made from the code.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Document {
    /// The public subjects: AsyncAPI 3.0, JSON.
    Asyncapi,
    /// Market messages and native JSON lines: JSON Schema 2020-12.
    Market,
    /// The record format of the tape, for programs: JSON.
    Tape,
    /// The record format of the tape, for people: Markdown.
    Record,
}
