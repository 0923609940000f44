//! `replay`: history out again, to a file or onto subjects, in the publisher's own format; interrupted, it goes on.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use tapedeck_replay::{
    Checkpoint, Ended, FileSink, Filter, OutputFormat, Plan, Player, Range, RangeBound, Replay, ReplayError, Sink,
    Slot, SubjectSink, check_prefix, resolve,
};
use tapedeck_runtime::Bus;
use tapedeck_schemas::event::Kind;
use tapedeck_schemas::ids::{AccountId, InstrumentId, StrategyId, Token};

use crate::connection::{DirArgs, NatsArgs};
use crate::process;

const EXAMPLES: &str = "\
Examples:
  tapedeck replay --to-file market.jsonl
  tapedeck replay --from -1h --speed 10x --to-subject replay.md";

/// Writes facts to a file or to subjects, in the format of publishers
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("onto").required(true))]
pub struct Args {
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
    /// NATS of the streams.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Directory of `connection.toml`.
    #[command(flatten)]
    pub dir: DirArgs,
}

/// Replays.
pub async fn run(args: Args) -> Result<ExitCode> {
    let onto = Onto::of(&args)?;
    let filter = filter(&args);
    let range = Range { from: args.from, to: args.to };
    let bus = args.nats.connect(&args.dir).await?;
    let tapes = resolve(&bus, args.partition, &range).await?;
    let run = args.run.unwrap_or_else(|| Plan::default_run(&tapes, &filter.to_string()));
    let (range, filter_text) = (range.to_string(), filter.to_string());
    let plan = Plan { tapes, range, filter: filter_text, onto: onto.to_string(), run };
    let (sink, slot, checkpoint) = open(&bus, &args.dir.dir, &args, &onto, plan).await?;
    let replay = Replay::of(&bus, &checkpoint.plan.tapes, &filter).await?;
    let bar = progress_bar(replay.records());
    let (begun, before) = (std::time::Instant::now(), checkpoint.facts);
    let mut player = Player::new(replay, args.speed, sink, slot.clone(), checkpoint);
    let stop = async {
        if process::shutdown_signal().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let ended = player.play(stop, |records, facts| {
        bar.set_position(records);
        bar.set_message(facts.to_string());
    });
    let ended = ended.await?;
    bar.finish_and_clear();
    let done = player.checkpoint();
    let (run, sent, seconds) = (&done.plan.run, done.facts - before, begun.elapsed().as_secs_f64());
    eprintln!("run {run}: {sent} facts in {seconds:.1} s, {} in all, up to {}", done.facts, last(done));
    if ended == Ended::Interrupted {
        match slot {
            Some(slot) => {
                eprintln!("interrupted; {}; {} says how far it is", onto.how_to_go_on(), slot.path().display())
            }
            None => eprintln!("interrupted"),
        }
        return Ok(ExitCode::from(2));
    }
    Ok(ExitCode::SUCCESS)
}

/// Where to.
enum Onto<'a> {
    File(&'a Path, OutputFormat),
    Stdout(OutputFormat),
    Subjects(&'a str),
}

impl<'a> Onto<'a> {
    fn of(args: &'a Args) -> Result<Self> {
        match (&args.to_file, &args.to_subject) {
            (Some(path), None) => {
                let stdout = path == Path::new("-");
                let format = match (args.format, path.extension().and_then(|end| end.to_str())) {
                    (Some(format), _) => format,
                    (None, Some("jsonl")) => OutputFormat::JsonLines,
                    (None, Some("msgpack")) => OutputFormat::MessagePack,
                    (None, _) if stdout => OutputFormat::JsonLines,
                    _ => bail!("{} ends in neither .jsonl nor .msgpack; say which with --format", path.display()),
                };
                Ok(if stdout { Onto::Stdout(format) } else { Onto::File(path, format) })
            }
            (None, Some(prefix)) => {
                ensure!(args.format.is_none(), "--format is for files; on subjects market events are MessagePack");
                check_prefix(prefix)?;
                Ok(Onto::Subjects(prefix))
            }
            _ => bail!("say where to: --to-file FILE (- for standard output) or --to-subject PREFIX"),
        }
    }

    fn how_to_go_on(&self) -> &'static str {
        match self {
            Onto::Subjects(_) => "the same command with --resume goes on (what was sent last may come twice)",
            _ => "the same command goes on",
        }
    }
}

impl std::fmt::Display for Onto<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Onto::File(_, format) | Onto::Stdout(format) => write!(f, "{format}"),
            Onto::Subjects(prefix) => write!(f, "{prefix}.>"),
        }
    }
}

fn filter(args: &Args) -> Filter {
    Filter {
        instruments: args.instrument.iter().copied().collect(),
        kinds: args.kind.iter().copied().collect(),
        writers: args.writer.iter().copied().collect(),
        strategies: args.strategy.iter().copied().collect(),
        accounts: args.account.iter().copied().collect(),
    }
}

/// The sink where it stands, the place of its checkpoints, and the one to go on from.
async fn open(
    bus: &Bus,
    dir: &Path,
    args: &Args,
    onto: &Onto<'_>,
    mut plan: Plan,
) -> Result<(Sink, Option<Slot>, Checkpoint)> {
    let slot = match onto {
        Onto::Stdout(format) => {
            let sink = Sink::File(Box::new(FileSink::stdout(*format)));
            return Ok((sink, None, Checkpoint::start(plan)));
        }
        Onto::File(path, _) => Slot::beside(path),
        Onto::Subjects(_) => {
            ensure!(!args.resume || args.run.is_some(), "--resume needs the --run that is to go on");
            std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
            Slot::new(dir.join(format!("replay-{}.resume", plan.run)))
        }
    };
    let mut saved = None;
    if !args.fresh {
        if let (None, Some(saved)) = (args.run, slot.load()?) {
            plan.run = saved.plan.run; // named by ends that may have moved since
        }
        saved = slot.load_for(&plan)?;
    }
    let is_new = saved.is_none();
    let checkpoint = saved.unwrap_or_else(|| Checkpoint::start(plan));
    let sink = match onto {
        Onto::File(path, format) => {
            let occupied = std::fs::metadata(path).is_ok_and(|found| found.len() > 0);
            if is_new && occupied && !args.fresh {
                return Err(ReplayError::Occupied(path.to_path_buf()).into());
            }
            Sink::File(Box::new(FileSink::open(path, *format, &checkpoint)?))
        }
        _ => {
            let run = checkpoint.plan.run;
            ensure!(is_new || args.resume, "run {run} was interrupted; --resume goes on with it, --fresh starts over");
            ensure!(!is_new || !args.resume, "there is no interrupted run {run} in {}", dir.display());
            Sink::Subjects(Box::new(SubjectSink::open(bus, args.to_subject.as_deref().unwrap_or_default()).await?))
        }
    };
    if is_new {
        slot.save(&checkpoint)?;
    }
    Ok((sink, Some(slot), checkpoint))
}

fn last(done: &Checkpoint) -> &str {
    done.last.as_deref().unwrap_or("nothing")
}

/// By records, of which the number is known; on a terminal only.
fn progress_bar(records: u64) -> ProgressBar {
    let style = "{elapsed_precise} {wide_bar} {pos}/{len} records, {msg} facts out, {eta} left";
    ProgressBar::new(records).with_style(ProgressStyle::with_template(style).expect("the template is right"))
}
