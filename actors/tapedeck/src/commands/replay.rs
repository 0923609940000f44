//! `replay`: history out again, to a file or onto subjects, in the publisher's own format; interrupted, it goes on.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use tapedeck_replay::{
    Checkpoint, Ended, FileSink, Filter, OutputFormat, Plan, Player, Range, Replay, ReplayError, Sink, Slot,
    SubjectSink, check_prefix, resolve,
};
use tapedeck_runtime::Bus;

use crate::cli::{ConnectionArgs, ReplayArgs};

/// Replays.
pub async fn run(at: ConnectionArgs, args: ReplayArgs) -> Result<ExitCode> {
    let onto = Onto::of(&args)?;
    let filter = filter(&args);
    let range = Range { from: args.from, to: args.to };
    let bus = super::bus(&at).await?;
    let tapes = resolve(&bus, args.partition, &range).await?;
    let run = args.run.unwrap_or_else(|| Plan::default_run(&tapes, &filter.to_string()));
    let (range, filter_text) = (range.to_string(), filter.to_string());
    let plan = Plan { tapes, range, filter: filter_text, onto: onto.to_string(), run };
    let (sink, slot, checkpoint) = open(&bus, &at.dir, &args, &onto, plan).await?;
    let replay = Replay::of(&bus, &checkpoint.plan.tapes, &filter).await?;
    let bar = progress_bar(replay.records());
    let (begun, before) = (std::time::Instant::now(), checkpoint.facts);
    let mut player = Player::new(replay, args.speed, sink, slot.clone(), checkpoint);
    let stop = async {
        if super::asked_to_stop().await.is_err() {
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
    fn of(args: &'a ReplayArgs) -> Result<Self> {
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

fn filter(args: &ReplayArgs) -> Filter {
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
    args: &ReplayArgs,
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
