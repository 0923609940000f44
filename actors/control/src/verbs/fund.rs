//! `fund`: pays capital into an account, or out of it. Balances are not checked: only portfolio knows them.

use tapedeck_schemas::command::Command;
use tapedeck_schemas::event::{AccountFunded, Event, RefusalReason};
use tapedeck_schemas::ids::{AccountId, Currency};
use tapedeck_schemas::number::Money;

/// Greatest magnitude of one amount: 1e15, so that sums stay far from the bound of `Money`.
pub const AMOUNT_MAX: Money = Money::whole(1_000_000_000_000_000);

/// Accepts an amount that is not zero and at most [`AMOUNT_MAX`] in magnitude.
pub(super) fn decide(
    command: &Command,
    stamp: u64,
    account: AccountId,
    currency: Currency,
    amount: Money,
) -> Result<Event, RefusalReason> {
    if amount.is_zero() || amount.abs() > AMOUNT_MAX {
        return Err(RefusalReason::AmountOutOfBounds { amount, limit: AMOUNT_MAX });
    }
    Ok(AccountFunded { account, currency, amount, by: command.by.clone(), stamp }.into())
}
