//! Encodes the events of a record one by one, with the tables that they refer to.

use super::change::Changes;
use super::small_map::SmallMap;
use super::step::{Previous, Step, head};
use super::{Elements, Entry, HEADER_BYTES_MAX, Header, assemble};
use crate::ids::InstrumentId;

/// The events of a record that is being built, and the texts and ids that they share.
///
/// The encoding of an event depends on the events before it in the record; [`super::encode_entry`] is the encoding of
/// an event alone.
#[derive(Debug, Default)]
pub struct RecordEncoder {
    shared: Elements,
    texts: SmallMap<Box<str>, u64>,
    /// Numbers of the texts of instruments, which need not be formatted again.
    instruments: SmallMap<InstrumentId, u64>,
    ids: SmallMap<[u8; 16], u64>,
    events: Elements,
    /// The last event; while one is written, that event.
    last: Previous,
    changes: Changes,
}

impl Elements {
    fn clear(&mut self) {
        self.count = 0;
        self.bytes.clear();
    }

    /// Adds an element; its number.
    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> u64 {
        write(&mut self.bytes);
        self.count += 1;
        self.count as u64 - 1
    }
}

impl RecordEncoder {
    /// Adds an event.
    pub fn push(&mut self, entry: &Entry) {
        let last = std::mem::replace(&mut self.last, Previous::from(entry));
        let step = Step::between(&last, entry);
        let kind = entry.event.kind();
        self.changes.begin(kind as u64);
        self.array(2 + step.elements() + entry.event.field_count());
        self.uint(head(kind, step));
        if step == Step::Other {
            self.int(entry.cause.seq.wrapping_sub(last.cause.seq) as i64);
            self.uint(entry.cause.index.into());
            self.uint(entry.index.into());
        }
        self.int(entry.at.wrapping_sub(last.at) as i64);
        entry.event.write_fields(self);
        self.events.count += 1;
    }

    /// Returns the number of events.
    pub fn count(&self) -> usize {
        self.events.count
    }

    /// Returns an upper bound of the size of the record, in bytes, which exceeds the size by at most
    /// [`HEADER_BYTES_MAX`].
    pub fn size_max(&self) -> usize {
        HEADER_BYTES_MAX + self.shared.bytes.len() + self.events.bytes.len()
    }

    /// Returns the record with this header, and empties the encoder. Panics as [`assemble`].
    pub fn finish(&mut self, header: &Header) -> Vec<u8> {
        let payload = assemble(header, &self.shared, &self.events);
        // Keeps what is allocated for the next record.
        self.shared.clear();
        self.events.clear();
        self.texts.clear();
        self.instruments.clear();
        self.ids.clear();
        self.changes.clear();
        self.last = Previous::default();
        payload
    }

    /// The events so far.
    #[cfg(test)]
    pub(crate) fn event_bytes(&self) -> &[u8] {
        &self.events.bytes
    }

    /// Tape time of the event that is written.
    pub(crate) fn at(&self) -> u64 {
        self.last.at
    }

    /// Sequence of the cause of the event that is written.
    pub(crate) fn cause_seq(&self) -> u64 {
        self.last.cause.seq
    }

    pub(crate) fn uint(&mut self, value: u64) {
        match value {
            0..=0x7f => self.events.bytes.push(value as u8),
            _ => written(rmp::encode::write_uint(&mut self.events.bytes, value)),
        }
    }

    pub(crate) fn int(&mut self, value: i64) {
        written(rmp::encode::write_sint(&mut self.events.bytes, value));
    }

    pub(crate) fn nil(&mut self) {
        written(rmp::encode::write_nil(&mut self.events.bytes));
    }

    pub(crate) fn array(&mut self, length: usize) {
        written(rmp::encode::write_array_len(&mut self.events.bytes, length as u32));
    }

    pub(crate) fn map_of_one(&mut self) {
        written(rmp::encode::write_map_len(&mut self.events.bytes, 1));
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        written(rmp::encode::write_bin(&mut self.events.bytes, bytes));
    }

    /// Writes a text in place, not by its number.
    pub(crate) fn text_in_place(&mut self, text: &str) {
        written(rmp::encode::write_str(&mut self.events.bytes, text));
    }

    /// Writes the number of a text.
    pub(crate) fn text(&mut self, text: &str) {
        let number = self.number_of(text);
        self.changes.text(number);
        self.uint(number);
    }

    /// Writes the number of the text of an instrument.
    pub(crate) fn instrument(&mut self, instrument: &InstrumentId) {
        let number = self.instruments.get(instrument).unwrap_or_else(|| {
            let number = self.number_of(&instrument.to_string());
            self.instruments.insert(*instrument, number);
            number
        });
        self.changes.text(number);
        self.uint(number);
    }

    fn number_of(&mut self, text: &str) -> u64 {
        self.texts.get(text).unwrap_or_else(|| {
            let number = self.shared.add(|into| written(rmp::encode::write_str(into, text)));
            self.texts.insert(text.into(), number);
            number
        })
    }

    /// Writes the number of an id.
    pub(crate) fn id(&mut self, id: &[u8; 16]) {
        let number = self.ids.get(id).unwrap_or_else(|| {
            let number = self.shared.add(|into| written(rmp::encode::write_bin(into, id)));
            self.ids.insert(*id, number);
            number
        });
        self.uint(number);
    }

    /// The last values of the fields that stand as changes.
    pub(crate) fn changes(&mut self) -> &mut Changes {
        &mut self.changes
    }
}

/// Writing to memory cannot fail.
pub(super) fn written<T, E: std::fmt::Debug>(result: Result<T, E>) {
    result.expect("writing to memory cannot fail");
}
