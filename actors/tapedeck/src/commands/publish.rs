//! `publish`: captures, or the synthetic market, onto `md.>`; started again it goes on where it was.

use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::cli::{ConnectionArgs, PublishArgs};
use crate::market::{Pace, Publisher};
use crate::stack::{self, Market};

/// Publishes.
pub async fn run(at: ConnectionArgs, args: PublishArgs) -> Result<ExitCode> {
    ensure!(args.speed >= 0.0 && args.speed.is_finite(), "--speed {} must be 0 or more", args.speed);
    let bus = super::bus(&at).await?;
    let setup = stack::setup(args.setup.as_deref())?;
    let market = Market::open(&args.market, &setup, args.seed, args.events)?;
    let pace = if args.speed > 0.0 { Pace::Recorded(args.speed) } else { Pace::Max };
    let mut publisher = Publisher::new(&bus, market.session.clone(), pace);
    let bar = stack::progress_bar(market.events_about);
    let published = publisher.publish(market.feed, |behind| bar.set_position(behind)).await?;
    bar.finish_and_clear();
    println!("session {}: {} published, {} were there already", market.session, published.sent, published.skipped);
    Ok(ExitCode::SUCCESS)
}
