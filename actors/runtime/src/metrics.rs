//! Prometheus metrics of every group in this process.

use std::sync::Mutex;

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram};
use prometheus_client::registry::{Registry, Unit};

/// Which group, on which partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct GroupLabels {
    /// The group's name.
    pub group: String,
    /// Its partition.
    pub partition: u32,
}

/// The metrics, and the registry that they are read from.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    ready: Family<GroupLabels, Gauge>,
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
    /// 1 when caught up and able to work.
    pub ready: Gauge,
    /// Messages known to wait.
    pub lag: Gauge,
    /// Records appended (projector: read).
    pub records: Counter,
    /// Events in them.
    pub events: Counter,
    /// Appends whose answer was not a plain acknowledgement.
    pub conflicts: Counter,
    /// invalid records skipped.
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
        let (ready, lag) = (Family::default(), Family::default());
        let (records, events) = (Family::default(), Family::default());
        let (conflicts, invalid_records) = (Family::default(), Family::default());
        let append: Family<GroupLabels, Histogram, fn() -> Histogram> = Family::new_with_constructor(append_buckets);
        registry.register("ready", "1 when caught up and able to work", ready.clone());
        registry.register("lag_messages", "Messages known to wait", lag.clone());
        registry.register("records", "Records appended (projector: projected)", records.clone());
        registry.register("events", "Events in those records", events.clone());
        registry.register("conflicts", "Appends not plainly acknowledged", conflicts.clone());
        registry.register("invalid_records", "Messages on the tape that are no valid record", invalid_records.clone());
        registry.register_with_unit("append", "From an append to its acknowledgement", Unit::Seconds, append.clone());
        Self { registry: Mutex::new(registry), ready, lag, records, events, conflicts, invalid_records, append }
    }
}

impl Metrics {
    /// The metrics of one group.
    pub fn group(&self, group: &str, partition: u16) -> GroupMetrics {
        let labels = GroupLabels { group: group.into(), partition: partition.into() };
        GroupMetrics {
            ready: self.ready.get_or_create(&labels).clone(),
            lag: self.lag.get_or_create(&labels).clone(),
            records: self.records.get_or_create(&labels).clone(),
            events: self.events.get_or_create(&labels).clone(),
            conflicts: self.conflicts.get_or_create(&labels).clone(),
            invalid_records: self.invalid_records.get_or_create(&labels).clone(),
            append: self.append.get_or_create(&labels).clone(),
        }
    }

    /// In the OpenMetrics text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        encode(&mut text, &registry).expect("writing metrics to memory cannot fail");
        text
    }
}
