//! The publishers of schemas/examples, run as they are printed, and the reader of the tape there: what they publish is
//! what the tape, Postgres and an independent sum say.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{Process, System, capture, json as parse, python3, text};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// The captures of these tests have finer quantities than the script's own definition of ETHUSDT allows.
const DEFINE: [&str; 2] = ["--define", "ETHUSDT:ETH:USDT:0.01:0.00001:5"];
/// Where Debian's package of Go's NATS client lies.
const GO_PACKAGES: &str = "/usr/share/gocode";

fn example(name: &str) -> PathBuf {
    Path::new(ROOT).join("schemas/examples").join(name)
}

fn python(script: &str) -> Command {
    let python = python3();
    let found = Command::new(&python).args(["-c", "import nats, msgpack"]).output().unwrap();
    let said = text(&found.stderr);
    assert!(
        found.status.success(),
        "the Python packages are missing: ./dev test installs them, or: {} -m pip install nats-py msgpack\n{said}",
        python.display()
    );
    let mut command = Command::new(python);
    command.arg(example(script)).stdin(Stdio::null());
    command
}

/// Runs to the end, which must be good.
fn ok(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    output
}

fn up(system: &System) -> (Process, String) {
    let up = system.up();
    (up, connection(system, "nats_url"))
}

fn connection(system: &System, key: &str) -> String {
    let file = std::fs::read_to_string(system.path().join("connection.toml")).unwrap();
    let value = file.lines().find_map(|line| line.strip_prefix(&format!("{key} = "))).unwrap();
    value.trim_matches('"').to_string()
}

/// The totals by instrument, by the reader in Python, once as many quotes and trades are on the tape.
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

/// What a capture holds, by another way: whole numbers of 1e-8, from the text.
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

/// The totals by instrument, by Postgres, in the form of the reader in Python.
async fn totals_of_postgres(system: &System) -> Value {
    let url = connection(system, "database_url");
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
        let eth = capture(system.path(), "eth.jsonl", "ETHUSDT", 1_000);
        let (up, url) = up(&system);
        let mut publish = python("python/publish.py");
        let published =
            ok(publish.args(["--server", &url, "--array", "100"]).args(encoding).args(DEFINE).args([&btc, &eth]));
        assert!(text(&published.stdout).starts_with("4002 events of 2 instruments in "), "{published:?}");
        let expected = json!({ "binance.BTCUSDT": sums(&btc), "binance.ETHUSDT": sums(&eth) });
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
fn python_killed_midway_goes_on_with_its_session_and_nothing_is_there_twice() {
    let system = System::new();
    let btc = capture(system.path(), "btc.jsonl", "BTCUSDT", 6_000);
    let (up, url) = up(&system);
    let publish = |more: &[&str]| {
        let mut publish = python("python/publish.py");
        publish.args(["--server", &url, "--session", "s1", "--array", "1"]).args(more).arg(&btc);
        publish
    };
    let mut first = publish(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while count(&system, "Quote") == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    first.kill().unwrap();
    assert!(!first.wait().unwrap().success(), "it was not cut short: the capture is too small for this machine");
    let resumed = ok(&mut publish(&["--resume"]));
    let (said, found) = (text(&resumed.stdout), text(&resumed.stderr));
    let number = |text: &str, before: &str| -> usize {
        text.split(before).nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
    };
    let (skipped, sent) = (number(&found, "session s1: "), number(&format!("={said}"), "="));
    assert!(skipped > 0 && sent > 0 && skipped + sent == 6_001, "{skipped} were there, {sent} were sent");
    assert_eq!(totals(&url, 6_000), json!({ "binance.BTCUSDT": sums(&btc) }));
    assert_eq!((count(&system, "Rejected"), count(&system, "Gap")), (0, 0));
    assert_eq!(up.terminate(), Some(0));
}

#[test]
fn the_rust_example_publishes_what_it_says() {
    let system = System::new();
    let (up, url) = up(&system);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--release", "--locked", "--example", "publish", "--", &url, "3000"]).current_dir(ROOT);
    let said = text(&ok(&mut cargo).stdout);
    assert!(said.starts_with("3001 events in ") && said.contains(r#""source":"rust""#), "{said}");
    let totals = totals(&url, 3_000);
    assert_eq!((&totals["demo.FERRIS"]["quotes"], &totals["demo.FERRIS"]["trades"]), (&json!(2_000), &json!(1_000)));
    assert_eq!(count(&system, "Rejected"), 0);
    assert_eq!(up.terminate(), Some(0));
}

/// What stands in for the nats CLI where that is missing: `nats req --raw SUBJECT BODY`, and nothing else.
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
        eprintln!("the nats CLI is not here: a stand-in sends what the script prints");
        let python = python("").get_program().to_string_lossy().into_owned();
        std::fs::create_dir(system.path().join("bin")).unwrap();
        let path = system.path().join("bin/nats");
        std::fs::write(&path, format!("#!{python}{NATS}")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", system.path().join("bin").display(), std::env::var("PATH").unwrap());
    for _ in 0..2 {
        let said = ok(Command::new(example("cli/publish.sh")).env("PATH", &path).env("NATS_URL", &url));
        let said = text(&said.stdout);
        assert_eq!(said.matches(r#""stream":"INBOX_0""#).count(), 4, "{said}");
        assert!(said.contains(r#""source":"shell""#), "{said}");
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
fn the_go_publisher_is_formatted_vetted_and_publishes_what_it_says() {
    let go = |args: &[&str]| {
        let mut go = Command::new("go");
        go.args(args).current_dir(example("go")).env("GO111MODULE", "off").env("GOPATH", GO_PACKAGES);
        go
    };
    let client = Path::new(GO_PACKAGES).join("src/github.com/nats-io/nats.go");
    if go(&["version"]).output().is_err() || !client.exists() {
        eprintln!("NOT RUN: wants golang-go and golang-github-nats-io-go-nats-dev; ./dev test installs them as root");
        return;
    }
    let formatted = ok(Command::new("gofmt").args(["-l", "."]).current_dir(example("go")));
    assert!(formatted.stdout.is_empty(), "gofmt would change {}", text(&formatted.stdout));
    ok(&mut go(&["vet", "publish.go"]));
    let system = System::new();
    let (up, url) = up(&system);
    let said = ok(&mut go(&["run", "publish.go", "-server", &url, "-events", "3000"]));
    assert!(text(&said.stdout).starts_with("6002 events in "), "{said:?}");
    let totals = totals(&url, 6_000);
    for instrument in ["demo.GOPHER", "demo.GOFISH"] {
        let counts = (&totals[instrument]["quotes"], &totals[instrument]["trades"]);
        assert_eq!(counts, (&json!(2_000), &json!(1_000)), "{instrument}");
    }
    assert_eq!(count(&system, "Rejected"), 0);
    assert_eq!(up.terminate(), Some(0));
}
