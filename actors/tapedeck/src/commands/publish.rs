//! `publish`: files of market data, or the synthetic market, onto `md.>`; started again it goes on where it was.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use tapedeck_feeds::Selection;
use tempfile::NamedTempFile;

use crate::cli::{ConnectionArgs, PublishArgs};
use crate::market::{Pace, Publisher};
use crate::process::{self, EVENTS_BAR};
use crate::stack::{self, Market};

/// Most that is taken from standard input, in bytes: it is kept in a file, to be looked through before it is published.
const STDIN_BYTES_MAX: u64 = 16 << 30;

/// Publishes.
pub async fn run(at: ConnectionArgs, args: PublishArgs) -> Result<ExitCode> {
    let bus = super::bus(&at).await?;
    let setup = stack::setup(args.setup.as_deref())?;
    let PublishArgs { market: mut files, instrument, source, seed, events, .. } = args;
    let mut kept = None;
    if let Some(stdin) = files.iter_mut().find(|file| file.as_path() == Path::new("-")) {
        let file = kept.insert(standard_input()?);
        *stdin = file.path().to_path_buf();
    }
    let market = Market::open(&Selection { files, instrument, source, seed, events }, &setup)?;
    let pace = match args.speed {
        tapedeck_replay::ReplaySpeed::Max => Pace::Max,
        recorded => Pace::Recorded(recorded),
    };
    let mut publisher = Publisher::new(&bus, market.session.clone(), pace);
    let bar = process::progress_bar(market.events_about, EVENTS_BAR);
    let published = publisher.publish(market.feed, |behind| bar.set_position(behind)).await?;
    bar.finish_and_clear();
    println!("session {}: {} published, {} were there already", market.session, published.sent, published.skipped);
    Ok(ExitCode::SUCCESS)
}

/// Standard input to its end, as a file that goes when it is dropped.
fn standard_input() -> Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("stdin-").tempfile().context("no file for standard input")?;
    let mut bounded = std::io::Read::take(std::io::stdin().lock(), STDIN_BYTES_MAX + 1);
    let count = std::io::copy(&mut bounded, &mut file).context("standard input")?;
    anyhow::ensure!(count <= STDIN_BYTES_MAX, "standard input is over {STDIN_BYTES_MAX} bytes; give it as files");
    file.flush()?;
    Ok(file)
}
