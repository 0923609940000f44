//! `tapedeck-chaos N` runs N rounds. Exit status: 0 all passed, 1 a round failed, 2 stopped before the last round.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use clap::Parser;
use tapedeck_chaos::check::Audit;
use tapedeck_chaos::damage::{Damage, Harm};
use tapedeck_chaos::damaged;
use tapedeck_chaos::deployment::Deployment;
use tapedeck_chaos::plan::{NEMESES, Nemesis, Plan};
use tapedeck_chaos::random::Random;
use tapedeck_chaos::recover::recover;
use tapedeck_chaos::report::{self, Counts, Outcome};
use tapedeck_chaos::round;
use tapedeck_chaos::table::{self, DamageReport};

/// Kills, stops and misuses a deployment of real processes at random moments, and checks the result.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    /// Number of rounds.
    rounds: u64,
    /// Seed of the first round; by default the time. The seed of a round, with 1 round, repeats its plan.
    #[arg(long)]
    seed: Option<u64>,
    /// Recorded market data, published beside the synthetic market.
    #[arg(long, num_args = 1.., value_name = "FILE")]
    market: Vec<PathBuf>,
    /// Draw only these nemeses. Those that damage a store have rounds of their own, and take turns.
    #[arg(long, num_args = 1.., value_name = "NAME", value_delimiter = ',', value_parser = nemesis)]
    only: Vec<Nemesis>,
    /// Rounds after which a new deployment is started, so that its tape stays short.
    #[arg(long, default_value_t = 25)]
    renew: u64,
    /// File for a summary in JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// File for the table of the damaged rounds, in Markdown.
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Directory for the deployments; those of failed rounds are kept.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The binary under test; by default `tapedeck` in the directory of this binary.
    #[arg(long, value_name = "FILE")]
    tapedeck: Option<PathBuf>,
}

impl Cli {
    /// The command that repeats a round's plan.
    fn repeat(&self, seed: u64, plan: &Plan) -> String {
        let option = |name: &str, values: Vec<String>| match values.is_empty() {
            true => String::new(),
            false => format!(" --{name} {}", values.join(" ")),
        };
        let drawn = match &plan.damage {
            Some(damage) => vec![damage.nemesis],
            None => self.only.iter().copied().filter(|one| !Damage::is_of(*one)).collect(),
        };
        let only = option("only", drawn.iter().map(|one| one.name().into()).collect());
        let market = option("market", self.market.iter().map(|file| file.display().to_string()).collect());
        format!("./dev chaos 1 --seed {seed}{only}{market}")
    }
}

fn nemesis(name: &str) -> Result<Nemesis, String> {
    let found = NEMESES.iter().find(|(_, one, _)| *one == name).map(|(nemesis, ..)| *nemesis);
    let names = || NEMESES.map(|(_, name, _)| name).join(", ");
    found.ok_or_else(|| format!("unknown nemesis; known are: {}", names()))
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_secs());
    let seed = cli.seed.unwrap_or_else(now);
    let dir =
        cli.dir.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("tapedeck-chaos-{}", std::process::id())));
    std::fs::create_dir_all(&dir)?;
    // Postgres runs as another user, which must be able to enter the directory.
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755))?;
    let default_binary = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name("tapedeck"));
    let binary = cli.tapedeck.clone().map_or_else(default_binary, Ok)?;
    let binary = binary.canonicalize().with_context(|| format!("no binary {}; build it", binary.display()))?;
    stop_on_signal()?;
    println!("seed {seed}, directory {}", dir.display());
    let outcomes = all_rounds(&cli, seed, &dir, &binary)?;
    report::print(&outcomes);
    let table = table::markdown(&outcomes);
    print!("{table}");
    if let Some(path) = &cli.table {
        std::fs::write(path, table).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &cli.json {
        report::write(path, seed, &outcomes)?;
    }
    match report::failed(&outcomes) {
        0 => {
            let _ = std::fs::remove_dir(&dir); // fails if the directory has other files, which are kept
            Ok(if outcomes.len() as u64 == cli.rounds { ExitCode::SUCCESS } else { ExitCode::from(2) })
        }
        _ => {
            println!("failed deployments are kept in {}", dir.display());
            Ok(ExitCode::from(1))
        }
    }
}

/// Stops the rounds on Ctrl-C and SIGTERM; the finished rounds are still reported.
fn stop_on_signal() -> Result<()> {
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
    let mut seeds = Random::new(first);
    let mut seed = first;
    let mut current: Option<(Deployment, Audit)> = None;
    for number in 1..=cli.rounds {
        let plan = Plan::draw(seed, number, &cli.only);
        if let Some((before, _)) = current.take_if(|(before, _)| !round::is_possible(before, &plan)) {
            before.stop(false)?;
        }
        let (mut deployment, mut audit) = match current.take() {
            Some(current) => current,
            None => {
                let mut deployment = Deployment::start(&dir.join(format!("from-{number}")), binary, &cli.market, seed)?;
                recover(&mut deployment, false)?; // starts the groups
                let audit = Audit::open(&deployment)?;
                (deployment, audit)
            }
        };
        let mut outcome = Outcome::new(number, &plan);
        if let Err(error) = run_round(&mut deployment, &mut audit, &plan, &mut outcome) {
            if round::check_stopped().is_err() {
                println!("stopped in round {number}");
                deployment.stop(false)?;
                return Ok(outcomes);
            }
            outcome.problems.push(format!("{error:#}"));
        }
        if let Err(error) = deployment.read_logs() {
            outcome.problems.push(format!("logs: {error:#}"));
        }
        outcome.problems.append(&mut deployment.problems);
        println!("{}", outcome.line());
        let failed = !outcome.problems.is_empty();
        // A damaged block stays in its stream, and is a second loss when the server builds its index anew.
        let is_flipped = plan.damage.as_ref().is_some_and(|damage| matches!(damage.harm, Some(Harm::Flip(..))));
        let is_last =
            number == cli.rounds || number % cli.renew.max(1) == 0 || deployment.is_market_finished() || is_flipped;
        if failed {
            let repeat = cli.repeat(seed, &plan);
            println!("  kept in {}; repeat with: {repeat}", deployment.dir.display());
            std::fs::write(deployment.dir.join("round.txt"), format!("{}\n{repeat}\n{plan:#?}\n", outcome.line()))?;
        }
        outcomes.push(outcome);
        match failed || is_last {
            true => deployment.stop(failed)?,
            false => current = Some((deployment, audit)),
        }
        seed = seeds.number();
    }
    Ok(outcomes)
}

fn run_round(deployment: &mut Deployment, audit: &mut Audit, plan: &Plan, outcome: &mut Outcome) -> Result<()> {
    let fenced_before = deployment.logs.fenced;
    if let Some(damage) = &plan.damage {
        let started = Instant::now();
        let report = outcome.damage.insert(DamageReport { case: damage.case(), ..DamageReport::default() });
        *audit = damaged::run(deployment, damage, report)?;
        outcome.problems = std::mem::take(&mut report.problems);
        outcome.recovery_seconds = Some(started.elapsed().as_secs_f64());
        return deployment.read_logs();
    }
    round::run(deployment, plan, audit.recorded.forged.len())?;
    let started = Instant::now();
    recover(deployment, round::halts(plan))?;
    outcome.recovery_seconds = Some(started.elapsed().as_secs_f64());
    outcome.problems = audit.check(deployment)?;
    deployment.read_logs()?;
    let (expected, recorded) = (&audit.expected, &audit.recorded);
    outcome.counts = Counts {
        inbox: expected.read,
        tape: recorded.read,
        orders: recorded.orders.len() as u64,
        epochs: recorded.epochs.values().sum(),
        fenced: deployment.logs.fenced,
        invalid_records: recorded.invalid_records,
        forged: recorded.forged.len() as u64,
        foreign: expected.foreign,
        repeated: expected.repeated,
    };
    if let [(Nemesis::Usurp, ..)] = plan.nemeses[..]
        && outcome.counts.fenced == fenced_before
    {
        outcome.problems.push("usurp: no process was fenced".into());
    }
    Ok(())
}
