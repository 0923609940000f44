//! The example publishers and the example reader of schemas/examples: tape, Postgres and an independent sum agree with
//! the published events.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{Process, System, capture, json as parse, python3, text};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// A symbol that is escaped in subjects, and its definition.
const LISTED: &str = "币安人生USDT";
const DEFINE: [&str; 2] = ["--define", "币安人生USDT:币安人生:USDT:0.01:0.00001:5"];
/// The folder of Debian's package of the Go client of NATS.
const GO_PACKAGES: &str = "/usr/share/gocode";

fn example(name: &str) -> PathBuf {
    Path::new(ROOT).join("schemas/examples").join(name)
}

fn python(script: &str) -> Command {
    let python = python3();
    let found = Command::new(&python).args(["-c", "import nats, msgpack, blake3"]).output().unwrap();
    let output = text(&found.stderr);
    assert!(
        found.status.success(),
        "Python packages are missing: ./dev test installs them, or: {} -m pip install nats-py msgpack blake3\n{output}",
        python.display()
    );
    let mut command = Command::new(python);
    command.arg(example(script)).stdin(Stdio::null());
    command
}

/// Runs a command that must succeed.
fn ok(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    output
}

fn up(system: &System) -> (Process, String) {
    let up = system.up();
    (up, system.connection("nats_url"))
}

/// The totals by instrument from the reader in Python, when this many quotes and trades are on the tape.
fn totals(url: &str, events: u64) -> Value {
    loop {
        let read = ok(python("python/read_tape.py").args(["--server", url]));
        let instruments = parse(&text(&read.stdout))["instruments"].take();
        let count = |one: &Value| one["quotes"].as_u64().unwrap() + one["trades"].as_u64().unwrap();
        let found: u64 = instruments.as_object().unwrap().values().map(count).sum();
        assert!(found <= events, "{found} events, {events} were published: {instruments}");
        if found == events {
            return instruments;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The totals of a capture, computed independently from the text in integers of 1e-8.
fn sums(capture: &Path) -> Value {
    let field = |line: &str, name: &str| -> u128 {
        let value = line.split(&format!("\"{name}\":\"")).nth(1).unwrap().split('"').next().unwrap();
        value.replace('.', "").parse().unwrap()
    };
    let file = std::fs::read_to_string(capture).unwrap();
    let (trades, quotes): (Vec<_>, Vec<_>) = file.lines().partition(|line| line.contains("@trade"));
    let price = |line: &&str, name: &str| decimal(field(line, name), 8);
    json!({
        "quotes": quotes.len(),
        "trades": trades.len(),
        "quantity": decimal(trades.iter().map(|line| field(line, "q")).sum(), 8),
        "notional": decimal(trades.iter().map(|line| field(line, "p") * field(line, "q")).sum(), 16),
        "first": price(trades.first().unwrap(), "p"),
        "last": price(trades.last().unwrap(), "p"),
        "bid": price(quotes.last().unwrap(), "b"),
        "ask": price(quotes.last().unwrap(), "a"),
    })
}

fn decimal(units: u128, decimals: u32) -> String {
    let (whole, fraction) = (units / 10u128.pow(decimals), units % 10u128.pow(decimals));
    format!("{whole}.{fraction:0width$}", width = decimals as usize).trim_end_matches('0').trim_end_matches('.').into()
}

/// The totals by instrument from Postgres, in the form of the reader in Python.
async fn totals_of_postgres(system: &System) -> Value {
    let url = system.connection("database_url");
    let (client, connected) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connected);
    let row = "SELECT json_object_agg(instrument, json_build_object('quotes', quotes, 'trades', trades, \
               'quantity', trim_scale(quantity)::text, 'notional', trim_scale(notional)::text, \
               'first', trim_scale(first_price)::text, 'last', trim_scale(last_price)::text, \
               'bid', trim_scale(last_bid)::text, 'ask', trim_scale(last_ask)::text))::text \
               FROM tapedeck.market_totals";
    parse(client.query_one(row, &[]).await.unwrap().get(0))
}

fn count(system: &System, kind: &str) -> usize {
    system.ok(&["tape", "--json", "--kind", kind]).lines().count()
}

#[tokio::test]
async fn python_publishes_in_both_encodings_and_tape_postgres_and_a_sum_of_the_captures_agree() {
    for encoding in [&[][..], &["--json"]] {
        let system = System::new();
        let btc = capture(system.path(), "btc.jsonl", "BTCUSDT", 3_000);
        let listed = capture(system.path(), "listed.jsonl", LISTED, 1_000);
        let (up, url) = up(&system);
        let mut publish = python("python/publish.py");
        let published =
            ok(publish.args(["--server", &url, "--array", "100"]).args(encoding).args(DEFINE).args([&btc, &listed]));
        assert!(text(&published.stdout).starts_with("4002 events of 2 instruments in "), "{published:?}");
        let expected = json!({ "binance.BTCUSDT": sums(&btc), "binance.币安人生USDT": sums(&listed) });
        assert_eq!(totals(&url, 4_000), expected, "{encoding:?}");
        while !system.run(&["status"]).status.success() || count(&system, "Trade") < 1_333 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(totals_of_postgres(&system).await, expected);
        assert_eq!((count(&system, "Quote"), count(&system, "Trade"), count(&system, "Rejected")), (2_667, 1_333, 0));
        assert_eq!(up.terminate(), Some(0));
    }
}

#[test]
fn a_killed_python_publisher_resumes_its_session_without_duplicates() {
    let system = System::new();
    let listed = capture(system.path(), "listed.jsonl", LISTED, 6_000);
    let (up, url) = up(&system);
    let publish = |more: &[&str]| {
        let mut publish = python("python/publish.py");
        publish.args(["--server", &url, "--session", "s1", "--array", "1"]).args(DEFINE).args(more).arg(&listed);
        publish
    };
    let mut first = publish(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while count(&system, "Quote") == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    first.kill().unwrap();
    assert!(
        !first.wait().unwrap().success(),
        "it finished before it was killed: the capture is too small for this machine"
    );
    let resumed = ok(&mut publish(&["--resume"]));
    let (output, found) = (text(&resumed.stdout), text(&resumed.stderr));
    let number = |text: &str, before: &str| -> usize {
        text.split(before).nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
    };
    let (skipped, sent) = (number(&found, "session s1: "), number(&format!("={output}"), "="));
    assert!(skipped > 0 && sent > 0 && skipped + sent == 6_001, "{skipped} skipped, {sent} sent");
    assert_eq!(totals(&url, 6_000), json!({ "binance.币安人生USDT": sums(&listed) }));
    assert_eq!((count(&system, "Rejected"), count(&system, "Gap")), (0, 0));
    assert_eq!(up.terminate(), Some(0));
}

#[test]
fn the_rust_example_publishes_the_events_that_it_reports() {
    let system = System::new();
    let (up, url) = up(&system);
    // The second run resumes the session of the first.
    for (events, sent) in [("1000", "1001"), ("3000", "2000"), ("3000", "0")] {
        let mut cargo = Command::new(env!("CARGO"));
        let example = ["run", "--release", "--locked", "--example", "publish", "--", &url, events, "s1"];
        let output = text(&ok(cargo.args(example).current_dir(ROOT)).stdout);
        assert!(
            output.starts_with(&format!("{sent} events in ")) && output.contains("decided in session s1"),
            "{output}"
        );
    }
    let totals = totals(&url, 3_000);
    assert_eq!((&totals["demo.FERRIS"]["quotes"], &totals["demo.FERRIS"]["trades"]), (&json!(2_000), &json!(1_000)));
    assert_eq!((count(&system, "Rejected"), count(&system, "Gap")), (0, 0));
    assert_eq!(up.terminate(), Some(0));
}

/// Replaces a missing nats CLI; supports only `nats req --raw SUBJECT BODY`.
const NATS: &str = r#"
import asyncio, os, sys, nats
async def main(subject, body):
    nc = await nats.connect(os.environ["NATS_URL"])
    print((await nc.request(subject, body.encode(), timeout=5)).data.decode())
    await nc.close()
assert sys.argv[1:3] == ["req", "--raw"], sys.argv
asyncio.run(main(*sys.argv[3:]))
"#;

#[test]
fn every_payload_of_the_shell_script_becomes_a_fact() {
    let system = System::new();
    let (up, url) = up(&system);
    if Command::new("nats").arg("--version").output().is_err() {
        eprintln!("the nats CLI is missing: a replacement in Python is used");
        let python = python("").get_program().to_string_lossy().into_owned();
        std::fs::create_dir(system.path().join("bin")).unwrap();
        let path = system.path().join("bin/nats");
        std::fs::write(&path, format!("#!{python}{NATS}")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", system.path().join("bin").display(), std::env::var("PATH").unwrap());
    let publish = |args: &[&str]| {
        let mut script = Command::new(example("cli/publish.sh"));
        text(&ok(script.args(args).env("PATH", &path).env("NATS_URL", &url)).stdout)
    };
    for (args, stored) in [(&[][..], 4), (&["s1"], 4), (&["s1"], 0)] {
        let output = publish(args);
        assert_eq!(
            output.lines().filter(|line| line.contains(r#": {"stream":"INBOX_0_G1""#)).count(),
            stored,
            "{output}"
        );
        assert_eq!(output.matches("decided already").count(), 4 - stored, "{output}");
        assert!(output.contains(r#"{"instrument":"demo.ACME","last_seq":4,"missing":[]}"#), "{output}");
        assert!(output.contains(r#""source":"shell""#), "{output}");
    }
    let totals = totals(&url, 6);
    let acme = json!({
        "quotes": 2, "trades": 4, "quantity": "30", "notional": "301.26",
        "first": "10.05", "last": "10.04", "bid": "10.04", "ask": "10.05",
    });
    assert_eq!(totals, json!({ "demo.ACME": acme }));
    assert_eq!((count(&system, "InstrumentDefined"), count(&system, "Rejected")), (2, 0));
    assert_eq!(up.terminate(), Some(0));
}

#[test]
fn the_node_example_publishes_the_events_that_it_reports() {
    let script = example("node/publish.mjs");
    if Command::new("node").arg("--version").output().is_err() || !example("node/node_modules").exists() {
        eprintln!(
            "NOT RUN: needs Node 20 or later and the packages of schemas/examples/node; ./dev test installs them"
        );
        return;
    }
    let system = System::new();
    let (up, url) = up(&system);
    for (events, sent) in [("1000", "1001"), ("3000", "2000"), ("3000", "0")] {
        let args = ["--server", &url, "--events", events, "--array", "70", "--session", "s1"];
        let output = text(&ok(Command::new("node").arg(&script).args(args)).stdout);
        let decided = output.contains(r#""instrument":"demo.NODE","last_seq":"#);
        assert!(decided && output.starts_with(&format!("{sent} events in session s1; ")), "{output}");
    }
    let totals = totals(&url, 3_000);
    assert_eq!((&totals["demo.NODE"]["quotes"], &totals["demo.NODE"]["trades"]), (&json!(2_000), &json!(1_000)));
    assert_eq!((count(&system, "Rejected"), count(&system, "Gap")), (0, 0));
    assert_eq!(up.terminate(), Some(0));
}

#[test]
fn the_go_example_is_formatted_vetted_and_publishes_the_events_that_it_reports() {
    let go = |args: &[&str]| {
        let mut go = Command::new("go");
        go.args(args).current_dir(example("go")).env("GO111MODULE", "off").env("GOPATH", GO_PACKAGES);
        go
    };
    let client = Path::new(GO_PACKAGES).join("src/github.com/nats-io/nats.go");
    if go(&["version"]).output().is_err() || !client.exists() {
        eprintln!("NOT RUN: needs golang-go and golang-github-nats-io-go-nats-dev; ./dev test installs them as root");
        return;
    }
    let formatted = ok(Command::new("gofmt").args(["-l", "."]).current_dir(example("go")));
    assert!(formatted.stdout.is_empty(), "gofmt would change {}", text(&formatted.stdout));
    ok(&mut go(&["vet", "publish.go"]));
    let system = System::new();
    let (up, url) = up(&system);
    for (events, sent) in [("1000", "2002"), ("3000", "4000"), ("3000", "0")] {
        let output = ok(&mut go(&["run", "publish.go", "-server", &url, "-events", events, "-session", "s1"]));
        let output = text(&output.stdout);
        assert!(
            output.starts_with(&format!("{sent} events in ")) && output.contains("decided in session s1"),
            "{output}"
        );
    }
    let totals = totals(&url, 6_000);
    for instrument in ["demo.GOPHER", "demo.GOFISH"] {
        let counts = (&totals[instrument]["quotes"], &totals[instrument]["trades"]);
        assert_eq!(counts, (&json!(2_000), &json!(1_000)), "{instrument}");
    }
    assert_eq!((count(&system, "Rejected"), count(&system, "Gap")), (0, 0));
    assert_eq!(up.terminate(), Some(0));
}
