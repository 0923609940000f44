//! Rendered manifests as objects, and lookups by name, label and kind.
use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// A Kubernetes object.
#[derive(Debug, Clone, PartialEq)]
pub struct Object(pub Value);

/// The objects that an overlay renders.
#[derive(Debug, Clone, Default)]
pub struct Manifests {
    /// In rendered order.
    pub objects: Vec<Object>,
}

/// Labels, or a label selector.
pub type Labels = BTreeMap<String, String>;

impl Object {
    /// The kind, such as `Service`.
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }
    /// The name in the metadata.
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }
    /// The namespace; empty if there is none.
    pub fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }
    /// `kind namespace/name`, for messages.
    pub fn title(&self) -> String {
        format!("{} {}/{}", self.kind(), self.namespace(), self.name())
    }
    /// The text at a JSON pointer; empty if there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
    /// The value at a JSON pointer; null if there is none.
    pub fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }
    /// The labels in the metadata.
    pub fn labels(&self) -> Labels {
        labels(self.at("/metadata/labels"))
    }
    /// The pod template, if the object has one.
    pub fn template(&self) -> Option<Object> {
        let pointer = match self.kind() {
            "StatefulSet" | "Deployment" | "DaemonSet" | "Job" => "/spec/template",
            "CronJob" => "/spec/jobTemplate/spec/template",
            _ => return None,
        };
        self.0.pointer(pointer).cloned().map(Object)
    }
}

impl Manifests {
    /// Parses the output of `kubectl kustomize`.
    pub fn parse(text: &str) -> Result<Self> {
        let all: Vec<Value> = serde_saphyr::from_multiple(text).context("not YAML")?;
        let objects: Vec<Object> = all.into_iter().filter(|value| !value.is_null()).map(Object).collect();
        ensure!(!objects.is_empty(), "no objects");
        let nameless = objects.iter().find(|object| object.kind().is_empty() || object.name().is_empty());
        ensure!(nameless.is_none(), "an object without kind or name: {:?}", nameless.map(|object| &object.0));
        Ok(Self { objects })
    }

    /// The objects of a kind.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().filter(move |object| object.kind() == kind)
    }

    /// The object of this kind, namespace and name.
    pub fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<&Object> {
        let is_it = |one: &&Object| one.kind() == kind && one.namespace() == namespace && one.name() == name;
        self.objects.iter().find(is_it)
    }

    /// The objects with a pod template, and the template.
    pub fn workloads(&self) -> impl Iterator<Item = (&Object, Object)> {
        self.objects.iter().filter_map(|object| Some((object, object.template()?)))
    }

    /// The objects of a namespace whose pods a selector matches.
    pub fn selected(&self, namespace: &str, selector: &Labels) -> Vec<&Object> {
        let matches = |template: &Object| {
            let labels = template.labels();
            selector.iter().all(|(name, value)| labels.get(name) == Some(value))
        };
        let all = self.workloads().filter(|(object, template)| object.namespace() == namespace && matches(template));
        all.map(|(object, _)| object).collect()
    }

    /// The content of a file in any ConfigMap of the namespace.
    pub fn config_file(&self, namespace: &str, file: &str) -> Option<&str> {
        let maps = self.of("ConfigMap").filter(|map| map.namespace() == namespace);
        maps.filter_map(|map| map.at("/data").get(file)?.as_str()).next()
    }
}

/// The init containers and containers of a template.
pub fn containers(template: &Object) -> Vec<Object> {
    let of = |pointer| template.at(pointer).as_array().cloned().unwrap_or_default();
    of("/spec/initContainers").into_iter().chain(of("/spec/containers")).map(Object).collect()
}

/// The strings of a JSON object as labels.
pub fn labels(value: &Value) -> Labels {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_string())).collect()
}

/// The elements of a JSON array; empty for any other value.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
