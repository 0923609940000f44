//! Operators' commands on a system that runs.

use std::process::Stdio;

use crate::common::{System, json, text};
use crate::table::Table;

/// A file with this text in the directory of the system; its path.
fn file(system: &System, name: &str, contents: &str) -> String {
    let path = system.path().join(name);
    std::fs::write(&path, contents).unwrap();
    path.to_str().unwrap().into()
}

/// The id of the first order that the tape says has this status now.
fn order(system: &System, status: &str) -> String {
    let facts = system.ok(&["tape", "--json", "--kind", "OrderStatusChanged"]);
    let mut last = std::collections::BTreeMap::new();
    for fact in facts.lines().map(json) {
        let body = &fact["body"];
        last.insert(body["order"].as_str().unwrap().to_string(), body["to"].as_str().unwrap().to_string());
    }
    last.into_iter().find(|(_, to)| to == status).unwrap_or_else(|| panic!("no order is {status}")).0
}

pub(crate) fn check(table: &Table) {
    let system = System::new();
    let up = system.up();
    let built_in = include_str!("../../actors/feeds/setup/default.toml");
    table.situation("a system that has just started").status(&system, 0, &["healthy"]).end();
    let halt = |scope: &'static str, level: &'static str| {
        ["halt", "--scope", scope, "--level", level, "--reason", "test", "--by", "ann"]
    };
    let resume = |scope: &'static str| ["resume", "--scope", scope, "--reason", "test"];
    table
        .situation("resume of what is not halted")
        .command(&system, &resume("all"), 1, &["all was not halted; halts in force: none"])
        .end();
    table
        .situation("halt")
        .command(&system, &halt("all", "halted"), 0, &["TradingHalted", "all"])
        .command(&system, &["status"], 0, &["halt      all halted (by ann: test)"])
        .end();
    table
        .situation("halt to reducing while halted")
        .command(&system, &halt("all", "reducing"), 1, &["all is halted already, which is stricter"])
        .end();
    table
        .situation("resume of an instrument while all is halted")
        .command(&system, &resume("binance.BTCUSDT"), 1, &["halts in force: all (halted)"])
        .end();
    table.situation("resume").command(&system, &resume("all"), 0, &["TradingResumed"]).end();
    table
        .situation("halt of an instrument that no event names")
        .command(&system, &halt("binance.TYPO", "halted"), 1, &["no market event of this instrument is stored"])
        .end();
    table
        .situation("resume of that instrument")
        .command(&system, &resume("binance.TYPO"), 0, &["TradingResumed"])
        .end();
    table.situation("halt of no scope").command(&system, &halt("nothing", "halted"), 2, &["invalid value"]).end();
    table
        .situation("halt with a reason over 256 bytes")
        .command(&system, &["halt", "--scope", "all", "--reason", &"x".repeat(257)], 2, &["invalid request"])
        .end();

    let unknown = "00000000000000000000000000000001";
    table
        .situation("cancel of an unknown order")
        .command(&system, &["control", "cancel", unknown], 1, &["no partition has an order"])
        .end();
    table
        .situation("cancel of what is no order id")
        .command(&system, &["control", "cancel", "7"], 2, &["invalid value"])
        .end();

    let no_parameter = format!("{built_in}\n[[limits]]\nscope = \"all\"\nvalues = {{ \"risk.typo\" = \"1\" }}\n");
    let no_parameter = file(&system, "typo.toml", &no_parameter);
    table
        .situation("setup with an unknown parameter")
        .command(&system, &["control", "apply", &no_parameter], 1, &["limits refused", "risk.typo"])
        .end();
    table
        .situation("the same setup again: nothing is sent, and it is refused still")
        .command(&system, &["control", "apply", &no_parameter], 1, &["0 request(s) sent", "limits refused"])
        .end();
    let out_of_bounds =
        built_in.to_string() + "\n[[limits]]\nscope = \"all\"\nvalues = { \"risk.max_loss\" = \"-1\" }\n";
    let out_of_bounds = file(&system, "bounds.toml", &out_of_bounds);
    table
        .situation("setup with a value out of bounds")
        .command(&system, &["control", "apply", &out_of_bounds], 1, &["limits refused", "risk.max_loss"])
        .end();
    let good = file(&system, "good.toml", built_in);
    table
        .situation("valid setup, applied before")
        .command(&system, &["control", "apply", &good], 0, &["sent before"])
        .end();
    table
        .situation("setup that does not exist")
        .command(&system, &["control", "apply", "/nonexistent.toml"], 2, &["/nonexistent.toml"])
        .end();

    system.run(&["publish", "--events", "20000"]);
    system.wait_quiet();
    table
        .situation("cancel of a filled order")
        .command(&system, &["control", "cancel", &order(&system, "filled")], 1, &["the order is filled"])
        .end();
    table
        .situation("halt of an instrument with events")
        .command(&system, &halt("sim.ALPHAUSD", "halted"), 0, &["TradingHalted"])
        .command(&system, &resume("sim.ALPHAUSD"), 0, &["TradingResumed"])
        .end();
    table
        .situation("verify says how far it compared")
        .command(&system, &["verify"], 0, &["partition 0 compared: records up to", "rows up to"])
        .end();
    table
        .situation("verify without a database")
        .command(&system, &["verify", "--no-database"], 0, &["not compared: rows in Postgres"])
        .end();
    table
        .situation("generations that do not exist")
        .command(&system, &["status", "--generations", "TAPE_0_G2"], 1, &["other-tape"])
        .end();
    table
        .situation("no Postgres at the address")
        .command(&system, &["status", "--database-url", "postgres://127.0.0.1:1/x"], 1, &["database-unreachable"])
        .end();
    table
        .situation("no NATS at the address")
        .command(&system, &["status", "--nats-url", "nats://127.0.0.1:1"], 2, &["cannot reach NATS"])
        .command(
            &system,
            &["halt", "--nats-url", "nats://127.0.0.1:1", "--scope", "all", "--reason", "x"],
            2,
            &["cannot reach NATS"],
        )
        .end();
    let mut closed = system.command(&["status", "--json"]);
    let mut child = closed.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    let is_quiet = ended.status.success() && text(&ended.stderr).is_empty();
    table.situation("closed pipe").holds(is_quiet, "`status --json` into a closed pipe ends with its own status").end();
    assert_eq!(up.terminate(), Some(0));
    table.situation("no system at all").command(&system, &["status"], 2, &["no --nats-url given"]).end();
}
