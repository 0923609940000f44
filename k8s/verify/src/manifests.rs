//! Rendered manifests as objects, and the ways that objects name each other. What they should say is in `policy`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// One object.
#[derive(Debug, Clone, PartialEq)]
pub struct Object(pub Value);

/// All that an overlay renders.
#[derive(Debug, Clone, Default)]
pub struct Manifests {
    /// In the order in which they were rendered.
    pub objects: Vec<Object>,
}

/// Labels, or what selects by them.
pub type Labels = BTreeMap<String, String>;

impl Object {
    /// Its kind.
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }
    /// Its name.
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }
    /// Its namespace; empty for what has none.
    pub fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }
    /// `kind namespace/name`, for people.
    pub fn title(&self) -> String {
        format!("{} {}/{}", self.kind(), self.namespace(), self.name())
    }
    /// The text at a JSON pointer; empty if there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
    /// What stands at a JSON pointer.
    pub fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }
    /// Its labels.
    pub fn labels(&self) -> Labels {
        labels(self.at("/metadata/labels"))
    }
    /// The template of its pods, if it makes any.
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
    /// Reads what `kubectl kustomize` prints.
    pub fn parse(text: &str) -> Result<Self> {
        let all: Vec<Value> = serde_saphyr::from_multiple(text).context("not YAML")?;
        let objects: Vec<Object> = all.into_iter().filter(|value| !value.is_null()).map(Object).collect();
        ensure!(!objects.is_empty(), "there is no object in it");
        let nameless = objects.iter().find(|object| object.kind().is_empty() || object.name().is_empty());
        ensure!(nameless.is_none(), "an object without kind or name: {:?}", nameless.map(|object| &object.0));
        Ok(Self { objects })
    }

    /// The objects of a kind.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().filter(move |object| object.kind() == kind)
    }

    /// One object.
    pub fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<&Object> {
        let is_it = |one: &&Object| one.kind() == kind && one.namespace() == namespace && one.name() == name;
        self.objects.iter().find(is_it)
    }

    /// What makes pods, with the template.
    pub fn workloads(&self) -> impl Iterator<Item = (&Object, Object)> {
        self.objects.iter().filter_map(|object| Some((object, object.template()?)))
    }

    /// What makes pods in a namespace that a selector chooses.
    pub fn selected(&self, namespace: &str, selector: &Labels) -> Vec<&Object> {
        let chosen = |template: &Object| {
            let labels = template.labels();
            selector.iter().all(|(name, value)| labels.get(name) == Some(value))
        };
        let all = self.workloads().filter(|(object, template)| object.namespace() == namespace && chosen(template));
        all.map(|(object, _)| object).collect()
    }

    /// The content of a file of a ConfigMap, whatever the hash behind its name.
    pub fn config_file(&self, namespace: &str, file: &str) -> Option<&str> {
        let maps = self.of("ConfigMap").filter(|map| map.namespace() == namespace);
        maps.filter_map(|map| map.at("/data").get(file)?.as_str()).next()
    }
}

/// The containers of a template, those that run before it among them.
pub fn containers(template: &Object) -> Vec<Object> {
    let of = |pointer| template.at(pointer).as_array().cloned().unwrap_or_default();
    of("/spec/initContainers").into_iter().chain(of("/spec/containers")).map(Object).collect()
}

/// The strings of an object as labels.
pub fn labels(value: &Value) -> Labels {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_string())).collect()
}

/// The elements of a list; none if it is none.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
