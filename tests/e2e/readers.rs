//! The consumers that readers create at the server.

use std::time::Duration;

use tapedeck_runtime::Bus;
use tapedeck_runtime::tail::Tail;
use tapedeck_servers::NatsServer;

use crate::common::System;

#[test]
fn a_cancelled_wait_leaves_no_consumer_at_the_server() {
    let system = System::new();
    let nats = NatsServer::start(&system.path().join("nats"), 0).unwrap();
    system.ok(&["provision", "--nats-url", &nats.url()]);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let bus = Bus::connect(&nats.url(), "test").await.unwrap();
        let mut tail = Tail::new(&bus, "TAPE_0_G1".into(), String::new(), 1);
        let mut first = None;
        for _ in 0..200 {
            // Too short for the server's reply: the next call must continue the started creation.
            first = first.or(tokio::time::timeout(Duration::ZERO, tail.next()).await.ok());
            bus.client().flush().await.unwrap();
        }
        assert_eq!(first.map(|stored| stored.seq), Some(1));
        let mut tape = bus.context().get_stream("TAPE_0_G1").await.unwrap();
        assert_eq!(tape.info().await.unwrap().state.consumer_count, 1);
    });
}
