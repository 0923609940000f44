//! The model of the broker is honest: the same scripts run against it and against nats-server, on one replica and on a
//! cluster of three, and every answer is compared.

mod bursts;
mod cluster;
mod named;
mod random;
mod real;
mod script;

use tapedeck_servers::NatsServer;
use tapedeck_sim::broker::Replicas;

use real::Real;

fn run(replicas: Replicas, urls: &[String]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let differences = runtime.block_on(async {
        let real = Real::connect(replicas, urls).await;
        let mut differences = named::run(&real).await;
        differences.extend(random::run(&real).await);
        if replicas == Replicas::Three {
            differences.extend(bursts::run(&real).await);
        }
        differences
    });
    assert!(differences.is_empty(), "{} scripts differ:\n\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn the_model_answers_as_one_server_does() {
    let dir = tempfile::tempdir().unwrap();
    let server = NatsServer::start(dir.path(), 0).unwrap();
    run(Replicas::One, &[server.url()]);
}

#[test]
fn the_model_answers_as_a_cluster_of_three_does() {
    let cluster = cluster::Cluster::start();
    run(Replicas::Three, &cluster.urls());
}
