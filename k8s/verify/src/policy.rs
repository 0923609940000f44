//! The rules for rendered manifests: one function and one line in [`RULES`] each, with a test that violates it.

mod names;
pub(crate) mod system;
mod workloads;

use std::collections::BTreeMap;

use crate::manifests::Manifests;

pub use system::HTTP_PORT;

/// The rules by name.
pub const RULES: [(&str, Rule); 20] = [
    ("selectors match pods", names::selectors),
    ("stateful sets have a service and select their own pods", names::sets),
    ("named ports exist", names::ports),
    ("mounted and referenced objects exist", names::references),
    ("hosts and ports in URLs are those of services", names::hosts),
    ("service accounts exist, their tokens are not mounted", names::accounts),
    ("requests and limits on every container", workloads::resources),
    ("security contexts are restricted", workloads::contexts),
    ("probes on ports that are served", workloads::probes),
    ("no secret in the environment", workloads::environment),
    ("secrets are files of mode 0400", workloads::secret_files),
    ("images are pinned", workloads::images),
    ("workloads can be drained", workloads::disruption),
    ("pods have a network policy, namespaces deny by default", workloads::network),
    ("namespaces enforce the restricted standard at a pinned version", system::namespaces),
    ("every group has a set that runs it", system::groups),
    ("partitions and generations are the same everywhere", system::partitions),
    ("orders go to paper", system::venues),
    ("accounts, streams and setup equal those of the code", system::code),
    ("NATS syncs always, and streams have as many replicas as there are nodes", system::nats),
];

/// A rule: the violations of an overlay, one line each.
pub type Rule = fn(&Overlay) -> Vec<String>;

/// A rendered overlay.
#[derive(Debug, Clone)]
pub struct Overlay {
    /// Name of the overlay; in `prod`, images must have a digest.
    pub name: String,
    /// The rendered objects.
    pub manifests: Manifests,
}

/// The violations of all rules by an overlay, each with the name of its rule.
pub fn check(overlay: &Overlay) -> Vec<String> {
    let of = |(name, rule): &(&str, Rule)| {
        let violations = rule(overlay);
        violations.into_iter().map(|violation| format!("{}: {name}: {violation}", overlay.name)).collect::<Vec<_>>()
    };
    RULES.iter().flat_map(of).collect()
}

/// Differences between overlays in immutable fields: a change from one overlay to another would need a deletion.
pub fn immutable(overlays: &[Overlay]) -> Vec<String> {
    let mut seen: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut violations = Vec::new();
    for overlay in overlays {
        for (object, _) in overlay.manifests.workloads() {
            let mut fixed = vec![object.at("/spec/selector").to_string(), object.text("/spec/serviceName").to_string()];
            fixed.push(object.text("/spec/podManagementPolicy").to_string());
            let fixed = fixed.join(" ");
            let before = seen.entry(object.title()).or_insert_with(|| (overlay.name.clone(), fixed.clone()));
            if before.1 != fixed {
                violations.push(format!(
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
    violations
}

#[cfg(test)]
mod tests;
