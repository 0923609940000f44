//! Rules on names: what an object refers to by a name or a label is there.

use serde_json::Value;

use super::Overlay;
use crate::manifests::{Object, containers, labels, list};

/// Services, budgets and policies choose pods that are made.
pub(super) fn selectors(overlay: &Overlay) -> Vec<String> {
    let pointer = |object: &Object| match object.kind() {
        "Service" => Some("/spec/selector"),
        "PodDisruptionBudget" => Some("/spec/selector/matchLabels"),
        "NetworkPolicy" => Some("/spec/podSelector/matchLabels"),
        _ => None,
    };
    let dangling = |object: &&Object| {
        pointer(object).is_some_and(|pointer| {
            let selector = labels(object.at(pointer));
            // A policy without a selector is for all pods.
            let for_all = selector.is_empty() && object.kind() == "NetworkPolicy";
            !for_all && overlay.manifests.selected(object.namespace(), &selector).is_empty()
        })
    };
    overlay
        .manifests
        .objects
        .iter()
        .filter(dangling)
        .map(|object| format!("{} chooses no pod", object.title()))
        .collect()
}

/// A set's service exists, and its selector is part of its pods' labels.
pub(super) fn sets(overlay: &Overlay) -> Vec<String> {
    let mut offences = Vec::new();
    for set in overlay.manifests.of("StatefulSet") {
        let service = set.text("/spec/serviceName");
        if overlay.manifests.find("Service", set.namespace(), service).is_none() {
            offences.push(format!("{} names the service {service:?}, which is not there", set.title()));
        }
        let selector = labels(set.at("/spec/selector/matchLabels"));
        let own = set.template().map(|template| template.labels()).unwrap_or_default();
        if selector.is_empty() || selector.iter().any(|(name, value)| own.get(name) != Some(value)) {
            offences.push(format!("{} does not select its own pods", set.title()));
        }
    }
    offences
}

/// Ports of services that go by a name are ports of the containers.
pub(super) fn ports(overlay: &Overlay) -> Vec<String> {
    let mut offences = Vec::new();
    for service in overlay.manifests.of("Service") {
        let chosen = overlay.manifests.selected(service.namespace(), &labels(service.at("/spec/selector")));
        let templates = chosen.iter().filter_map(|object| object.template());
        let there: Vec<Value> = templates.flat_map(|template| containers(&template)).flat_map(served).collect();
        for port in list(service.at("/spec/ports")) {
            let target = port.get("targetPort").or(port.get("port")).unwrap_or(&Value::Null);
            if !there.contains(target) {
                offences.push(format!("{}: no container has the port {target}", service.title()));
            }
        }
    }
    offences
}

/// The names and numbers of a container's ports.
pub(super) fn served(container: Object) -> Vec<Value> {
    let both = |port: &Value| [port.get("name").cloned(), port.get("containerPort").cloned()];
    list(container.at("/ports")).iter().flat_map(both).flatten().collect()
}

/// ConfigMaps, Secrets and claims that pods use are there.
pub(super) fn references(overlay: &Overlay) -> Vec<String> {
    let mut offences = Vec::new();
    for (object, template) in overlay.manifests.workloads() {
        let has = |kind: &str, name: &str| overlay.manifests.find(kind, object.namespace(), name).is_some();
        // A Secret may come from another kind that makes one of the same name.
        let has_secret = |name: &str| ["Secret", "SealedSecret", "ExternalSecret"].iter().any(|kind| has(kind, name));
        let mut volumes = Vec::new();
        for volume in list(template.at("/spec/volumes")) {
            let volume = Object(volume.clone());
            volumes.push(volume.text("/name").to_string());
            let sources = std::iter::once(volume.clone());
            let projected = list(volume.at("/projected/sources")).iter().cloned().map(Object);
            for source in sources.chain(projected) {
                let (config, secret) = (source.at("/configMap/name"), source.at("/secret"));
                if let Some(name) = config.as_str().filter(|name| !has("ConfigMap", name)) {
                    offences.push(format!("{} mounts the ConfigMap {name}, which is not there", object.title()));
                }
                let secret = secret.get("secretName").or(secret.get("name")).and_then(Value::as_str);
                if let Some(name) = secret.filter(|name| !has_secret(name)) {
                    offences.push(format!("{} mounts the Secret {name}, which is not there", object.title()));
                }
            }
        }
        let claims = list(object.at("/spec/volumeClaimTemplates")).iter();
        volumes.extend(claims.map(|claim| Object(claim.clone()).name().to_string()));
        for container in containers(&template) {
            for mount in list(container.at("/volumeMounts")) {
                let name = mount.get("name").and_then(Value::as_str).unwrap_or_default();
                if !volumes.iter().any(|volume| volume == name) {
                    offences.push(format!("{} mounts {name}, which is no volume of it", object.title()));
                }
            }
        }
    }
    offences
}

/// What URLs in the environment name is a service, with the port.
pub(super) fn hosts(overlay: &Overlay) -> Vec<String> {
    let mut offences = Vec::new();
    for (object, template) in overlay.manifests.workloads() {
        for variable in containers(&template).iter().flat_map(|container| list(container.at("/env"))) {
            let value = variable.get("value").and_then(Value::as_str).unwrap_or_default();
            let Some((_, rest)) = value.split_once("://") else { continue };
            let authority = rest.split('/').next().unwrap_or_default();
            let authority = authority.rsplit('@').next().unwrap_or_default();
            let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
            let mut parts = host.split('.');
            let name = parts.next().unwrap_or_default();
            let namespace = parts.next().unwrap_or(object.namespace());
            let service = overlay.manifests.find("Service", namespace, name);
            let has = |service: &Object| {
                list(service.at("/spec/ports")).iter().any(|one| one["port"].as_u64() == port.parse().ok())
            };
            if !service.is_some_and(has) {
                offences.push(format!("{}: {value} is no service of these manifests with that port", object.title()));
            }
        }
    }
    offences
}

/// Service accounts exist, each workload has its own, and no token is mounted.
pub(super) fn accounts(overlay: &Overlay) -> Vec<String> {
    let mut offences = Vec::new();
    for (object, template) in overlay.manifests.workloads() {
        let account = template.text("/spec/serviceAccountName");
        if account.is_empty() || overlay.manifests.find("ServiceAccount", object.namespace(), account).is_none() {
            offences.push(format!("{} has the service account {account:?}, which is not there", object.title()));
        }
        if template.at("/spec/automountServiceAccountToken") != false {
            offences.push(format!("{} mounts a token of the API", object.title()));
        }
    }
    offences
}
