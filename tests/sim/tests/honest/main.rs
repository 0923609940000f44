//! The model of the broker answers as nats-server does: the same scripts run against both, on one replica and on a
//! cluster of three, and all answers are compared.

mod bursts;
mod cluster;
mod crash;
mod named;
mod purges;
mod random;
mod real;
mod script;

use tapedeck_servers::NatsServer;
use tapedeck_sim::broker::Replicas;

use real::Real;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn assert_none(differences: Vec<String>) {
    assert!(differences.is_empty(), "{} scripts differ:\n\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn the_model_answers_as_one_server_does() {
    let dir = tempfile::tempdir().unwrap();
    let server = NatsServer::start(dir.path(), 0).unwrap();
    assert_none(block_on(async {
        let real = Real::connect(Replicas::One, &[server.url()]).await;
        let mut differences = named::run(&real).await;
        differences.extend(random::run(&real).await);
        differences.extend(bursts::run(&real).await);
        differences.extend(crash::of_the_only_server(&real, server, dir.path()).await.err());
        differences
    }));
}

#[test]
fn the_model_answers_as_a_cluster_of_three_does() {
    let mut cluster = cluster::Cluster::start();
    assert_none(block_on(async {
        let real = Real::connect(Replicas::Three, &cluster.urls()).await;
        let mut differences = named::run(&real).await;
        differences.extend(random::run(&real).await);
        differences.extend(bursts::run(&real).await);
        differences.extend(crash::of_the_leader(&real, &mut cluster).await.err());
        differences
    }));
}
