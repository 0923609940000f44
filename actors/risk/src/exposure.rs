//! What risk keeps of one instrument: its terms, quote, position and cash flow. No limits, no orders.

use tapedeck_schemas::event::{InstrumentDefined, OrderFilled, Quote, Side};
use tapedeck_schemas::ids::Currency;
use tapedeck_schemas::number::{Money, Price, Quantity, Ratio};
use tapedeck_schemas::offset::TapeTime;

/// A quote and when it landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastQuote {
    /// Best bid.
    pub bid: Price,
    /// Best ask.
    pub ask: Price,
    /// Tape time at which it landed, ns.
    pub at: TapeTime,
}

impl LastQuote {
    /// Half way between bid and ask, rounded toward zero to 1e-9.
    pub fn mid(&self) -> Price {
        Price::saturating_from_units((self.bid.units() + self.ask.units()) / 2)
    }
}

/// One instrument's state.
#[derive(Debug, Clone, Default)]
pub struct Exposure {
    terms: Option<InstrumentDefined>,
    quote: Option<LastQuote>,
    last_fill: Option<Price>,
    position: Quantity,
    cash: Money,
}

impl Exposure {
    /// The terms in force, once it is defined.
    pub fn terms(&self) -> Option<&InstrumentDefined> {
        self.terms.as_ref()
    }
    /// The latest quote.
    pub fn quote(&self) -> Option<LastQuote> {
        self.quote
    }
    /// Signed: above zero long, below zero short.
    pub fn position(&self) -> Quantity {
        self.position
    }

    pub(crate) fn define(&mut self, terms: &InstrumentDefined) {
        self.terms = Some(terms.clone());
    }

    /// Takes a quote; one without prices above zero is no quote.
    pub(crate) fn observe_quote(&mut self, quote: &Quote, at: TapeTime) {
        if quote.bid.is_positive() && quote.ask.is_positive() {
            self.quote = Some(LastQuote { bid: quote.bid, ask: quote.ask, at });
        }
    }

    pub(crate) fn fill(&mut self, fill: &OrderFilled) {
        let bought = fill.side.signed(fill.quantity);
        self.position += bought;
        self.last_fill = Some(fill.price);
        self.cash -= fill.price.saturating_notional(bought);
        self.cash -= self.fee_in_quote(fill);
    }

    /// A fee in the quote currency; one in the base is valued at the fill's price, one in a third currency is not
    /// counted, for want of a rate.
    fn fee_in_quote(&self, fill: &OrderFilled) -> Money {
        match &self.terms {
            Some(terms) if fill.fee_currency == terms.quote => fill.fee,
            Some(terms) if fill.fee_currency == terms.base => {
                fill.fee.scaled_by(Ratio::saturating_from_units(fill.price.units()))
            }
            _ => Money::ZERO,
        }
    }

    /// Cash flow so far plus the position at the mid (the last fill's price while there is no quote), after fees;
    /// `None` while the currency is unknown.
    pub fn profit(&self) -> Option<(Currency, Money)> {
        let mark = self.quote.map(|quote| quote.mid()).or(self.last_fill).unwrap_or(Price::ZERO);
        let value = mark.saturating_notional(self.position);
        self.terms.as_ref().map(|terms| (terms.quote, self.cash + value))
    }
}

/// An amount as a plain number, rounded up, so that what is over a limit is never shown as equal to it.
pub(crate) fn rounded_up(amount: Money) -> Ratio {
    let step = Money::ONE / Ratio::ONE;
    let units = amount.units();
    Ratio::saturating_from_units(units.div_euclid(step) + i128::from(units.rem_euclid(step) != 0))
}

/// What an order would do to a position that all open orders of its side may still join.
pub(crate) fn worst_case(position: Quantity, open_same_side: Quantity, side: Side, quantity: Quantity) -> Quantity {
    position + side.signed(open_same_side) + side.signed(quantity)
}
