//! Each rule accepts a valid overlay and detects a change that violates it.

use serde_json::{Value, json};
use tapedeck_groups::publishers::PublisherList;

use super::*;
use crate::manifests::Object;

/// A minimal valid overlay: two namespaces, one stateful set a group, NATS.
fn valid() -> Overlay {
    let mut all = String::new();
    for namespace in ["tapedeck", "tapedeck-data"] {
        all += &format!(
            "
apiVersion: v1
kind: Namespace
metadata:
  name: {namespace}
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/enforce-version: v1.33
---
{{kind: ResourceQuota, metadata: {{name: bounds, namespace: {namespace}}}}}
---
{{kind: LimitRange, metadata: {{name: bounds, namespace: {namespace}}}}}
---
{{kind: NetworkPolicy, metadata: {{name: deny, namespace: {namespace}}},
  spec: {{podSelector: {{}}, policyTypes: [Ingress, Egress]}}}}
---
"
        );
    }
    for group in tapedeck_groups::names() {
        all += &workload("tapedeck", group, &format!("run, {group}"), HTTP_PORT, &format!("nkey-{group}"));
    }
    all += &workload("tapedeck-data", "nats", "x", 4222, "nats-users");
    let files = [
        ("tapedeck-data", "accounts.conf", tapedeck_groups::access::accounts_conf(&PublisherList::built_in())),
        ("tapedeck-data", "publishers.toml", include_str!("../../../../nats/publishers.toml").into()),
        ("tapedeck-data", "nats.conf", "jetstream {\n  sync_interval: always\n}\n".into()),
        ("tapedeck", "setup.toml", include_str!("../../../../actors/feeds/setup/default.toml").into()),
        ("tapedeck", "generations", String::new()),
        ("tapedeck", "streams.toml", include_str!("../../../../nats/streams.toml").into()),
    ];
    let mut manifests = Manifests::parse(all.trim_end().trim_end_matches("---")).unwrap();
    for (namespace, file, text) in files {
        let map =
            json!({"kind": "ConfigMap", "metadata": {"name": file, "namespace": namespace}, "data": {file: text}});
        manifests.objects.push(Object(map));
    }
    Overlay { name: "prod".into(), manifests }
}

fn workload(namespace: &str, name: &str, args: &str, port: u64, secret: &str) -> String {
    let index = "metadata.labels['apps.kubernetes.io/pod-index']";
    format!(
        "
{{kind: ServiceAccount, metadata: {{name: {name}, namespace: {namespace}}}}}
---
{{kind: Secret, metadata: {{name: {secret}, namespace: {namespace}}}}}
---
{{kind: Service, metadata: {{name: {name}, namespace: {namespace}}},
  spec: {{selector: {{component: {name}}}, ports: [{{port: {port}, targetPort: http}}]}}}}
---
{{kind: PodDisruptionBudget, metadata: {{name: {name}, namespace: {namespace}}},
  spec: {{maxUnavailable: 1, selector: {{matchLabels: {{component: {name}}}}}}}}}
---
{{kind: NetworkPolicy, metadata: {{name: {name}, namespace: {namespace}}},
  spec: {{podSelector: {{matchLabels: {{component: {name}}}}}, policyTypes: [Egress]}}}}
---
kind: StatefulSet
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  replicas: 1
  serviceName: {name}
  selector: {{matchLabels: {{component: {name}}}}}
  template:
    metadata: {{labels: {{component: {name}}}}}
    spec:
      serviceAccountName: {name}
      automountServiceAccountToken: false
      securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}
      volumes: [{{name: key, secret: {{secretName: {secret}, defaultMode: 256}}}}]
      containers:
      - name: main
        image: i@sha256:1
        args: [{args}]
        env:
        - {{name: TAPEDECK_PARTITION, valueFrom: {{fieldRef: {{fieldPath: \"{index}\"}}}}}}
        - {{name: TAPEDECK_NATS_URL, value: 'nats://nats.tapedeck-data.svc:4222'}}
        - {{name: TAPEDECK_VENUE, value: paper}}
        - {{name: TAPEDECK_GENERATIONS, value: ''}}
        ports: [{{name: http, containerPort: {port}}}]
        startupProbe: {{httpGet: {{port: http}}}}
        readinessProbe: {{httpGet: {{port: http}}}}
        livenessProbe: {{httpGet: {{port: http}}}}
        resources: {{requests: {{cpu: 1, memory: 1Gi}}, limits: {{memory: 1Gi}}}}
        securityContext:
          {{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {{drop: [ALL]}}}}
        volumeMounts: [{{name: key, mountPath: /key}}]
---
"
    )
}

/// The violations after one value of an object was changed.
fn after(kind: &str, name: &str, pointer: &str, value: Value) -> Vec<String> {
    let mut overlay = valid();
    let is_it = |object: &&mut Object| object.kind() == kind && object.name() == name;
    let object = overlay.manifests.objects.iter_mut().find(is_it).unwrap();
    *object.0.pointer_mut(pointer).unwrap_or_else(|| panic!("no value at {pointer}")) = value;
    check(&overlay)
}

fn without(kind: &str, name: &str) -> Vec<String> {
    let mut overlay = valid();
    let before = overlay.manifests.objects.len();
    overlay.manifests.objects.retain(|object| object.kind() != kind || object.name() != name);
    assert!(overlay.manifests.objects.len() < before, "{kind} {name}");
    check(&overlay)
}

fn assert_detected(violations: &[String], rule: &str) {
    assert!(RULES.iter().any(|(name, _)| *name == rule), "{rule}");
    assert!(
        violations.iter().any(|violation| violation.starts_with(&format!("prod: {rule}: "))),
        "{rule}: {violations:?}"
    );
}

#[test]
fn a_valid_overlay_violates_no_rule() {
    assert_eq!(check(&valid()), Vec::<String>::new());
}

#[test]
fn every_rule_detects_its_violations() {
    let container = |rest: &str| format!("/spec/template/spec/containers/0{rest}");
    let risk = |pointer: &str, value: Value| after("StatefulSet", "risk", &container(pointer), value);
    let pod = |pointer: &str, value: Value| after("StatefulSet", "risk", &format!("/spec/template{pointer}"), value);
    let mut seen = std::collections::BTreeSet::new();
    let mut detects = |rule: &'static str, violations: Vec<String>| {
        assert_detected(&violations, rule);
        seen.insert(rule);
    };
    detects(RULES[0].0, after("Service", "risk", "/spec/selector/component", "risque".into()));
    detects(RULES[0].0, after("PodDisruptionBudget", "risk", "/spec/selector/matchLabels/component", "x".into()));
    detects(RULES[0].0, after("NetworkPolicy", "risk", "/spec/podSelector/matchLabels/component", "x".into()));
    detects(RULES[1].0, without("Service", "risk"));
    detects(RULES[1].0, after("StatefulSet", "risk", "/spec/selector/matchLabels/component", "x".into()));
    detects(RULES[2].0, after("Service", "risk", "/spec/ports/0/targetPort", "metrics".into()));
    detects(RULES[3].0, without("Secret", "nkey-risk"));
    detects(RULES[3].0, risk("/volumeMounts/0/name", "nothing".into()));
    detects(RULES[4].0, risk("/env/1/value", "nats://nats.tapedeck-data.svc:4223".into()));
    detects(RULES[4].0, risk("/env/1/value", "nats://elsewhere:4222".into()));
    detects(RULES[5].0, without("ServiceAccount", "risk"));
    detects(RULES[5].0, pod("/spec/automountServiceAccountToken", true.into()));
    detects(RULES[6].0, risk("/resources/limits/memory", "2Gi".into()));
    detects(RULES[6].0, risk("/resources/requests", json!({"memory": "1Gi"})));
    detects(RULES[7].0, risk("/securityContext/allowPrivilegeEscalation", true.into()));
    detects(RULES[7].0, risk("/securityContext/readOnlyRootFilesystem", Value::Null));
    detects(RULES[7].0, risk("/securityContext/capabilities", json!({"drop": ["ALL"], "add": ["NET_RAW"]})));
    detects(RULES[7].0, pod("/spec/securityContext/runAsNonRoot", false.into()));
    detects(RULES[7].0, pod("/spec/volumes/0", json!({"name": "key", "hostPath": {"path": "/"}})));
    detects(RULES[8].0, risk("/livenessProbe/httpGet/port", 9999.into()));
    detects(RULES[8].0, risk("/startupProbe", json!({"exec": {"command": ["sh"]}})));
    detects(RULES[9].0, risk("/env/2", json!({"name": "X", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}})));
    detects(RULES[9].0, risk("/env/2", json!({"name": "DATABASE_PASSWORD", "value": "x"})));
    detects(RULES[9].0, risk("/env/2", json!({"name": "U", "value": "postgres://a:b@nats.tapedeck-data:4222"})));
    detects(RULES[10].0, pod("/spec/volumes/0/secret/defaultMode", 420.into()));
    detects(RULES[11].0, risk("/image", "tapedeck:1.0".into()));
    detects(RULES[11].0, risk("/image", "tapedeck@sha256:1:latest".into()));
    detects(RULES[12].0, without("PodDisruptionBudget", "risk"));
    detects(RULES[12].0, after("PodDisruptionBudget", "risk", "/spec/maxUnavailable", 0.into()));
    detects(RULES[13].0, without("NetworkPolicy", "deny"));
    detects(RULES[13].0, without("NetworkPolicy", "risk"));
    detects(RULES[14].0, after("Namespace", "tapedeck", "/metadata/labels", json!({})));
    detects(RULES[14].0, without("ResourceQuota", "bounds"));
    detects(RULES[15].0, risk("/args/1", "ingest".into()));
    detects(RULES[15].0, without("StatefulSet", "paper"));
    detects(RULES[15].0, pod("/spec/volumes/0/secret/secretName", "nkey-ingest".into()));
    detects(RULES[15].0, risk("/env/0", json!({"name": "TAPEDECK_PARTITION", "value": "0"})));
    detects(RULES[16].0, after("StatefulSet", "risk", "/spec/replicas", 2.into()));
    detects(RULES[16].0, risk("/env/3/value", "TAPE_0_G2".into()));
    detects(RULES[18].0, after("ConfigMap", "generations", "/data/generations", "TAPE_0".into()));
    detects(RULES[17].0, risk("/env/2/value", "binance".into()));
    detects(RULES[17].0, risk("/args", json!(["run", "risk", "--venue", "paper"])));
    detects(RULES[18].0, after("ConfigMap", "accounts.conf", "/data/accounts.conf", "accounts {}".into()));
    detects(RULES[18].0, after("ConfigMap", "streams.toml", "/data/streams.toml", "replicas = 1\n".into()));
    detects(RULES[19].0, after("ConfigMap", "nats.conf", "/data/nats.conf", "jetstream {}".into()));
    detects(RULES[19].0, after("StatefulSet", "nats", "/spec/replicas", 3.into()));
    assert_eq!(seen.len(), RULES.len(), "every rule has a case here: {seen:?}");
}

#[test]
fn overlays_with_different_immutable_fields_are_detected() {
    let mut other = valid();
    other.name = "local".into();
    assert_eq!(immutable(&[valid(), other.clone()]), Vec::<String>::new());
    let set =
        other.manifests.objects.iter_mut().find(|one| one.kind() == "StatefulSet" && one.name() == "risk").unwrap();
    *set.0.pointer_mut("/spec/selector/matchLabels/component").unwrap() = "other".into();
    let violations = immutable(&[valid(), other]);
    assert!(violations.len() == 1 && violations[0].starts_with("StatefulSet tapedeck/risk: "), "{violations:?}");
}
