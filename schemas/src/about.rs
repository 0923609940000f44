//! The ids that a fact names, derived from the types of its fields.

use crate::bar::BarSpec;
use crate::calendar::Calendar;
use crate::event::Scope;
use crate::generation::Generation;
use crate::ids::{AccountId, FillId, InstrumentId, OrderId, StrategyId, Symbol, TapeId, Token, VenueId};
use crate::number::{Money, Price, Quantity, Ratio};
use crate::offset::Offset;
use crate::record::{InboxDigest, RecordHash};

/// The ids that the fields of a fact name. A fact names at most one instrument, account, order and fill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The instrument, or every instrument of the partition; `None` for a fact without one.
    pub scope: Option<Scope>,
    /// The account that the fact belongs to.
    pub account: Option<AccountId>,
    /// The strategy of an order or fill; the strategies that a signal combines; the strategies whose weights are set.
    pub strategies: Vec<StrategyId>,
    /// The order that the fact approves, changes or reports on.
    pub order: Option<OrderId>,
    /// The fill that the fact reports or books.
    pub fill: Option<FillId>,
}

impl About {
    /// Returns the instrument; `None` if the fact names none, or applies to every instrument.
    pub fn instrument(&self) -> Option<InstrumentId> {
        match self.scope? {
            Scope::Instrument(instrument) => Some(instrument),
            Scope::All => None,
        }
    }

    /// Returns whether the fact names `instrument`, or applies to every instrument.
    pub fn covers(&self, instrument: &InstrumentId) -> bool {
        self.scope.is_some_and(|scope| scope.covers(instrument))
    }
}

/// A type of a field of a fact, which may contain ids.
pub trait Mentions {
    /// Adds the ids of the value to `about`. The default adds none.
    fn mention(&self, _about: &mut About) {}
}

macro_rules! mention_nothing {
    ($($ty:ty),*) => { $(impl Mentions for $ty {})* };
}
mention_nothing!(u8, u16, u32, u64, String, Token, Symbol, VenueId, BarSpec, Calendar, Price, Quantity, Ratio, Money);
mention_nothing!(TapeId, RecordHash, InboxDigest, Offset, Generation);

impl Mentions for Scope {
    fn mention(&self, about: &mut About) {
        about.scope = Some(*self);
    }
}

impl Mentions for InstrumentId {
    fn mention(&self, about: &mut About) {
        about.scope = Some(Scope::Instrument(*self));
    }
}

impl Mentions for AccountId {
    fn mention(&self, about: &mut About) {
        about.account = Some(*self);
    }
}

impl Mentions for StrategyId {
    fn mention(&self, about: &mut About) {
        about.strategies.push(*self);
    }
}

impl Mentions for OrderId {
    fn mention(&self, about: &mut About) {
        about.order = Some(*self);
    }
}

impl Mentions for FillId {
    fn mention(&self, about: &mut About) {
        about.fill = Some(*self);
    }
}

impl<T: Mentions> Mentions for Option<T> {
    fn mention(&self, about: &mut About) {
        self.iter().for_each(|one| one.mention(about));
    }
}

impl<T: Mentions> Mentions for Vec<T> {
    fn mention(&self, about: &mut About) {
        self.iter().for_each(|one| one.mention(about));
    }
}

impl<A: Mentions, B: Mentions> Mentions for (A, B) {
    fn mention(&self, about: &mut About) {
        self.0.mention(about);
        self.1.mention(about);
    }
}

impl<A: Mentions, B: Mentions, C: Mentions> Mentions for (A, B, C) {
    fn mention(&self, about: &mut About) {
        self.0.mention(about);
        self.1.mention(about);
        self.2.mention(about);
    }
}
