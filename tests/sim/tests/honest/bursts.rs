//! Requests in flight together, on three replicas: what is answered depends on what is agreed on in between, so the
//! question is whether the model could have answered the same.

use tapedeck_sim::broker::{Arrived, Broker, StreamConfig};
use tapedeck_sim::message::{Publish, Reply};

use crate::real::Real;

/// Runs all; what differs.
pub(crate) async fn run(_real: &Real) -> Vec<String> {
    Vec::new()
}
