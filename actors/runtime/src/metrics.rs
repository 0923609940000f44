//! Prometheus metrics of every group in this process.

use std::sync::{Arc, Mutex};

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram};
use prometheus_client::registry::{Registry, Unit};

use crate::status::GroupStatus;

/// Labels of a group's metrics.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct GroupLabels {
    /// Name of the group.
    pub group: String,
    /// Number of the partition.
    pub partition: u32,
}

/// Labels of a reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabels {
    /// Name of the group.
    pub group: String,
    /// Number of the partition.
    pub partition: u32,
    /// The reason, or the stop code; `none` for the series, always 0, of a group that did not stop.
    pub reason: String,
}

/// The metrics of all groups, and their registry.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    ready: Family<GroupLabels, Gauge>,
    not_ready: Family<ReasonLabels, Gauge>,
    stopped: Family<ReasonLabels, Gauge>,
    lag: Family<GroupLabels, Gauge>,
    records: Family<GroupLabels, Counter>,
    events: Family<GroupLabels, Counter>,
    conflicts: Family<GroupLabels, Counter>,
    invalid_records: Family<GroupLabels, Counter>,
    append: Family<GroupLabels, Histogram, fn() -> Histogram>,
}

/// The metrics of one group.
#[derive(Debug, Clone)]
pub struct GroupMetrics {
    /// Messages in the group's input stream that are not read yet.
    pub lag: Gauge,
    /// Records appended; by the projector, records projected.
    pub records: Counter,
    /// Facts in those records.
    pub events: Counter,
    /// Appends that were not acknowledged at once; of the projector, failed transactions.
    pub conflicts: Counter,
    /// Invalid records that were skipped.
    pub invalid_records: Counter,
    /// Seconds from an append to its acknowledgement.
    pub append: Histogram,
}

fn append_buckets() -> Histogram {
    Histogram::new([50e-6, 100e-6, 200e-6, 400e-6, 800e-6, 1.6e-3, 3.2e-3, 6.4e-3, 12.8e-3, 0.1, 1.0, 5.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("tapedeck");
        let ready = Family::default();
        let not_ready = Family::default();
        let stopped = Family::default();
        let lag = Family::default();
        let records = Family::default();
        let events = Family::default();
        let conflicts = Family::default();
        let invalid_records = Family::default();
        let append: Family<GroupLabels, Histogram, fn() -> Histogram> = Family::new_with_constructor(append_buckets);
        registry.register("ready", "1 if the group has caught up and can append", ready.clone());
        registry.register("not_ready", "1 if the group is not ready, with the reason of /readyz", not_ready.clone());
        registry.register("stopped", "1 if the group stopped, with its stop code", stopped.clone());
        registry.register("lag_messages", "Messages in the input stream that are not read yet", lag.clone());
        registry.register("records", "Records appended, or projected by the projector", records.clone());
        registry.register("events", "Facts in those records", events.clone());
        registry.register("conflicts", "Appends that were not acknowledged at once", conflicts.clone());
        registry.register("invalid_records", "Invalid records that were skipped", invalid_records.clone());
        registry.register_with_unit("append", "From an append to its acknowledgement", Unit::Seconds, append.clone());
        let registry = Mutex::new(registry);
        Self { registry, ready, not_ready, stopped, lag, records, events, conflicts, invalid_records, append }
    }
}

impl Metrics {
    /// The metrics of one group.
    pub fn group(&self, group: &str, partition: u16) -> GroupMetrics {
        let labels = GroupLabels { group: group.into(), partition: partition.into() };
        GroupMetrics {
            lag: self.lag.get_or_create(&labels).clone(),
            records: self.records.get_or_create(&labels).clone(),
            events: self.events.get_or_create(&labels).clone(),
            conflicts: self.conflicts.get_or_create(&labels).clone(),
            invalid_records: self.invalid_records.get_or_create(&labels).clone(),
            append: self.append.get_or_create(&labels).clone(),
        }
    }

    /// The metrics in the OpenMetrics text format, with the readiness of these groups.
    pub fn render(&self, groups: &[Arc<GroupStatus>]) -> String {
        let mut text = String::new();
        self.not_ready.clear();
        groups.iter().for_each(|status| self.set_readiness(status));
        let registry = self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        encode(&mut text, &registry).expect("writing metrics to memory cannot fail");
        text
    }

    fn set_readiness(&self, status: &GroupStatus) {
        let (group, partition) = (status.group.to_string(), u32::from(status.partition));
        let labelled = |reason: &str| ReasonLabels { group: group.clone(), partition, reason: reason.into() };
        let reason = status.reason();
        self.ready.get_or_create(&GroupLabels { group: group.clone(), partition }).set(reason.is_none().into());
        // So that the metric is there before a stop.
        self.stopped.get_or_create(&labelled("none")).set(0);
        let Some(reason) = reason else { return };
        self.not_ready.get_or_create(&labelled(reason.as_str())).set(1);
        if reason.is_stop() {
            self.stopped.get_or_create(&labelled(reason.as_str())).set(1);
        }
    }
}
