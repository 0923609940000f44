//! `verify` reports an altered record, fill, decision, inbox message and row, each with its offset.

use std::collections::VecDeque;

use crate::common::{Process, System, json};
use tapedeck_history::Messages;
use tapedeck_history::verify::{Inboxes, Source, Verdict, verify_source};
use tapedeck_runtime::tail::StoredMessage;
use tapedeck_runtime::{Bus, database};
use tapedeck_schemas::event::{Event, Kind, TapeCreated};
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::record::{self, RecordHash, Writer};
use tapedeck_servers::{NatsServer, Postgres};

/// The streams of a clean run, in memory, and its database.
struct RecordedRun {
    tape: TapeCreated,
    records: VecDeque<StoredMessage>,
    market: VecDeque<StoredMessage>,
    commands: VecDeque<StoredMessage>,
    database: tokio_postgres::Client,
    _servers: (NatsServer, Postgres),
}

impl RecordedRun {
    async fn of(system: &System) -> Self {
        system.ok(&["demo", "--json", "--events", "20000"]);
        let nats = NatsServer::start(&system.path().join("nats"), 0).unwrap();
        let postgres = Postgres::start(&system.path().join("postgres"), 0).unwrap();
        let bus = Bus::connect(&nats.url(), "test").await.unwrap();
        let tape = bus.tapes().await.unwrap().remove(0);
        let Source { records, inboxes: Inboxes { market, commands }, .. } = Source::open(&bus, &tape).await.unwrap();
        let database = database::connect(&postgres.url()).await.unwrap();
        Self {
            tape,
            records: records.hold().await.unwrap(),
            market: market.1.hold().await.unwrap(),
            commands: commands.1.hold().await.unwrap(),
            database,
            _servers: (nats, postgres),
        }
    }

    /// The verdict on these records and the rows of the database.
    async fn verdict(&self, records: VecDeque<StoredMessage>) -> Verdict {
        self.verdict_on(records, self.market.clone()).await
    }

    /// The same, with these messages in the inbox of market events.
    async fn verdict_on(&self, records: VecDeque<StoredMessage>, market: VecDeque<StoredMessage>) -> Verdict {
        let held = |messages| (Generation::FIRST, Messages::Held(messages));
        let source = Source {
            tape: self.tape.clone(),
            records: Messages::Held(records),
            inboxes: Inboxes { market: held(market), commands: held(self.commands.clone()) },
        };
        let mut verdict = Verdict::default();
        verify_source(source, Some(&self.database), &mut verdict).await.unwrap();
        verdict
    }

    /// The records with the first fact of `kind` altered and the writer's chain recomputed, so that only deciding again
    /// can detect it; and the sequence of the altered record.
    fn altered(&self, writer: Writer, kind: Kind, alter: impl Fn(&mut Event)) -> (VecDeque<StoredMessage>, u64) {
        let subject = format!("tape.0.g1.{writer}");
        let mut records = self.records.clone();
        let mut altered_at = None;
        let mut chain = RecordHash::default();
        for stored in records.iter_mut().filter(|stored| stored.subject.as_str() == subject) {
            let (mut header, mut entries) = record::decode(&stored.payload).unwrap();
            if altered_at.is_none()
                && let Some(entry) = entries.iter_mut().find(|entry| entry.event.kind() == kind)
            {
                alter(&mut entry.event);
                altered_at = Some(stored.seq);
            }
            header.prev_hash = chain;
            stored.payload = record::encode(&header, &entries).into();
            chain = RecordHash::of(&stored.payload);
        }
        (records, altered_at.expect("no fact of the kind"))
    }
}

#[tokio::test]
async fn an_altered_record_fill_decision_message_or_row_is_reported_with_its_offset() {
    let system = System::new();
    let run = RecordedRun::of(&system).await;
    let clean = run.verdict(run.records.clone()).await;
    assert_eq!(clean.findings, Vec::<String>::new());
    assert!(clean.invariants.values().all(|times| *times > 0) || !clean.invariants.is_empty());

    // One record: the time of its first fact, with the chain unchanged.
    let mut records = run.records.clone();
    let ingest = records.iter().position(|stored| stored.subject.as_str() == "tape.0.g1.ingest").unwrap();
    let (header, mut entries) = record::decode(&records[ingest].payload).unwrap();
    entries[0].at ^= 1;
    records[ingest].payload = record::encode(&header, &entries).into();
    let findings = run.verdict(records).await.findings;
    assert!(findings.iter().any(|finding| finding.contains("chain of ingest")), "{findings:?}");

    // One fill.
    let (records, seq) = run.altered(Writer::Paper, Kind::OrderFilled, |event| {
        let Event::OrderFilled(fill) = event else { unreachable!() };
        fill.price += "0.01".parse().unwrap();
    });
    let findings = run.verdict(records).await.findings;
    let named = |finding: &String| finding.starts_with(&format!("p0g1:{seq} decision of paper"));
    assert!(findings.iter().any(named), "{findings:?}");

    // One decision.
    let (records, seq) = run.altered(Writer::Signal, Kind::SignalRaised, |event| {
        let Event::SignalRaised(signal) = event else { unreachable!() };
        signal.confidence += "0.0001".parse().unwrap();
    });
    let findings = run.verdict(records).await.findings;
    let named = |finding: &String| finding.starts_with(&format!("p0g1:{seq} decision of signal"));
    assert!(findings.iter().any(named), "{findings:?}");

    // One message of the inbox, altered so that the decisions on it are the same.
    let mut market = run.market.clone();
    let (head, rest) = market[5].payload.split_first().unwrap();
    assert_eq!(*head, 0xdc, "an array of 16 bits of length");
    market[5].payload = [&[0xdd, 0, 0], rest].concat().into(); // the same array in a longer form
    let findings = run.verdict_on(run.records.clone(), market).await.findings;
    let named = |finding: &String| finding.contains("decision of ingest") && finding.contains("lost or changed");
    assert!(findings.iter().any(named), "{findings:?}");

    // One row.
    let alter = "UPDATE tapedeck.fills SET quantity = quantity + 1 \
                 WHERE (seq, index) = (SELECT seq, index FROM tapedeck.fills ORDER BY seq, index LIMIT 1)";
    assert_eq!(run.database.execute(alter, &[]).await.unwrap(), 1);
    let findings = run.verdict(run.records.clone()).await.findings;
    assert!(findings.len() == 1 && findings[0].contains("fills"), "{findings:?}");
}

#[test]
fn a_system_is_verified_while_it_runs() {
    let system = System::new();
    let up = system.up();
    let publisher = Process::start(&mut system.command(&["publish", "--events", "60000", "--speed", "100x"]));
    let mut records = Vec::new();
    while records.len() < 4 {
        let verdict = json(&system.ok(&["verify", "--json"]));
        let read = verdict["records"].as_u64().unwrap();
        if records.last() != Some(&read) {
            records.push(read);
        }
    }
    drop(publisher);
    assert_eq!(up.terminate(), Some(0));
}
