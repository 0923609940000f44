//! Checks of the rendered Kubernetes manifests: rules for the objects, and a local run of all groups as processes.
#![forbid(unsafe_code)]

pub mod local;
pub mod manifests;
pub mod pod;
pub mod policy;
