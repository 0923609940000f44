//! `recover`: names what the streams lost, and begins a new generation of the tape from what can be trusted.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use tapedeck_history::recovery::Survey;
use tapedeck_runtime::{Bus, generation};
use tapedeck_schemas::generation::{Generations, StreamFamily};
use tokio_postgres::Client;

use crate::connection::{self, DatabaseArgs, DirArgs, NatsArgs};
use crate::process;

const EXAMPLES: &str = "\
Examples:
  tapedeck recover
  tapedeck recover --partition 0 --yes";

/// Most orders that are printed.
const ORDERS_MAX: usize = 1000;

const COPY_BAR: &str = "{elapsed_precise} {wide_bar} {pos}/{len} records copied, {per_sec}, {eta} left";

/// Names what was lost, and begins a new generation of the tape
///
/// Compares tape, inboxes and read models. If something is lost, it prints what, and asks. Then it seals the stream of
/// the tape, copies the records that can be trusted to a new one, and deletes the rows of the partition, which the
/// projector projects anew. Groups and publishers continue as docs/recovery.md says.
///
/// Exit status: 0 nothing is lost, or a generation was begun; 1 something is lost and no generation was begun.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Number of the partition [default: every partition]
    #[arg(long, value_name = "N")]
    pub partition: Option<u16>,
    /// Begins the generation without asking
    #[arg(long)]
    pub yes: bool,
    /// NATS of the streams.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Postgres of the read models.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Directory of `connection.toml`.
    #[command(flatten)]
    pub dir: DirArgs,
}

/// Surveys the partitions, and recovers those that lost something.
pub async fn run(args: Args) -> Result<ExitCode> {
    let bus = args.nats.connect(&args.dir).await?;
    let mut client = args.database.connect(&args.dir).await?;
    let partitions = match args.partition {
        Some(partition) => vec![partition],
        None => bus.tapes().await?.into_iter().map(|tape| tape.partition).collect(),
    };
    let mut generations = bus.generations().clone();
    let (is_saved, mut declined) = (args.nats.nats_url.is_none(), false);
    for partition in partitions {
        let survey = Survey::gather(&bus, &client, partition).await?;
        print(&survey);
        match survey.needs() {
            None => {}
            Some(what) if args.yes || confirmed(what)? => {
                recover(&bus, &mut client, survey, &mut generations).await?;
                // At once: the next partition may fail.
                if is_saved {
                    connection::save_generations(&args.dir.dir, &generations)?;
                }
            }
            Some(_) => declined = true,
        }
    }
    if generations != *bus.generations() {
        print_next_steps(&generations, is_saved);
    }
    Ok(process::exit_code(!declined))
}

async fn recover(bus: &Bus, client: &mut Client, survey: Survey, generations: &mut Generations) -> Result<()> {
    let (partition, mut begun) = (survey.next.partition, survey.next.clone());
    if survey.needs_generation() {
        generation::seal(bus, &survey.tape_stream).await?;
        // What was appended until then is copied as well.
        let survey = match bus.last_sequence(&survey.tape_stream).await? == survey.tape_last {
            true => survey,
            false => Survey::gather(bus, client, partition).await?,
        };
        begun = survey.next.clone();
        begun.generation = generation::next(bus, partition, begun.generation).await?;
        ensure!(begun.lineage().is_valid(), "the copies {:?} are not in order", begun.copied);
        let bar = process::progress_bar(survey.trusted, COPY_BAR);
        let stream = generation::begin(bus, &survey.tape_stream, &begun, |seq| bar.set_position(seq)).await?;
        bar.finish_and_clear();
        println!("  {stream} begins with records 1 to {}; {} is sealed", survey.trusted.max(1), survey.tape_stream);
        generations.set(StreamFamily::Tape, partition, begun.generation);
    }
    let deleted = generation::clear_rows(client, &begun).await?;
    println!("  {deleted} rows of the partition are deleted; the projector projects the tape anew");
    Ok(())
}

/// Asks for a confirmation; without a terminal there is none.
fn confirmed(what: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        println!("  not recovered: give --yes to {what}");
        return Ok(false);
    }
    print!("  {what}? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn print(survey: &Survey) {
    let Survey { next, tape_stream, tape_last, trusted, lost, discarded, orders, projected, .. } = survey;
    println!("partition {}  {tape_stream}, {tape_last} records, {projected} projected", next.partition);
    lost.iter().for_each(|sentence| println!("  lost      {sentence}"));
    if survey.has_rows_of_earlier {
        println!("  rows      the rows in Postgres are of an earlier generation of the tape");
    }
    if survey.needs().is_none() {
        println!("  nothing is lost");
    }
    if !survey.needs_generation() {
        return;
    }
    println!("  trusted   records 1 to {trusted}");
    if !discarded.is_empty() {
        let kinds: Vec<String> = discarded.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        println!("  discarded the records after it: {}", kinds.join(", "));
    }
    for order in orders.iter().take(ORDERS_MAX) {
        println!("  order     {}: {}", order.id, order.facts.join(", "));
    }
    if orders.len() > ORDERS_MAX {
        println!("  order     and {} more", orders.len() - ORDERS_MAX);
    }
}

fn print_next_steps(generations: &Generations, is_saved: bool) {
    println!("next:");
    match is_saved {
        true => println!("  restart `tapedeck up`: it uses {generations}"),
        false => {
            println!("  restart every group with --generations {generations} (TAPEDECK_GENERATIONS={generations})")
        }
    }
    println!(
        "  publishers: request md-status.<source>, publish what each session misses, and go on after its last_seq"
    );
}
