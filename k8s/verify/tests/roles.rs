//! The list of roles that the scripts read without the binary is that of the code.

use tapedeck_groups::publishers::PublisherList;
use tapedeck_groups::{GROUPS, access};

#[test]
fn the_scripts_know_every_role() {
    let groups = GROUPS.iter().map(|group| format!("{} group", group.name));
    let publishers = PublisherList::built_in();
    let publishers = publishers.iter().map(|one| format!("{} client", one.name));
    let clients = access::CLIENTS.iter().map(|role| format!("{} client", role.name));
    let kept = include_str!("../../scripts/roles.txt").lines().filter(|line| !line.starts_with('#'));
    assert!(groups.chain(publishers).chain(clients).eq(kept), "run k8s/scripts/check.sh --bless");
}
