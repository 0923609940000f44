//! What a fact is about, told from the types of its fields alone.

use crate::bar::BarSpec;
use crate::event::Scope;
use crate::ids::{AccountId, FillId, InstrumentId, OrderId, StrategyId, TapeId, Token};
use crate::number::{Money, Price, Quantity, Ratio};
use crate::offset::Offset;
use crate::record::RecordHash;

/// The ids that a fact's fields mention. No fact mentions two instruments, accounts, orders or fills.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The instrument, or all of the partition's.
    pub scope: Option<Scope>,
    /// The account.
    pub account: Option<AccountId>,
    /// The strategy of an order or fill, those that a signal combines, or those that are given weights.
    pub strategies: Vec<StrategyId>,
    /// The order.
    pub order: Option<OrderId>,
    /// The fill.
    pub fill: Option<FillId>,
}

impl About {
    /// The one instrument; `None` also where the fact is about all of them.
    pub fn instrument(&self) -> Option<InstrumentId> {
        match self.scope? {
            Scope::Instrument(instrument) => Some(instrument),
            Scope::All => None,
        }
    }

    /// Whether the fact is about an instrument: its own, or about all.
    pub fn covers(&self, instrument: &InstrumentId) -> bool {
        self.scope.is_some_and(|scope| scope.covers(instrument))
    }
}

/// A type that a fact's field can have: adds the ids in its value to what the fact is about.
pub trait Mentions {
    /// Adds them; by default there are none.
    fn mention(&self, _about: &mut About) {}
}

macro_rules! mention_nothing {
    ($($ty:ty),*) => { $(impl Mentions for $ty {})* };
}
mention_nothing!(u8, u16, u32, u64, String, Token, BarSpec, Price, Quantity, Ratio, Money, TapeId, RecordHash, Offset);

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
