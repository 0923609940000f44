//! Prints the trades of a range: `print_trades NATS_URL [FROM [TO]]`, as `print_trades nats://127.0.0.1:4222 -10m`.

use tapedeck_history::{Filter, Range, RangeBound, Replay, ReplayQuery};
use tapedeck_runtime::Bus;
use tapedeck_schemas::event::{Event, Kind};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("want the URL of NATS, as nats://127.0.0.1:4222")?;
    let mut place = || args.next().map(|text| text.parse::<RangeBound>()).transpose();
    let range = Range { from: place()?, to: place()? };
    let bus = Bus::connect(&url, "print_trades").await?;
    let query = ReplayQuery { range, filter: Filter::of_kinds([Kind::Trade]) };
    let mut replay = Replay::open(&bus, None, &query).await?;
    while let Some(replayed) = replay.next().await? {
        if let Event::Trade(trade) = &replayed.event {
            let fact = &replayed;
            println!("{} {} {} {} x {}", fact.printed_offset(), fact.at, trade.instrument, trade.price, trade.quantity);
        }
    }
    Ok(())
}
