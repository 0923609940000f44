//! `tapedeck-chaos N`: so many rounds; exit 0 if all of them held, 1 if one did not.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use clap::Parser;
use tapedeck_chaos::check::Books;
use tapedeck_chaos::deployment::Deployment;
use tapedeck_chaos::heal::heal;
use tapedeck_chaos::plan::{NEMESES, Nemesis, Plan};
use tapedeck_chaos::random::Random;
use tapedeck_chaos::report::{self, Outcome, Seen};
use tapedeck_chaos::round;

/// Kills, stops and misuses a deployment of real processes at random moments, and judges what is left.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    /// How many rounds.
    rounds: u64,
    /// Seed of the first round; by default the time. A round's own seed with 1 round repeats its plan.
    #[arg(long)]
    seed: Option<u64>,
    /// Recorded market data, published beside the synthetic market.
    #[arg(long, num_args = 1.., value_name = "FILE")]
    market: Vec<PathBuf>,
    /// Only these nemeses.
    #[arg(long, num_args = 1.., value_name = "NAME", value_parser = nemesis)]
    only: Vec<Nemesis>,
    /// Rounds after which a new deployment begins, so that its tape stays short.
    #[arg(long, default_value_t = 25)]
    renew: u64,
    /// Writes a summary there.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where deployments live; those of failed rounds are kept.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The binary under test; by default the one beside this one.
    #[arg(long, value_name = "FILE")]
    tapedeck: Option<PathBuf>,
}

impl Cli {
    /// The command that draws a round's plan again.
    fn repeat(&self, seed: u64) -> String {
        let option = |name: &str, values: Vec<String>| match values.is_empty() {
            true => String::new(),
            false => format!(" --{name} {}", values.join(" ")),
        };
        let only = option("only", self.only.iter().map(|one| one.name().into()).collect());
        let market = option("market", self.market.iter().map(|file| file.display().to_string()).collect());
        format!("./dev chaos 1 --seed {seed}{only}{market}")
    }
}

fn nemesis(name: &str) -> Result<Nemesis, String> {
    let found = NEMESES.iter().find(|(_, one, _)| *one == name).map(|(nemesis, ..)| *nemesis);
    let names = || NEMESES.map(|(_, name, _)| name).join(", ");
    found.ok_or_else(|| format!("there are: {}", names()))
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_secs());
    let seed = cli.seed.unwrap_or_else(now);
    let dir =
        cli.dir.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("tapedeck-chaos-{}", std::process::id())));
    std::fs::create_dir_all(&dir)?;
    // Where the unprivileged user that runs Postgres can reach it.
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755))?;
    let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name("tapedeck"));
    let binary = cli.tapedeck.clone().map_or_else(beside, Ok)?;
    let binary = binary.canonicalize().with_context(|| format!("{}; build it", binary.display()))?;
    stop_when_asked()?;
    println!("seed {seed}, in {}", dir.display());
    let outcomes = all_rounds(&cli, seed, &dir, &binary)?;
    report::print(&outcomes);
    if let Some(path) = &cli.json {
        report::write(path, seed, &outcomes)?;
    }
    match report::failed(&outcomes) {
        0 => {
            let _ = std::fs::remove_dir(&dir); // ours, and empty; if not, somebody keeps something there
            Ok(if outcomes.len() as u64 == cli.rounds { ExitCode::SUCCESS } else { ExitCode::from(2) })
        }
        _ => {
            println!("what failed is kept in {}", dir.display());
            Ok(ExitCode::from(1))
        }
    }
}

/// Ctrl-C and SIGTERM end all waiting; then everything is stopped and what is known is reported.
fn stop_when_asked() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let terminate = tokio::signal::unix::SignalKind::terminate();
            if let Ok(mut terminated) = tokio::signal::unix::signal(terminate) {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminated.recv() => {}
                }
                round::stop();
            }
        });
    });
    Ok(())
}

fn all_rounds(cli: &Cli, first: u64, dir: &Path, binary: &Path) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut seeds = Random(first);
    let mut seed = first;
    let mut current: Option<(Deployment, Books)> = None;
    for number in 1..=cli.rounds {
        let (mut all, mut books) = match current.take() {
            Some(current) => current,
            None => {
                let mut all = Deployment::start(&dir.join(format!("from-{number}")), binary, &cli.market, seed)?;
                heal(&mut all, false)?; // at first everything is missing
                let books = Books::open(&all)?;
                (all, books)
            }
        };
        let plan = Plan::draw(seed, &cli.only);
        let mut outcome = Outcome::of(number, &plan);
        if let Err(error) = one_round(&mut all, &mut books, &plan, &mut outcome) {
            if round::go_on().is_err() {
                println!("stopped in round {number}");
                all.stop(false)?;
                return Ok(outcomes);
            }
            outcome.problems.push(format!("{error:#}"));
        }
        if let Err(error) = all.read_logs() {
            outcome.problems.push(format!("logs: {error:#}"));
        }
        outcome.problems.append(&mut all.complaints);
        println!("{}", outcome.line());
        let failed = !outcome.problems.is_empty();
        let last = number == cli.rounds || number % cli.renew.max(1) == 0 || all.is_spent();
        if failed {
            let repeat = cli.repeat(seed);
            println!("  kept in {}; repeat with {repeat}", all.dir.display());
            std::fs::write(all.dir.join("round.txt"), format!("{}\n{repeat}\n{plan:#?}\n", outcome.line()))?;
        }
        outcomes.push(outcome);
        match failed || last {
            true => all.stop(failed)?,
            false => current = Some((all, books)),
        }
        seed = seeds.number();
    }
    Ok(outcomes)
}

fn one_round(all: &mut Deployment, books: &mut Books, plan: &Plan, outcome: &mut Outcome) -> Result<()> {
    let fenced_before = all.logs.fenced;
    round::run(all, plan, books.recorded.forged.len())?;
    let began = Instant::now();
    heal(all, round::halts(plan))?;
    outcome.heal_seconds = Some(began.elapsed().as_secs_f64());
    outcome.problems = books.check(all)?;
    all.read_logs()?;
    let (expected, recorded) = (&books.expected, &books.recorded);
    outcome.seen = Seen {
        inbox: expected.read,
        tape: recorded.read,
        orders: recorded.orders.len() as u64,
        epochs: recorded.epochs.values().sum(),
        fenced: all.logs.fenced,
        invalid_records: recorded.invalid_records,
        forged: recorded.forged.len() as u64,
        foreign: expected.foreign,
        repeated: expected.repeated,
    };
    if let [(Nemesis::Usurp, ..)] = plan.nemeses[..]
        && outcome.seen.fenced == fenced_before
    {
        outcome.problems.push("nobody was fenced".into());
    }
    Ok(())
}
