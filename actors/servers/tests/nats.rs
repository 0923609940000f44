//! A private nats-server keeps acknowledged messages over a stop and over a kill.

mod common;

use common::{directory, request};
use tapedeck_servers::{NatsServer, ServersError};

fn append(server: &NatsServer, text: &str) -> String {
    request(&server.url(), "kept.x", text)
}

#[test]
fn acknowledged_messages_survive_a_stop_and_a_kill() {
    let dir = directory();
    let server = NatsServer::start(dir.path(), 0).unwrap();
    let stream = r#"{"name":"KEPT","subjects":["kept.*"],"storage":"file"}"#;
    let created = request(&server.url(), "$JS.API.STREAM.CREATE.KEPT", stream);
    assert!(!created.contains("error"), "{created}");
    assert!(append(&server, "one").contains("\"seq\":1"));
    let pid = server.pid();
    server.stop().unwrap();
    assert!(!common::is_alive(pid));

    let server = NatsServer::start(dir.path(), 0).unwrap();
    assert!(append(&server, "two").contains("\"seq\":2"));
    server.kill().unwrap();

    let server = NatsServer::start(dir.path(), 0).unwrap();
    assert!(append(&server, "three").contains("\"seq\":3"));
    let pid = server.pid();
    drop(server);
    assert!(!common::is_alive(pid), "still running after its handle was dropped");
    let log = std::fs::read_to_string(dir.path().join("nats.log")).unwrap();
    assert!(log.contains("Server Exiting"), "no clean shutdown on drop: {log}");

    NatsServer::remove_data(dir.path()).unwrap();
    assert!(!dir.path().exists());
    let server = NatsServer::start(dir.path(), 0).unwrap();
    assert!(request(&server.url(), "$JS.API.STREAM.INFO.KEPT", "").contains("stream not found"));
}

#[test]
fn a_taken_port_is_an_error_and_a_free_one_is_used() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let dir = directory();
    let error = NatsServer::start(dir.path(), port).unwrap_err();
    assert!(matches!(error, ServersError::PortTaken { port: p, .. } if p == port), "{error}");
    drop(taken);
    let server = NatsServer::start(dir.path(), port).unwrap();
    assert_eq!(server.url(), format!("nats://127.0.0.1:{port}"));
}
