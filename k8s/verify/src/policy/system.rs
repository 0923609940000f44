//! Rules for the system: groups, partitions, venues, accounts and streams equal those of the code.

use std::collections::BTreeSet;

use serde_json::Value;
use tapedeck_groups::access;
use tapedeck_groups::publishers::PublisherList;
use tapedeck_schemas::generation::Generations;

use super::Overlay;
use crate::manifests::{Object, containers, list};

/// The port of health checks and metrics.
pub const HTTP_PORT: u64 = 9464;
const APP: &str = "tapedeck";
const DATA: &str = "tapedeck-data";
const STREAMS: &str = include_str!("../../../../nats/streams.toml");
const SETUP: &str = include_str!("../../../../actors/feeds/setup/default.toml");

/// An environment variable of a container.
pub(crate) fn variable<'a>(container: &'a Object, name: &str) -> Option<&'a Value> {
    list(container.at("/env")).iter().find(|one| one["name"] == name)
}

/// Namespaces enforce the restricted Pod Security Standard at a fixed version, which "latest" is not.
pub(super) fn namespaces(overlay: &Overlay) -> Vec<String> {
    let mut violations = Vec::new();
    let used: BTreeSet<&str> = overlay.manifests.workloads().map(|(object, _)| object.namespace()).collect();
    for name in used {
        let Some(namespace) = overlay.manifests.of("Namespace").find(|one| one.name() == name) else {
            violations.push(format!("namespace {name} does not exist"));
            continue;
        };
        let labels = namespace.labels();
        let label = |key: &str| labels.get(&format!("pod-security.kubernetes.io/{key}")).map_or("", String::as_str);
        if label("enforce") != "restricted" || !label("enforce-version").starts_with("v1.") {
            let (level, version) = (label("enforce"), label("enforce-version"));
            violations.push(format!("{name} enforces {level:?} at {version:?}"));
        }
        for kind in ["ResourceQuota", "LimitRange"] {
            if !overlay.manifests.of(kind).any(|one| one.namespace() == name) {
                violations.push(format!("{name} has no {kind}"));
            }
        }
    }
    violations
}

/// Each group has a stateful set of its name, which runs it with its own key on [`HTTP_PORT`].
pub(super) fn groups(overlay: &Overlay) -> Vec<String> {
    let mut violations = Vec::new();
    for group in tapedeck_groups::names() {
        let Some(set) = overlay.manifests.find("StatefulSet", APP, group) else {
            violations.push(format!("there is no StatefulSet {group}"));
            continue;
        };
        let Some(template) = set.template() else { continue };
        let all = containers(&template);
        let Some(container) = all.iter().find(|one| one.at("/args/0") == "run") else {
            violations.push(format!("{group}: no container has args [run, …]"));
            continue;
        };
        if container.at("/args/1") != group {
            violations.push(format!("{group} runs {}", container.at("/args/1")));
        }
        let ports = list(container.at("/ports"));
        if !ports.iter().any(|port| port["containerPort"] == HTTP_PORT && port["name"] == "http") {
            violations.push(format!("{group} has no port http {HTTP_PORT}"));
        }
        let label = "metadata.labels['apps.kubernetes.io/pod-index']";
        let from =
            variable(container, "TAPEDECK_PARTITION").and_then(|one| one.pointer("/valueFrom/fieldRef/fieldPath"));
        if from.is_none_or(|from| from != label) {
            violations.push(format!("{group} does not read its partition from the pod's ordinal"));
        }
        let secret = format!("nkey-{group}");
        let mounted =
            list(template.at("/spec/volumes")).iter().filter_map(|volume| volume.pointer("/secret/secretName"));
        let keys: Vec<&Value> = mounted.filter(|name| name.as_str().is_some_and(|n| n.starts_with("nkey-"))).collect();
        if keys != [&Value::from(secret)] {
            violations.push(format!("{group} mounts the keys {keys:?}, want only its own"));
        }
    }
    violations
}

/// The replicas of each group and every TAPEDECK_PARTITIONS are the same number, and every group and Job that connects
/// to NATS uses the generations of the ConfigMap `partitions`.
pub(super) fn partitions(overlay: &Overlay) -> Vec<String> {
    let of = |group: &str| {
        let set = overlay.manifests.find("StatefulSet", APP, group)?;
        Some((group.to_string(), set.at("/spec/replicas").as_u64().unwrap_or(1).to_string()))
    };
    let mut all: Vec<(String, String)> = tapedeck_groups::names().filter_map(of).collect();
    for (object, template) in overlay.manifests.workloads() {
        for container in containers(&template) {
            let given = variable(&container, "TAPEDECK_PARTITIONS").and_then(|one| one["value"].as_str());
            all.extend(given.map(|count| (object.title(), count.to_string())));
        }
    }
    let first = all.first().map(|(_, count)| count.clone()).unwrap_or_default();
    let partitions = all
        .into_iter()
        .filter(|(_, count)| *count != first)
        .map(|(name, count)| format!("{name}: {count}, not {first}"));
    let mut violations: Vec<String> = partitions.collect();
    let want = generations_text(overlay);
    for (object, template) in overlay.manifests.workloads() {
        for container in containers(&template).iter().filter(|one| variable(one, "TAPEDECK_NATS_URL").is_some()) {
            let given = variable(container, "TAPEDECK_GENERATIONS").and_then(|one| one["value"].as_str());
            if given != Some(want.as_str()) {
                violations.push(format!("{}: the generations {given:?}, not {want:?}", object.title()));
            }
        }
    }
    violations
}

/// The generations in the ConfigMap `partitions`.
fn generations_text(overlay: &Overlay) -> String {
    overlay.manifests.config_file(APP, "generations").unwrap_or_default().to_string()
}

/// The only venue is paper, the simulated exchange; no overlay may name another.
pub(super) fn venues(overlay: &Overlay) -> Vec<String> {
    let mut violations = Vec::new();
    for (object, template) in overlay.manifests.workloads() {
        for container in containers(&template) {
            let venue = variable(&container, "TAPEDECK_VENUE").map(|one| one["value"].clone());
            if venue.as_ref().is_some_and(|venue| venue != "paper") {
                violations.push(format!("{} trades on {venue:?}", object.title()));
            }
            if list(container.at("/args")).iter().any(|arg| arg == "--venue") {
                violations.push(format!("{} sets the venue by an argument", object.title()));
            }
        }
    }
    violations
}

/// The copies of files in the manifests equal those of the code.
pub(super) fn code(overlay: &Overlay) -> Vec<String> {
    if let Err(error) = generations_text(overlay).parse::<Generations>() {
        return vec![format!("the generations of ConfigMap partitions: {error}")];
    }
    let publishers = overlay.manifests.config_file(DATA, "publishers.toml").unwrap_or_default();
    let accounts = match PublisherList::parse(publishers) {
        Ok(publishers) => access::accounts_conf(&publishers),
        Err(error) => return vec![format!("publishers.toml in {DATA}: {error}")],
    };
    // The accounts are those of the overlay's own publishers.
    let files = [(DATA, "accounts.conf", accounts.as_str()), (APP, "setup.toml", SETUP)];
    let mut violations: Vec<String> = files
        .into_iter()
        .filter(|(namespace, file, text)| overlay.manifests.config_file(namespace, file) != Some(text))
        .map(|(namespace, file, _)| format!("{file} in {namespace} differs from the code's"))
        .collect();
    // Only the number of replicas and the sizes may differ.
    let sizes = ["replicas = ", "max_bytes = "];
    let same = |line: &&str| !sizes.iter().any(|size| line.starts_with(size));
    let without = |text: &str| text.lines().filter(same).collect::<Vec<_>>().join("\n");
    if overlay.manifests.config_file(APP, "streams.toml").is_none_or(|text| without(text) != without(STREAMS)) {
        violations.push("streams.toml differs from the code's".into());
    }
    violations
}

/// NATS acknowledges only what is synced to disk on every node.
pub(super) fn nats(overlay: &Overlay) -> Vec<String> {
    let mut violations = Vec::new();
    let config = overlay.manifests.config_file(DATA, "nats.conf").unwrap_or_default();
    let always = |line: &str| line.trim().trim_end_matches(',') == "sync_interval: always";
    if !config.lines().any(always) {
        violations.push("nats.conf lacks sync_interval: always".into());
    }
    let nodes = overlay.manifests.find("StatefulSet", DATA, "nats").map(|set| set.at("/spec/replicas").clone());
    let streams = overlay.manifests.config_file(APP, "streams.toml").unwrap_or_default();
    let line = streams.lines().find_map(|line| line.strip_prefix("replicas = ")).unwrap_or_default();
    let replicas = line.split_whitespace().next().unwrap_or_default();
    let nodes = nodes.map(|nodes| nodes.to_string()).unwrap_or_default();
    if nodes != replicas {
        violations.push(format!("streams have {replicas} replicas on {nodes} nodes"));
    }
    violations
}
