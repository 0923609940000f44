//! Three NATS nodes of which two are killed: JetStream has no quorum.

use std::time::Duration;

use tapedeck_servers::{NatsServer, Postgres};

use crate::common::System;
use crate::processes::{Group, free_port, until};
use crate::table::Table;

pub(crate) fn check(table: &Table) {
    let mut system = System::new();
    let ports = [free_port(), free_port(), free_port()];
    let routes = ports.map(|port| format!("\"nats://127.0.0.1:{port}\"")).join(", ");
    let config = |port: u16| {
        format!(
            "host: 127.0.0.1\nmax_payload: 512KB\njetstream {{ }}\n\
             cluster {{ name: test, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}\n"
        )
    };
    let mut nodes: Vec<NatsServer> = (0..3)
        .map(|n| NatsServer::start_with(&system.path().join(format!("n{n}")), 0, &config(ports[n])).unwrap())
        .collect();
    let postgres = Postgres::start(&system.path().join("postgres"), 0).unwrap();
    let declared = include_str!("../../nats/streams.toml");
    let streams = system.path().join("streams.toml");
    std::fs::write(
        &streams,
        declared.replace("replicas = 1 ", "replicas = 3 ").replace("17_179_869_184", "268_435_456"),
    )
    .unwrap();
    system.use_servers(&nodes[0].url(), &postgres.url());
    until("no quorum", || system.run(&["provision", "--streams", streams.to_str().unwrap()]).status.success());
    system.ok(&["migrate"]);
    let mut groups: Vec<Group> = tapedeck_groups::names().map(|name| Group::start(&system, name)).collect();
    groups.iter_mut().for_each(|group| group.wait_ready(&system));
    table.situation("three NATS nodes").status(&system, 0, &["healthy"]).readyz(groups[2].port, 200, "ready").end();
    nodes.pop().unwrap().kill().unwrap();
    table.situation("two of three NATS nodes").status(&system, 0, &["healthy"]).end();
    nodes.pop().unwrap().kill().unwrap();
    let ingest = groups[0].port;
    table
        .situation("one of three NATS nodes: no quorum")
        .readyz(ingest, 503, "jetstream-unavailable")
        .status(&system, 1, &["jetstream-unavailable"])
        .timed(
            &system,
            &["halt", "--scope", "all", "--reason", "x", "--timeout", "3"],
            2,
            &[""],
            Duration::from_secs(30),
        )
        .end();
}
