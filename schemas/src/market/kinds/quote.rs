//! The market kind `quote`.

use crate::ids::{InstrumentId, VenueId};
use crate::number::{Price, Quantity};

market_kind! {
    /// The best bid and ask of an instrument, as the venue quotes them. A quote replaces the one before it: a side that
    /// it lacks is not quoted any more. A crossed quote, whose bid is above its ask, is recorded, and nothing trades on
    /// it.
    Quote accepts QuoteBody {
        /// The quoted instrument; `InstrumentDefined` precedes its first quote.
        instrument: InstrumentId,
        /// Best bid; missing or null if nothing is bid. So is 0 with size 0.
        bid: Option<Price> as PriceChange { "above 0, on the tick grid" in "quote currency", as "61837.63", or None },
        /// Quantity at the bid.
        bid_size: Quantity as Change {
            "from 0 (0: unknown), on the lot grid; 0 without a bid" in "base currency", as "3.78826", or Quantity::ZERO
        },
        /// Best ask; missing or null if nothing is offered. So is 0 with size 0.
        ask: Option<Price> as PriceChange { "above 0, on the tick grid" in "quote currency", as "61837.64", or None },
        /// Quantity at the ask.
        ask_size: Quantity as Change {
            "from 0 (0: unknown), on the lot grid; 0 without an ask" in "base currency", as "2.5", or Quantity::ZERO
        },
        /// Time at which the publisher received the event, ns since the Unix epoch.
        ts_recv: u64 as Time,
        /// The venue's own time of the event, ns since the Unix epoch; nil if the venue gives none.
        ts_event: Option<u64> as Time,
        /// The venue's id of the update, which tells it from others across sources and sessions.
        update_id: Option<VenueId> as Change { "a number, or 1 to 96 ASCII characters", as 50093239212, or None },
    }
}

impl Quote {
    /// Returns bid and ask if both are quoted and the bid is not above the ask: a quote on which an order may rely.
    /// They may be equal.
    pub fn touch(&self) -> Option<(Price, Price)> {
        self.bid.zip(self.ask).filter(|(bid, ask)| bid <= ask)
    }

    /// Returns whether the bid is above the ask, as a venue itself may send it.
    pub fn is_crossed(&self) -> bool {
        self.bid.zip(self.ask).is_some_and(|(bid, ask)| bid > ask)
    }
}

impl QuoteBody {
    /// Returns whether a side has price 0 and size 0. Venues that have no prices of 0 write an absent side so.
    pub fn has_zero_side(&self) -> bool {
        is_zero(self.bid, self.bid_size) || is_zero(self.ask, self.ask_size)
    }

    /// Returns the quote without such sides.
    pub fn without_zero_sides(&self) -> Self {
        let mut quote = self.clone();
        quote.bid = quote.bid.filter(|_| !is_zero(self.bid, self.bid_size));
        quote.ask = quote.ask.filter(|_| !is_zero(self.ask, self.ask_size));
        quote
    }
}

fn is_zero(price: Option<Price>, size: Quantity) -> bool {
    price.is_some_and(Price::is_zero) && size.is_zero()
}
