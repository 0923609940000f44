//! One instrument of the synthetic market: how its price moves, what it shows and what trades; nothing is numbered.
//!
//! The mid moves in thousandths of a tick. It is pulled to an anchor, with sudden jumps (for mean reversion), or
//! drifts (for trend following), by turns of some thousand events.

use tapedeck_schemas::event::Aggressor;
use tapedeck_schemas::ids::{Currency, InstrumentId};
use tapedeck_schemas::market::MarketBody;
use tapedeck_schemas::number::{Money, Price, Quantity};

use crate::random::SplitMix64;

const QUOTE_CURRENCY: &str = "USD";
const MIN_NOTIONAL: i64 = 5;
const MILLI: i64 = 1000;
/// Events of one regime.
const REGIME_EVENTS: (i64, i64) = (1_500, 6_000);
/// While it reverts, the mid covers this fraction of its way back in one event.
const PULL_DIVISOR: i64 = 200;
/// While it reverts, one event in so many begins with a jump.
const JUMP_ONE_IN: i64 = 150;
/// A jump, in steps.
const JUMP_STEPS: (i64, i64) = (6, 18);
/// One display in so many is small, so that an order of some thousands fills in part.
const SMALL_ONE_IN: i64 = 3;
/// What is displayed, in whole quote currency: small, or large.
const SMALL_DISPLAY: (i64, i64) = (300, 6_000);
const LARGE_DISPLAY: (i64, i64) = (6_000, 60_000);
/// What trades, in whole quote currency.
const TRADE_SIZE: (i64, i64) = (100, 15_000);
/// One trade in so many prints behind the touch.
const THROUGH_ONE_IN: i64 = 7;

/// The terms of an instrument.
pub(super) struct SyntheticInstrument {
    symbol: &'static str,
    base: &'static str,
    /// In 1e-9.
    tick_units: i64,
    /// In 1e-9.
    lot_units: i64,
    /// Where its price starts; it stays between half and twice of this.
    start_ticks: i64,
}

/// The instruments that are defined, by name.
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

/// The bars that ingest builds of each.
const BARS: [&str; 2] = ["1m", "1000t-quote"];

impl SyntheticInstrument {
    pub(super) fn id(&self) -> InstrumentId {
        InstrumentId { venue: name("sim"), symbol: name(self.symbol) }
    }

    pub(super) fn definition(&self) -> MarketBody {
        MarketBody::Definition {
            base: name(self.base),
            quote: name(QUOTE_CURRENCY),
            tick_size: self.price(1),
            lot_size: self.lot(),
            min_notional: Money::whole(MIN_NOTIONAL),
            bars: BARS.map(|bar| bar.parse().expect("it is a bar")).into(),
        }
    }

    fn price(&self, ticks: i64) -> Price {
        Price::saturating_from_units(i128::from(ticks) * i128::from(self.tick_units))
    }

    fn lot(&self) -> Quantity {
        Quantity::saturating_from_units(i128::from(self.lot_units))
    }

    /// What an amount of quote currency buys, on the grid, at least a lot.
    fn quantity(&self, amount: i64, price: Price) -> Quantity {
        let exact = Money::whole(amount).at(price).unwrap_or(Quantity::ZERO);
        exact.truncate_to(self.lot()).max(self.lot())
    }
}

enum Regime {
    Reverting { anchor_milli: i64 },
    Trending { drift_milli: i64 },
}

/// An instrument as it trades.
pub(super) struct Trading {
    listed: &'static SyntheticInstrument,
    mid_milli: i64,
    regime: Regime,
    events_left: i64,
    /// Bid and ask of the last quote, in ticks.
    touch: Option<(i64, i64)>,
}

impl Trading {
    pub(super) fn new(listed: &'static SyntheticInstrument) -> Self {
        let mid_milli = listed.start_ticks * MILLI;
        let regime = Regime::Reverting { anchor_milli: mid_milli };
        Self { listed, mid_milli, regime, events_left: REGIME_EVENTS.0, touch: None }
    }

    /// The next quote: a spread of 1 to 5 ticks about the mid.
    pub(super) fn quote(&mut self, random: &mut SplitMix64) -> MarketBody {
        self.turn(random);
        self.step(random);
        // Narrow spreads are the more frequent.
        let spread = random.between(1, 5).min(random.between(1, 5));
        let bid = self.mid_milli / MILLI - spread / 2;
        let ask = bid + spread;
        self.touch = Some((bid, ask));
        self.again(random)
    }

    /// The last quote with other sizes; what is made of it on purpose moves nothing.
    pub(super) fn again(&self, random: &mut SplitMix64) -> MarketBody {
        let (bid, ask) = self.touch.unwrap_or((self.listed.start_ticks, self.listed.start_ticks + 1));
        let (bid, ask) = (self.listed.price(bid), self.listed.price(ask));
        let mut size = |price| {
            let display = if random.one_in(SMALL_ONE_IN) { SMALL_DISPLAY } else { LARGE_DISPLAY };
            self.listed.quantity(random.between(display.0, display.1), price)
        };
        MarketBody::Quote { bid, bid_size: size(bid), ask, ask_size: size(ask), update_id: None }
    }

    /// A trade at the touch of the last quote or, at times, behind it; none before the first quote.
    pub(super) fn trade(&mut self, random: &mut SplitMix64) -> Option<MarketBody> {
        let (bid, ask) = self.touch?;
        let behind = if random.one_in(THROUGH_ONE_IN) { random.between(1, 2) } else { 0 };
        let (aggressor, ticks) =
            if random.one_in(2) { (Aggressor::Buyer, ask + behind) } else { (Aggressor::Seller, bid - behind) };
        let price = self.listed.price(ticks);
        let quantity = self.listed.quantity(random.between(TRADE_SIZE.0, TRADE_SIZE.1), price);
        Some(MarketBody::Trade { price, quantity, aggressor, trade_id: None })
    }

    /// A trade at a price below zero, on the grid.
    pub(super) fn negative(&self) -> MarketBody {
        let price = self.listed.price(-self.listed.start_ticks);
        MarketBody::Trade { price, quantity: self.listed.lot(), aggressor: Aggressor::Unknown, trade_id: None }
    }

    /// A quote moved half a tick off the grid.
    pub(super) fn off_grid(&self, quote: MarketBody) -> MarketBody {
        let half = Price::saturating_from_units(i128::from(self.listed.tick_units / 2));
        match quote {
            MarketBody::Quote { bid, bid_size, ask, ask_size, update_id } => {
                MarketBody::Quote { bid: bid + half, bid_size, ask: ask + half, ask_size, update_id }
            }
            other => other,
        }
    }

    /// The usual size of a step: half a basis point of the starting price, as a standard deviation.
    fn step_milli(&self) -> i64 {
        // Uniform between −s and s has the deviation s / √3.
        self.listed.start_ticks * MILLI * 87 / 1_000_000
    }

    fn turn(&mut self, random: &mut SplitMix64) {
        self.events_left -= 1;
        if self.events_left > 0 {
            return;
        }
        self.events_left = random.between(REGIME_EVENTS.0, REGIME_EVENTS.1);
        self.regime = match self.regime {
            Regime::Trending { .. } => Regime::Reverting { anchor_milli: self.mid_milli },
            Regime::Reverting { .. } => {
                // 0.04 to 0.12 basis points an event, homeward once a tenth away from the start.
                let size = self.listed.start_ticks * MILLI * random.between(4, 12) / 1_000_000;
                let away = self.mid_milli - self.listed.start_ticks * MILLI;
                let far = away.abs() > self.listed.start_ticks * MILLI / 10;
                let up = if far { away < 0 } else { random.one_in(2) };
                Regime::Trending { drift_milli: if up { size } else { -size } }
            }
        };
    }

    fn step(&mut self, random: &mut SplitMix64) {
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

fn name(text: &str) -> Currency {
    text.parse().expect("the names of the synthetic market are names")
}
