//! What an event names: its instrument, its order, its fill; and the names of kinds. Nothing is read from a broker.

use std::collections::BTreeSet;

use tapedeck_kernel::Inbox;
use tapedeck_schemas::event::Event;
use tapedeck_schemas::ids::{FillId, InstrumentId, OrderId};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

/// The inbox that the causes of a writer's events are in; `None`: on the tape.
pub fn inbox_of(writer: Writer) -> Option<Inbox> {
    match writer {
        Writer::Ingest => Some(Inbox::Market),
        Writer::Control => Some(Inbox::Command),
        _ => None,
    }
}

/// What an inbox is called before an offset in it: `inbox:12.3`, `command:12.3`.
pub fn inbox_name(inbox: Inbox) -> &'static str {
    match inbox {
        Inbox::Market => "inbox",
        Inbox::Command => "command",
    }
}

/// A cause, with the name of the inbox that it is in, if it is in one.
pub fn cause_text(writer: Writer, cause: Offset) -> String {
    inbox_of(writer).map_or_else(|| cause.to_string(), |inbox| format!("{}:{cause}", inbox_name(inbox)))
}

/// The order that an event is about.
pub fn order_of(event: &Event) -> Option<OrderId> {
    Some(match event {
        Event::CancelRequested(e) => e.order,
        Event::OrderApproved(e) => e.order.id,
        Event::OrderDenied(e) => e.order.id,
        Event::OrderSubmitted(e) => e.order.id,
        Event::CancelSubmitted(e) => e.order,
        Event::OrderStatusChanged(e) => e.order,
        Event::LateReport(e) => e.order,
        Event::OrderAccepted(e) => e.order,
        Event::OrderRejected(e) => e.order,
        Event::OrderFilled(e) => e.order,
        Event::OrderClosed(e) => e.order,
        Event::CancelRejected(e) => e.order,
        _ => return None,
    })
}

/// The fill that an event is about.
pub fn fill_of(event: &Event) -> Option<FillId> {
    match event {
        Event::OrderFilled(e) => Some(e.fill),
        Event::LedgerPosted(e) => e.fill,
        Event::PositionChanged(e) => Some(e.fill),
        _ => None,
    }
}

/// The instrument that an event names.
fn instrument_of(event: &Event) -> Option<InstrumentId> {
    Some(match event {
        Event::InstrumentDefined(e) => e.instrument,
        Event::Quote(e) => e.instrument,
        Event::Trade(e) => e.instrument,
        Event::Bar(e) => e.instrument,
        Event::BarsDefined(e) => e.instrument,
        Event::Gap(e) => e.instrument,
        Event::Rejected(e) => return e.instrument,
        Event::SignalRaised(e) => e.instrument,
        Event::OrderApproved(e) => e.order.instrument,
        Event::OrderDenied(e) => e.order.instrument,
        Event::OrderSubmitted(e) => e.order.instrument,
        Event::CancelSubmitted(e) => e.instrument,
        Event::OrderAccepted(e) => e.instrument,
        Event::OrderRejected(e) => e.instrument,
        Event::OrderFilled(e) => e.instrument,
        Event::OrderClosed(e) => e.instrument,
        Event::CancelRejected(e) => e.instrument,
        Event::PositionChanged(e) => e.instrument,
        _ => return None,
    })
}

/// Which events are about an instrument: those that name it, its orders or its fills. Must be shown every event from
/// the first on; holds the ids of the instrument's orders and fills.
#[derive(Debug)]
pub struct About {
    instrument: InstrumentId,
    orders: BTreeSet<OrderId>,
    fills: BTreeSet<FillId>,
}

impl About {
    /// About an instrument.
    pub fn new(instrument: InstrumentId) -> Self {
        Self { instrument, orders: BTreeSet::new(), fills: BTreeSet::new() }
    }

    /// Whether the next event is about it.
    pub fn admits(&mut self, event: &Event) -> bool {
        let (order, fill) = (order_of(event), fill_of(event));
        if let Some(named) = instrument_of(event) {
            if named == self.instrument {
                self.orders.extend(order);
                self.fills.extend(fill);
            }
            return named == self.instrument;
        }
        order.is_some_and(|order| self.orders.contains(&order)) || fill.is_some_and(|fill| self.fills.contains(&fill))
    }
}
