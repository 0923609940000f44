//! A market to publish: quotes of two instruments, as events and as a capture for publishers in other languages.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use tapedeck_schemas::ids::{InstrumentId, Token};
use tapedeck_schemas::market::{MarketBody, MarketEvent, QuoteBody};
use tapedeck_schemas::number::{Price, Quantity};

/// The symbols that the example publishers define.
pub(crate) const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];
const BEGIN_NS: u64 = 1_723_161_254_000_000_000;
const STEP_NS: u64 = 1_000_000;

fn price(n: u64) -> (u64, u64) {
    let cents = 6_000_000 + n * 7919 % 10_000;
    (cents, cents + 1)
}

/// The events of one instrument, in order.
pub(crate) fn events(symbol: usize, count: u64, session: Token) -> Vec<MarketEvent> {
    let event = |n: u64| {
        let (bid, ask) = price(n);
        let at = |cents: u64| Price::saturating_from_units(i128::from(cents) * (Price::ONE / 100));
        let size = Quantity::saturating_from_units(i128::from(1 + n % 97) * (Quantity::ONE / 1000));
        let (bid, ask, update_id) = (Some(at(bid)), Some(at(ask)), Some((n + 1).into()));
        let body = MarketBody::Quote(QuoteBody { bid, bid_size: size, ask, ask_size: size, update_id });
        let ts_recv = BEGIN_NS + (n * SYMBOLS.len() as u64 + symbol as u64) * STEP_NS;
        let source = "bench".parse().expect("it is a token");
        MarketEvent { source, session, seq: n + 1, ts_recv, ts_event: None, body }
    };
    (0..count).map(event).collect()
}

/// The instrument's id.
pub(crate) fn instrument(symbol: usize) -> InstrumentId {
    format!("binance.{}", SYMBOLS[symbol]).parse().expect("it is an instrument")
}

/// The same market as a Binance combined-stream capture.
pub(crate) fn write_capture(path: &Path, count: u64) -> Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for n in 0..count {
        for (index, symbol) in SYMBOLS.iter().enumerate() {
            let (bid, ask) = price(n);
            let (lower, size) = (symbol.to_lowercase(), format!("0.{:03}", 1 + n % 97));
            let ts = BEGIN_NS + (n * SYMBOLS.len() as u64 + index as u64) * STEP_NS;
            let decimal = |cents: u64| format!("{}.{:02}", cents / 100, cents % 100);
            let (u, b, a) = (n + 1, decimal(bid), decimal(ask));
            writeln!(
                file,
                concat!(
                    r#"{ts} {{"stream":"{lower}@bookTicker","data":{{"u":{u},"s":"{symbol}","b":"{b}","#,
                    r#""B":"{size}","a":"{a}","A":"{size}"}}}}"#
                ),
                ts = ts,
                lower = lower,
                u = u,
                symbol = symbol,
                b = b,
                a = a,
                size = size,
            )?;
        }
    }
    Ok(file.flush()?)
}
