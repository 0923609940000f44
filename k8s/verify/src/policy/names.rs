//! Rules for references: the objects, ports and labels that an object names exist.

use serde_json::Value;

use super::Overlay;
use crate::manifests::{Object, containers, labels, list};

/// Services, disruption budgets and network policies match pods.
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
            // A network policy without a selector applies to all pods.
            let for_all = selector.is_empty() && object.kind() == "NetworkPolicy";
            !for_all && overlay.manifests.selected(object.namespace(), &selector).is_empty()
        })
    };
    overlay
        .manifests
        .objects
        .iter()
        .filter(dangling)
        .map(|object| format!("{} matches no pod", object.title()))
        .collect()
}

/// The service of a stateful set exists, and its selector matches its own pods.
pub(super) fn sets(overlay: &Overlay) -> Vec<String> {
    let mut violations = Vec::new();
    for set in overlay.manifests.of("StatefulSet") {
        let service = set.text("/spec/serviceName");
        if overlay.manifests.find("Service", set.namespace(), service).is_none() {
            violations.push(format!("{} names the service {service:?}, which does not exist", set.title()));
        }
        let selector = labels(set.at("/spec/selector/matchLabels"));
        let own = set.template().map(|template| template.labels()).unwrap_or_default();
        if selector.is_empty() || selector.iter().any(|(name, value)| own.get(name) != Some(value)) {
            violations.push(format!("{} does not select its own pods", set.title()));
        }
    }
    violations
}

/// The target ports of services are ports of the containers.
pub(super) fn ports(overlay: &Overlay) -> Vec<String> {
    let mut violations = Vec::new();
    for service in overlay.manifests.of("Service") {
        let matched = overlay.manifests.selected(service.namespace(), &labels(service.at("/spec/selector")));
        let templates = matched.iter().filter_map(|object| object.template());
        let ports: Vec<Value> = templates.flat_map(|template| containers(&template)).flat_map(served).collect();
        for port in list(service.at("/spec/ports")) {
            let target = port.get("targetPort").or(port.get("port")).unwrap_or(&Value::Null);
            if !ports.contains(target) {
                violations.push(format!("{}: no container has the port {target}", service.title()));
            }
        }
    }
    violations
}

/// The names and numbers of a container's ports.
pub(super) fn served(container: Object) -> Vec<Value> {
    let both = |port: &Value| [port.get("name").cloned(), port.get("containerPort").cloned()];
    list(container.at("/ports")).iter().flat_map(both).flatten().collect()
}

/// The ConfigMaps, Secrets and volumes that pods use exist.
pub(super) fn references(overlay: &Overlay) -> Vec<String> {
    let mut violations = Vec::new();
    for (object, template) in overlay.manifests.workloads() {
        let has = |kind: &str, name: &str| overlay.manifests.find(kind, object.namespace(), name).is_some();
        // A Secret may be created by an object of another kind with the same name.
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
                    violations.push(format!("{} mounts the ConfigMap {name}, which does not exist", object.title()));
                }
                let secret = secret.get("secretName").or(secret.get("name")).and_then(Value::as_str);
                if let Some(name) = secret.filter(|name| !has_secret(name)) {
                    violations.push(format!("{} mounts the Secret {name}, which does not exist", object.title()));
                }
            }
        }
        let claims = list(object.at("/spec/volumeClaimTemplates")).iter();
        volumes.extend(claims.map(|claim| Object(claim.clone()).name().to_string()));
        for container in containers(&template) {
            for mount in list(container.at("/volumeMounts")) {
                let name = mount.get("name").and_then(Value::as_str).unwrap_or_default();
                if !volumes.iter().any(|volume| volume == name) {
                    violations.push(format!("{} mounts {name}, which is not one of its volumes", object.title()));
                }
            }
        }
    }
    violations
}

/// Host and port of URLs in the environment are those of a service.
pub(super) fn hosts(overlay: &Overlay) -> Vec<String> {
    let mut violations = Vec::new();
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
                violations.push(format!(
                    "{}: no service of these manifests has the host and port of {value}",
                    object.title()
                ));
            }
        }
    }
    violations
}

/// Service accounts exist, each workload has its own, and no token is mounted.
pub(super) fn accounts(overlay: &Overlay) -> Vec<String> {
    let mut violations = Vec::new();
    for (object, template) in overlay.manifests.workloads() {
        let account = template.text("/spec/serviceAccountName");
        if account.is_empty() || overlay.manifests.find("ServiceAccount", object.namespace(), account).is_none() {
            violations.push(format!("{} has the service account {account:?}, which does not exist", object.title()));
        }
        if template.at("/spec/automountServiceAccountToken") != false {
            violations.push(format!("{} mounts a token of the API", object.title()));
        }
    }
    violations
}
