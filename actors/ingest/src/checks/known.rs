//! Refuses quotes and trades of an instrument whose terms nobody has told.

use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::market::MarketBody;

use super::{Refusal, Subject, require};

/// A quote or trade needs a definition before it.
pub(super) fn check(subject: &Subject) -> Result<(), Refusal> {
    let needs_terms = matches!(subject.event.body, MarketBody::Quote { .. } | MarketBody::Trade { .. });
    require(!needs_terms || subject.known.is_some(), RejectReason::UnknownInstrument, || {
        "no definition of the instrument came before: publish one first".into()
    })
}
