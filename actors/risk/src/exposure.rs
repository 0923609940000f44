//! The exposure to one instrument: its terms, quote, mark, position and cash flow. No limits, no orders.

use serde::{Deserialize, Serialize};
use tapedeck_kernel::Fact;
use tapedeck_kernel::mark::InstrumentMark;
use tapedeck_kernel::terms::OrderTerms;
use tapedeck_schemas::event::{Event, InstrumentDefined, OrderFilled, Quote, Side};
use tapedeck_schemas::ids::Currency;
use tapedeck_schemas::number::{Money, Price, Quantity, Ratio};
use tapedeck_schemas::param::Params;

/// The latest quote, as far as an order may rely on it: a crossed one has no sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastQuote {
    /// Best bid, if there is one.
    pub bid: Option<Price>,
    /// Best ask, if there is one.
    pub ask: Option<Price>,
    /// Time at which the publisher received it, ns. Its age is counted from here.
    pub ts_recv: u64,
}

impl From<&Quote> for LastQuote {
    fn from(quote: &Quote) -> Self {
        let (bid, ask) = if quote.is_crossed() { (None, None) } else { (quote.bid, quote.ask) };
        Self { bid, ask, ts_recv: quote.ts_recv }
    }
}

/// One instrument's state.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Exposure {
    terms: Option<OrderTerms>,
    quote: Option<LastQuote>,
    mark: InstrumentMark,
    last_fill: Option<Price>,
    position: Quantity,
    cash: Money,
}

impl Exposure {
    /// The terms of the instrument, once it is defined.
    pub fn terms(&self) -> Option<&OrderTerms> {
        self.terms.as_ref()
    }
    /// The latest quote.
    pub fn quote(&self) -> Option<LastQuote> {
        self.quote
    }
    /// The price at which a position is valued.
    pub fn mark(&self) -> Option<Price> {
        self.mark.get().map(|mark| mark.price())
    }
    /// Signed: above zero long, below zero short.
    pub fn position(&self) -> Quantity {
        self.position
    }

    pub(crate) fn define(&mut self, terms: &InstrumentDefined) {
        self.terms = Some(terms.into());
    }

    /// Observes a quote or trade that is not late.
    pub(crate) fn observe_market(&mut self, fact: &Fact, params: &Params) {
        self.mark.observe(fact, params);
        if let Event::Quote(quote) = &fact.event {
            self.quote = Some(quote.into());
        }
    }

    pub(crate) fn fill(&mut self, fill: &OrderFilled) {
        let bought = fill.side.signed(fill.quantity);
        self.position += bought;
        self.last_fill = Some(fill.price);
        self.cash -= fill.price.saturating_notional(bought);
        self.cash -= self.fee_in_quote(fill);
    }

    /// The fee in the quote currency. A fee in the base currency is converted at the fill's price; a fee in a third
    /// currency counts as zero, because its rate is not known.
    fn fee_in_quote(&self, fill: &OrderFilled) -> Money {
        match &self.terms {
            Some(terms) if fill.fee_currency == terms.quote => fill.fee,
            Some(terms) if fill.fee_currency == terms.base => fill.fee.saturating_value_at(fill.price),
            _ => Money::ZERO,
        }
    }

    /// Cash flow plus the position valued at the mark (at the last fill's price while there is none), after fees.
    /// `None` while the instrument is not defined. Beyond the bound of `Money` it stops there, with its sign: it is
    /// only compared with a limit, which is at most 1e11.
    pub fn profit(&self) -> Option<(Currency, Money)> {
        let mark = self.mark().or(self.last_fill).unwrap_or(Price::ZERO);
        let value = mark.saturating_notional(self.position);
        self.terms.as_ref().map(|terms| (terms.quote, self.cash + value))
    }
}

/// An amount as a ratio, rounded up, so that an amount over a limit never shows as equal to it.
pub(crate) fn rounded_up(amount: Money) -> Ratio {
    let step = Money::ONE / Ratio::ONE;
    let units = amount.units();
    Ratio::saturating_from_units(units.div_euclid(step) + i128::from(units.rem_euclid(step) != 0))
}

/// The position if the order and all open orders of its side are filled.
pub(crate) fn worst_case(position: Quantity, open_same_side: Quantity, side: Side, quantity: Quantity) -> Quantity {
    position + side.signed(open_same_side) + side.signed(quantity)
}
