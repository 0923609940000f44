//! Publishers of much: a flood of invalid events leaves the tape small and other sources alone, and one source numbers
//! 1,500 instruments without a gap.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use serde_json::Value;
use tapedeck_runtime::Bus;

use crate::common::{System, json, text};
use crate::publishing::start_with;

/// Events in a message of the flood, the bound of a message.
const EVENTS: u64 = 1024;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

async fn publish(bus: &Bus, subject: String, payload: String) {
    bus.context().publish(subject, payload.into()).await.unwrap().await.unwrap();
}

/// The status of a source once `done` holds for it and no input waits.
async fn status(bus: &Bus, source: &str, done: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..600 {
        if let Ok(answer) = bus.client().request(format!("md-status.{source}"), "".into()).await {
            last = json(&text(&answer.payload));
            if last["waiting"] == 0 && last["missing"] == Value::Array(Vec::new()) && done(&last) {
                return last;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the status of {source} stays at {last}");
}

/// The head of an event of `source`.
fn head(source: &str, seq: u64) -> String {
    format!(r#""source":"{source}","session":"s1","seq":{seq},"ts_recv":"{}""#, now())
}

fn definition(source: &str, seq: u64) -> String {
    let head = head(source, seq);
    format!(r#"{{{head},"kind":"definition","base":"A","quote":"USD","tick_size":"0.01","lot_size":"1"}}"#)
}

fn trade(source: &str, seq: u64, price: &str) -> String {
    format!(r#"{{{},"kind":"trade","price":"{price}","quantity":"1"}}"#, head(source, seq))
}

fn total(rejects: &Value) -> u64 {
    rejects.as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum()
}

/// Sum of the field `count` of the facts of this kind on the tape.
fn counted(system: &System) -> u64 {
    let facts = system.ok(&["tape", "--json", "--kind", "RejectedMany"]);
    let count = |line: &str| {
        let count = &json(line)["body"]["count"];
        count.as_u64().or_else(|| count.as_str()?.parse().ok()).unwrap()
    };
    facts.lines().map(count).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_flood_of_invalid_events_leaves_the_tape_small_and_another_source_alone() {
    let system = System::new();
    let (up, bus) = start_with(&system, &[]).await;
    let mut reported = bus.client().subscribe("md-rejects.bad").await.unwrap();
    let batch = || "md.demo.ACME.batch".to_string();
    publish(&bus, batch(), definition("good", 1)).await;
    let tape = async || bus.context().get_stream("TAPE_0_G1").await.unwrap().cached_info().state.bytes;
    let before = tape().await;
    let messages = 60;
    for message in 0..messages {
        // Every second one is malformed, the others break a rule and come after a gap.
        let event = |n| match n % 2 {
            0 => format!(r#"{{{},"kind":"trade","price":true,"quantity":"1"}}"#, head("bad", n)),
            _ => trade("bad", n, "0"),
        };
        let events: Vec<String> = (1..=EVENTS).map(|n| event(message * EVENTS + n)).collect();
        publish(&bus, batch(), format!("[{}]", events.join(","))).await;
        publish(&bus, batch(), trade("good", 2 + message, "10")).await;
    }
    let all = messages * EVENTS;
    let bad = status(&bus, "bad", |status| total(&status["rejects"]) >= all).await;
    assert_eq!((total(&bad["rejects"]), &bad["accepted"]), (all, &0.into()));
    let good = status(&bus, "good", |status| status["accepted"] == messages + 1).await;
    assert_eq!((total(&good["rejects"]), &good["gaps"]), (0, &0.into()));
    let facts = || system.ok(&["tape", "--json", "--kind", "Rejected"]).lines().count() as u64;
    let single = facts();
    assert!((100..=300).contains(&single), "{single} facts for {all} events");
    let grown = tape().await - before;
    assert!(grown < 200_000, "the tape grew by {grown} bytes");
    // The sums are written at the first event after the minute.
    let minute = 60_000_000_000;
    tokio::time::sleep(Duration::from_nanos(minute - now() % minute) + Duration::from_millis(500)).await;
    publish(&bus, batch(), trade("good", 2 + messages, "10")).await;
    status(&bus, "good", |status| status["accepted"] == messages + 2).await;
    system.wait_quiet();
    assert_eq!(facts() + counted(&system), all);
    assert_eq!(total(&status(&bus, "bad", |_| true).await["rejects"]), all, "nothing is counted twice");
    let mut told = 0;
    while told < all {
        told += json(&text(&reported.next().await.unwrap().payload))["count"].as_u64().unwrap();
    }
    assert_eq!(told, all);
    let verdict = json(&system.ok(&["verify", "--json"]));
    assert_eq!(verdict["findings"].as_array().unwrap().len(), 0, "{verdict}");
    assert_eq!(up.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_source_of_1500_instruments_has_no_gap_and_each_repetition_is_a_duplicate() {
    let system = System::new();
    let (up, bus) = start_with(&system, &[]).await;
    let instruments = 1_500_u64;
    let messages: Vec<(String, String)> = (0..instruments)
        .map(|n| {
            let events = [definition("many", 1), trade("many", 2, "10"), trade("many", 3, "11")];
            (format!("md.demo.I{n}.batch"), format!("[{}]", events.join(",")))
        })
        .collect();
    for round in 0..2 {
        let mut acks = FuturesOrdered::new();
        for (subject, payload) in &messages {
            acks.push_back(bus.context().publish(subject.clone(), payload.clone().into()).await.unwrap().into_future());
        }
        while let Some(ack) = acks.next().await {
            ack.unwrap();
        }
        let repeated = round * 3 * instruments;
        let done = |status: &Value| status["accepted"] == 3 * instruments && total(&status["rejects"]) >= repeated;
        let many = status(&bus, "many", done).await;
        assert_eq!((&many["accepted"], &many["gaps"]), (&(3 * instruments).into(), &0.into()));
        assert_eq!(total(&many["rejects"]), repeated);
        assert_eq!(many["rejects"]["duplicate"].as_u64().unwrap_or(0), repeated);
    }
    assert_eq!(up.terminate(), Some(0));
}
