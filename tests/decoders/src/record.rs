//! Records: a decoded record has a canonical encoding, which is not longer than its input and round-trips.

use tapedeck_schemas::record::{self, RECORD_BYTES_MAX, RECORD_EVENTS_MAX, RecordError};

use crate::known;

/// Longest text of an error in bytes, without its quotes of the input.
const ERROR_BYTES_MAX: usize = 1024;

/// The input is the bytes of a record.
pub fn check(input: &[u8]) {
    match record::decode(input) {
        Ok((header, entries)) => {
            assert!(input.len() <= RECORD_BYTES_MAX, "longer than RECORD_BYTES_MAX");
            assert!(entries.len() <= RECORD_EVENTS_MAX, "{} events", entries.len());
            let most = known::most_canonical_bytes(input.len());
            if most > RECORD_BYTES_MAX {
                return;
            }
            let canonical = record::encode(&header, &entries);
            assert!(canonical.len() <= most, "{} bytes became {}", input.len(), canonical.len());
            let (again_header, again) = record::decode(&canonical).expect("an encoded record decodes");
            assert_eq!((again_header, &again), (header, &entries));
            assert_eq!(record::encode(&again_header, &again), canonical);
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.len() <= ERROR_BYTES_MAX + 4 * input.len(), "an error of {} bytes", text.len());
            assert_eq!(matches!(error, RecordError::TooLarge(_)), input.len() > RECORD_BYTES_MAX, "{text}");
        }
    }
}
