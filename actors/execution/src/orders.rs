//! The open orders, and a bounded number of finished ones. No decisions are made here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{CancelReason, Order, OrderStatus, Scope};
use tapedeck_schemas::ids::{FillId, OrderId};
use tapedeck_schemas::number::Quantity;
use tapedeck_schemas::offset::{Offset, TapeTime};

/// Most open orders: a halt cancels all of them in one record, whose size is bounded.
pub const OPEN_ORDERS_MAX: usize = 256;
/// Most finished orders that are kept, the latest ones. For an older order a `LateReport` has no status, and a repeated
/// fill is recorded as a `LateReport` again; neither changes any state.
pub const FINISHED_ORDERS_MAX: usize = 4096;

/// A submitted order that may still be filled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OpenOrder {
    /// The order.
    pub order: Order,
    /// Current status; never terminal.
    pub status: OrderStatus,
    /// Quantity filled so far.
    pub filled: Quantity,
    /// Whether `OrderAccepted` was observed.
    pub accepted: bool,
    /// Tape time of its submission or of the last cancel request, ns. The time-out counts from here.
    pub since: TapeTime,
    /// Reason of the last cancel request.
    pub cancel: Option<CancelReason>,
    fills: BTreeSet<FillId>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct FinishedOrder {
    status: OrderStatus,
    fills: BTreeSet<FillId>,
}

/// The open orders and the latest finished ones.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OrderStates {
    /// By offset of the approval, which is the order of submission.
    open: BTreeMap<Offset, OpenOrder>,
    offsets: BTreeMap<OrderId, Offset>,
    finished: BTreeMap<OrderId, FinishedOrder>,
    /// Ids of `finished`, oldest first.
    finished_ids: VecDeque<OrderId>,
}

impl OrderStates {
    /// An open order.
    pub fn open(&self, id: &OrderId) -> Option<&OpenOrder> {
        self.open.get(self.offsets.get(id)?)
    }
    /// The open orders, in order of submission.
    pub fn all_open(&self) -> impl Iterator<Item = &OpenOrder> {
        self.open.values()
    }
    /// The open orders within a scope, in order of submission.
    pub fn open_in(&self, scope: Scope) -> impl Iterator<Item = &OpenOrder> {
        self.all_open().filter(move |open| scope.covers(&open.order.instrument))
    }
    /// Whether [`OPEN_ORDERS_MAX`] orders are open.
    pub fn is_full(&self) -> bool {
        self.open.len() >= OPEN_ORDERS_MAX
    }
    /// The status of an open order, or of a finished one that is still kept.
    pub fn status(&self, id: &OrderId) -> Option<OrderStatus> {
        self.open(id).map(|open| open.status).or_else(|| self.finished.get(id).map(|order| order.status))
    }

    fn open_mut(&mut self, id: &OrderId) -> Option<&mut OpenOrder> {
        self.open.get_mut(self.offsets.get(id)?)
    }

    pub(crate) fn submit(&mut self, at: Offset, now: TapeTime, order: &Order) {
        let open = OpenOrder {
            order: order.clone(),
            status: OrderStatus::Submitted,
            filled: Quantity::ZERO,
            accepted: false,
            since: now,
            cancel: None,
            fills: BTreeSet::new(),
        };
        self.offsets.insert(order.id, at);
        self.open.insert(at, open);
    }

    pub(crate) fn accept(&mut self, id: &OrderId) {
        if let Some(open) = self.open_mut(id) {
            open.accepted = true;
        }
    }

    /// Records a fill and returns whether it is new. A fill of an order that is not kept is always new.
    pub(crate) fn record_fill(&mut self, id: &OrderId, fill: FillId) -> bool {
        if let Some(open) = self.open_mut(id) {
            return open.fills.insert(fill);
        }
        // A late fill is recorded too, so that there is one LateReport of it.
        self.finished.get_mut(id).is_none_or(|order| order.fills.insert(fill))
    }

    pub(crate) fn request_cancel(&mut self, id: &OrderId, now: TapeTime, reason: CancelReason) {
        if let Some(open) = self.open_mut(id) {
            open.since = now;
            open.cancel = Some(reason);
        }
    }

    pub(crate) fn change(&mut self, id: &OrderId, to: OrderStatus, filled: Quantity) {
        if !to.is_terminal() {
            if let Some(open) = self.open_mut(id) {
                open.status = to;
                open.filled = filled;
            }
            return;
        }
        let open = self.offsets.remove(id).and_then(|at| self.open.remove(&at));
        let fills = open.map(|open| open.fills).unwrap_or_default();
        if self.finished.insert(*id, FinishedOrder { status: to, fills }).is_none() {
            self.finished_ids.push_back(*id);
        }
        if self.finished_ids.len() > FINISHED_ORDERS_MAX
            && let Some(oldest) = self.finished_ids.pop_front()
        {
            self.finished.remove(&oldest);
        }
    }
}
