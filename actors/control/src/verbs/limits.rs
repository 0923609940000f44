//! `limits`: sets limits and parameters by name. A command sets all of its values or none.

use tapedeck_schemas::command::{Command, VALUES_MAX};
use tapedeck_schemas::event::{Event, LimitsSet, Scope};
use tapedeck_schemas::number::Ratio;

use super::{Known, repeated};

/// Accepts 1 to [`VALUES_MAX`] values, if every name is known and given once, and every value within its bounds.
pub(super) fn decide(
    known: &Known,
    command: &Command,
    scope: Scope,
    values: &[(String, Ratio)],
) -> Result<Event, String> {
    if values.is_empty() || values.len() > VALUES_MAX {
        return Err(format!("{} values; give 1 to {VALUES_MAX}", values.len()));
    }
    for (name, value) in values {
        let Some(spec) = known.specs.iter().find(|spec| spec.name == name) else {
            return Err(format!("there is no limit or parameter {:?}", name.chars().take(64).collect::<String>()));
        };
        if !spec.accepts(*value) {
            return Err(format!("{name} {value} is not within {} to {} ({})", spec.min, spec.max, spec.unit));
        }
    }
    if let Some(name) = repeated(values) {
        return Err(format!("{name} is given twice"));
    }
    let (by, reason) = (command.by.clone(), command.reason.clone());
    Ok(LimitsSet { scope, values: values.to_vec(), by, reason }.into())
}
