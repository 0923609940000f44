//! The Kubernetes manifests as rendered: what they must hold, and the whole started from them as processes.
#![forbid(unsafe_code)]

pub mod local;
pub mod manifests;
pub mod pod;
pub mod policy;
