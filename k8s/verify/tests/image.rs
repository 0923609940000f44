//! The build context of the image has every member of the workspace, without which cargo does not build.

use std::path::Path;

#[test]
fn the_build_context_has_every_member_of_the_workspace() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let ignore = std::fs::read_to_string(root.join(".dockerignore")).unwrap();
    let sent: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = [")).unwrap();
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.len() > 5, "{members:?}");
    let is_sent = |member: &str| sent.iter().any(|sent| Path::new(member).starts_with(sent));
    let missing: Vec<&&str> = members.iter().filter(|member| !is_sent(member)).collect();
    assert!(missing.is_empty(), ".dockerignore excludes {missing:?}");
}
