//! Records: bytes that decode are the encoding of what they decode to.

use tapedeck_schemas::record::{self, RECORD_BYTES_MAX, RECORD_EVENTS_MAX, RecordError};

/// Longest text of an error in bytes, without its quotes of the input.
const ERROR_BYTES_MAX: usize = 1024;

/// The input is the bytes of a record.
pub fn check(input: &[u8]) {
    match record::decode(input) {
        Ok((header, entries)) => {
            assert!(input.len() <= RECORD_BYTES_MAX, "longer than RECORD_BYTES_MAX");
            assert!(entries.len() <= RECORD_EVENTS_MAX, "{} events", entries.len());
            assert_eq!(record::encode(&header, &entries), input, "a second encoding of one record");
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.len() <= ERROR_BYTES_MAX + 4 * input.len(), "an error of {} bytes", text.len());
            assert_eq!(matches!(error, RecordError::TooLarge(_)), input.len() > RECORD_BYTES_MAX, "{text}");
        }
    }
}
