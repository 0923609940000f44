//! The declaration of the streams, its comparison with the server, and the creation of streams and tapes.

use std::time::Duration;

use async_nats::jetstream::stream::{
    Compression, Config, DiscardPolicy, Info, Republish, RetentionPolicy, StorageType,
};
use serde::Deserialize;
use tapedeck_kernel::Answer;
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::generation::{Generation, Generations, StreamFamily};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::subject::{PARTITIONS_MAX, sourced_filter};

use crate::bus::{Bus, BusError};

/// The built-in declaration.
pub const BUILT_IN: &str = include_str!("../../../nats/streams.toml");

/// The declaration of all streams.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    replicas: usize,
    tape: StreamKind,
    inbox: StreamKind,
    command: StreamKind,
    report: StreamKind,
    rejects: StreamKind,
    /// The market subjects of each partition.
    #[serde(rename = "partition")]
    pub partitions: Vec<Partition>,
}

/// The placement of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// Subjects of market events, such as `md.binance.BTCUSDT.*`.
    pub market: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamKind {
    name: String,
    subjects: Vec<String>,
    max_bytes: i64,
    max_message_bytes: i32,
    duplicate_window_ms: u64,
    max_consumers: i32,
    compression: Compression,
    /// Destination subject of JetStream's republish.
    republish: Option<String>,
    /// Whether a full stream discards its oldest messages. By default it rejects new ones.
    #[serde(default)]
    forgets: bool,
}

/// Why a declaration is invalid.
#[derive(Debug, thiserror::Error)]
pub enum DeclarationError {
    /// The text is not TOML, or has missing or unknown keys.
    #[error("invalid declaration of streams: {0}")]
    Malformed(#[from] toml::de::Error),
    /// The placement of a partition is invalid.
    #[error("partition {partition}: {why}")]
    Placement {
        /// Number of the partition.
        partition: usize,
        /// The defect, with the value.
        why: String,
    },
}

impl Declaration {
    /// Parses a declaration.
    pub fn parse(text: &str) -> Result<Self, DeclarationError> {
        let declared: Self = toml::from_str(text)?;
        let bad = |partition, why: String| Err(DeclarationError::Placement { partition, why });
        if declared.partitions.is_empty() || declared.partitions.len() > usize::from(PARTITIONS_MAX) {
            return bad(declared.partitions.len(), format!("want 1 to {PARTITIONS_MAX} partitions"));
        }
        for (number, partition) in declared.partitions.iter().enumerate() {
            if partition.market.is_empty() {
                return bad(number, "no market subjects; add some, or remove the partition".into());
            }
            for filter in &partition.market {
                if let Some(fault) = tapedeck_schemas::subject::market_filter_fault(filter) {
                    return bad(number, format!("market {filter:?}: {fault}"));
                }
            }
        }
        Ok(declared)
    }

    /// Replaces the placement.
    pub fn placed(mut self, partitions: Vec<Partition>) -> Self {
        self.partitions = partitions;
        self
    }

    /// The configuration of every stream in use, with its partition.
    fn configs(&self, generations: &Generations) -> Vec<(u16, Config)> {
        let mut all = Vec::new();
        for (number, partition) in (0u16..).zip(&self.partitions) {
            let of = |family| Some(generations.of(family, number));
            for (kind, generation) in [
                (&self.tape, of(StreamFamily::Tape)),
                (&self.inbox, of(StreamFamily::Inbox)),
                (&self.command, of(StreamFamily::Command)),
                (&self.report, of(StreamFamily::Report)),
                (&self.rejects, None),
            ] {
                let mut config = self.config(kind, number, generation);
                if kind.subjects.is_empty() {
                    let sourced = partition.market.iter().filter_map(|filter| sourced_filter(filter));
                    config.subjects = partition.market.iter().cloned().chain(sourced).collect();
                }
                all.push((number, config));
            }
        }
        all
    }

    fn config(&self, kind: &StreamKind, partition: u16, generation: Option<Generation>) -> Config {
        let fill = |text: &String| {
            let text = text.replace("{p}", &partition.to_string());
            generation.map_or(text.clone(), |generation| text.replace("{g}", &generation.get().to_string()))
        };
        let republish = kind.republish.as_ref().map(|destination| Republish {
            source: kind.subjects.first().map(fill).unwrap_or_default(),
            destination: destination.clone(),
            headers_only: false,
        });
        Config {
            name: fill(&kind.name),
            subjects: kind.subjects.iter().map(fill).collect(),
            max_bytes: kind.max_bytes,
            max_message_size: kind.max_message_bytes,
            duplicate_window: Duration::from_millis(kind.duplicate_window_ms),
            max_consumers: kind.max_consumers,
            num_replicas: self.replicas,
            storage: StorageType::File,
            retention: RetentionPolicy::Limits,
            discard: if kind.forgets { DiscardPolicy::Old } else { DiscardPolicy::New },
            republish,
            compression: Some(kind.compression.clone()),
            deny_delete: true,
            allow_direct: true,
            ..Default::default()
        }
    }
}

/// Whether a stream that discards nothing has no space for a message of the greatest size.
pub fn is_full(info: &Info) -> bool {
    let (bytes, Config { max_bytes, max_message_size, discard, .. }) = (info.state.bytes, &info.config);
    let (limit, message) = (u64::try_from(*max_bytes).unwrap_or(0), u64::try_from(*max_message_size).unwrap_or(0));
    limit > 0 && *discard == DiscardPolicy::New && bytes.saturating_add(message) > limit
}

/// One difference between a stream and its declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Name of the stream.
    pub stream: String,
    /// The setting with its actual and declared value, or the defect of the tape.
    pub what: String,
}

/// What follows from a changed compression of an existing stream.
const COMPRESSES_LATER: &str = "takes effect when the server restarts, for new blocks";

/// Compares every stream with its declaration.
pub async fn check(bus: &Bus, declared: &Declaration) -> Result<Vec<Drift>, BusError> {
    let mut drifts = Vec::new();
    for (partition, config) in declared.configs(bus.generations()) {
        drifts.extend(
            differences(bus, &config).await?.into_iter().map(|what| Drift { stream: config.name.clone(), what }),
        );
        if config.name == bus.generations().tape_stream(partition)
            && let Err(error) = bus.tape(partition).await
        {
            drifts.push(Drift { stream: config.name.clone(), what: error.to_string() });
        }
    }
    Ok(drifts)
}

/// Creates missing streams and tapes and updates changed settings; the changes made. `new_id` returns the identity of a
/// tape that is created now; an existing tape keeps its first record. A tape is created in generation 1 only: a later
/// generation begins with copies of the one before.
pub async fn provision(
    bus: &Bus,
    declared: &Declaration,
    new_id: impl Fn(u16) -> TapeId,
) -> Result<Vec<String>, BusError> {
    let mut done = Vec::new();
    for (partition, config) in declared.configs(bus.generations()) {
        let name = config.name.clone();
        let differences = differences(bus, &config).await?;
        let generation = bus.generations().tape(partition);
        let is_tape = name == bus.generations().tape_stream(partition);
        if is_tape && generation != Generation::FIRST {
            // Fails if there is none, before the stream is created.
            bus.tape(partition).await?;
        }
        if !differences.is_empty() {
            let placement = config.subjects.clone();
            bus.context()
                .create_or_update_stream(config)
                .await
                .map_err(|e| BusError::request(format!("creating {name}"), e))?;
            done.push(format!("{name}: {} ({})", differences.join(", "), placement.join(" ")));
        }
        if is_tape {
            let placement = declared.partitions[usize::from(partition)].market.clone();
            done.extend(create_tape(bus, partition, placement, new_id(partition)).await?);
        }
    }
    Ok(done)
}

/// Appends the first record, unless the tape has one.
async fn create_tape(
    bus: &Bus,
    partition: u16,
    placement: Vec<String>,
    id: TapeId,
) -> Result<Option<String>, BusError> {
    let stream = bus.generations().tape_stream(partition);
    let keeper = bus.generations().tape_subject(partition, Writer::Keeper);
    if bus.last_on(&stream, &keeper).await? > 0 {
        return Ok(None);
    }
    let last = bus.last_sequence(&stream).await?;
    if last > 0 {
        return Err(BusError::LostBeginning { stream, last });
    }
    let record = TapeCreated::first(id, partition, placement).first_record();
    match bus.append(&stream, &keeper, 0, record.into()).await {
        Answer::Committed(1) => Ok(Some(format!("{stream}: created tape {id}"))),
        Answer::WrongLast(_) => Ok(None), // another keeper was first
        other => Err(BusError::request(format!("creating the tape in {stream}"), format!("{other:?}"))),
    }
}

async fn differences(bus: &Bus, want: &Config) -> Result<Vec<String>, BusError> {
    let Some(stream) = bus.find_stream(&want.name).await? else { return Ok(vec!["missing".into()]) };
    let have = &stream.cached_info().config;
    let mut what = Vec::new();
    let mut compare = |name: &str, want: String, have: String| {
        if want != have {
            what.push(format!("{name} is {have}, declared {want}"));
        }
    };
    compare("subjects", format!("{:?}", want.subjects), format!("{:?}", have.subjects));
    compare("max_bytes", want.max_bytes.to_string(), have.max_bytes.to_string());
    compare("max_message_bytes", want.max_message_size.to_string(), have.max_message_size.to_string());
    compare("duplicate_window", format!("{:?}", want.duplicate_window), format!("{:?}", have.duplicate_window));
    compare("max_consumers", want.max_consumers.to_string(), have.max_consumers.to_string());
    compare("replicas", want.num_replicas.to_string(), have.num_replicas.to_string());
    compare("storage", format!("{:?}", want.storage), format!("{:?}", have.storage));
    compare("retention", format!("{:?}", want.retention), format!("{:?}", have.retention));
    compare("discard", format!("{:?}", want.discard), format!("{:?}", have.discard));
    compare("republish", format!("{:?}", want.republish), format!("{:?}", have.republish));
    compare("deny_delete", want.deny_delete.to_string(), have.deny_delete.to_string());
    let compression = |config: &Config| match config.compression {
        Some(Compression::S2) => "s2",
        Some(Compression::None) | None => "none",
    };
    if compression(want) != compression(have) {
        let declared = format!("{} ({COMPRESSES_LATER})", compression(want));
        compare("compression", declared, compression(have).into());
    }
    compare("max_age", format!("{:?}", want.max_age), format!("{:?}", have.max_age));
    compare(
        "max_messages",
        "-1".into(),
        if have.max_messages <= 0 { "-1".into() } else { have.max_messages.to_string() },
    );
    compare("allow_direct", want.allow_direct.to_string(), have.allow_direct.to_string());
    compare("allow_rollup", want.allow_rollup.to_string(), have.allow_rollup.to_string());
    Ok(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_declaration_is_valid() {
        let declared = Declaration::parse(BUILT_IN).unwrap();
        let told = "INBOX_0_G3".parse().unwrap();
        let configs = declared.configs(&told);
        let names: Vec<_> = configs.iter().map(|(_, config)| config.name.as_str()).collect();
        assert_eq!(names, ["TAPE_0_G1", "INBOX_0_G3", "COMMAND_0_G1", "REPORT_0_G1", "REJECTS_0"]);
        let own = |partition, config: &Config| {
            StreamFamily::ALL.map(|family| told.stream(family, partition)).contains(&config.name)
        };
        assert_eq!(configs.iter().filter(|(partition, config)| own(*partition, config)).count(), 4);
        assert_eq!(configs[0].1.subjects, ["tape.0.g1.*"]);
        let most = i32::try_from(tapedeck_schemas::record::RECORD_BYTES_MAX).unwrap();
        assert!(declared.tape.max_message_bytes >= most, "a full record must fit the tape");
    }

    #[test]
    fn an_invalid_placement_is_an_error() {
        let with = |partitions: &str| {
            let head = BUILT_IN.split("[[partition]]").next().unwrap();
            let text = if partitions.starts_with('[') {
                format!("{head}{partitions}")
            } else {
                format!("{partitions}\n{head}")
            };
            Declaration::parse(&text).unwrap_err().to_string()
        };
        assert!(with("[[partition]]\nmarket = []").contains("no market subjects"));
        assert!(with("[[partition]]\nmarket = [\"tape.0.g1.risk\"]").contains("not a market subject"));
        let escaped = with("[[partition]]\nmarket = [\"md.nyse.BRK.B.*\"]");
        assert!(escaped.contains("want md.nyse.BRK%2EB.*"), "{escaped}");
        assert!(with("partition = []").contains("want 1 to"));
    }
}
