//! Late market data: accepted and recorded, but too old to act on.
//!
//! An event is late if its own `ts_recv` is behind tape time by more than a limit in force. No strategy, fill or mark
//! of a position uses a late event; bars are built from it as from any other, by the rules of ingest.

use tapedeck_schemas::event::Event;
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::param::{ParamSpec, Params};

use crate::machine::Fact;

/// Age over which a market event is late. The default is above the 5 s by which the clock of a publisher may be ahead,
/// so that the events of publishers with different clocks are not late beside each other.
pub const LATE_MS: ParamSpec = ParamSpec {
    name: "market.late_ms",
    unit: "ms",
    about: "age of a quote or trade, from its own ts_recv to tape time, over which it is recorded but not acted on",
    default: Ratio::whole(10_000),
    min: Ratio::whole(1),
    max: Ratio::whole(86_400_000),
};

/// The parameters of freshness.
pub fn params() -> Vec<ParamSpec> {
    vec![LATE_MS]
}

/// Whether an event of tape time `at` is a late quote or trade.
pub fn is_late(event: &Event, at: TapeTime, params: &Params) -> bool {
    let (instrument, ts_recv) = match event {
        Event::Quote(quote) => (&quote.instrument, quote.ts_recv),
        Event::Trade(trade) => (&trade.instrument, trade.ts_recv),
        _ => return false,
    };
    let age = at.saturating_sub(ts_recv);
    // The usual quote has no age: the parameter is not looked up for it.
    age > LATE_MS.min.milliseconds_to_ns() && age > params.in_force(&LATE_MS, instrument).milliseconds_to_ns()
}

impl Fact {
    /// Whether the fact is a late quote or trade.
    pub fn is_late(&self, params: &Params) -> bool {
        is_late(&self.event, self.at, params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{aged, clock, fact, limit};
    use tapedeck_schemas::event::{Quote, Scope};
    use tapedeck_schemas::number::{Price, Quantity};
    use tapedeck_schemas::record::Writer;

    fn quote(at_ms: u64) -> Fact {
        let (one, two) = (Price::whole(1), Price::whole(2));
        let (bid_size, ask_size) = (Quantity::ZERO, Quantity::ZERO);
        let instrument = "sim.X".parse().unwrap();
        let (ts_event, update_id) = (None, None);
        let event =
            Quote { instrument, bid: Some(one), bid_size, ask: Some(two), ask_size, ts_recv: 0, ts_event, update_id };
        fact(Writer::Ingest, at_ms, event)
    }

    #[test]
    fn a_quote_is_late_over_the_limit_in_force_by_its_own_ts_recv() {
        let mut params = Params::default();
        let late = |params: &Params, age_ms| aged(quote(100_000), age_ms).is_late(params);
        assert!(!late(&params, 0) && !late(&params, 5_000), "the clock of another source may be 5 s ahead");
        assert!(!late(&params, 10_000) && late(&params, 10_001));
        let Fact { event: Event::LimitsSet(mut set), .. } = limit(LATE_MS.name, "250") else { panic!("a limit") };
        set.scope = Scope::Instrument("sim.X".parse().unwrap());
        params.apply(&set);
        assert!(!late(&params, 250) && late(&params, 251));
        assert!(!clock(100_000).is_late(&params), "only quotes and trades are late");
    }
}
