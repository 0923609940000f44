//! An inbox that does not hold the messages that were decided on: its reader stops, and `verify` reports it.

use tapedeck_runtime::Bus;
use tapedeck_runtime::tail::StoredMessage;

use crate::checkpoint::{messages, replace};
use crate::common::{System, text};
use crate::groups::{Group, get, until};

/// The inbox after it lost its last messages and others took their sequences.
fn damaged(whole: &[StoredMessage]) -> Vec<StoredMessage> {
    let mut damaged = whole.to_vec();
    let (first, last) = (whole[1].payload.clone(), damaged.len() - 5);
    damaged[last..].iter_mut().for_each(|message| message.payload = first.clone());
    damaged
}

#[test]
fn a_group_stops_at_an_inbox_with_other_messages_than_it_decided_on() {
    let mut system = System::new();
    let (nats, _postgres) = system.provisioned();
    let mut ingest = Group::start(&system, "ingest");
    ingest.wait_ready(&system);
    system.ok(&["publish", "--no-wait", "--events", "2000"]);
    until("the inbox is not answered", || {
        let listed = system.ok(&["tape", "--json", "--writer", "ingest"]);
        listed.lines().filter(|line| !line.contains("ClockAdvanced")).count() > 2000
    });
    assert_eq!(ingest.terminate(), Some(0));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let bus = Bus::connect(&nats.url(), "test").await.unwrap();
        let stream = bus.generations().inbox_stream(0);
        let whole = messages(&bus, &stream).await;
        // It lost its last messages, and nothing follows yet.
        replace(&system, &bus, &stream, &whole[..whole.len() - 5]).await;
        for exit in [Some(49), Some(49)] {
            let mut short = Group::start(&system, "ingest");
            until("ingest does not notice the end", || get(short.port, "/readyz").contains("inbox-mismatch"));
            assert!(short.log().contains("but the inbox ends at"), "{}", short.log());
            assert!(get(short.port, "/livez").contains("200 OK"), "it is not restarted");
            assert_eq!(short.terminate(), exit, "the exit status of the stop");
        }
        let lost = |what: &str| {
            let status = system.run(&["status"]);
            assert_eq!(status.status.code(), Some(1), "{what}");
            assert!(text(&status.stdout).contains("INBOX_0_G1 does not hold it"), "{what}: {}", text(&status.stdout));
            let verified = system.run(&["verify"]);
            assert_eq!(verified.status.code(), Some(1), "{what}: {}", text(&verified.stdout));
        };
        lost("the inbox ends early");
        bus.context().get_stream(&stream).await.unwrap().purge().await.unwrap();
        lost("the inbox has its last sequence, and no messages");
        let emptied = Group::start(&system, "ingest");
        until("ingest does not notice the beginning", || get(emptied.port, "/readyz").contains("messages-missing"));
        drop(emptied);
        replace(&system, &bus, &stream, &damaged(&whole)).await;
        for _ in 0..2 {
            let ingest = Group::start(&system, "ingest");
            until("ingest did not stop", || get(ingest.port, "/readyz").contains("inbox-mismatch"));
            until("no reason", || ingest.log().contains("messages were lost or changed"));
            assert!(get(ingest.port, "/livez").contains("200 OK"), "it is not restarted");
        }
        let verified = system.run(&["verify"]);
        assert_eq!(verified.status.code(), Some(1));
        assert!(text(&verified.stdout).contains("decision of ingest"), "{}", text(&verified.stdout));
        // The whole inbox: the group continues.
        replace(&system, &bus, &stream, &whole).await;
    });
    let mut ingest = Group::start(&system, "ingest");
    ingest.wait_ready(&system);
    assert_eq!(ingest.terminate(), Some(0));
}
