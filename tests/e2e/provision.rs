//! `provision` and `provision --check` on streams that exist already.

use async_nats::jetstream::stream::Compression;
use tapedeck_runtime::Bus;
use tapedeck_runtime::bus::NatsAccess;
use tapedeck_servers::NatsServer;

use crate::common::{System, text};

/// The compression of each stream of partition 0.
async fn compressions(bus: &Bus) -> Vec<(&'static str, Option<Compression>)> {
    let mut all = Vec::new();
    for name in ["TAPE_0_G1", "INBOX_0_G1", "COMMAND_0_G1", "REPORT_0_G1", "REJECTS_0"] {
        all.push((name, bus.context().get_stream(name).await.unwrap().cached_info().config.compression.clone()));
    }
    all
}

#[tokio::test]
async fn a_stream_without_compression_is_drift_and_is_changed_with_a_note() {
    let system = System::new();
    let nats = NatsServer::start(&system.path().join("nats"), 0).unwrap();
    let url = nats.url();
    system.ok(&["provision", "--nats-url", &url]);
    let bus = Bus::connect(&NatsAccess { url: url.clone(), nkey: None, generations: Default::default() }, "test")
        .await
        .unwrap();
    let created = compressions(&bus).await;
    assert!(created.iter().all(|(_, compression)| *compression == Some(Compression::S2)), "{created:?}");
    for name in ["TAPE_0_G1", "INBOX_0_G1"] {
        let mut config = bus.context().get_stream(name).await.unwrap().cached_info().config.clone();
        config.compression = Some(Compression::None);
        bus.context().update_stream(config).await.unwrap();
    }
    let check = system.run(&["provision", "--check", "--nats-url", &url]);
    assert_eq!(check.status.code(), Some(1));
    let printed = text(&check.stdout);
    let note = "compression is none, declared s2 (takes effect when the server restarts, for new blocks)";
    assert_eq!(printed, format!("TAPE_0_G1: {note}\nINBOX_0_G1: {note}\n"));
    let changed = system.ok(&["provision", "--nats-url", &url]);
    assert_eq!(changed.matches(note).count(), 2, "{changed}");
    assert_eq!(compressions(&bus).await, created);
    system.ok(&["provision", "--check", "--nats-url", &url]);
}
