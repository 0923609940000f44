//! The calendars in force. Instruments of one venue share a calendar, so each different one is kept once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_schemas::calendar::Calendar;
use tapedeck_schemas::event::CalendarEnded;
use tapedeck_schemas::ids::InstrumentId;

/// Most different calendars of a partition; a definition with a further one is rejected.
pub const CALENDARS_MAX: usize = 256;

/// Calendars that only the operator may add, beyond [`CALENDARS_MAX`]: a publisher can use up the others.
pub const OPERATOR_CALENDARS: usize = 16;

/// The calendar of each instrument.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Calendars {
    /// By number, each different from the others.
    kept: BTreeMap<u32, Shared>,
    of: BTreeMap<InstrumentId, InForce>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Shared {
    calendar: Calendar,
    /// Number of instruments with this calendar, above 0.
    users: u32,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct InForce {
    number: u32,
    /// Whether a `CalendarEnded` was recorded.
    is_ended: bool,
}

impl Calendars {
    /// The calendar of an instrument, if it has one.
    pub fn get(&self, instrument: &InstrumentId) -> Option<&Calendar> {
        let in_force = self.of.get(instrument)?;
        Some(&self.kept.get(&in_force.number)?.calendar)
    }

    /// The calendar of an instrument once a definition is in force: a publisher that names none keeps the one before,
    /// while the operator sets all terms.
    pub fn after<'a>(
        &'a self,
        instrument: &InstrumentId,
        defined: Option<&'a Calendar>,
        is_operator: bool,
    ) -> Option<&'a Calendar> {
        defined.or_else(|| self.get(instrument).filter(|_| !is_operator))
    }

    /// How many different calendars are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many different calendars are kept once the instrument has this one.
    pub fn count_with(&self, instrument: &InstrumentId, calendar: &Calendar) -> usize {
        let is_known = self.kept.values().any(|shared| shared.calendar == *calendar);
        let before = self.of.get(instrument).and_then(|in_force| self.kept.get(&in_force.number));
        let is_freed = before.is_some_and(|shared| shared.users == 1 && shared.calendar != *calendar);
        self.kept.len() + usize::from(!is_known) - usize::from(is_freed)
    }

    /// Sets or removes the calendar of an instrument.
    pub fn set(&mut self, instrument: InstrumentId, calendar: Option<Calendar>) {
        if calendar.as_ref() == self.get(&instrument) {
            return;
        }
        if let Some(before) = self.of.remove(&instrument)
            && let Some(shared) = self.kept.get_mut(&before.number)
        {
            shared.users -= 1;
            if shared.users == 0 {
                self.kept.remove(&before.number);
            }
        }
        let Some(calendar) = calendar else { return };
        let known = self.kept.iter().find(|(_, shared)| shared.calendar == calendar).map(|(number, _)| *number);
        // There are far fewer calendars than numbers.
        let number = known.or_else(|| (0..=u32::MAX).find(|number| !self.kept.contains_key(number))).unwrap_or(0);
        self.kept.entry(number).or_insert(Shared { calendar, users: 0 }).users += 1;
        self.of.insert(instrument, InForce { number, is_ended: false });
    }

    /// The fact that the last session of an instrument has ended at `ts_recv`, if none was recorded.
    pub fn ended_by(&self, instrument: InstrumentId, ts_recv: u64) -> Option<CalendarEnded> {
        let closed = self.get(&instrument)?.end();
        let is_recorded = self.of.get(&instrument).is_some_and(|in_force| in_force.is_ended);
        (ts_recv >= closed && !is_recorded).then_some(CalendarEnded { instrument, closed })
    }

    /// Records that the fact of [`Self::ended_by`] was recorded.
    pub fn record_end(&mut self, instrument: &InstrumentId) {
        if let Some(in_force) = self.of.get_mut(instrument) {
            in_force.is_ended = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_is_kept_once_for_all_of_its_instruments() {
        let mut calendars = Calendars::default();
        let [a, b] = ["v.A", "v.B"].map(|name| name.parse::<InstrumentId>().unwrap());
        let [one, two] =
            ["2024-01-02=14:30/21:00", "2024-01-03=14:30/21:00"].map(|text| text.parse::<Calendar>().unwrap());
        calendars.set(a, Some(one.clone()));
        calendars.set(b, Some(one.clone()));
        assert_eq!((calendars.kept.len(), calendars.get(&b)), (1, Some(&one)));
        assert_eq!((calendars.count_with(&b, &one), calendars.count_with(&b, &two)), (1, 2));
        calendars.set(b, Some(two.clone()));
        assert_eq!((calendars.get(&a), calendars.get(&b)), (Some(&one), Some(&two)));
        assert_eq!(
            (calendars.count_with(&b, &one), calendars.count_with(&b, &two)),
            (1, 2),
            "the second has no other user"
        );
        calendars.set(a, Some(two.clone()));
        assert_eq!(calendars.kept.len(), 1);
        calendars.set(a, None);
        calendars.set(b, None);
        assert_eq!((calendars.kept.len(), calendars.get(&b)), (0, None));
    }
}
