//! The HTTP port for health and metrics: `/startupz` (recovered), `/readyz` (caught up and able to append), `/livez`
//! (the process serves requests), `/metrics`. GET only; request bodies are not read.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;

use crate::metrics::Metrics;
use crate::state::GroupState;
use crate::status::GroupStatus;

/// Serves until the process ends; the bound address (port 0 chooses a free port).
pub async fn serve(
    address: SocketAddr,
    metrics: Arc<Metrics>,
    groups: Arc<Vec<Arc<GroupStatus>>>,
) -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let check = |holds: fn(&GroupStatus) -> bool| {
        let groups = groups.clone();
        move || {
            let groups = groups.clone();
            async move { check_all(&groups, holds) }
        }
    };
    // The start of a stopped group is over: a restart of its pod would stop at the same place.
    let has_started = |group: &GroupStatus| group.is_recovered() || group.stopped().is_some();
    let of_process = groups.clone();
    let render = move || {
        let (metrics, groups) = (metrics.clone(), of_process.clone());
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        async move { ([(header::CONTENT_TYPE, kind)], metrics.render(&groups)) }
    };
    let app = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/startupz", get(check(has_started)))
        .route("/readyz", get(check(GroupStatus::is_ready)))
        .route("/metrics", get(render));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(bound)
}

/// 200 if the check holds for every group, else 503 with one line for each group for which it does not.
fn check_all(groups: &[Arc<GroupStatus>], holds: fn(&GroupStatus) -> bool) -> (StatusCode, String) {
    let line = |group: &Arc<GroupStatus>| format!("{}\n", GroupState::of(group).line());
    let failed: Vec<String> = groups.iter().filter(|group| !holds(group)).map(line).collect();
    match failed.is_empty() {
        true => {
            let unwitnessed = groups.iter().filter(|group| !group.is_witnessed()).map(line);
            (StatusCode::OK, format!("ready\n{}", unwitnessed.collect::<String>()))
        }
        false => (StatusCode::SERVICE_UNAVAILABLE, failed.concat()),
    }
}
