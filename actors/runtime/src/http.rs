//! The health and metrics port of a process: `/startupz` (recovered), `/readyz` (caught up and able), `/livez` (this
//! loop runs), `/metrics`. GET only, no bodies read.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;

use crate::metrics::Metrics;
use crate::status::GroupStatus;

/// Serves until the process ends; returns the bound address (port 0 picks a free one).
pub async fn serve(
    address: SocketAddr,
    metrics: Arc<Metrics>,
    groups: Arc<Vec<Arc<GroupStatus>>>,
) -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let answer = |is: fn(&GroupStatus) -> bool, not: &'static str| {
        let groups = groups.clone();
        move || {
            let groups = groups.clone();
            async move { all(&groups, is, not) }
        }
    };
    let render = move || {
        let metrics = metrics.clone();
        async move {
            ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], metrics.render())
        }
    };
    let app = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/startupz", get(answer(GroupStatus::is_recovered, "recovering")))
        .route("/readyz", get(answer(GroupStatus::is_ready, "not caught up")))
        .route("/metrics", get(render));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(bound)
}

fn all(groups: &[Arc<GroupStatus>], is: fn(&GroupStatus) -> bool, not: &str) -> (StatusCode, String) {
    let waiting: Vec<String> = groups
        .iter()
        .filter(|group| !is(group))
        .map(|group| format!("{} on partition {} is {not}\n", group.group, group.partition))
        .collect();
    match waiting.is_empty() {
        true => (StatusCode::OK, "ready\n".into()),
        false => (StatusCode::SERVICE_UNAVAILABLE, waiting.concat()),
    }
}
