//! The licences of the crates that are built: those listed, and one exception with a decision.

use std::path::Path;
use std::process::Command;

/// Licences that a crate may have.
const ACCEPTED: [&str; 7] = ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Unicode-3.0", "Zlib"];

/// Crates that may have another licence: name and licence. docs/decisions/0033 has the reason.
const EXCEPTIONS: [(&str, &str); 1] = [("json-writer", "Unlicense")];

/// Whether an SPDX expression can be met by accepted licences: one of each group that AND joins.
fn is_accepted(expression: &str) -> bool {
    let one = |licence: &str| ACCEPTED.contains(&licence.trim());
    let group = |group: &str| group.trim_matches(['(', ')']).replace('/', " OR ").split(" OR ").any(one);
    expression.split(" AND ").all(group)
}

#[test]
fn every_crate_has_an_accepted_licence_or_is_a_known_exception() {
    let host = Command::new("rustc").arg("-vV").output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1", "--filter-platform", host, "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "only {} packages", packages.len());
    let licence = |package: &serde_json::Value| {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_string();
        (text("name"), text("license"))
    };
    let others: Vec<_> = packages.iter().map(licence).filter(|(_, licence)| !is_accepted(licence)).collect();
    let exceptions = EXCEPTIONS.map(|(name, licence)| (name.to_string(), licence.to_string()));
    assert_eq!(others, exceptions, "crates under other licences, and the exceptions");
}

#[test]
fn an_expression_is_met_by_one_licence_of_each_group() {
    for good in ["MIT", "MIT/GPL-3.0", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0", "Apache-2.0 AND ISC"] {
        assert!(is_accepted(good), "{good}");
    }
    for bad in ["", "GPL-3.0", "Unlicense", "MIT AND GPL-3.0", "(GPL-3.0 OR AGPL-3.0) AND MIT", "MIT-0"] {
        assert!(!is_accepted(bad), "{bad}");
    }
}
