//! Every change of cash is booked once, with its amounts. The value of positions is not checked here.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::event::{Event, Ledger, LedgerPosted, OrderFilled};
use tapedeck_schemas::ids::{AccountId, Currency, FillId, InstrumentId};
use tapedeck_schemas::number::Total;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

use super::{CheckReport, Invariant, InvariantId, TapeFact};

/// Net change of an account's cash ledger by currency, without zeros.
type Cash = BTreeMap<Currency, Total>;

/// A fill or funding that portfolio has not booked yet.
#[derive(Debug)]
struct Unbooked {
    offset: Offset,
    account: AccountId,
    /// `None` if it is not known (an instrument without a definition).
    cash: Option<Cash>,
}

impl Unbooked {
    fn fault(&self, cause: Offset, posted: &LedgerPosted) -> Option<String> {
        let cash = net_cash(posted);
        if cause != self.offset {
            Some(format!("booked by cause {cause}, but its offset is {}", self.offset))
        } else if posted.account != self.account {
            Some(format!("booked for {}, but it is {}'s", posted.account, self.account))
        } else if self.cash.as_ref().is_some_and(|expected| *expected != cash) {
            Some(format!("booked as {cash:?}, expected {:?}", self.cash))
        } else {
            None
        }
    }
}

fn net(lines: impl IntoIterator<Item = (Currency, Total)>) -> Cash {
    let mut cash = Cash::new();
    for (currency, amount) in lines {
        *cash.entry(currency).or_default() += amount;
    }
    cash.retain(|_, amount| *amount != Total::ZERO);
    cash
}

fn net_cash(posted: &LedgerPosted) -> Cash {
    let cash = posted.entries.iter().filter(|line| line.ledger == Ledger::Cash);
    net(cash.map(|line| (line.currency, line.amount.into())))
}

/// Every fill is booked exactly once, with its amounts. At the end of the tape, fills after portfolio's last cause may
/// be unbooked.
#[derive(Debug, Default)]
pub(super) struct FillsBookedOnce {
    currencies: BTreeMap<InstrumentId, (Currency, Currency)>,
    unbooked: BTreeMap<FillId, Unbooked>,
    booked: BTreeSet<FillId>,
    progress: Offset,
}

impl FillsBookedOnce {
    /// Bought: base in, notional and fee out. Sold: base and fee out, notional in.
    fn cash(&self, fill: &OrderFilled) -> Option<Cash> {
        let (base, quote) = *self.currencies.get(&fill.instrument)?;
        let quantity = fill.side.signed(fill.quantity);
        let notional = Total::product(fill.price, quantity);
        Some(net([(base, quantity.into()), (quote, -notional), (fill.fee_currency, -Total::from(fill.fee))]))
    }

    fn post(&mut self, fill: FillId, posted: &LedgerPosted, recorded: &TapeFact, report: &mut CheckReport) {
        let fault = match self.unbooked.remove(&fill) {
            Some(unbooked) => unbooked.fault(recorded.entry.cause, posted),
            None if self.booked.contains(&fill) => Some("booked before".into()),
            None => Some("no such fill".into()),
        };
        self.booked.insert(fill);
        report.check(InvariantId::FillsBookedOnce, recorded.offset, fault.is_none(), || {
            format!("fill {fill}: {}", fault.unwrap_or_default())
        });
    }
}

impl Invariant for FillsBookedOnce {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        if recorded.writer == Writer::Portfolio {
            self.progress = self.progress.max(recorded.entry.cause);
        }
        match &recorded.entry.event {
            Event::InstrumentDefined(defined) => {
                self.currencies.insert(defined.instrument, (defined.base, defined.quote));
            }
            Event::OrderFilled(fill) if !self.booked.contains(&fill.fill) => {
                let (offset, account, cash) = (recorded.offset, fill.account, self.cash(fill));
                self.unbooked.entry(fill.fill).or_insert(Unbooked { offset, account, cash });
            }
            Event::LedgerPosted(posted) => {
                if let Some(fill) = posted.fill {
                    self.post(fill, posted, recorded, report);
                }
            }
            _ => {}
        }
    }

    fn finish(&self, report: &mut CheckReport) {
        for (fill, unbooked) in self.unbooked.iter().filter(|(_, unbooked)| unbooked.offset <= self.progress) {
            report.check(InvariantId::FillsBookedOnce, unbooked.offset, false, || {
                format!("fill {fill} is not booked, though portfolio has decided up to {}", self.progress)
            });
        }
    }
}

/// Every funding is booked exactly once, with its amount. At the end of the tape, fundings after portfolio's last cause
/// may be unbooked.
#[derive(Debug, Default)]
pub(super) struct FundingBookedOnce {
    unbooked: BTreeMap<Offset, Unbooked>,
    progress: Offset,
}

impl Invariant for FundingBookedOnce {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        let (id, at, cause) = (InvariantId::FundingBookedOnce, recorded.offset, recorded.entry.cause);
        if recorded.writer == Writer::Portfolio {
            self.progress = self.progress.max(cause);
        }
        match &recorded.entry.event {
            Event::AccountFunded(funded) => {
                let cash = Some(net([(funded.currency, funded.amount.into())]));
                self.unbooked.insert(at, Unbooked { offset: at, account: funded.account, cash });
            }
            Event::LedgerPosted(posted) if posted.fill.is_none() => {
                let fault = match self.unbooked.remove(&cause) {
                    Some(unbooked) => unbooked.fault(cause, posted),
                    None => Some("booked before, or the cause is no funding".into()),
                };
                report.check(id, at, fault.is_none(), || format!("funding {cause}: {}", fault.unwrap_or_default()));
            }
            _ => {}
        }
    }

    fn finish(&self, report: &mut CheckReport) {
        for offset in self.unbooked.keys().filter(|offset| **offset <= self.progress) {
            report.check(InvariantId::FundingBookedOnce, *offset, false, || {
                format!("the funding is not booked, though portfolio has decided up to {}", self.progress)
            });
        }
    }
}
