//! Symbols as traders write them: through publish, tape, SQL, commands and replay they keep their spelling. A replay
//! gives every accepted event, definitions and heartbeats too, as it was published.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::Value;
use tapedeck_runtime::Bus;
use tapedeck_schemas::subject::{MarketKind, market_subject};

use crate::common::{Process, System, json};

/// Instruments, and their tokens in subjects.
const LISTED: [(&str, &str); 7] = [
    ("nyse.BRK.B", "nyse.BRK%2EB"),
    ("kraken.BTC/USDT", "kraken.BTC/USDT"),
    ("coinbase.1INCH-USD:PERP", "coinbase.1INCH-USD:PERP"),
    ("hyperliquid.kPEPE", "hyperliquid.kPEPE"),
    ("opra.AAPL  240119C00195000", "opra.AAPL%20%20240119C00195000"),
    ("binance.币安人生USDT", "binance.%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT"),
    ("x.100%*>", "x.100%25%2A%3E"),
];

fn setup() -> String {
    let one = |(id, _): &(&str, &str)| {
        let base = id.split_once('.').unwrap().1;
        format!(
            "[[instrument]]\nid = {id:?}\nbase = {base:?}\nquote = \"USD\"\ntick_size = \"0.01\"\n\
             lot_size = \"1\"\nmin_notional = \"5\"\nbars = [\"1s\"]\n\n\
             [[limits]]\nscope = {id:?}\nvalues = {{ \"risk.max_loss\" = \"12345\" }}\n\n"
        )
    };
    LISTED.iter().map(one).collect()
}

/// A quote, two trades, a heartbeat and a bar of each instrument.
fn market() -> String {
    let mut lines = String::new();
    for (index, (instrument, _)) in LISTED.iter().enumerate() {
        for second in 0..5 {
            let time = 1_723_161_254_000_000_000 + second * 1_000_000_000 + index as u64;
            let fields = match second {
                0 => r#""kind":"quote","bid":"9.99","bid_size":"5","ask":"10","ask_size":"7""#,
                3 => r#""kind":"heartbeat","ts_event":"1700000000000000007""#,
                4 => concat!(
                    r#""kind":"bar","ts_event":"1700000000000000008","bar":"2t","open":"10","high":"10","low":"10","#,
                    r#""close":"10","volume":"6","count":18446744073709551615,"opened":"1700000000000000001","#,
                    r#""closed":"1723161258000000000","part":0"#
                ),
                _ => r#""kind":"trade","price":"10","quantity":"3","aggressor":"buyer""#,
            };
            lines += &format!("{{\"instrument\":{instrument:?},{fields},\"ts_recv\":\"{time}\"}}\n");
        }
    }
    lines
}

/// A system with the setup on two partitions, so that the placement names instruments.
fn start() -> (System, Process) {
    let system = System::new();
    let file = system.path().join("setup.toml");
    std::fs::write(&file, setup()).unwrap();
    let up = system.up_with(&["--partitions", "2", "--setup", file.to_str().unwrap()]);
    (system, up)
}

fn publish(system: &System, file: &str) {
    let setup = system.path().join("setup.toml");
    system.ok(&["publish", file, "--setup", setup.to_str().unwrap()]);
    system.wait_quiet();
}

/// The kinds of facts that accept market events, and of built bars.
const MARKET: &str = "InstrumentDefined,Quote,Trade,Bar,MarketHeartbeat";

/// The bodies of the market facts by instrument, as the tape prints them, but for the source of published bars.
fn market_facts(system: &System) -> BTreeMap<String, Vec<Value>> {
    let mut facts: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in system.ok(&["tape", "--json", "--kind", MARKET]).lines() {
        let mut fact = json(line);
        let mut body = fact["body"].take();
        if body["source"].is_string() {
            body["source"] = "published".into();
        }
        let body = serde_json::json!([fact["kind"], body]);
        facts.entry(body[1]["instrument"].as_str().unwrap().into()).or_default().push(body);
    }
    facts
}

/// The events of a file by instrument, without source, session and number.
fn events(file: &str) -> BTreeMap<String, Vec<Value>> {
    let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in file.lines() {
        let mut event = json(line);
        event.as_object_mut().unwrap().retain(|name, _| !["source", "session", "seq"].contains(&name.as_str()));
        events.entry(event["instrument"].as_str().unwrap().into()).or_default().push(event);
    }
    events
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn symbols_keep_their_spelling_through_publish_tape_sql_commands_and_replay() {
    let (system, up) = start();
    let file = system.path().join("market.jsonl");
    std::fs::write(&file, market()).unwrap();
    publish(&system, file.to_str().unwrap());
    let spelled: BTreeSet<String> = LISTED.map(|(instrument, _)| instrument.to_string()).into();
    let published = market_facts(&system);
    assert_eq!(published.keys().cloned().collect::<BTreeSet<_>>(), spelled);
    // A definition, a quote, two trades, a heartbeat, a published bar, and the bars of each second with a trade.
    assert!(published.values().all(|facts| facts.len() == 8), "{published:?}");
    assert_eq!(system.ok(&["tape", "--json", "--kind", "Rejected,CommandRefused"]), "");

    for (instrument, _) in LISTED {
        assert_eq!(system.ok(&["tape", "--kind", "Trade", "--instrument", instrument]).lines().count(), 2);
        system.ok(&["halt", "--scope", instrument, "--reason", "test"]);
        system.ok(&["resume", "--scope", instrument, "--reason", "test"]);
    }
    system.wait_quiet();
    for kind in ["LimitsSet", "TradingHalted", "TradingResumed"] {
        let lines = system.ok(&["tape", "--json", "--kind", kind, "--partition", "0"]);
        let scopes: Vec<String> = lines.lines().map(|line| json(line)["body"]["scope"].to_string()).collect();
        for (instrument, _) in LISTED {
            assert!(scopes.iter().any(|scope| scope.contains(&format!("{instrument:?}"))), "{kind}: {scopes:?}");
        }
    }

    let url = system.connection("database_url");
    let (client, connected) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connected);
    for (instrument, _) in LISTED {
        let row = "SELECT trades::bigint FROM tapedeck.market_totals WHERE instrument = $1";
        let row = client.query_one(row, &[&instrument]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0), 2, "{instrument}");
        let bar = "SELECT count::text, closed::text FROM tapedeck.bars WHERE instrument = $1 AND source <> ''";
        let bar = client.query_one(bar, &[&instrument]).await.unwrap();
        let values = [0, 1].map(|column| bar.get::<_, String>(column));
        assert_eq!(values, [u64::MAX.to_string(), "1723161258000000000".to_string()]);
    }

    let bus = Bus::connect(system.connection("nats_url").as_str(), "test").await.unwrap();
    let mut replayed = bus.client().subscribe("replay.s.>").await.unwrap();
    bus.client().flush().await.unwrap();
    system.ok(&["replay", "--to-subject", "replay.s"]);
    let mut subjects = BTreeSet::new();
    for _ in 0..6 * LISTED.len() {
        let message = tokio::time::timeout(Duration::from_secs(20), replayed.next()).await.unwrap().unwrap();
        subjects.insert(message.subject.to_string());
    }
    let kinds = ["definition", "quote", "trade", "heartbeat", "bar"];
    let expected = LISTED.iter().flat_map(|(_, token)| kinds.map(|kind| format!("replay.s.{token}.{kind}")));
    assert_eq!(subjects, expected.collect());

    // The inbox holds each instrument under exactly one subject.
    for (instrument, token) in LISTED {
        let subject = market_subject(&instrument.parse().unwrap(), MarketKind::Batch);
        assert_eq!(subject, format!("md.{token}.batch"));
        let on = |partition: u16| format!("INBOX_{partition}_G1");
        let stored = [bus.last_on(&on(0), &subject).await.unwrap(), bus.last_on(&on(1), &subject).await.unwrap()];
        assert!(stored.iter().any(|seq| *seq > 0), "{subject}");
    }

    let again = system.path().join("again.jsonl");
    system.ok(&["replay", "--to-file", again.to_str().unwrap()]);
    let mut expected = events(&market());
    for (id, events) in &mut expected {
        let definition = serde_json::json!({
            "instrument": id, "kind": "definition", "ts_recv": "1723161254000000000",
            "base": id.split_once('.').unwrap().1, "quote": "USD", "tick_size": "0.01", "lot_size": "1",
            "min_notional": "5", "bars": "1s",
        });
        events.insert(0, definition);
    }
    assert_eq!(events(&std::fs::read_to_string(&again).unwrap()), expected);
    system.ok(&["verify"]);
    assert_eq!(up.terminate(), Some(0));
    let (second, up) = start();
    publish(&second, again.to_str().unwrap());
    assert_eq!(market_facts(&second), published);
    assert_eq!(up.terminate(), Some(0));
}
