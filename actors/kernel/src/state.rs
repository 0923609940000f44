//! The encoding of a machine's state: MessagePack, with structs as arrays and maps in the order of their keys. Equal
//! states have equal bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Error: bytes that are no saved state of a machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a saved state of this machine: {0}")]
pub struct BadState(pub String);

/// Encodes a state. Maps must be ordered.
///
/// # Panics
///
/// If the state has a type that MessagePack cannot express; no machine has.
pub fn encode(state: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec(state).expect("writing a state to memory cannot fail")
}

/// Decodes a state; fails unless the bytes are exactly one.
pub fn decode<T: DeserializeOwned>(saved: &[u8]) -> Result<T, BadState> {
    let mut rest = saved;
    let state = T::deserialize(&mut rmp_serde::Deserializer::new(&mut rest)).map_err(|e| BadState(e.to_string()))?;
    if rest.is_empty() { Ok(state) } else { Err(BadState(format!("{} bytes after the end", rest.len()))) }
}
