//! What a fact is about: the instrument, order, fill, account and strategies that its body names.

use tapedeck_schemas::event::{Event, Order, Scope};
use tapedeck_schemas::ids::{AccountId, FillId, InstrumentId, OrderId, StrategyId};

/// The ids in a fact's body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// The instrument, unless the fact holds for all of them.
    pub(crate) instrument: Option<InstrumentId>,
    /// Whether the fact has [`Scope::All`], and so is about every instrument.
    pub(crate) every_instrument: bool,
    pub(crate) order: Option<OrderId>,
    pub(crate) fill: Option<FillId>,
    pub(crate) account: Option<AccountId>,
    /// Several for a signal, which has one reason a strategy, and for weights.
    pub(crate) strategies: Vec<StrategyId>,
}

/// What `event` is about.
pub(crate) fn about(event: &Event) -> About {
    let mut about = About::default();
    match event {
        Event::InstrumentDefined(e) => about.instrument = Some(e.instrument),
        Event::Quote(e) => about.instrument = Some(e.instrument),
        Event::Trade(e) => about.instrument = Some(e.instrument),
        Event::Bar(e) => about.instrument = Some(e.instrument),
        Event::BarsDefined(e) => about.instrument = Some(e.instrument),
        Event::Gap(e) => about.instrument = Some(e.instrument),
        Event::Rejected(e) => about.instrument = e.instrument,
        Event::LimitsSet(e) => about.scope(&e.scope),
        Event::TradingHalted(e) => about.scope(&e.scope),
        Event::TradingResumed(e) => about.scope(&e.scope),
        Event::WeightsSet(e) => about.strategies = e.weights.iter().map(|(strategy, _)| *strategy).collect(),
        Event::AccountFunded(e) => about.account = Some(e.account),
        Event::SignalRaised(e) => {
            about.instrument = Some(e.instrument);
            about.account = Some(e.account);
            about.strategies = [e.strategy].into_iter().chain(e.reasons.iter().map(|(one, ..)| *one)).collect();
        }
        Event::OrderApproved(e) => about.of_order(&e.order),
        Event::OrderDenied(e) => about.of_order(&e.order),
        Event::OrderSubmitted(e) => about.of_order(&e.order),
        Event::RiskStateChanged(e) => about.account = Some(e.account),
        Event::CancelRequested(e) => about.order = Some(e.order),
        Event::OrderStatusChanged(e) => about.order = Some(e.order),
        Event::LateReport(e) => about.order = Some(e.order),
        Event::CancelSubmitted(e) => (about.order, about.instrument) = (Some(e.order), Some(e.instrument)),
        Event::OrderAccepted(e) => (about.order, about.instrument) = (Some(e.order), Some(e.instrument)),
        Event::OrderRejected(e) => (about.order, about.instrument) = (Some(e.order), Some(e.instrument)),
        Event::OrderClosed(e) => (about.order, about.instrument) = (Some(e.order), Some(e.instrument)),
        Event::CancelRejected(e) => (about.order, about.instrument) = (Some(e.order), Some(e.instrument)),
        Event::OrderFilled(e) => {
            (about.order, about.fill) = (Some(e.order), Some(e.fill));
            (about.instrument, about.account) = (Some(e.instrument), Some(e.account));
            about.strategies = vec![e.strategy];
        }
        Event::LedgerPosted(e) => (about.account, about.fill) = (Some(e.account), e.fill),
        Event::PositionChanged(e) => {
            (about.instrument, about.account, about.fill) = (Some(e.instrument), Some(e.account), Some(e.fill));
            about.strategies = vec![e.strategy];
        }
        Event::EquityMarked(e) => about.account = Some(e.account),
        _ => {}
    }
    about
}

impl About {
    fn scope(&mut self, scope: &Scope) {
        match scope {
            Scope::All => self.every_instrument = true,
            Scope::Instrument(instrument) => self.instrument = Some(*instrument),
        }
    }

    fn of_order(&mut self, order: &Order) {
        let Order { id, account, strategy, instrument, .. } = order;
        (self.order, self.account, self.instrument) = (Some(*id), Some(*account), Some(*instrument));
        self.strategies = vec![*strategy];
    }
}
