//! The synthetic market: fixed by its seed, faults as counted, prices and sizes as the demo needs them.

use std::collections::BTreeMap;

use tapedeck_feeds::synthetic::{OPEN_NS, Synthetic, UNLISTED, session};
use tapedeck_feeds::{Feed, Item, Payload, Selection, Setup};
use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::{self, DefinitionBody, MarketBody, QuoteBody, TradeBody};
use tapedeck_schemas::number::Money;

fn items(seed: u64, events: u64) -> Vec<Item> {
    Synthetic::new(seed, events).map(Result::unwrap).collect()
}

fn digest(items: &[Item]) -> String {
    let mut hasher = blake3::Hasher::new();
    for item in items {
        hasher.update(item.instrument.to_string().as_bytes());
        match &item.payload {
            Payload::Event(event) => hasher.update(&market::encode_batch(std::slice::from_ref(event))),
            Payload::Raw(bytes) => hasher.update(bytes),
        };
    }
    hasher.finalize().to_hex()[..16].to_string()
}

#[test]
fn a_seed_determines_the_market() {
    let changed = "the market of a seed changed: raise GENERATION and update this digest";
    assert_eq!(digest(&items(1, 20_000)), "53fb9e12729c0ff4", "{changed}");
    assert_eq!(session(1, 20_000).as_str(), "sa7814c261954", "{changed}");
    assert_ne!(digest(&items(2, 20_000)), digest(&items(1, 20_000)));
    assert_ne!(session(1, 20_000), session(2, 20_000));
    assert_ne!(session(1, 20_000), session(1, 20_001));
}

#[test]
fn definitions_of_all_but_the_unlisted_instrument_come_first() {
    let setup = Setup::built_in();
    let unlisted: InstrumentId = UNLISTED.parse().unwrap();
    let all = items(3, 20_000);
    let defined: Vec<_> = all[..4].iter().map(|item| item.instrument).collect();
    assert_eq!(defined, Synthetic::new(3, 1).summary().instruments);
    for (index, item) in all.iter().enumerate() {
        let Payload::Event(event) = &item.payload else { continue };
        let is_definition = matches!(event.body, MarketBody::Definition(_));
        assert_eq!(is_definition, index < 4);
        if is_definition {
            assert_eq!((event.seq, event.ts_recv), (1, OPEN_NS));
            assert_eq!(setup.definition(&item.instrument), Some(event.body.clone()));
        }
    }
    assert!(!defined.contains(&unlisted) && setup.instruments().any(|id| id == unlisted), "placed, but not defined");
}

/// Checks items against the rules for market events, without knowledge of the injected faults.
#[derive(Default)]
struct Validator {
    last: BTreeMap<InstrumentId, u64>,
    gaps: u64,
    accepted: u64,
    rejected: BTreeMap<RejectReason, u64>,
}

impl Validator {
    fn reject_reason(&mut self, item: &Item) -> Option<RejectReason> {
        let Payload::Event(event) = &item.payload else { return Some(RejectReason::Malformed) };
        let last = self.last.entry(item.instrument).or_default();
        if event.seq <= *last {
            return Some(RejectReason::Duplicate);
        }
        self.gaps += u64::from(event.seq > *last + 1);
        *last = event.seq;
        let Some(MarketBody::Definition(DefinitionBody { tick_size, lot_size, .. })) =
            Setup::built_in().definition(&item.instrument)
        else {
            panic!("{} is not in the setup", item.instrument)
        };
        if item.instrument.to_string() == UNLISTED {
            return Some(RejectReason::UnknownInstrument);
        }
        let (prices, sizes, is_whole) = match &event.body {
            MarketBody::Quote(QuoteBody { bid, bid_size, ask, ask_size, .. }) => {
                let prices: Vec<_> = [*bid, *ask].into_iter().flatten().collect();
                let is_whole = prices.len() == 2 && prices[0] < prices[1];
                (prices, vec![*bid_size, *ask_size], is_whole)
            }
            MarketBody::Trade(TradeBody { price, quantity, .. }) => (vec![*price], vec![*quantity], true),
            _ => return None,
        };
        if !prices.iter().all(|price| price.is_positive()) || !sizes.iter().all(|size| size.is_positive()) {
            return Some(RejectReason::NotPositive);
        }
        let on_grid =
            prices.iter().all(|p| p.is_multiple_of(tick_size)) && sizes.iter().all(|s| s.is_multiple_of(lot_size));
        if !on_grid {
            return Some(RejectReason::OffGrid);
        }
        self.accepted += u64::from(is_whole);
        (!is_whole).then_some(RejectReason::BadQuote)
    }
}

#[test]
fn faults_are_those_that_were_counted_and_everything_else_is_valid() {
    let feed = Synthetic::new(1, 60_000);
    let summary = feed.summary().clone();
    let mut validator = Validator::default();
    let mut items = 0;
    for item in feed.map(Result::unwrap) {
        items += 1;
        let found = validator.reject_reason(&item);
        assert_eq!(found, item.injected, "{item:?}");
        if let Some(reason) = found {
            *validator.rejected.entry(reason).or_default() += 1;
        }
    }
    let mut injected = summary.injected.bad.clone();
    injected.insert(RejectReason::Duplicate, summary.injected.duplicates);
    assert_eq!(validator.rejected, injected);
    assert_eq!(validator.gaps, summary.injected.gaps);
    assert_eq!(validator.accepted, 60_000);
    assert_eq!(items, 4 + 60_000 + injected.values().sum::<u64>());
    assert_eq!(items, summary.items);
    let totals = summary.totals.by_instrument.values();
    assert_eq!(totals.map(|one| one.quotes + one.trades).sum::<u64>(), 60_000);
    assert_eq!(injected.len(), 6, "every reason occurs: {injected:?}");
    assert!(injected.values().all(|count| *count > 0) && validator.gaps > 0);
}

#[test]
fn spreads_sizes_and_rates_suit_strategies_and_fills() {
    let all = items(1, 60_000);
    let mut best: BTreeMap<InstrumentId, _> = BTreeMap::new();
    let [mut quotes, mut small, mut trades, mut through] = [0u64; 4];
    let order = Money::whole(10_000);
    for item in all.iter().filter(|item| item.injected.is_none()) {
        let Payload::Event(event) = &item.payload else { panic!("raw bytes are injected") };
        match &event.body {
            MarketBody::Quote(QuoteBody { bid: Some(bid), ask: Some(ask), ask_size, .. }) => {
                let Some(MarketBody::Definition(DefinitionBody { tick_size, .. })) =
                    Setup::built_in().definition(&item.instrument)
                else {
                    panic!("not defined")
                };
                let ticks = (*ask - *bid).units() / tick_size.units();
                assert!((1..=5).contains(&ticks), "{ticks} ticks");
                quotes += 1;
                small += u64::from(ask.saturating_notional(*ask_size) < order);
                best.insert(item.instrument, (*bid, *ask));
            }
            MarketBody::Trade(TradeBody { price, .. }) => {
                let (bid, ask) = best[&item.instrument];
                assert!(*price <= bid || *price >= ask, "{price} within {bid}..{ask}");
                trades += 1;
                through += u64::from(*price < bid || *price > ask);
            }
            _ => {}
        }
    }
    assert!((20..60).contains(&(small * 100 / quotes)), "{small} of {quotes} displayed sizes are below an order");
    assert!((20..30).contains(&(trades * 100 / (trades + quotes))), "{trades} trades");
    assert!((10..20).contains(&(through * 100 / trades)), "{through} of {trades} trades are outside bid and ask");
    let times = all.iter().filter_map(|item| match &item.payload {
        Payload::Event(event) => Some(event.ts_recv),
        Payload::Raw(_) => None,
    });
    let seconds = (times.max().unwrap() - OPEN_NS) / 1_000_000_000;
    assert!((14..=15).contains(&seconds), "60,000 events take {seconds} s of tape time");
}

#[test]
fn prices_both_revert_and_trend() {
    let mut mids: BTreeMap<InstrumentId, Vec<i128>> = BTreeMap::new();
    for item in items(1, 240_000).iter().filter(|item| item.injected.is_none()) {
        if let Payload::Event(event) = &item.payload
            && let MarketBody::Quote(QuoteBody { bid: Some(bid), ask: Some(ask), .. }) = event.body
        {
            mids.entry(item.instrument).or_default().push(bid.units() + ask.units());
        }
    }
    for (instrument, mids) in mids {
        // Over windows of 1,000 quotes, some moves are small, some larger than noise (in basis points).
        let moves: Vec<i128> =
            mids.chunks_exact(1000).map(|window| (window[999] - window[0]).abs() * 10_000 / window[0]).collect();
        let small = moves.iter().filter(|bp| **bp <= 15).count();
        let large = moves.iter().filter(|bp| **bp >= 40).count();
        assert!(small >= 5 && large >= 5, "{instrument}: {moves:?}");
    }
}

#[test]
fn a_setup_with_changed_terms_or_without_an_instrument_is_an_error() {
    let open = |text: &str| {
        let setup = Setup::parse("s", text).unwrap();
        let selection = Selection { seed: 1, events: 10, ..Selection::default() };
        tapedeck_feeds::open(&selection, &setup).map(|(_, _, items)| items).map_err(|error| error.to_string())
    };
    let text = Setup::default_toml();
    assert_eq!(open(text), Ok(14));
    let changed = open(&text.replace("lot_size = \"0.001\"", "lot_size = \"0.01\"")).unwrap_err();
    assert!(changed.starts_with("the setup changes sim.ALPHAUSD of the synthetic market"), "{changed}");
    let missing = open(&text.replace("sim.DELTAUSD", "sim.OTHERUSD")).unwrap_err();
    assert!(missing.starts_with("no definition for sim.DELTAUSD"), "{missing}");
}
