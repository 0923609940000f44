//! `recover`: names what the streams lost, and begins a new generation of the tape from what can be trusted.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use tapedeck_history::recovery::Survey;
use tapedeck_runtime::{Bus, generation};
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::generation::{Generations, StreamFamily};
use tokio_postgres::Client;

use crate::connection::{self, Connection, DatabaseArgs, DirArgs, NatsArgs};
use crate::process;

const EXAMPLES: &str = "\
Examples:
  tapedeck recover --check
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
/// Exit status: 0 nothing is lost, or a generation was begun; 1 something is lost and no generation was begun; 2 the
/// streams or the database cannot be compared.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Number of the partition [default: every partition]
    #[arg(long, value_name = "N")]
    pub partition: Option<u16>,
    /// Prints what is lost, and changes nothing
    #[arg(long)]
    pub check: bool,
    /// Begins the generation without asking
    #[arg(long, conflicts_with = "check")]
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

/// What was done to the partitions so far.
struct Recovery {
    bus: Bus,
    client: Client,
    args: Args,
    generations: Generations,
    /// Whether the generations are saved for the `tapedeck up` that has the private NATS.
    is_saved: bool,
    lost_commands: bool,
    rebuilt: bool,
    declined: bool,
}

/// Surveys the partitions, and recovers those that lost something.
pub async fn run(args: Args) -> Result<ExitCode> {
    let bus = args.nats.connect_keeper(&args.dir).await?;
    let client = args.database.connect(&args.dir).await?;
    ensure!(
        args.check || generation::lock(&client).await?,
        "another `tapedeck recover` is running on this database; wait for it, or end it"
    );
    let partitions = match args.partition {
        Some(partition) => vec![partition],
        None => bus.partitions().await?,
    };
    let saved = if args.nats.nats_url.is_none() { Connection::load(&args.dir.dir)? } else { None };
    let is_saved = saved.is_some_and(|saved| saved.is_private);
    let generations = bus.generations().clone();
    let mut recovery =
        Recovery { bus, client, args, generations, is_saved, lost_commands: false, rebuilt: false, declined: false };
    let mut failed = Ok(());
    for partition in partitions {
        if let Err(error) = recovery.partition(partition).await {
            println!("partition {partition}  not recovered: {error:#}");
            failed = Err(error);
        }
    }
    recovery.print_next_steps(failed.is_ok());
    failed?;
    Ok(process::exit_code(!recovery.declined))
}

impl Recovery {
    async fn partition(&mut self, partition: u16) -> Result<()> {
        let mut survey = self.survey(partition).await?;
        if !self.confirm(&survey)? {
            return Ok(());
        }
        let mut begun = survey.next.clone();
        if survey.needs_generation() {
            generation::seal(&self.bus, &survey.tape_stream).await?;
            if self.bus.last_sequence(&survey.tape_stream).await? != survey.tape_last {
                println!("  records were appended meanwhile:");
                survey = self.survey(partition).await?;
                if !self.confirm(&survey)? {
                    return Ok(());
                }
            }
            begun = survey.next.clone();
            begun.generation = generation::next(&self.bus, partition, begun.generation).await?;
            self.copy(&survey, &begun).await?;
        }
        let deleted = generation::clear_rows(&mut self.client, &begun).await?;
        println!("  {deleted} rows of the partition are deleted; the projector projects the tape anew");
        self.rebuilt = true;
        self.lost_commands |= !survey.facts.commands.is_empty();
        Ok(())
    }

    /// Prints what the partition lost.
    async fn survey(&self, partition: u16) -> Result<Survey> {
        let survey = Survey::gather(&self.bus, &self.client, partition).await?;
        print(&survey);
        Ok(survey)
    }

    /// Whether to do what the survey needs.
    fn confirm(&mut self, survey: &Survey) -> Result<bool> {
        let Some(what) = survey.needs() else { return Ok(false) };
        let is_confirmed = !self.args.check && (self.args.yes || confirmed(what)?);
        self.declined |= !is_confirmed;
        Ok(is_confirmed)
    }

    async fn copy(&mut self, survey: &Survey, begun: &TapeCreated) -> Result<()> {
        ensure!(begun.lineage().is_valid(), "the copies {:?} are not in order", begun.copied);
        let bar = process::progress_bar(survey.trusted, COPY_BAR);
        let stream = generation::begin(&self.bus, &survey.tape_stream, begun, |seq| bar.set_position(seq)).await?;
        bar.finish_and_clear();
        println!("  {stream} is begun with {} record(s); {} is sealed", survey.trusted.max(1), survey.tape_stream);
        self.generations.set(StreamFamily::Tape, begun.partition, begun.generation);
        if self.is_saved {
            // At once: what follows may fail.
            connection::save_generations(&self.args.dir.dir, &self.generations)?;
        }
        Ok(())
    }

    /// `is_complete`: every partition was compared.
    fn print_next_steps(&self, is_complete: bool) {
        let generations = &self.generations;
        let has_begun = generations != self.bus.generations();
        if !self.rebuilt {
            if is_complete && !self.declined {
                println!("nothing is lost: restart the groups that stopped");
            }
            return;
        }
        println!("next:");
        match (has_begun, self.is_saved) {
            (false, _) => println!("  end the processes of the projector, and start them again"),
            (true, true) => println!("  end `tapedeck up`, and start it again: it uses {generations}"),
            (true, false) => {
                println!("  end every process of the groups, and start all of them with");
                println!("    --generations {generations}  (or TAPEDECK_GENERATIONS={generations})");
                println!("  give the same to `tapedeck status` and every other command");
            }
        }
        if has_begun {
            println!("  publishers: request md-status.<source>, publish what each session misses,");
            println!("    and go on after its last_seq");
        }
        if self.lost_commands {
            println!("  the commands above are lost: give again those that are to hold, a halt before groups start");
        }
    }
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
    let Survey { next, tape_stream, tape_last, trusted, lost, facts, projected, .. } = survey;
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
    match trusted {
        0 => println!("  trusted   no record"),
        last => println!("  trusted   records 1 to {last}"),
    }
    if !facts.discarded.is_empty() {
        let kinds: Vec<String> = facts.discarded.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        println!("  discarded the facts of later records: {}", kinds.join(", "));
    }
    facts.commands.iter().for_each(|command| println!("  command   {command}"));
    for (order, facts) in facts.orders.iter().take(ORDERS_MAX) {
        println!("  order     {order}");
        facts.iter().for_each(|fact| println!("              {fact}"));
    }
    if facts.orders.len() > ORDERS_MAX {
        println!("  order     and {} more", facts.orders.len() - ORDERS_MAX);
    }
}
