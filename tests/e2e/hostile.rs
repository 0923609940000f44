//! Hostile bytes on every subject: each is rejected by one fact or skipped as an invalid record, without other effects.

use std::time::Duration;

use tapedeck_runtime::Bus;

use crate::common::{System, json};

fn count(system: &System, kind: &str) -> usize {
    system.ok(&["tape", "--json", "--kind", kind]).lines().count()
}

#[tokio::test]
async fn hostile_bytes_in_the_inboxes_and_on_the_tape_are_rejected_or_skipped() {
    let system = System::new();
    let up = system.up();
    let connection = system.path().join("connection.toml");
    let text = std::fs::read_to_string(&connection).unwrap();
    let url = text.lines().find_map(|line| line.strip_prefix("nats_url = ")).unwrap().trim_matches('"').to_string();
    let bus = Bus::connect(&url, "hostile").await.unwrap();
    let publish = async |subject: &str, payload: &[u8]| {
        let sent = bus.context().publish(subject.to_string(), payload.to_vec().into()).await.unwrap();
        sent.await.unwrap();
    };
    let garbage: [&[u8]; 5] =
        [b"", b"not messagepack", &[0x81], &[0xdd, 0xff, 0xff, 0xff, 0xff], &[0x93, 1, 0xc0, 0xa1]];
    for payload in garbage {
        publish("md.sim.ALPHAUSD.quote", payload).await;
        publish("cmd.0.halt", payload).await;
    }
    publish("md.unknown", b"x").await;
    for writer in ["ingest", "risk", "portfolio", "unknown"] {
        publish(&format!("tape.0.g1.{writer}"), b"foreign bytes").await;
    }
    // Two bytes that look like a record of a later format, and a record of another writer.
    publish("tape.0.g1.risk", &[0x91, 0x02]).await;
    let first = bus.context().get_stream("TAPE_0_G1").await.unwrap().get_raw_message(1).await.unwrap();
    publish("tape.0.g1.signal", &first.payload).await;
    while count(&system, "CommandRefused") < garbage.len() || count(&system, "Rejected") < garbage.len() + 1 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    system.ok(&["publish", "--events", "20000"]);
    system.wait_quiet();
    assert_eq!(count(&system, "CommandRefused"), garbage.len());
    assert!(count(&system, "OrderApproved") > 0, "owners that hostile bytes fenced took over again");
    let verdict = json(&system.ok(&["verify", "--json"]));
    assert_eq!((&verdict["invalid_records"], verdict["findings"].as_array().unwrap().len()), (&6.into(), 0));
    assert_eq!(up.terminate(), Some(0));
}
