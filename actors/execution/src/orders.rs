//! OrderStates with the venue, and a bounded memory of finished ones. No decisions are made here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tapedeck_schemas::event::{CancelReason, Order, OrderStatus, Scope};
use tapedeck_schemas::ids::{FillId, OrderId};
use tapedeck_schemas::number::Quantity;
use tapedeck_schemas::offset::{Offset, TapeTime};

/// Most orders with the venue at a time: a halt cancels them all in one record, which is bounded.
pub const OPEN_ORDERS_MAX: usize = 256;
/// How many finished orders are remembered, the last to finish. A report for an older one says "unknown" where it
/// would have said "late", and a replay of its fill becomes a late report; neither changes anything.
pub const FINISHED_ORDERS_MAX: usize = 4096;

/// An order with the venue.
#[derive(Debug, Clone)]
pub struct OpenOrder {
    /// The order.
    pub order: Order,
    /// Where it stands; never terminal.
    pub status: OrderStatus,
    /// Filled so far.
    pub filled: Quantity,
    /// Whether the venue said that it took it.
    pub accepted: bool,
    /// Tape time of its submission, or of the last cancel asked for: what the time-out counts from, ns.
    pub since: TapeTime,
    /// Why a cancel was last asked for.
    pub cancel: Option<CancelReason>,
    fills: BTreeSet<FillId>,
}

#[derive(Debug, Clone)]
struct FinishedOrder {
    status: OrderStatus,
    fills: BTreeSet<FillId>,
}

/// Every order that execution knows.
#[derive(Debug, Clone, Default)]
pub struct OrderStates {
    /// By position of the approval: the order of submission.
    open: BTreeMap<Offset, OpenOrder>,
    places: BTreeMap<OrderId, Offset>,
    finished: BTreeMap<OrderId, FinishedOrder>,
    /// Ids of `finished`, the first to finish in front.
    queue: VecDeque<OrderId>,
}

impl OrderStates {
    /// An order with the venue.
    pub fn open(&self, id: &OrderId) -> Option<&OpenOrder> {
        self.open.get(self.places.get(id)?)
    }
    /// OrderStates with the venue, in order of submission.
    pub fn all_open(&self) -> impl Iterator<Item = &OpenOrder> {
        self.open.values()
    }
    /// OrderStates with the venue within a scope, in order of submission.
    pub fn open_in(&self, scope: Scope) -> impl Iterator<Item = &OpenOrder> {
        self.all_open().filter(move |open| scope.covers(&open.order.instrument))
    }
    /// Whether no more may be submitted for now.
    pub fn is_full(&self) -> bool {
        self.open.len() >= OPEN_ORDERS_MAX
    }
    /// Where an order stands, while it is remembered.
    pub fn status(&self, id: &OrderId) -> Option<OrderStatus> {
        self.open(id).map(|open| open.status).or_else(|| self.finished.get(id).map(|order| order.status))
    }

    fn open_mut(&mut self, id: &OrderId) -> Option<&mut OpenOrder> {
        self.open.get_mut(self.places.get(id)?)
    }

    pub(crate) fn submit(&mut self, at: Offset, now: TapeTime, order: &Order) {
        let (status, filled, fills) = (OrderStatus::Submitted, Quantity::ZERO, BTreeSet::new());
        let open = OpenOrder { order: order.clone(), status, filled, accepted: false, since: now, cancel: None, fills };
        self.places.insert(order.id, at);
        self.open.insert(at, open);
    }

    pub(crate) fn accept(&mut self, id: &OrderId) {
        if let Some(open) = self.open_mut(id) {
            open.accepted = true;
        }
    }

    /// Remembers a fill; whether it was new. A fill of an order that is not remembered is always new.
    pub(crate) fn note_fill(&mut self, id: &OrderId, fill: FillId) -> bool {
        if let Some(open) = self.open_mut(id) {
            return open.fills.insert(fill);
        }
        // A late fill is remembered too, so that it is reported once.
        self.finished.get_mut(id).is_none_or(|order| order.fills.insert(fill))
    }

    pub(crate) fn ask_cancel(&mut self, id: &OrderId, now: TapeTime, reason: CancelReason) {
        if let Some(open) = self.open_mut(id) {
            (open.since, open.cancel) = (now, Some(reason));
        }
    }

    pub(crate) fn change(&mut self, id: &OrderId, to: OrderStatus, filled: Quantity) {
        if !to.is_terminal() {
            if let Some(open) = self.open_mut(id) {
                (open.status, open.filled) = (to, filled);
            }
            return;
        }
        let open = self.places.remove(id).and_then(|at| self.open.remove(&at));
        let fills = open.map(|open| open.fills).unwrap_or_default();
        if self.finished.insert(*id, FinishedOrder { status: to, fills }).is_none() {
            self.queue.push_back(*id);
        }
        if self.queue.len() > FINISHED_ORDERS_MAX
            && let Some(oldest) = self.queue.pop_front()
        {
            self.finished.remove(&oldest);
        }
    }
}
