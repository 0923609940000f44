//! `limits`: sets limits and parameters by name. A command sets all of its values or none.

use tapedeck_schemas::command::{Command, VALUES_MAX};
use tapedeck_schemas::event::{Event, LimitsSet, RefusalReason, Scope};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::text::{VALUE_BYTES_MAX, bounded};

use super::{Known, repeated};

/// Accepts 1 to [`VALUES_MAX`] values, if every name is known and given once, and every value within its bounds.
pub(super) fn decide(
    known: &Known,
    command: &Command,
    stamp: u64,
    scope: Scope,
    values: &[(String, Ratio)],
) -> Result<Event, RefusalReason> {
    if values.is_empty() || values.len() > VALUES_MAX {
        return Err(RefusalReason::CountOutOfBounds { count: values.len() as u64, limit: VALUES_MAX as u32 });
    }
    for (name, value) in values {
        let Some(spec) = known.specs.iter().find(|spec| spec.name == name) else {
            return Err(RefusalReason::UnknownParameter { name: bounded(name, VALUE_BYTES_MAX) });
        };
        if !spec.accepts(*value) {
            let (name, value) = (bounded(name, VALUE_BYTES_MAX), *value);
            return Err(RefusalReason::ValueOutOfBounds { name, value, min: spec.min, max: spec.max });
        }
    }
    if let Some(name) = repeated(values) {
        return Err(RefusalReason::RepeatedParameter { name: bounded(name, VALUE_BYTES_MAX) });
    }
    let (by, reason) = (command.by.clone(), command.reason.clone());
    Ok(LimitsSet { scope, values: values.to_vec(), by, reason, stamp }.into())
}
