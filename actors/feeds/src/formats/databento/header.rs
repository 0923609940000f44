//! The header of a DBN file. No more is allocated than the file holds.

use std::io::{BufRead, Read as _};

use dbn::decode::dbn::fsm::{DbnFsm, ProcessResult};
use dbn::{Metadata, VersionUpgradePolicy};

use super::AGAIN;
use crate::defect::Defect;

/// The first bytes of a header: the magic, the version, and the length of what follows in 4 bytes.
const PRELUDE_BYTES: usize = 8;
/// Longest header after these, in bytes: 400,000 symbols of a day.
const HEADER_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// The versions of the format that are read.
const VERSIONS: std::ops::RangeInclusive<u8> = 1..=3;
/// The first version that states the length of its symbols, the place of this statement, and the only length that
/// occurs. Shorter symbols would take many times the bytes of the header in memory.
const SYMBOL_BYTES_VERSION: u8 = 2;
const SYMBOL_BYTES_AT: usize = 53;
const SYMBOL_BYTES: usize = 71;

/// The bytes of the header.
pub(super) fn read(reader: &mut impl BufRead) -> std::io::Result<Result<Vec<u8>, Defect>> {
    let mut bytes = Vec::new();
    reader.by_ref().take(PRELUDE_BYTES as u64).read_to_end(&mut bytes)?;
    let length = match length(&bytes) {
        Ok(length) => length,
        Err(defect) => return Ok(Err(defect)),
    };
    reader.by_ref().take(u64::from(length)).read_to_end(&mut bytes)?;
    Ok(if bytes.len() < PRELUDE_BYTES + length as usize { Err(cut_short()) } else { Ok(bytes) })
}

/// The length of the header after its prelude.
fn length(prelude: &[u8]) -> Result<u32, Defect> {
    let [_, _, _, version, length @ ..] = prelude else { return Err(cut_short()) };
    if !VERSIONS.contains(version) {
        let (first, last) = VERSIONS.into_inner();
        let detail = format!("version {version} of DBN; versions {first} to {last} are read: convert the file");
        return Err(detail.into());
    }
    let length = u32::from_le_bytes(length.try_into().map_err(|_| cut_short())?);
    if length > HEADER_BYTES_MAX {
        let detail = format!(
            "a header of {length} bytes, at most {HEADER_BYTES_MAX} are read: if the file is not damaged, request \
             fewer symbols in one file"
        );
        return Err(detail.into());
    }
    Ok(length)
}

fn cut_short() -> Defect {
    format!("the file ends within its header; {AGAIN}").into()
}

/// The content of the header.
pub(super) fn metadata(header: &[u8]) -> Result<Metadata, Defect> {
    let symbol_bytes = header.get(SYMBOL_BYTES_AT..SYMBOL_BYTES_AT + 2).unwrap_or_default();
    if header.get(3).is_some_and(|version| *version >= SYMBOL_BYTES_VERSION)
        && symbol_bytes != (SYMBOL_BYTES as u16).to_le_bytes()
    {
        return Err(format!("the header has symbols of the length {symbol_bytes:?}, want {SYMBOL_BYTES} bytes").into());
    }
    let builder = DbnFsm::builder().buffer_size(header.len()).upgrade_policy(VersionUpgradePolicy::AsIs);
    let mut decoder = builder.build().map_err(|e| e.to_string())?;
    decoder.write_all(header);
    match decoder.process() {
        ProcessResult::Metadata(metadata) => Ok(metadata),
        ProcessResult::Err(error) => Err(format!("the header is malformed: {error}").into()),
        ProcessResult::ReadMore(_) | ProcessResult::Record(()) => Err(cut_short()),
    }
}
