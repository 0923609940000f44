//! The double-entry bookings of fills and funding. No state lives here.
//!
//! | booking | Cash | against |
//! |---|---|---|
//! | fill, base asset | + signed quantity | Trading |
//! | fill, money | − signed notional | Trading |
//! | fill, fee (if any) | − fee | Fees |
//! | funding | + amount | Capital |

use tapedeck_schemas::event::{AccountFunded, Ledger, LedgerPosted, OrderFilled, Posting};
use tapedeck_schemas::ids::Currency;
use tapedeck_schemas::number::Money;

use crate::books::Listing;
use crate::exact::amount;

/// The booking of a fill.
pub fn of_fill(fill: &OrderFilled, listing: &Listing) -> LedgerPosted {
    let signed = fill.side.signed(fill.quantity);
    let mut entries = Vec::with_capacity(6);
    entries.extend(pair(listing.base, amount(signed), Ledger::Trading));
    entries.extend(pair(listing.quote, -fill.price.saturating_notional(signed), Ledger::Trading));
    if !fill.fee.is_zero() {
        entries.extend(pair(fill.fee_currency, -fill.fee, Ledger::Fees));
    }
    LedgerPosted { account: fill.account, fill: Some(fill.fill), entries }
}

/// The booking of capital paid in or out.
pub fn of_funding(funded: &AccountFunded) -> LedgerPosted {
    let entries = pair(funded.currency, funded.amount, Ledger::Capital).to_vec();
    LedgerPosted { account: funded.account, fill: None, entries }
}

/// Two postings that move `amount` from the ledger `against` into Cash.
fn pair(currency: Currency, amount: Money, against: Ledger) -> [Posting; 2] {
    [Posting { ledger: Ledger::Cash, currency, amount }, Posting { ledger: against, currency, amount: -amount }]
}
