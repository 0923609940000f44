//! Bookings balance, and cash is their sum. The causes of bookings are not checked here.

use std::collections::BTreeMap;

use tapedeck_schemas::event::{Event, Ledger};
use tapedeck_schemas::ids::{AccountId, Currency};
use tapedeck_schemas::number::Total;

use super::{CheckReport, Invariant, InvariantId, TapeFact};

/// Every booking sums to zero in each currency.
#[derive(Debug, Default)]
pub(super) struct LedgerBalances;

impl Invariant for LedgerBalances {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        let Event::LedgerPosted(posted) = &recorded.entry.event else { return };
        let mut sums = BTreeMap::<Currency, Total>::new();
        for line in &posted.entries {
            *sums.entry(line.currency).or_default() += line.amount;
        }
        for (currency, sum) in sums {
            report.check(InvariantId::LedgerBalances, recorded.offset, sum == Total::ZERO, || {
                format!("the booking's {currency} sums to {sum}, not 0")
            });
        }
    }
}

/// The cash of an account is the sum of its cash postings, and its equity is cash plus the value of its positions.
///
/// Portfolio writes both in the order of their causes, so the sum so far is the sum at the cause of the mark.
#[derive(Debug, Default)]
pub(super) struct EquityFoldsLedger {
    cash: BTreeMap<(AccountId, Currency), Total>,
}

impl Invariant for EquityFoldsLedger {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        let (id, at) = (InvariantId::EquityFoldsLedger, recorded.offset);
        match &recorded.entry.event {
            Event::LedgerPosted(posted) => {
                for line in posted.entries.iter().filter(|line| line.ledger == Ledger::Cash) {
                    *self.cash.entry((posted.account, line.currency)).or_default() += line.amount;
                }
            }
            Event::EquityMarked(mark) => {
                let (account, currency) = (mark.account, mark.currency);
                let cash = self.cash.get(&(account, currency)).copied().unwrap_or_default();
                report.check(id, at, Total::from(mark.cash) == cash, || {
                    format!("{account} has {cash} {currency} in its books, the mark says {}", mark.cash)
                });
                let mut equity = Total::from(mark.cash);
                equity += mark.position_value;
                report.check(id, at, Total::from(mark.equity) == equity, || {
                    format!("{account}: cash and positions are {equity} {currency}, the mark says {}", mark.equity)
                });
            }
            _ => {}
        }
    }
}
