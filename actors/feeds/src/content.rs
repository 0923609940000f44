//! The session name of a set of files: a hash of their content, so that the same files are the same session.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use tapedeck_schemas::ids::Token;

use crate::{FeedError, Selection};

/// The session of these files: `c` and 12 hex digits of the BLAKE3 hash of their BLAKE3 hashes.
///
/// The order of the files matters, because it breaks ties of the merge; their names do not. What is said of
/// the files (instrument, source, venue, zone) is hashed too: with another one, the same files are other events. So is
/// `again`, which makes the same events another session.
pub fn session(selection: &Selection) -> Result<Token, FeedError> {
    let Selection { files, instrument, source, again, venue, zone, .. } = selection;
    let mut all = blake3::Hasher::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut known = BTreeMap::new();
    for path in files {
        let mut file = File::open(path).map_err(|source| FeedError::Open { path: path.clone(), source })?;
        let mut one = blake3::Hasher::new();
        loop {
            let read = file.read(&mut buffer);
            match read.map_err(|source| FeedError::Read { path: path.clone(), line: 0, source })? {
                0 => break,
                count => one.update(&buffer[..count]),
            };
        }
        let hash = one.finalize();
        // A name may state a symbol or a date, so that equal content under another name is other events.
        if let Some(first) = known.insert((*hash.as_bytes(), path.file_name()), path) {
            return Err(FeedError::Repeated { path: path.clone(), first: first.clone() });
        }
        all.update(hash.as_bytes());
    }
    if let Some(instrument) = instrument {
        all.update(instrument.to_string().as_bytes());
    }
    if let Some(source) = source {
        all.update(b"\0").update(source.to_string().as_bytes());
    }
    if let Some(again) = again {
        all.update(b"\0again\0").update(again.to_string().as_bytes());
    }
    if let Some(venue) = venue {
        all.update(b"\0venue\0").update(venue.to_string().as_bytes());
    }
    if let Some(zone) = zone {
        all.update(b"\0zone\0").update(zone.to_string().as_bytes());
    }
    Ok(token('c', &all))
}

/// A session name: a letter and 12 hex digits of a hash.
pub(crate) fn token(letter: char, hasher: &blake3::Hasher) -> Token {
    let name = format!("{letter}{}", &hasher.finalize().to_hex()[..12]);
    name.parse().expect("13 letters and digits are a token")
}
