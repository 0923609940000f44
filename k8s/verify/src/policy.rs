//! What rendered manifests must hold: one function a rule and one line in [`RULES`]; each has a test that tampers.

mod names;
pub(crate) mod system;
mod workloads;

use std::collections::BTreeMap;

use crate::manifests::Manifests;

pub use system::HTTP_PORT;

/// The rules' names, each with what it looks for; a rule gives a line for each offence.
pub const RULES: [(&str, Rule); 20] = [
    ("selectors choose something", names::selectors),
    ("sets have their service, and select what they make", names::sets),
    ("named ports are there", names::ports),
    ("what is mounted or referred to is there", names::references),
    ("hosts in URLs are services with that port", names::hosts),
    ("service accounts are there, their tokens are not mounted", names::accounts),
    ("requests and limits on every container", workloads::resources),
    ("contexts are restricted", workloads::contexts),
    ("probes on ports that are served", workloads::probes),
    ("no secret in the environment", workloads::environment),
    ("secrets are files of mode 0400", workloads::secret_files),
    ("images are pinned", workloads::images),
    ("workloads can be drained", workloads::disruption),
    ("pods have a network policy, namespaces deny by default", workloads::network),
    ("namespaces enforce the restricted standard at a pinned version", system::namespaces),
    ("every group has a set that runs it", system::groups),
    ("the number of partitions is the same everywhere", system::partitions),
    ("orders go to paper", system::venues),
    ("the accounts and streams are those of the code", system::code),
    ("NATS syncs always, and streams have as many replicas as there are nodes", system::nats),
];

/// A rule: the offences of an overlay.
pub type Rule = fn(&Overlay) -> Vec<String>;

/// An overlay as it renders.
#[derive(Debug, Clone)]
pub struct Overlay {
    /// Its name; `prod` must have digests.
    pub name: String,
    /// What it renders.
    pub manifests: Manifests,
}

/// The offences of an overlay, each with its rule.
pub fn judge(overlay: &Overlay) -> Vec<String> {
    let of = |(name, rule): &(&str, Rule)| {
        let offences = rule(overlay);
        offences.into_iter().map(|offence| format!("{}: {name}: {offence}", overlay.name)).collect::<Vec<_>>()
    };
    RULES.iter().flat_map(of).collect()
}

/// What Kubernetes never lets change must be the same in every overlay, or moving from one to another needs a deletion.
pub fn immutable(overlays: &[Overlay]) -> Vec<String> {
    let mut seen: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut offences = Vec::new();
    for overlay in overlays {
        for (object, _) in overlay.manifests.workloads() {
            let mut fixed = vec![object.at("/spec/selector").to_string(), object.text("/spec/serviceName").to_string()];
            fixed.push(object.text("/spec/podManagementPolicy").to_string());
            let fixed = fixed.join(" ");
            let before = seen.entry(object.title()).or_insert_with(|| (overlay.name.clone(), fixed.clone()));
            if before.1 != fixed {
                offences.push(format!(
                    "{}: {} in {}, {} in {}",
                    object.title(),
                    before.1,
                    before.0,
                    fixed,
                    overlay.name
                ));
            }
        }
    }
    offences
}

#[cfg(test)]
mod tests;
