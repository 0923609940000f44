//! A system with keys: what publishers with keys publish, and what becomes of it.

use async_nats::HeaderMap;
use futures_util::StreamExt as _;
use tapedeck_groups::access::KEEPER;
use tapedeck_kernel::Answer;

use crate::common::{Process, json, text};
use crate::keyed::KeyedServer;
use crate::rivals::{TRADE, last_facts, publish, setup, terms};

/// The groups that decide on market events and answer publishers.
const RUN: [&str; 2] = ["ingest", "answers"];

/// Waits until ingest has decided on every stored message; the last facts of ingest.
async fn facts(server: &KeyedServer, count: usize) -> Vec<String> {
    let keeper = server.bus(KEEPER.name).await;
    let stored = keeper.last_sequence("INBOX_0_G1").await.unwrap();
    loop {
        let tape = server.run("reader", &["tape", "--json", "--writer", "ingest"]);
        let decided = tape.lines().map(json).filter_map(|fact| {
            let cause = fact["cause"].as_str()?.rsplit(':').next()?.split('.').next()?.parse::<u64>();
            cause.ok()
        });
        if decided.max().is_some_and(|last| last >= stored) {
            return last_facts(&tape, count);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn publishers_with_keys_publish_as_themselves_only() {
    let server = KeyedServer::start();
    let _groups: Vec<Process> = RUN.iter().map(|name| server.group(name, &[])).collect();
    let (acme, rival) = (server.bus("acme").await, server.bus("rival").await);
    let mut own = acme.client().subscribe("md-rejects.acme").await.unwrap();
    let mut foreign = rival.client().subscribe("md-rejects.rival").await.unwrap();
    for bus in [&acme, &rival] {
        bus.client().flush().await.unwrap();
    }
    publish(&acme, "md.demo.ACME.definition", "acme", 1, &terms("0.01")).await;
    publish(&acme, "md.demo.ACME.trade", "acme", 2, TRADE).await;
    // Another source in the payload proves nothing, and its numbers do not become those of that source.
    publish(&rival, "in.rival.demo.ACME.trade", "acme", 3, TRADE).await;
    publish(&acme, "md.demo.ACME.trade", "rival", 3, TRADE).await;
    publish(&acme, "md.demo.ACME.trade", "acme", 3, TRADE).await;
    let expected = ["InstrumentDefined", "Trade", "foreign_source", "foreign_source", "Trade"];
    assert_eq!(facts(&server, 5).await, expected);
    // A rejection reaches the publisher that sent the event, not the one that it names.
    for subscription in [&mut foreign, &mut own] {
        let told = json(&text(&subscription.next().await.unwrap().payload));
        assert_eq!((told["reason"].as_str(), told["seq"].as_u64()), (Some("foreign_source"), Some(3)));
    }
    // The fence, and the last message of a subject, under the name that the publisher uses.
    let request = async_nats::Request::new().payload("".into());
    let last = "bus.DIRECT.GET.INBOX_0_G1.md.demo.ACME.trade".to_string();
    let last = acme.client().send_request(last, request).await.unwrap();
    let header = |name: &str| last.headers.as_ref().unwrap().get(name).unwrap().as_str().to_string();
    assert_eq!(header("Nats-Subject"), "in.acme.demo.ACME.trade");
    let expect = |seq: &str| {
        HeaderMap::from_iter([("Nats-Expected-Last-Subject-Sequence".parse().unwrap(), seq.parse().unwrap())])
    };
    let late = acme.publish("md.demo.ACME.trade", expect("1"), "{}".into()).await;
    assert!(matches!(late, Answer::WrongLast(_)), "{late:?}");
    let next = acme.publish("md.demo.ACME.trade", expect(&header("Nats-Sequence")), "{}".into()).await;
    assert!(matches!(next, Answer::Committed(_)), "{next:?}");
    // Any publisher on the venue can redefine an instrument without named sources; the operator ends that.
    publish(&rival, "in.rival.demo.ACME.definition", "rival", 1, &terms("1000000000")).await;
    publish(&acme, "md.demo.ACME.trade", "acme", 4, TRADE).await;
    assert_eq!(facts(&server, 3).await, ["malformed", "InstrumentDefined", "off_grid"]);
    let file = setup(&server.system, "USD", "0.01", "sources = [\"acme\"]");
    server.run("operator", &["control", "define", &file]);
    publish(&rival, "in.rival.demo.ACME.definition", "rival", 2, &terms("1000000000")).await;
    publish(&acme, "md.demo.ACME.trade", "acme", 5, TRADE).await;
    assert_eq!(facts(&server, 3).await, ["InstrumentDefined", "source_not_named", "Trade"]);
    let refused = server.output("acme", &["control", "define", &file, "--timeout", "2"]);
    assert_eq!(refused.status.code(), Some(2), "acme may not define as the operator");
    // Each asks for its own state.
    let status = acme.client().request("md-status.acme", "".into()).await.unwrap();
    assert_eq!(json(&text(&status.payload))["source"], "acme");
    assert!(rival.client().request("md-status.acme", "".into()).await.is_err());
    // The publisher of this repository publishes, and resumes.
    let args = ["publish", "--events", "2000"];
    let first = server.run("publisher", &args);
    let second = server.run("publisher", &args);
    assert!(first.contains(" 0 skipped") && second.contains(" 0 published"), "{first}{second}");
    let foreign = server.output("acme", &args);
    assert!(!foreign.status.success(), "acme may not publish as synthetic");
}
