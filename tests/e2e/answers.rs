//! The group `answers`: it may be absent, restarted or doubled, and `ingest` and the stored rejections are the same.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use serde_json::{Value, json as value};
use tapedeck_answers::{DecidedInbox, PublishedReject, SessionCounts, SessionStatus, SourceStatus, StatusRequest};
use tapedeck_runtime::Bus;
use tapedeck_runtime::tail::Tail;
use tapedeck_schemas::describe;
use tapedeck_servers::{NatsServer, Postgres};

use crate::common::{System, json, text};
use crate::groups::{Group, get, until};

const DEFINITION: &str = r#"{"source":"s","session":"n","seq":1,"ts_recv":"1725026000000000001","base":"ACME",
    "quote":"USD","tick_size":"0.01","lot_size":"1"}"#;

struct Bench {
    runtime: tokio::runtime::Runtime,
    bus: Bus,
    system: System,
    _servers: (NatsServer, Postgres),
}

impl Bench {
    fn new() -> Self {
        let mut system = System::new();
        let servers = system.provisioned();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let bus = runtime.block_on(Bus::connect(&servers.0.url(), "test")).unwrap();
        Self { runtime, bus, system, _servers: servers }
    }

    fn start(&self, name: &'static str) -> Group {
        let mut group = Group::start(&self.system, name);
        group.wait_ready(&self.system);
        group
    }

    /// Publishes a message of the instrument demo.ACME; its sequence in the inbox.
    fn publish(&self, kind: &str, payload: &str) -> u64 {
        self.publish_of("ACME", kind, payload)
    }

    fn publish_of(&self, symbol: &str, kind: &str, payload: &str) -> u64 {
        self.runtime.block_on(async {
            let sent = self.bus.context().publish(format!("md.demo.{symbol}.{kind}"), payload.to_string().into());
            sent.await.unwrap().await.unwrap().sequence
        })
    }

    /// Publishes a quote, whose price is below zero if `bid` is above 10.
    fn quote(&self, session: &str, seq: u64, bid: u64) -> u64 {
        self.quote_of("ACME", session, seq, bid)
    }

    fn quote_of(&self, symbol: &str, session: &str, seq: u64, bid: u64) -> u64 {
        let bid = if bid > 10 { "-1".to_string() } else { bid.to_string() };
        self.publish_of(
            symbol,
            "quote",
            &format!(
                r#"{{"source":"s","session":"{session}","seq":{seq},"ts_recv":"17250260{seq:02}000000001","bid":"{bid}",
                    "bid_size":"1","ask":"10.5","ask_size":"1"}}"#
            ),
        )
    }

    /// The state of the source; `None` without a reply.
    fn status(&self, request: &StatusRequest) -> Option<SourceStatus> {
        let payload = serde_json::to_vec(request).unwrap();
        let answer = self.runtime.block_on(self.bus.client().request("md-status.s", payload.into())).ok()?;
        Some(serde_json::from_slice(&answer.payload).unwrap())
    }

    /// Waits until this message is decided, as `answers` says.
    fn decided(&self, seq: u64) -> SourceStatus {
        let request = StatusRequest { session: Some("n".into()), after: None };
        let mut found = None;
        until(&format!("{seq} is not decided"), || {
            found = self.status(&request);
            found.as_ref().is_some_and(|status| status.decided.first().is_some_and(|inbox| inbox.decided >= seq))
        });
        found.unwrap()
    }

    /// The offsets of the stored rejections, in order.
    fn rejects(&self) -> Vec<String> {
        self.runtime.block_on(async {
            let last = self.bus.last_sequence("REJECTS_0").await.unwrap();
            let mut tail = Tail::new(&self.bus, "REJECTS_0".into(), String::new(), 1);
            let mut offsets = Vec::new();
            while (offsets.len() as u64) < last {
                let stored = tail.next().await;
                offsets.push(json(&text(&stored.payload))["offset"].as_str().unwrap().to_string());
            }
            offsets
        })
    }

    /// Waits until as many rejections are stored, and checks that each is stored once.
    fn wait_rejects(&self, count: usize) {
        until(&format!("{count} rejections are not stored"), || self.rejects().len() >= count);
        let all = self.rejects();
        assert_eq!(all.len(), count);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), count, "one is stored twice: {all:?}");
    }
}

#[test]
fn answers_may_fail_without_ingest_and_ingest_without_answers() {
    let bench = Bench::new();
    let (mut ingest, mut answers) = (bench.start("ingest"), bench.start("answers"));
    bench.publish("definition", DEFINITION);
    let status = bench.decided(bench.quote("n", 2, 11));
    assert_eq!((status.accepted, status.rejects["not_positive"], status.waiting), (1, 1, 0));
    let first = &status.first["not_positive"];
    assert_eq!(
        (first.offset.as_str(), first.seq, first.subject.as_deref()),
        ("inbox.g1:2.0", Some(2), Some("md.demo.ACME.quote"))
    );
    assert_eq!(status.session.unwrap().rejects["not_positive"], 1);
    bench.wait_rejects(1);

    // Without answers, ingest decides on.
    answers.child.kill().unwrap();
    answers.child.wait().unwrap();
    let last = bench.quote("n", 3, 11);
    until("ingest does not decide", || bench.system.ok(&["tape", "--kind", "Rejected"]).lines().count() == 2);
    assert!(get(ingest.port, "/readyz").contains("200 OK"));
    assert!(bench.status(&StatusRequest::default()).is_none(), "ingest does not answer publishers");
    assert_eq!(bench.rejects().len(), 1);

    // Again with it: what was not stored is stored once.
    let answers = bench.start("answers");
    assert_eq!(bench.decided(last).rejects["not_positive"], 2);
    bench.wait_rejects(2);

    // Without ingest, answers says what it knows.
    ingest.child.kill().unwrap();
    ingest.child.wait().unwrap();
    let stored = bench.quote("n", 4, 11);
    let waits = || bench.status(&StatusRequest::default()).is_some_and(|status| status.waiting == 1);
    until("the message does not wait", waits);
    let status = bench.decided(last);
    assert_eq!((status.decided[0].decided, status.decided[0].stored), (last, stored));
    assert_eq!(status.rejects["not_positive"], 2);
    assert!(get(answers.port, "/readyz").contains("200 OK"));

    let _ingest = bench.start("ingest");
    assert_eq!(bench.decided(stored).rejects["not_positive"], 3);
    bench.wait_rejects(3);
    let state = json(&text(&bench.system.run(&["status", "--json"]).stdout));
    assert_eq!(state["partitions"][0]["sources"][0]["rejects"]["not_positive"], 3);
}

#[test]
fn two_processes_of_answers_store_a_rejection_once_and_one_of_them_replies() {
    let bench = Bench::new();
    let _ingest = bench.start("ingest");
    let mut answers = [bench.start("answers"), bench.start("answers")];
    bench.publish("definition", DEFINITION);
    let mut last = 0;
    for seq in 2..40 {
        last = bench.quote("n", seq, 11);
    }
    assert_eq!(bench.decided(last).rejects["not_positive"], 38);
    bench.wait_rejects(38);
    // One reply for each request.
    let replies = bench.runtime.block_on(async {
        let inbox = bench.bus.client().new_inbox();
        let mut replies = bench.bus.client().subscribe(inbox.clone()).await.unwrap();
        bench.bus.client().publish_with_reply("md-status.s", inbox, "".into()).await.unwrap();
        let mut count = 0;
        while tokio::time::timeout(std::time::Duration::from_millis(800), replies.next()).await.is_ok() {
            count += 1;
        }
        count
    });
    assert_eq!(replies, 1);
    answers[0].child.kill().unwrap();
    answers[0].child.wait().unwrap();
    let last = bench.quote("n", 40, 11);
    assert_eq!(bench.decided(last).rejects["not_positive"], 39);
    bench.wait_rejects(39);
    // Both read the inbox, and stop if it is another than that which was decided on.
    assert_eq!(answers[1].terminate(), Some(0));
}

#[test]
fn a_reply_shows_pages_of_sessions_and_a_payload_that_is_no_request_is_named() {
    let bench = Bench::new();
    let (_ingest, _answers) = (bench.start("ingest"), bench.start("answers"));
    // An instrument has at most 4 live sessions of a source.
    let symbol = |session: usize| format!("S{}", session / 4);
    let mut last = 0;
    for session in 0..20 {
        if session % 4 == 0 {
            bench.publish_of(
                &symbol(session),
                "definition",
                &DEFINITION.replace(r#""n""#, &format!(r#""m{session:02}""#)),
            );
        }
        last = bench.quote_of(&symbol(session), &format!("m{session:02}"), if session % 4 == 0 { 2 } else { 1 }, 10);
    }
    bench.decided(last);
    let of = |status: SourceStatus| status.sessions.into_iter().map(|one| one.session).collect::<Vec<_>>();
    let all = of(bench.status(&StatusRequest::default()).unwrap());
    assert_eq!((all.len(), all.first().unwrap().as_str(), all.last().unwrap().as_str()), (20, "m00", "m19"));
    let after = Some(format!("{}/demo.{}", all[17], symbol(17)));
    assert_eq!(of(bench.status(&StatusRequest { session: None, after }).unwrap()), all[18..]);
    let one = bench.status(&StatusRequest { session: Some("m03".into()), after: None }).unwrap();
    assert_eq!(one.session.unwrap().accepted, 1, "it keeps the counts of 32 sessions");
    let one = bench.status(&StatusRequest { session: Some("m19".into()), after: None }).unwrap();
    assert_eq!((one.sessions.len(), one.session.unwrap().accepted, one.accepted), (1, 1, 25));
    let of_partition = bench.bus.generations().answers_subject(0);
    let of_a_later_build = r#"{"source":"s","request":{"session":null,"after":null,"since":1}}"#;
    for (subject, payload) in [
        (of_partition.as_str(), of_a_later_build),
        ("md-status.s", "nonsense"),
        ("md-status.s", "[]"),
        ("md-status.s", r#"{"sesion":"n"}"#),
        ("md-status.%", ""),
    ] {
        let asked = bench.bus.client().request(subject.to_string(), payload.into());
        let answer = bench.runtime.block_on(asked).unwrap();
        assert!(json(&text(&answer.payload))["error"].is_string(), "{subject} {payload}");
    }
}

#[test]
fn the_status_reply_has_the_described_fields() {
    let described = describe::asyncapi::document();
    let session = SessionStatus {
        partition: 0,
        session: "s1".into(),
        instrument: "binance.BTCUSDT".into(),
        last_seq: 7,
        missing: vec![(2, 3)],
        age_ms: 12,
    };
    let first: PublishedReject =
        serde_json::from_value(described["components"]["messages"]["reject"]["examples"][0]["payload"].clone())
            .unwrap();
    let answered = value!(SourceStatus {
        source: "feed1".into(),
        sessions: vec![session],
        decided: vec![DecidedInbox::default()],
        first: [("duplicate".into(), first)].into(),
        session: Some(SessionCounts::default()),
        ..SourceStatus::default()
    });
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for (value, name) in [
        (&answered, "status"),
        (&answered["sessions"][0], "session_numbers"),
        (&answered["decided"][0], "inbox_progress"),
        (&answered["session"], "session_counts"),
        (&answered["first"]["duplicate"], "first_reject"),
    ] {
        assert_eq!(names(value), names(&described["components"]["schemas"][name]["properties"]), "{name}");
    }
    // The example round-trips through the type of the reply.
    let example = &described["components"]["messages"]["status"]["examples"][0]["payload"];
    assert_eq!(&value!(serde_json::from_value::<SourceStatus>(example.clone()).unwrap()), example);
}
