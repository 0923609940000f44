//! What the image's builder is sent: without any member of the workspace, cargo refuses to build.

use std::path::Path;

#[test]
fn every_member_of_the_workspace_is_sent_to_the_builder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let ignore = std::fs::read_to_string(root.join(".dockerignore")).unwrap();
    let sent: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = [")).unwrap();
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.len() > 5, "{members:?}");
    let is_sent = |member: &str| sent.iter().any(|sent| Path::new(member).starts_with(sent));
    let missing: Vec<&&str> = members.iter().filter(|member| !is_sent(member)).collect();
    assert!(missing.is_empty(), ".dockerignore keeps back {missing:?}");
}
