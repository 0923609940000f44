//! Rules for pods: resources, security contexts, probes, secrets, images, disruption, network.

use serde_json::Value;

use super::Overlay;
use super::names::served;
use crate::manifests::{Object, containers, labels, list};

/// The violations of `check`, called with each container, its workload and its pod template.
fn each(overlay: &Overlay, mut check: impl FnMut(&Object, &Object, &Object) -> Vec<String>) -> Vec<String> {
    let mut violations = Vec::new();
    for (object, template) in overlay.manifests.workloads() {
        for container in containers(&template) {
            let title = format!("{} {}", object.title(), container.text("/name"));
            violations.extend(check(object, &template, &container).into_iter().map(|text| format!("{title} {text}")));
        }
    }
    violations
}

/// Every container requests cpu and memory, and its memory limit equals the request.
pub(super) fn resources(overlay: &Overlay) -> Vec<String> {
    each(overlay, |_, _, container| {
        let mut violations = Vec::new();
        let [cpu, memory] = ["cpu", "memory"].map(|what| container.at(&format!("/resources/requests/{what}")));
        if cpu.is_null() || memory.is_null() {
            violations.push("does not request cpu and memory".into());
        }
        if memory != container.at("/resources/limits/memory") {
            violations.push("has a memory limit that differs from its request".into());
        }
        violations
    })
}

/// The restricted Pod Security Standard, and a read-only root file system.
pub(super) fn contexts(overlay: &Overlay) -> Vec<String> {
    let mut violations = each(overlay, |_, template, container| {
        let own = |pointer: &str| container.at(&format!("/securityContext{pointer}")).clone();
        let mut violations = Vec::new();
        let mut must = |good: bool, what: &str| {
            if !good {
                violations.push(what.to_string())
            }
        };
        must(own("/allowPrivilegeEscalation") == false, "may gain privileges");
        must(own("/readOnlyRootFilesystem") == true, "may write to its root file system");
        must(list(&own("/capabilities/drop")).contains(&"ALL".into()), "keeps capabilities");
        must(own("/capabilities/add").is_null(), "adds capabilities");
        must(own("/privileged") != true, "is privileged");
        let non_root = template.at("/spec/securityContext/runAsNonRoot") == true || own("/runAsNonRoot") == true;
        must(non_root, "may run as root");
        let seccomp = template.text("/spec/securityContext/seccompProfile/type");
        must(seccomp == "RuntimeDefault", "has no seccomp profile");
        violations
    });
    for (object, template) in overlay.manifests.workloads() {
        for shared in ["hostNetwork", "hostPID", "hostIPC"] {
            if template.at(&format!("/spec/{shared}")) == true {
                violations.push(format!("{} has {shared}", object.title()));
            }
        }
        if list(template.at("/spec/volumes")).iter().any(|volume| volume.get("hostPath").is_some()) {
            violations.push(format!("{} mounts a path of its node", object.title()));
        }
    }
    violations
}

/// Probes use ports of the container; those of groups use HTTP, because the image has no shell.
pub(super) fn probes(overlay: &Overlay) -> Vec<String> {
    each(overlay, |object, _, container| {
        let mut violations = Vec::new();
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let of = container.at(&format!("/{probe}"));
            let port = of.pointer("/httpGet/port").or(of.pointer("/tcpSocket/port")).or(of.pointer("/grpc/port"));
            if let Some(port) = port
                && !served(container.clone()).contains(port)
            {
                violations.push(format!("has a {probe} on port {port}, which it does not serve"));
            }
            let is_group = object.kind() == "StatefulSet" && object.namespace() == "tapedeck";
            if is_group && of.pointer("/httpGet").is_none() {
                violations.push(format!("has no {probe} over HTTP"));
            }
        }
        violations
    })
}

/// Secrets are files: environment variables are inherited by child processes and appear in dumps.
pub(super) fn environment(overlay: &Overlay) -> Vec<String> {
    each(overlay, |_, _, container| {
        let by_key = list(container.at("/env")).iter().filter(|one| one.pointer("/valueFrom/secretKeyRef").is_some());
        let whole = list(container.at("/envFrom")).iter().filter(|one| one.get("secretRef").is_some());
        let named = list(container.at("/env")).iter().filter(|one| {
            let name = one["name"].as_str().unwrap_or_default();
            let value = one["value"].as_str().unwrap_or_default();
            let secret = ["PASSWORD", "SECRET", "TOKEN"].iter().any(|word| name.ends_with(word));
            // user:password@host
            let in_url = value.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
            (secret && !value.is_empty()) || in_url.is_some_and(|(user, _)| user.contains(':'))
        });
        by_key
            .chain(whole)
            .chain(named)
            .map(|one| format!("has a secret in its environment: {}", one["name"]))
            .collect()
    })
}

/// Secret files have mode 0400, or 0440 if the file's group is the pod's.
pub(super) fn secret_files(overlay: &Overlay) -> Vec<String> {
    let mut violations = Vec::new();
    for (object, template) in overlay.manifests.workloads() {
        for volume in list(template.at("/spec/volumes")) {
            let projected = list(volume.pointer("/projected/sources").unwrap_or(&Value::Null));
            let mode = match (volume.get("secret"), projected.iter().any(|source| source.get("secret").is_some())) {
                (Some(secret), _) => secret.get("defaultMode"),
                (None, true) => volume.pointer("/projected/defaultMode"),
                _ => continue,
            };
            if !mode.and_then(Value::as_u64).is_some_and(|mode| [0o400, 0o440].contains(&mode)) {
                violations.push(format!("{} mounts {} with mode {mode:?}", object.title(), volume["name"]));
            }
        }
    }
    violations
}

/// Images have a fixed tag, not `latest`; in `prod` a digest.
pub(super) fn images(overlay: &Overlay) -> Vec<String> {
    each(overlay, |_, _, container| {
        let image = container.text("/image");
        let tag = image.rsplit('/').next().unwrap_or_default();
        let mut violations = Vec::new();
        if !tag.contains(':') && !tag.contains('@') || tag.ends_with(":latest") {
            violations.push(format!("has the image {image:?} without a fixed tag"));
        }
        if overlay.name == "prod" && !image.contains("@sha256:") {
            violations.push(format!("has the image {image:?} without a digest"));
        }
        violations
    })
}

/// Every stateful set has a disruption budget that allows a node to be drained.
pub(super) fn disruption(overlay: &Overlay) -> Vec<String> {
    let mut violations = Vec::new();
    for set in overlay.manifests.of("StatefulSet") {
        let own = set.template().map(|template| template.labels()).unwrap_or_default();
        let budgets = overlay.manifests.of("PodDisruptionBudget").filter(|budget| {
            let selector = labels(budget.at("/spec/selector/matchLabels"));
            budget.namespace() == set.namespace() && selector.iter().all(|(name, value)| own.get(name) == Some(value))
        });
        let budgets: Vec<&Object> = budgets.collect();
        let allows_drain = |budget: &&Object| {
            let least = budget.at("/spec/minAvailable").as_u64();
            let most = budget.at("/spec/maxUnavailable").as_u64();
            let replicas = set.at("/spec/replicas").as_u64().unwrap_or(1);
            most.is_some_and(|most| most > 0) || least.is_some_and(|least| least < replicas)
        };
        match budgets.as_slice() {
            [] => violations.push(format!("{} has no disruption budget", set.title())),
            all if !all.iter().all(allows_drain) => {
                violations.push(format!("{} has a disruption budget that prevents a drain", set.title()))
            }
            _ => {}
        }
    }
    violations
}

/// Every namespace with pods denies ingress and egress by default, and a network policy selects each workload.
pub(super) fn network(overlay: &Overlay) -> Vec<String> {
    let mut violations = Vec::new();
    let policies: Vec<&Object> = overlay.manifests.of("NetworkPolicy").collect();
    let denies_both = |policy: &&&Object| {
        let types = list(policy.at("/spec/policyTypes"));
        let has_rules = |direction: &str| !list(policy.at(&format!("/spec/{direction}"))).is_empty();
        ["Ingress", "Egress"].iter().all(|direction| types.contains(&(*direction).into()))
            && !has_rules("ingress")
            && !has_rules("egress")
    };
    for (object, template) in overlay.manifests.workloads() {
        let here = || policies.iter().filter(|policy| policy.namespace() == object.namespace());
        let for_all = |policy: &&&Object| labels(policy.at("/spec/podSelector/matchLabels")).is_empty();
        if !here().filter(for_all).any(|policy| denies_both(&policy)) {
            violations.push(format!("namespace {} does not deny by default", object.namespace()));
        }
        let own = template.labels();
        let selects_it = |policy: &&&Object| {
            let selector = labels(policy.at("/spec/podSelector/matchLabels"));
            !selector.is_empty() && selector.iter().all(|(name, value)| own.get(name) == Some(value))
        };
        if !here().any(|policy| selects_it(&policy)) {
            violations.push(format!("{} is selected by no network policy", object.title()));
        }
    }
    violations.sort();
    violations.dedup();
    violations
}
