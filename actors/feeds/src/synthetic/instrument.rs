//! The price model of one instrument of the synthetic market: its quotes and trades, not numbered yet.
//!
//! The mid moves in thousandths of a tick. Two regimes of some thousand events alternate: the mid reverts to an anchor,
//! with sudden jumps (for mean reversion), or it drifts (for trend following).

use std::str::FromStr;

use tapedeck_schemas::event::Aggressor;
use tapedeck_schemas::ids::{BadName, InstrumentId};
use tapedeck_schemas::market::{DefinitionBody, MarketBody, PriceDomain, QuoteBody, TradeBody, TradeIdOrder};
use tapedeck_schemas::number::{Money, Price, Quantity};

use crate::random::SplitMix64;

const QUOTE_CURRENCY: &str = "USD";
const MIN_NOTIONAL: i64 = 5;
const MILLI: i64 = 1000;
/// Range of the length of a regime, in events.
const REGIME_EVENTS: (i64, i64) = (1_500, 6_000);
/// While reverting, an event moves the mid towards the anchor by 1/200 of the distance.
const PULL_DIVISOR: i64 = 200;
/// While reverting, one event in this many jumps.
const JUMP_ONE_IN: i64 = 150;
/// Range of a jump, in steps.
const JUMP_STEPS: (i64, i64) = (6, 18);
/// One displayed size in this many is small, so that an order of some thousands is filled partially.
const SMALL_ONE_IN: i64 = 3;
/// Ranges of small and large displayed sizes, in whole quote currency.
const SMALL_DISPLAY: (i64, i64) = (300, 6_000);
const LARGE_DISPLAY: (i64, i64) = (6_000, 60_000);
/// Range of the size of a trade, in whole quote currency.
const TRADE_SIZE: (i64, i64) = (100, 15_000);
/// One trade in this many has a price outside the best bid and ask.
const THROUGH_ONE_IN: i64 = 7;

/// The definition of an instrument, with its starting price.
pub(super) struct SyntheticInstrument {
    symbol: &'static str,
    base: &'static str,
    /// Tick size, in 1e-9.
    tick_units: i64,
    /// Lot size, in 1e-9.
    lot_units: i64,
    /// The starting price; the price stays between half and twice of it.
    start_ticks: i64,
}

/// The instruments with a definition, sorted by name.
pub(super) const LISTED: [SyntheticInstrument; 4] = [
    SyntheticInstrument {
        symbol: "ALPHAUSD",
        base: "ALPHA",
        tick_units: 10_000_000,
        lot_units: 1_000_000,
        start_ticks: 10_000,
    },
    SyntheticInstrument {
        symbol: "BRAVOUSD",
        base: "BRAVO",
        tick_units: 100_000_000,
        lot_units: 100_000,
        start_ticks: 25_000,
    },
    SyntheticInstrument {
        symbol: "CHARLIEUSD",
        base: "CHARLIE",
        tick_units: 100_000,
        lot_units: 1_000_000_000,
        start_ticks: 5_000,
    },
    SyntheticInstrument {
        symbol: "DELTAUSD",
        base: "DELTA",
        tick_units: 1_000_000_000,
        lot_units: 10_000,
        start_ticks: 40_000,
    },
];

/// Units of a price in 1e-9, the unit of `tick_units`.
const TICK_UNIT: i128 = Price::ONE / 1_000_000_000;

/// The bars that ingest builds of each instrument.
const BARS: [&str; 2] = ["1m", "1000t-quote"];

impl SyntheticInstrument {
    pub(super) fn id(&self) -> InstrumentId {
        InstrumentId { venue: name("sim"), symbol: name(self.symbol) }
    }

    pub(super) fn definition(&self) -> MarketBody {
        MarketBody::Definition(DefinitionBody {
            base: name(self.base),
            quote: name(QUOTE_CURRENCY),
            tick_size: self.price(1),
            lot_size: self.lot(),
            min_notional: Money::whole(MIN_NOTIONAL),
            bars: BARS.map(|bar| bar.parse().expect("BARS are bar specifications")).into(),
            prices: PriceDomain::Positive,
            trade_ids: TradeIdOrder::Any,
            sources: Vec::new(),
            calendar: None,
        })
    }

    fn price(&self, ticks: i64) -> Price {
        Price::saturating_from_units(i128::from(ticks) * i128::from(self.tick_units) * TICK_UNIT)
    }

    fn lot(&self) -> Quantity {
        Quantity::saturating_from_units(i128::from(self.lot_units))
    }

    /// The quantity for an amount of quote currency, rounded down to lots, at least one lot.
    fn quantity(&self, amount: i64, price: Price) -> Quantity {
        let exact = Money::whole(amount).at(price).unwrap_or(Quantity::ZERO);
        exact.truncate_to(self.lot()).max(self.lot())
    }
}

enum Regime {
    Reverting { anchor_milli: i64 },
    Trending { drift_milli: i64 },
}

/// The state of an instrument's market.
pub(super) struct InstrumentModel {
    listed: &'static SyntheticInstrument,
    mid_milli: i64,
    regime: Regime,
    events_left: i64,
    /// Bid and ask of the last quote, in ticks.
    best: Option<(i64, i64)>,
}

impl InstrumentModel {
    pub(super) fn new(listed: &'static SyntheticInstrument) -> Self {
        let mid_milli = listed.start_ticks * MILLI;
        let regime = Regime::Reverting { anchor_milli: mid_milli };
        Self { listed, mid_milli, regime, events_left: REGIME_EVENTS.0, best: None }
    }

    /// The next quote, with a spread of 1 to 5 ticks around the mid.
    pub(super) fn quote(&mut self, random: &mut SplitMix64) -> MarketBody {
        self.advance_regime(random);
        self.move_mid(random);
        // The minimum of two draws makes narrow spreads more frequent.
        let spread = random.between(1, 5).min(random.between(1, 5));
        let bid = self.mid_milli / MILLI - spread / 2;
        let ask = bid + spread;
        self.best = Some((bid, ask));
        self.requote(random)
    }

    /// The last quote with new sizes; leaves the mid unchanged.
    pub(super) fn requote(&self, random: &mut SplitMix64) -> MarketBody {
        let (bid, ask) = self.best.unwrap_or((self.listed.start_ticks, self.listed.start_ticks + 1));
        let (bid, ask) = (self.listed.price(bid), self.listed.price(ask));
        let mut size = |price| {
            let display = if random.one_in(SMALL_ONE_IN) { SMALL_DISPLAY } else { LARGE_DISPLAY };
            self.listed.quantity(random.between(display.0, display.1), price)
        };
        let (bid_size, ask_size) = (size(bid), size(ask));
        MarketBody::Quote(QuoteBody { bid: Some(bid), bid_size, ask: Some(ask), ask_size, update_id: None })
    }

    /// A trade at the bid or ask of the last quote, at times 1 or 2 ticks beyond; `None` before the first quote.
    pub(super) fn trade(&mut self, random: &mut SplitMix64) -> Option<MarketBody> {
        let (bid, ask) = self.best?;
        let beyond = if random.one_in(THROUGH_ONE_IN) { random.between(1, 2) } else { 0 };
        let (aggressor, ticks) =
            if random.one_in(2) { (Aggressor::Buyer, ask + beyond) } else { (Aggressor::Seller, bid - beyond) };
        let price = self.listed.price(ticks);
        let quantity = self.listed.quantity(random.between(TRADE_SIZE.0, TRADE_SIZE.1), price);
        Some(MarketBody::Trade(TradeBody { price, quantity, aggressor, trade_id: None }))
    }

    /// A trade at a negative price that is a multiple of the tick size.
    pub(super) fn negative(&self) -> MarketBody {
        let price = self.listed.price(-self.listed.start_ticks);
        MarketBody::Trade(TradeBody {
            price,
            quantity: self.listed.lot(),
            aggressor: Aggressor::Unknown,
            trade_id: None,
        })
    }

    /// A quote with prices half a tick off the grid.
    pub(super) fn off_grid(&self, quote: MarketBody) -> MarketBody {
        let half = Price::saturating_from_units(i128::from(self.listed.tick_units / 2) * TICK_UNIT);
        match quote {
            MarketBody::Quote(quote) => {
                let off = |price: Option<Price>| price.map(|price| price + half);
                QuoteBody { bid: off(quote.bid), ask: off(quote.ask), ..quote }.into()
            }
            other => other,
        }
    }

    /// The bound of a uniform step, whose standard deviation is half a basis point of the starting price.
    fn step_milli(&self) -> i64 {
        // A uniform step between −s and s has the standard deviation s / √3.
        self.listed.start_ticks * MILLI * 87 / 1_000_000
    }

    fn advance_regime(&mut self, random: &mut SplitMix64) {
        self.events_left -= 1;
        if self.events_left > 0 {
            return;
        }
        self.events_left = random.between(REGIME_EVENTS.0, REGIME_EVENTS.1);
        self.regime = match self.regime {
            Regime::Trending { .. } => Regime::Reverting { anchor_milli: self.mid_milli },
            Regime::Reverting { .. } => {
                // 0.04 to 0.12 basis points an event; towards the start if more than a tenth away from it.
                let start_milli = self.listed.start_ticks * MILLI;
                let size = start_milli * random.between(4, 12) / 1_000_000;
                let distance = self.mid_milli - start_milli;
                let is_far = distance.abs() > start_milli / 10;
                let is_up = if is_far { distance < 0 } else { random.one_in(2) };
                Regime::Trending { drift_milli: if is_up { size } else { -size } }
            }
        };
    }

    fn move_mid(&mut self, random: &mut SplitMix64) {
        let step = self.step_milli();
        let mut mid = self.mid_milli + random.between(-step, step);
        match self.regime {
            Regime::Trending { drift_milli } => mid += drift_milli,
            Regime::Reverting { anchor_milli } => {
                mid += (anchor_milli - mid) / PULL_DIVISOR;
                if random.one_in(JUMP_ONE_IN) {
                    let jump = step * random.between(JUMP_STEPS.0, JUMP_STEPS.1);
                    mid += if random.one_in(2) { jump } else { -jump };
                }
            }
        }
        let start = self.listed.start_ticks * MILLI;
        self.mid_milli = mid.clamp(start / 2, start * 2);
    }
}

fn name<T: FromStr<Err = BadName>>(text: &str) -> T {
    text.parse().expect("names of the synthetic market are tokens")
}
