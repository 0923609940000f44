//! Rules on pods: resources, contexts, probes, secrets, images, draining, network.

use serde_json::Value;

use super::Overlay;
use super::names::served;
use crate::manifests::{Object, containers, labels, list};

/// A line for each container that a test finds wanting.
fn each(overlay: &Overlay, mut wrong: impl FnMut(&Object, &Object, &Object) -> Vec<String>) -> Vec<String> {
    let mut offences = Vec::new();
    for (object, template) in overlay.manifests.workloads() {
        for container in containers(&template) {
            let title = format!("{} {}", object.title(), container.text("/name"));
            offences.extend(wrong(object, &template, &container).into_iter().map(|what| format!("{title} {what}")));
        }
    }
    offences
}

/// Every container asks for cpu and memory, and is limited to the memory that it asks for.
pub(super) fn resources(overlay: &Overlay) -> Vec<String> {
    each(overlay, |_, _, container| {
        let mut wrong = Vec::new();
        let [cpu, memory] = ["cpu", "memory"].map(|what| container.at(&format!("/resources/requests/{what}")));
        if cpu.is_null() || memory.is_null() {
            wrong.push("asks for no cpu or no memory".into());
        }
        if memory != container.at("/resources/limits/memory") {
            wrong.push("is not limited to the memory that it asks for".into());
        }
        wrong
    })
}

/// The restricted Pod Security Standard, and a root file system that is read-only.
pub(super) fn contexts(overlay: &Overlay) -> Vec<String> {
    let mut offences = each(overlay, |_, template, container| {
        let own = |pointer: &str| container.at(&format!("/securityContext{pointer}")).clone();
        let mut wrong = Vec::new();
        let mut must = |good: bool, what: &str| {
            if !good {
                wrong.push(what.to_string())
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
        wrong
    });
    for (object, template) in overlay.manifests.workloads() {
        for shared in ["hostNetwork", "hostPID", "hostIPC"] {
            if template.at(&format!("/spec/{shared}")) == true {
                offences.push(format!("{} has {shared}", object.title()));
            }
        }
        if list(template.at("/spec/volumes")).iter().any(|volume| volume.get("hostPath").is_some()) {
            offences.push(format!("{} mounts a path of its node", object.title()));
        }
    }
    offences
}

/// Probes ask ports that the container serves, and no probe runs a program (there is no shell in the image).
pub(super) fn probes(overlay: &Overlay) -> Vec<String> {
    each(overlay, |object, _, container| {
        let mut wrong = Vec::new();
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let of = container.at(&format!("/{probe}"));
            let port = of.pointer("/httpGet/port").or(of.pointer("/tcpSocket/port")).or(of.pointer("/grpc/port"));
            if let Some(port) = port
                && !served(container.clone()).contains(port)
            {
                wrong.push(format!("has a {probe} on port {port}, which it does not serve"));
            }
            let is_group = object.kind() == "StatefulSet" && object.namespace() == "tapedeck";
            if is_group && of.pointer("/httpGet").is_none() {
                wrong.push(format!("has no {probe} over HTTP"));
            }
        }
        wrong
    })
}

/// Secrets come as files: a variable is seen by every child and in every dump.
pub(super) fn environment(overlay: &Overlay) -> Vec<String> {
    each(overlay, |_, _, container| {
        let by_key = list(container.at("/env")).iter().filter(|one| one.pointer("/valueFrom/secretKeyRef").is_some());
        let whole = list(container.at("/envFrom")).iter().filter(|one| one.get("secretRef").is_some());
        let named = list(container.at("/env")).iter().filter(|one| {
            let (name, value) = (one["name"].as_str().unwrap_or_default(), one["value"].as_str().unwrap_or_default());
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

/// Mode 0400, which only the owner reads (0440 where the file's group is the pod's).
pub(super) fn secret_files(overlay: &Overlay) -> Vec<String> {
    let mut offences = Vec::new();
    for (object, template) in overlay.manifests.workloads() {
        for volume in list(template.at("/spec/volumes")) {
            let projected = list(volume.pointer("/projected/sources").unwrap_or(&Value::Null));
            let mode = match (volume.get("secret"), projected.iter().any(|source| source.get("secret").is_some())) {
                (Some(secret), _) => secret.get("defaultMode"),
                (None, true) => volume.pointer("/projected/defaultMode"),
                _ => continue,
            };
            if !mode.and_then(Value::as_u64).is_some_and(|mode| [0o400, 0o440].contains(&mode)) {
                offences.push(format!("{} mounts {} with mode {mode:?}", object.title(), volume["name"]));
            }
        }
    }
    offences
}

/// No `latest`; in production a digest, which names one image for ever.
pub(super) fn images(overlay: &Overlay) -> Vec<String> {
    each(overlay, |_, _, container| {
        let image = container.text("/image");
        let tag = image.rsplit('/').next().unwrap_or_default();
        let mut wrong = Vec::new();
        if !tag.contains(':') && !tag.contains('@') || tag.ends_with(":latest") {
            wrong.push(format!("has the image {image:?}, which may be another tomorrow"));
        }
        if overlay.name == "prod" && !image.contains("@sha256:") {
            wrong.push(format!("has the image {image:?} without a digest"));
        }
        wrong
    })
}

/// Every set has a budget, and it lets a node be drained.
pub(super) fn disruption(overlay: &Overlay) -> Vec<String> {
    let mut offences = Vec::new();
    for set in overlay.manifests.of("StatefulSet") {
        let own = set.template().map(|template| template.labels()).unwrap_or_default();
        let budgets = overlay.manifests.of("PodDisruptionBudget").filter(|budget| {
            let selector = labels(budget.at("/spec/selector/matchLabels"));
            budget.namespace() == set.namespace() && selector.iter().all(|(name, value)| own.get(name) == Some(value))
        });
        let budgets: Vec<&Object> = budgets.collect();
        let lets = |budget: &&Object| {
            let least = budget.at("/spec/minAvailable").as_u64();
            let most = budget.at("/spec/maxUnavailable").as_u64();
            let replicas = set.at("/spec/replicas").as_u64().unwrap_or(1);
            most.is_some_and(|most| most > 0) || least.is_some_and(|least| least < replicas)
        };
        match budgets.as_slice() {
            [] => offences.push(format!("{} has no budget", set.title())),
            all if !all.iter().all(lets) => offences.push(format!("{}'s budget lets no node drain", set.title())),
            _ => {}
        }
    }
    offences
}

/// Every namespace with pods denies both ways, and each workload has a policy of its own.
pub(super) fn network(overlay: &Overlay) -> Vec<String> {
    let mut offences = Vec::new();
    let policies: Vec<&Object> = overlay.manifests.of("NetworkPolicy").collect();
    let both = |policy: &&&Object| {
        let types = list(policy.at("/spec/policyTypes"));
        let has_rules = |way: &str| !list(policy.at(&format!("/spec/{way}"))).is_empty();
        ["Ingress", "Egress"].iter().all(|way| types.contains(&(*way).into()))
            && !has_rules("ingress")
            && !has_rules("egress")
    };
    for (object, template) in overlay.manifests.workloads() {
        let here = || policies.iter().filter(|policy| policy.namespace() == object.namespace());
        let for_all = |policy: &&&Object| labels(policy.at("/spec/podSelector/matchLabels")).is_empty();
        if !here().filter(for_all).any(|policy| both(&policy)) {
            offences.push(format!("namespace {} does not deny by default", object.namespace()));
        }
        let own = template.labels();
        let chooses = |policy: &&&Object| {
            let selector = labels(policy.at("/spec/podSelector/matchLabels"));
            !selector.is_empty() && selector.iter().all(|(name, value)| own.get(name) == Some(value))
        };
        if !here().any(|policy| chooses(&policy)) {
            offences.push(format!("{} has no network policy of its own", object.title()));
        }
    }
    offences.sort();
    offences.dedup();
    offences
}
