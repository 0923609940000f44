//! `bench numbers`: the cost of exact numbers in time and bytes, beside 64-bit integers and beside the types that they
//! replaced (a count of 1e-9 for every price and quantity, and 16 bytes beyond 64 bits).

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tapedeck_feeds::{Payload, Selection, Setup};
use tapedeck_schemas::market::{self, MarketBody, MarketEvent};
use tapedeck_schemas::number::{Money, Price, Quantity, Ratio, SpelledNumber, Total};

use crate::table::Rates;

/// Units of the former prices and quantities in 1.
const FORMER_ONE: i128 = 1_000_000_000;
/// Greatest magnitude of the former money, in its units of 1e-18.
const FORMER_MONEY_MAX: i128 = 100_000_000_000_000_000_000 * FORMER_ONE * FORMER_ONE;

/// Measures `rounds` times over the synthetic market's quotes and trades.
pub(crate) fn run(events: u64, rounds: usize) -> Result<()> {
    let market = synthetic_market(events)?;
    let pairs: Vec<(Price, Quantity)> = market.iter().flat_map(|event| decimals(&event.body)).collect();
    println!("{} events, {} prices and as many quantities\n", market.len(), pairs.len());
    arithmetic(&pairs, rounds);
    tape(&pairs, rounds);
    messages(&pairs, rounds);
    bytes(&market, &pairs);
    Ok(())
}

fn synthetic_market(events: u64) -> Result<Vec<MarketEvent>> {
    let selection = Selection { seed: 1, events, ..Selection::default() };
    let (_, feed, _) = tapedeck_feeds::open(&selection, &Setup::built_in())?;
    let mut market = Vec::new();
    for item in feed {
        if let Payload::Event(event) = item?.payload {
            market.push(event);
        }
    }
    Ok(market)
}

/// The prices of a quote or trade, each with its quantity.
fn decimals(body: &MarketBody) -> Vec<(Price, Quantity)> {
    match body {
        MarketBody::Quote(quote) => {
            let sides = [(quote.bid, quote.bid_size), (quote.ask, quote.ask_size)];
            sides.into_iter().filter_map(|(price, size)| Some((price?, size))).collect()
        }
        MarketBody::Trade(trade) => vec![(trade.price, trade.quantity)],
        _ => Vec::new(),
    }
}

/// A price as the former count of 1e-9; the prices of the synthetic market have no more decimals.
fn former(price: Price) -> i128 {
    price.units() / (Price::ONE / FORMER_ONE)
}

/// Adds the rate of `operate` over all values.
fn measure<T, R>(rates: &mut Rates, name: &str, values: &[T], mut operate: impl FnMut(&T) -> R) {
    let begun = Instant::now();
    for value in values {
        black_box(operate(black_box(value)));
    }
    rates.add(name, values.len() as u64, begun.elapsed().as_secs_f64());
}

fn arithmetic(pairs: &[(Price, Quantity)], rounds: usize) {
    let narrow: Vec<(i64, i64)> = pairs.iter().map(|(p, q)| (former(*p) as i64, q.units() as i64)).collect();
    let wide: Vec<(i128, i128)> = pairs.iter().map(|(p, q)| (former(*p), q.units())).collect();
    let money: Vec<(Money, Quantity)> = pairs.iter().map(|(p, q)| (p.saturating_notional(*q), *q)).collect();
    let rate = Ratio::saturating_from_units(Ratio::ONE / 1_000);
    let mut rates = Rates::default();
    for _ in 0..rounds {
        measure(&mut rates, "i64 · i64, wrapping", &narrow, |(p, q)| p.wrapping_mul(*q));
        measure(&mut rates, "price · quantity, before (9, 9)", &wide, |(p, q)| {
            p.checked_mul(*q).filter(|units| units.abs() <= FORMER_MONEY_MAX)
        });
        measure(&mut rates, "price · quantity (12, 9)", pairs, |(p, q)| p.notional(*q));
        let mut sum = 0i64;
        measure(&mut rates, "sum of i64", &narrow, |(_, q)| {
            sum = sum.wrapping_add(*q);
            sum
        });
        let mut sum = Quantity::ZERO;
        measure(&mut rates, "sum of quantities", pairs, |(_, q)| {
            sum += *q;
            sum
        });
        let mut total = Total::ZERO;
        measure(&mut rates, "total of quantities", pairs, |(_, q)| {
            total += *q;
            total
        });
        let mut total = Total::ZERO;
        measure(&mut rates, "total of price · quantity", pairs, |(p, q)| {
            total += Total::product(*p, *q);
            total
        });
        measure(&mut rates, "value at the mid", pairs, |(p, q)| q.value_at_mid(*p, *p));
        measure(&mut rates, "money · ratio (a fee)", &money, |(m, _)| m.scaled_by(rate));
        measure(&mut rates, "money / quantity", &money, |(m, q)| m.per(*q));
    }
    rates.print("i64 · i64, wrapping");
}

/// Encodes and decodes one value of each of the slice.
fn codec<T: Serialize + DeserializeOwned>(rates: &mut Rates, name: &str, values: &[T]) {
    let mut buffer = Vec::with_capacity(64);
    measure(rates, &format!("encode {name}"), values, |value| {
        buffer.clear();
        rmp_serde::encode::write(&mut buffer, value).expect("writing to memory cannot fail");
        buffer.len()
    });
    let packed: Vec<Vec<u8>> = values.iter().map(packed).collect();
    measure(rates, &format!("decode {name}"), &packed, |bytes| {
        rmp_serde::from_slice::<T>(bytes).expect("an encoded value decodes")
    });
}

fn packed<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec(value).expect("writing to memory cannot fail")
}

fn tape(pairs: &[(Price, Quantity)], rounds: usize) {
    let narrow: Vec<i64> = pairs.iter().map(|(p, _)| former(*p) as i64).collect();
    let prices: Vec<Price> = pairs.iter().map(|(p, _)| *p).collect();
    let money: Vec<Money> = pairs.iter().map(|(p, q)| p.saturating_notional(*q)).collect();
    let former: Vec<serde_bytes::ByteArray<16>> =
        money.iter().map(|m| serde_bytes::ByteArray::new(m.units().to_be_bytes())).collect();
    let mut rates = Rates::default();
    for _ in 0..rounds {
        codec(&mut rates, "i64", &narrow);
        codec(&mut rates, "price on the tape", &prices);
        codec(&mut rates, "16 bytes (money, before)", &former);
        codec(&mut rates, "money on the tape", &money);
    }
    println!();
    rates.print("decode i64");
}

fn messages(pairs: &[(Price, Quantity)], rounds: usize) {
    let narrow: Vec<i64> = pairs.iter().map(|(p, _)| former(*p) as i64).collect();
    let spelled: Vec<SpelledNumber<Price>> = pairs.iter().map(|(p, _)| SpelledNumber(*p)).collect();
    let texts: Vec<String> = pairs.iter().map(|(p, _)| p.to_string()).collect();
    let mut rates = Rates::default();
    for _ in 0..rounds {
        codec(&mut rates, "count of 1e-9 (before)", &narrow);
        codec(&mut rates, "price in a message", &spelled);
        measure(&mut rates, "parse a price", &texts, |text| text.parse::<Price>());
        measure(&mut rates, "parse an f64", &texts, |text| text.parse::<f64>());
    }
    println!();
    rates.print("decode count of 1e-9 (before)");
}

/// Length of a mantissa and an exponent, as an array of two integers.
fn scientific(units: i128, decimals: i32) -> usize {
    let (mut mantissa, mut exponent) = (units, -decimals);
    while mantissa != 0 && mantissa % 10 == 0 {
        (mantissa, exponent) = (mantissa / 10, exponent + 1);
    }
    packed(&(i64::try_from(mantissa).unwrap_or(i64::MAX), exponent)).len()
}

fn bytes(market: &[MarketEvent], pairs: &[(Price, Quantity)]) {
    let mean = |lengths: &mut dyn Iterator<Item = usize>, count: usize| lengths.sum::<usize>() as f64 / count as f64;
    let count = pairs.len();
    let prices = || pairs.iter().map(|(p, _)| *p);
    let sizes = || pairs.iter().map(|(_, q)| *q);
    let row = |name: &str, price: f64, quantity: f64| println!("{name:<44} {price:>8.2} {quantity:>10.2}");
    println!("\n{:<44} {:>8} {:>10}", "mean bytes of a number", "price", "quantity");
    row(
        "count of 1e-9 (before: messages and tape)",
        mean(&mut prices().map(|p| packed(&(former(p) as i64)).len()), count),
        mean(&mut sizes().map(|q| packed(&(q.units() as i64)).len()), count),
    );
    row(
        "[mantissa, exponent] in a message",
        mean(&mut prices().map(|p| scientific(p.units(), Price::SCALE as i32)), count),
        mean(&mut sizes().map(|q| scientific(q.units(), Quantity::SCALE as i32)), count),
    );
    row(
        "as spelled, in a message",
        mean(&mut prices().map(|p| packed(&SpelledNumber(p)).len()), count),
        mean(&mut sizes().map(|q| packed(&SpelledNumber(q)).len()), count),
    );
    row(
        "on the tape",
        mean(&mut prices().map(|p| packed(&p).len()), count),
        mean(&mut sizes().map(|q| packed(&q).len()), count),
    );
    let money = || pairs.iter().map(|(p, q)| p.saturating_notional(*q));
    println!("{:<44} {:>8.2}", "money on the tape", mean(&mut money().map(|m| packed(&m).len()), count));
    let sent = mean(&mut market.iter().map(|event| market::encode(event).len()), market.len());
    let in_numbers = |length: &dyn Fn(&(Price, Quantity)) -> usize| {
        mean(&mut market.iter().map(|event| decimals(&event.body).iter().map(length).sum()), market.len())
    };
    let spelled = in_numbers(&|(p, q)| packed(&SpelledNumber(*p)).len() + packed(&SpelledNumber(*q)).len());
    let counted = in_numbers(&|(p, q)| packed(&(former(*p) as i64)).len() + packed(&(q.units() as i64)).len());
    println!("{:<44} {:>8.2}", "an event in MessagePack, before", sent - spelled + counted);
    println!("{:<44} {sent:>8.2}", "an event in MessagePack");
}
