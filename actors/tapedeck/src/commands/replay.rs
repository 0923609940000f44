//! `replay`: writes history to a file or onto subjects, in the publishers' own format; an interrupted replay resumes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use tapedeck_history::render::OutputFormat;
use tapedeck_history::replay::{Checkpoint, CheckpointFile, Ended, Player, ReplaySpec};
use tapedeck_history::sinks::{FileSink, Sink, SubjectSink, check_prefix};
use tapedeck_history::{HistoryError, Replay, ReplaySpeed, resolve};
use tapedeck_runtime::Bus;
use tapedeck_schemas::ids::Token;
use tapedeck_schemas::json::JsonTimes;

use crate::connection::{DirArgs, NatsArgs};
use crate::history_args::{FilterArgs, RangeArgs, TimesArgs};
use crate::process;

/// Template of a progress bar that counts records, whose number is known.
const RECORDS_BAR: &str = "{elapsed_precise} {wide_bar} {pos}/{len} records, {msg} facts written, {eta} left";

const EXAMPLES: &str = "\
Examples:
  tapedeck replay --to-file market.jsonl
  tapedeck replay --from -1h --instrument binance.BTCUSDT --to-file -
  tapedeck replay --speed 10x --to-subject replay.md --run monday";

/// Writes history to a file or to subjects, in the format of publishers
///
/// Writes market facts only, unless a kind, writer, strategy or account is given. Several tapes are merged by tape
/// time.
///
/// If a replay to a file is interrupted, run the same command again: it continues where it stopped. A replay to
/// subjects continues with --resume, and with --run and the name that the interrupted command printed.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES, group = clap::ArgGroup::new("output").required(true))]
pub struct Args {
    /// Range of the tapes.
    #[command(flatten)]
    pub range: RangeArgs,
    /// Facts that are written.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// File to write: JSON lines (.jsonl) or MessagePack maps (.msgpack); - is standard output
    #[arg(long, group = "output", value_name = "FILE", help_heading = "Output")]
    pub to_file: Option<PathBuf>,
    /// Subjects to publish to: PREFIX.<venue>.<symbol>.<kind> for market events, as on md.>, and
    /// PREFIX-facts.<writer>.<Kind> for other facts; core NATS, at least once
    #[arg(long, group = "output", value_name = "PREFIX", help_heading = "Output")]
    pub to_subject: Option<String>,
    /// Format of the file: jsonl or msgpack [default: by its name]
    #[arg(long, help_heading = "Output")]
    pub format: Option<OutputFormat>,
    /// Speed: recorded, a multiple of the recorded pace such as 10x or 0.5x, or max
    #[arg(long, default_value = "max", help_heading = "Output")]
    pub speed: ReplaySpeed,
    /// Name of the run; also the session of the market events that it writes [default: derived from range and filter]
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub run: Option<Token>,
    /// Continues the interrupted run that --run names; its last messages may be sent twice
    #[arg(long, help_heading = "Output")]
    pub resume: bool,
    /// Starts from the beginning: discards the checkpoint of an interrupted replay and overwrites the file
    #[arg(long, conflicts_with = "resume", help_heading = "Output")]
    pub fresh: bool,
    /// How JSON gives times.
    #[command(flatten)]
    pub times: TimesArgs,
    /// NATS of the tapes.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Directory of `connection.toml` and of checkpoints.
    #[command(flatten)]
    pub dir: DirArgs,
}

/// Replays.
pub async fn run(args: Args) -> Result<ExitCode> {
    let output = ReplayOutput::of(&args)?;
    let (range, filter) = (args.range.range(), args.filter.market_filter());
    let bus = args.nats.connect(&args.dir).await?;
    let tapes = resolve(&bus, args.range.partition(), &range).await?;
    let run = args.run.unwrap_or_else(|| ReplaySpec::default_run(&tapes, &filter.to_string()));
    let (range, printed) = (range.to_string(), filter.to_string());
    let spec = ReplaySpec { tapes, range, filter: printed, output: output.to_string(), run };
    let (sink, file, checkpoint) = open(&bus, &args.dir.dir, &args, &output, spec).await?;
    let replay = Replay::of(&bus, &checkpoint.spec.tapes, &filter).await?;
    let bar = process::progress_bar(replay.records(), RECORDS_BAR);
    let (begun, before) = (std::time::Instant::now(), checkpoint.facts);
    let mut player = Player::new(replay, args.speed, sink, file.clone(), checkpoint);
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
    let (run, sent, seconds) = (&done.spec.run, done.facts - before, begun.elapsed().as_secs_f64());
    let last = done.last.as_deref().unwrap_or("none");
    eprintln!("run {run}: {sent} facts in {seconds:.1} s, {} in all, last {last}", done.facts);
    if ended == Ended::Interrupted {
        match file {
            Some(file) => eprintln!("interrupted; {}; checkpoint in {}", output.how_to_resume(), file.path().display()),
            None => eprintln!("interrupted"),
        }
        return Ok(ExitCode::from(2));
    }
    if let Some(unknown) = filter.in_all(player.replay().unnamed()).unknown() {
        eprintln!("tapedeck: {unknown}");
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the replay goes.
enum ReplayOutput<'a> {
    File(&'a Path, OutputFormat),
    Stdout(OutputFormat),
    Subjects(&'a str),
}

impl<'a> ReplayOutput<'a> {
    fn of(args: &'a Args) -> Result<Self> {
        match (&args.to_file, &args.to_subject) {
            (Some(path), None) => {
                let stdout = path == Path::new("-");
                let format = match (args.format, path.extension().and_then(|end| end.to_str())) {
                    (Some(format), _) => format,
                    (None, Some("jsonl")) => OutputFormat::JsonLines(JsonTimes::Text),
                    (None, Some("msgpack")) => OutputFormat::MessagePack,
                    (None, _) if stdout => OutputFormat::JsonLines(JsonTimes::Text),
                    _ => bail!("{} ends in neither .jsonl nor .msgpack; give --format", path.display()),
                };
                let format = match format {
                    OutputFormat::JsonLines(_) => OutputFormat::JsonLines(args.times.times()),
                    OutputFormat::MessagePack => format,
                };
                Ok(if stdout { ReplayOutput::Stdout(format) } else { ReplayOutput::File(path, format) })
            }
            (None, Some(prefix)) => {
                ensure!(args.format.is_none(), "--format is for files; market events on subjects are MessagePack");
                check_prefix(prefix)?;
                Ok(ReplayOutput::Subjects(prefix))
            }
            _ => bail!("give --to-file FILE (- for standard output) or --to-subject PREFIX"),
        }
    }

    fn how_to_resume(&self) -> &'static str {
        match self {
            ReplayOutput::Subjects(_) => {
                "the same command with --run (see above) and --resume continues (its last messages may be sent twice)"
            }
            _ => "the same command continues",
        }
    }
}

impl std::fmt::Display for ReplayOutput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReplayOutput::File(_, format) | ReplayOutput::Stdout(format) => write!(f, "{format}"),
            ReplayOutput::Subjects(prefix) => write!(f, "{prefix}.>"),
        }
    }
}

/// The sink, the file of its checkpoints, and the checkpoint to start from.
async fn open(
    bus: &Bus,
    dir: &Path,
    args: &Args,
    output: &ReplayOutput<'_>,
    mut spec: ReplaySpec,
) -> Result<(Sink, Option<CheckpointFile>, Checkpoint)> {
    let file = match output {
        ReplayOutput::Stdout(format) => {
            let sink = Sink::File(Box::new(FileSink::stdout(*format)));
            return Ok((sink, None, Checkpoint::start(spec)));
        }
        ReplayOutput::File(path, _) => CheckpointFile::beside(path),
        ReplayOutput::Subjects(_) => {
            ensure!(
                !args.resume || args.run.is_some(),
                "--resume needs --run NAME; the checkpoint of a run is {}",
                dir.join("replay-NAME.resume").display()
            );
            std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
            CheckpointFile::new(dir.join(format!("replay-{}.resume", spec.run)))
        }
    };
    let mut saved = None;
    if !args.fresh {
        if let (None, Some(saved)) = (args.run, file.load()?) {
            spec.run = saved.spec.run; // derived from bounds that may have moved since
        }
        saved = file.load_for(&spec)?;
    }
    let is_new = saved.is_none();
    let checkpoint = saved.unwrap_or_else(|| Checkpoint::start(spec));
    let sink = match output {
        ReplayOutput::File(path, format) => {
            let occupied = std::fs::metadata(path).is_ok_and(|found| found.len() > 0);
            if is_new && occupied && !args.fresh {
                return Err(HistoryError::Occupied(path.to_path_buf()).into());
            }
            Sink::File(Box::new(FileSink::open(path, *format, &checkpoint)?))
        }
        _ => {
            let run = checkpoint.spec.run;
            ensure!(is_new || args.resume, "run {run} was interrupted; --resume continues it, --fresh starts over");
            ensure!(!is_new || !args.resume, "there is no interrupted run {run} in {}", dir.display());
            Sink::Subjects(Box::new(SubjectSink::open(bus, args.to_subject.as_deref().unwrap_or_default()).await?))
        }
    };
    if is_new {
        file.save(&checkpoint)?;
    }
    Ok((sink, Some(file), checkpoint))
}
