//! The consumers that readers create at the server, and readers that create none.

use std::time::Duration;

use async_nats::jetstream::stream::Config;
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

/// The messages that a reader returns up to sequence `last`: sequences and payloads.
async fn read(bus: &Bus, stream: &str, filter: &str, last: u64) -> Vec<(u64, Vec<u8>)> {
    let mut tail = Tail::new(bus, stream.into(), filter.into(), 1);
    let mut read = Vec::new();
    while let Some(stored) = tail.next_until(last).await.unwrap() {
        assert!(stored.stamp > 0);
        read.push((stored.seq, stored.payload.to_vec()));
    }
    assert!(tail.is_caught_up());
    read
}

#[test]
fn a_reader_without_consumers_reads_the_same_also_when_none_are_left() {
    let system = System::new();
    let nats = NatsServer::start(&system.path().join("nats"), 0).unwrap();
    system.ok(&["provision", "--nats-url", &nats.url()]);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let bus = Bus::connect(&nats.url(), "test").await.unwrap();
        // More than one batch, by number and by size.
        for number in 0..600 {
            let size = if number % 100 == 0 { 200_000 } else { number };
            let subject = format!("md.demo.S{}.quote", number % 3);
            let mut headers = async_nats::HeaderMap::new();
            // The server's own headers count, not those of the message.
            headers.insert("Nats-Sequence", "7");
            headers.insert("Nats-Last-Sequence", "7");
            let sent = bus.context().publish_with_headers(subject, headers, vec![1; size].into()).await;
            sent.unwrap().await.unwrap();
        }
        let direct = bus.clone().without_consumers();
        for filter in ["", "md.demo.S1.quote"] {
            let by_consumer = read(&bus, "INBOX_0_G1", filter, 600).await;
            assert_eq!(by_consumer.len(), if filter.is_empty() { 600 } else { 200 });
            assert_eq!(read(&direct, "INBOX_0_G1", filter, 600).await, by_consumer);
        }
        let inbox = bus.context().get_stream("INBOX_0_G1").await.unwrap();
        let info = async || inbox.get_info().await.unwrap().state;
        let before = info().await.consumer_count;
        let mut tail = Tail::new(&direct, "INBOX_0_G1".into(), String::new(), 600);
        assert_eq!(tail.next().await.seq, 600);
        // No further consumer can be created; a reader without one waits for the next message and receives it.
        for _ in before..inbox.cached_info().config.max_consumers as usize {
            let config = async_nats::jetstream::consumer::pull::Config { memory_storage: true, ..Default::default() };
            inbox.create_consumer(config).await.unwrap();
        }
        let waiting = tokio::time::timeout(Duration::from_millis(300), tail.next()).await;
        assert!(waiting.is_err() && tail.is_caught_up(), "no message is left");
        let sent = bus.context().publish("md.demo.S1.quote", "last".into()).await;
        sent.unwrap().await.unwrap();
        let last = tokio::time::timeout(Duration::from_secs(5), tail.next()).await.unwrap();
        assert_eq!((last.seq, &last.payload[..], last.subject.as_str()), (601, &b"last"[..], "md.demo.S1.quote"));
        assert_eq!(info().await.consumer_count, 128, "the reader created none");
    });
}

#[test]
fn a_reader_without_consumers_that_gets_no_reply_asks_again_and_reads_singly() {
    let system = System::new();
    let nats = NatsServer::start(&system.path().join("nats"), 0).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let bus = Bus::connect(&nats.url(), "test").await.unwrap();
        let config = Config { name: "MUTE".into(), subjects: vec!["mute.>".into()], ..Default::default() };
        bus.context().create_stream(config).await.unwrap();
        bus.context().publish("mute.a", "one".into()).await.unwrap().await.unwrap();
        // The stream has no direct gets; another client receives the requests for them, and does not reply.
        let _mute = bus.client().subscribe("$JS.API.DIRECT.GET.MUTE").await.unwrap();
        let mut tail = Tail::new(&bus.clone().without_consumers(), "MUTE".into(), String::new(), 1);
        let read = tokio::time::timeout(Duration::from_secs(60), tail.next_until(1)).await;
        assert_eq!(read.expect("it waits for ever").unwrap().map(|stored| stored.seq), Some(1));
    });
}
