//! Positions are the sums of their fills. Their value is not checked here.

use std::collections::BTreeMap;

use tapedeck_schemas::event::{Event, OrderFilled, PositionChanged};
use tapedeck_schemas::ids::{AccountId, Currency, FillId, InstrumentId, StrategyId};
use tapedeck_schemas::number::{Money, Quantity, Total};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

use super::{CheckReport, Invariant, InvariantId, TapeFact};

const ID: InvariantId = InvariantId::PositionsFoldFills;

type Key = (AccountId, StrategyId, InstrumentId);

/// The sum of the fills of a position.
#[derive(Debug, Clone, Copy, Default)]
struct PositionSum {
    quantity: Quantity,
    /// Σ price · signed quantity. Under every cost method, an amount paid is either in the cost of the open quantity or
    /// realised: `cost − realised` is exactly this sum, even with rounding.
    paid: Total,
    /// `None` once a fee was in a currency other than the quote currency.
    fees: Option<Money>,
}

/// The expected position after a fill.
#[derive(Debug)]
struct Expected {
    at: Offset,
    key: Key,
    fold: PositionSum,
}

/// Quantity, fees, and cost less realised profit of a position are the sums of its fills, after each of them.
#[derive(Debug, Default)]
pub(super) struct PositionsFoldFills {
    quote: BTreeMap<InstrumentId, Currency>,
    folds: BTreeMap<Key, PositionSum>,
    /// Fills whose `PositionChanged` has not been observed yet.
    waiting: BTreeMap<FillId, Expected>,
    progress: Offset,
}

impl PositionsFoldFills {
    fn fill(&mut self, fill: &OrderFilled, at: Offset) {
        let key = (fill.account, fill.strategy, fill.instrument);
        let first = PositionSum { fees: Some(Money::ZERO), ..PositionSum::default() };
        let in_quote = self.quote.get(&fill.instrument) == Some(&fill.fee_currency);
        let fold = self.folds.entry(key).or_insert(first);
        let quantity = fill.side.signed(fill.quantity);
        fold.quantity += quantity;
        fold.paid += Total::product(fill.price, quantity);
        fold.fees = fold.fees.filter(|_| in_quote).map(|fees| fees + fill.fee);
        self.waiting.insert(fill.fill, Expected { at, key, fold: *fold });
    }

    fn change(&mut self, changed: &PositionChanged, recorded: &TapeFact, report: &mut CheckReport) {
        let mut check = |holds, detail: &dyn Fn() -> String| {
            report.check(ID, recorded.offset, holds, || format!("after fill {}: {}", changed.fill, detail()))
        };
        let Some(expected) = self.waiting.remove(&changed.fill) else {
            check(false, &|| "no such fill, or it has changed a position before".into());
            return;
        };
        let key = (changed.account, changed.strategy, changed.instrument);
        if !check(key == expected.key, &|| format!("the position is {key:?}, the fill is of {:?}", expected.key)) {
            return;
        }
        let fold = expected.fold;
        check(changed.quantity == fold.quantity, &|| {
            format!("the quantity is {}, the fills make {}", changed.quantity, fold.quantity)
        });
        let mut paid = Total::from(changed.cost);
        paid += -Total::from(changed.realised);
        check(paid == fold.paid, &|| {
            format!("cost {} less realised {} is not {}, the fills' sum", changed.cost, changed.realised, fold.paid)
        });
        let average = changed.cost.per(changed.quantity);
        let consistent = match average {
            Some(average) => changed.average_price == average,
            None => !changed.quantity.is_zero() || changed.cost.is_zero(),
        };
        check(consistent, &|| format!("cost {} of {} at {}", changed.cost, changed.quantity, changed.average_price));
        if let Some(fees) = fold.fees {
            check(changed.fees == fees, &|| format!("the fees are {}, the fills paid {fees}", changed.fees));
        }
    }
}

impl Invariant for PositionsFoldFills {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        if recorded.writer == Writer::Portfolio {
            self.progress = self.progress.max(recorded.entry.cause);
        }
        match &recorded.entry.event {
            Event::InstrumentDefined(defined) => {
                self.quote.insert(defined.instrument, defined.quote);
            }
            Event::OrderFilled(fill) => self.fill(fill, recorded.offset),
            Event::PositionChanged(changed) => self.change(changed, recorded, report),
            _ => {}
        }
    }

    fn finish(&self, report: &mut CheckReport) {
        for (fill, expected) in self.waiting.iter().filter(|(_, expected)| expected.at <= self.progress) {
            report.check(ID, expected.at, false, || {
                format!("fill {fill} changed no position, though portfolio has decided up to {}", self.progress)
            });
        }
    }
}
