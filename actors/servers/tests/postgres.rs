//! A private Postgres keeps committed rows over a stop and over a kill.

mod common;

use std::os::unix::fs::PermissionsExt;

use common::{directory, holders, psql};
use tapedeck_servers::{Postgres, ServersError};

#[test]
fn committed_rows_survive_a_stop_and_a_kill() {
    let dir = directory();
    let server = Postgres::start(dir.path(), 0).unwrap();
    psql(&server.url(), "create table kept (n int); insert into kept values (1)").unwrap();
    server.stop().unwrap();

    let server = Postgres::start(dir.path(), 0).unwrap();
    psql(&server.url(), "insert into kept values (2)").unwrap();
    server.kill().unwrap();

    let server = Postgres::start(dir.path(), 0).unwrap();
    assert_eq!(psql(&server.url(), "select string_agg(n::text, ' ' order by n) from kept").unwrap(), "1 2");
    drop(server);
    assert_eq!(holders(dir.path()), [0; 0], "still running after its handle was dropped");
    let log = std::fs::read_to_string(dir.path().join("postgres.log")).unwrap();
    assert!(log.contains("database system is shut down"), "no clean shutdown on drop: {log}");

    Postgres::remove_data(dir.path()).unwrap();
    let server = Postgres::start(dir.path(), 0).unwrap();
    assert!(psql(&server.url(), "select * from kept").unwrap_err().contains("does not exist"));
}

#[test]
fn connections_need_the_password_which_only_its_owner_can_read() {
    let dir = directory();
    let server = Postgres::start(dir.path(), 0).unwrap();
    let password = std::fs::read_to_string(dir.path().join("server/password")).unwrap();
    let wrong = server.url().replace(&password, "guess");
    assert_ne!(wrong, server.url());
    assert!(psql(&wrong, "select 1").unwrap_err().contains("password authentication failed"));
    let mode = std::fs::metadata(dir.path().join("server/password")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(psql(&server.url(), "show fsync").unwrap(), "on");
    assert_eq!(psql(&server.url(), "show listen_addresses").unwrap(), "127.0.0.1");
}

#[test]
fn a_stale_pid_file_that_names_a_running_process_does_not_prevent_a_start() {
    let (dir, other) = (directory(), directory());
    let other = Postgres::start(other.path(), 0).unwrap(); // same user: Postgres mistakes it for the earlier server
    let server = Postgres::start(dir.path(), 0).unwrap();
    let pid = server.pid().to_string();
    server.kill().unwrap();
    let path = dir.path().join("server/data/postmaster.pid");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen(&pid, &other.pid().to_string(), 1)).unwrap();
    let server = Postgres::start(dir.path(), 0).unwrap();
    assert_eq!(psql(&server.url(), "select 1").unwrap(), "1");
}

#[test]
fn incomplete_data_of_a_killed_run_are_created_again() {
    let dir = directory();
    std::fs::create_dir_all(dir.path().join("server/data.new/base")).unwrap();
    std::fs::write(dir.path().join("server/data.new/PG_VERSION"), "15\n").unwrap();
    let server = Postgres::start(dir.path(), 0).unwrap();
    assert_eq!(psql(&server.url(), "select 1").unwrap(), "1");
}

#[test]
fn data_move_elsewhere_if_the_user_of_postgres_cannot_enter_the_directory() {
    let dir = directory();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o700)).unwrap(); // as a clone under /root
    let server = Postgres::start(&dir.path().join("pg"), 0).unwrap();
    psql(&server.url(), "create table kept (n int)").unwrap();
    server.stop().unwrap();
    let server = Postgres::start(&dir.path().join("pg"), 0).unwrap();
    assert_eq!(psql(&server.url(), "select count(*) from kept").unwrap(), "0");
    drop(server);
    let home = dir.path().join("pg/server");
    let elsewhere = home.canonicalize().unwrap();
    // Started by root, Postgres runs as another user, which cannot enter the directory; otherwise the data stay inside.
    assert_eq!(elsewhere.starts_with("/var/lib/tapedeck"), home.is_symlink());
    Postgres::remove_data(&dir.path().join("pg")).unwrap();
    assert!(!elsewhere.exists() && !dir.path().join("pg").exists());
}

#[test]
fn a_taken_port_is_an_error() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let dir = directory();
    let error = Postgres::start(dir.path(), port).unwrap_err();
    assert!(matches!(error, ServersError::PortTaken { port: p, .. } if p == port), "{error}");
}
