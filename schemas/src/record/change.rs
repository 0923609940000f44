//! The last values of the fields that stand in a record as changes.

use super::small_map::SmallMap;

/// Greatest number of such fields in a kind, without prices.
const FIELDS_MAX: usize = 4;

/// Fails to compile if a kind has more such fields than there is room for.
pub(crate) const fn assert_fits(fields: usize) {
    assert!(fields <= FIELDS_MAX, "too many changes in a kind");
}

/// In place of the number of a kind: the prices of an instrument, in any field of any kind.
const PRICES: u64 = u64::MAX;

/// The last values for each kind and instrument, which is the first text of an event; zeros before the first.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    slots: SmallMap<(u64, u64), usize>,
    values: Vec<[i128; FIELDS_MAX]>,
    kind: u64,
    instrument: u64,
    has_text: bool,
    prices: Option<usize>,
    fields: Option<usize>,
    field: usize,
}

impl Changes {
    /// Begins a record.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.values.clear();
    }

    /// Begins an event of this kind.
    pub(super) fn begin(&mut self, kind: u64) {
        (self.kind, self.instrument, self.has_text) = (kind, 0, false);
        (self.prices, self.fields, self.field) = (None, None, 0);
    }

    /// Notes that the event refers to the text of this number.
    pub(super) fn text(&mut self, number: u64) {
        if !self.has_text {
            (self.instrument, self.has_text) = (number, true);
        }
    }

    /// The last price of the instrument in any field of any kind.
    pub(super) fn price(&mut self) -> &mut i128 {
        let slot = self.prices.unwrap_or_else(|| self.slot(PRICES));
        self.prices = Some(slot);
        &mut self.values[slot][0]
    }

    /// The last value of the next other such field of the event.
    pub(super) fn field(&mut self) -> &mut i128 {
        let slot = self.fields.unwrap_or_else(|| self.slot(self.kind));
        self.fields = Some(slot);
        self.field += 1;
        &mut self.values[slot][self.field - 1]
    }

    fn slot(&mut self, of: u64) -> usize {
        let key = (of, self.instrument);
        self.slots.get(&key).unwrap_or_else(|| {
            let slot = self.values.len();
            self.values.push([0; FIELDS_MAX]);
            self.slots.insert(key, slot);
            slot
        })
    }
}
