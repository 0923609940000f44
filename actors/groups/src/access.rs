//! The rights of each role on the broker, and the NATS accounts that are generated from them. Holds no keys.
//!
//! Each role has its own NATS account; the NATS account [`BUS`] owns the streams. A right is a set of services and
//! streams that `BUS` (or a group that replies) exports to the NATS account of the role. Permissions on subjects within
//! a single NATS account would not suffice: the server publishes a reply to any subject that the request names, whether
//! or not the requester may publish there. Across NATS accounts a reply reaches only the requester. The JetStream API
//! is imported under [`API_PREFIX`], which clients must set as their API prefix.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use tapedeck_schemas::generation::Generations;
use tapedeck_schemas::subject::{self, API_PREFIX, PARTITIONS_MAX};

use crate::{GROUPS, Group};

/// The NATS account that owns the streams. Its only user is the keeper.
pub const BUS: &str = "BUS";

/// A set of rights on the broker, with an nkey and a NATS account of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// Name of the role; for a group, the name of the group.
    pub name: &'static str,
    /// The rights of the role. Empty for the keeper, which owns the streams and so may do everything.
    pub rights: &'static [Right],
}

/// A right of a role on the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Append to any tape, on the subject that ends with the name of the role.
    Append,
    /// Read every stream, through the JetStream API, and create consumers.
    Read,
    /// Read every stream, through the JetStream API, without consumers.
    ReadDirect,
    /// Store rejections for the publishers.
    KeepRejects,
    /// Publish market events, and read the last stored one of a subject.
    Publish,
    /// Request the status of a source, and subscribe to rejections.
    Inquire,
    /// Request the state of the sources of each partition from the group `answers`.
    AskAnswers,
    /// Request from the projector of each partition which records of the tape are projected.
    AskWitness,
    /// Request the state of every group.
    AskState,
    /// Send commands to every partition.
    Command,
}

use Right::{Append, AskAnswers, AskState, AskWitness, Command, Inquire, KeepRejects, Publish, Read, ReadDirect};

/// The role that creates the streams. No other role may purge or delete.
pub const KEEPER: Role = Role { name: "keeper", rights: &[] };
/// The role of programs that publish market events.
pub const PUBLISHER: Role = Role { name: "publisher", rights: &[Publish, Inquire] };
/// The role of operators, who send commands.
pub const OPERATOR: Role = Role { name: "operator", rights: &[ReadDirect, Command, Inquire, AskAnswers, AskState] };
/// The role of programs that read, replay and verify tapes.
pub const READER: Role = Role { name: "reader", rights: &[ReadDirect, Inquire, AskAnswers, AskState] };
/// The roles that do not belong to a group.
pub const CLIENTS: [Role; 4] = [PUBLISHER, OPERATOR, READER, KEEPER];

/// Returns every role: those of the groups, in the order of [`GROUPS`], then [`CLIENTS`].
pub fn roles() -> impl Iterator<Item = Role> {
    GROUPS.iter().map(Group::role).chain(CLIENTS)
}

impl Role {
    /// Returns the name of the NATS account of the role.
    pub fn account(&self) -> String {
        if *self == KEEPER { BUS.into() } else { self.name.to_ascii_uppercase() }
    }

    /// Returns the name of the configuration variable that holds the public nkey of the role.
    pub fn key_variable(&self) -> String {
        format!("NKEY_{}", self.name.to_ascii_uppercase())
    }

    /// The subjects of other NATS accounts that the role may use.
    fn grants(&self, generations: &Generations) -> impl Iterator<Item = Grant> {
        let role = *self;
        role.rights.iter().flat_map(move |right| grants(role, *right, generations))
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Append => "append",
            Read => "read",
            ReadDirect => "read-direct",
            KeepRejects => "keep-rejects",
            Publish => "publish",
            Inquire => "inquire",
            AskAnswers => "ask-answers",
            AskState => "ask-state",
            AskWitness => "ask-witness",
            Command => "command",
        })
    }
}

/// A subject that one NATS account exports and another imports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    /// The exporting NATS account.
    of: String,
    /// Subject in the exporting NATS account.
    subject: String,
    /// Subject in the importing NATS account, if it is another.
    to: Option<String>,
    kind: GrantKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum GrantKind {
    /// A service that sends one reply per request.
    Service,
    /// A service that sends many replies per request.
    Streamed,
    /// A subject to subscribe to.
    Stream,
}

fn grant(of: &str, kind: GrantKind, subject: impl Into<String>) -> Grant {
    Grant { of: of.into(), subject: subject.into(), to: None, kind }
}

fn api(kind: GrantKind, request: impl AsRef<str>) -> Grant {
    let request = request.as_ref();
    let to = Some(format!("{API_PREFIX}.{request}"));
    Grant { of: BUS.into(), subject: format!("$JS.API.{request}"), to, kind }
}

/// The NATS account of the group that replies to requests about sources.
const ANSWERS: &str = "ANSWERS";

/// The NATS account of the projector, which is the witness of the tapes.
const PROJECTOR: &str = "PROJECTOR";

fn grants(role: Role, right: Right, generations: &Generations) -> Vec<Grant> {
    match right {
        Append => vec![grant(BUS, GrantKind::Service, format!("tape.*.*.{}", role.name))],
        Read | ReadDirect => [
            api(GrantKind::Service, "STREAM.INFO.*"),
            api(GrantKind::Service, "STREAM.NAMES"),
            api(GrantKind::Service, "STREAM.MSG.GET.*"),
        ]
        .into_iter()
        .chain(delivery(right))
        .collect(),
        KeepRejects => vec![grant(BUS, GrantKind::Service, "rejects.*.*")],
        Publish => {
            let inboxes = (0..PARTITIONS_MAX).map(|p| format!("STREAM.MSG.GET.{}", generations.inbox_stream(p)));
            let mut all = vec![grant(BUS, GrantKind::Service, "md.*.*.*"), api(GrantKind::Service, "STREAM.NAMES")];
            all.extend(inboxes.map(|request| api(GrantKind::Service, request)));
            all
        }
        Inquire => vec![
            grant(ANSWERS, GrantKind::Service, subject::STATUS_SUBJECTS),
            grant(BUS, GrantKind::Stream, "md-rejects.*"),
        ],
        AskAnswers => vec![grant(ANSWERS, GrantKind::Service, "ask.*.*.answers")],
        AskState => {
            let groups = GROUPS.iter().map(|group| (group.role().account(), format!("state.*.*.{}", group.name)));
            groups.map(|(account, subject)| grant(&account, GrantKind::Streamed, subject)).collect()
        }
        AskWitness => vec![grant(PROJECTOR, GrantKind::Service, "ask.*.*.projector")],
        Command => vec![grant(BUS, GrantKind::Service, "cmd.*.*")],
    }
}

/// The requests by which a reader receives messages. A stream has a bounded number of consumers: they are for the
/// groups.
fn delivery(right: Right) -> Vec<Grant> {
    match right {
        Read => vec![
            api(GrantKind::Service, "CONSUMER.CREATE.*"),
            api(GrantKind::Service, "CONSUMER.CREATE.*.>"),
            api(GrantKind::Service, "CONSUMER.INFO.*.*"),
            api(GrantKind::Streamed, "CONSUMER.MSG.NEXT.*.*"),
        ],
        _ => vec![api(GrantKind::Streamed, "DIRECT.GET.*")],
    }
}

/// Returns the `accounts` of a nats-server configuration. The public keys are variables ([`Role::key_variable`]), which
/// another file defines. A publisher may read the inboxes of these generations, and no others.
pub fn accounts_conf(generations: &Generations) -> String {
    let mut exports: BTreeMap<Grant, BTreeSet<String>> = BTreeMap::new();
    let mut imports: BTreeMap<String, BTreeSet<Grant>> = BTreeMap::new();
    for role in roles() {
        for grant in role.grants(generations) {
            exports.entry(Grant { to: None, ..grant.clone() }).or_default().insert(role.account());
            imports.entry(role.account()).or_default().insert(grant);
        }
    }
    let mut text = String::from(
        "# Who may do what on the broker: made from the code by `tapedeck nats-accounts`; do not edit.\n\
         # The public keys are variables: users.conf, which `tapedeck keys` writes, defines them.\n\n\
         include users.conf\n\nsystem_account: SYS\naccounts {\n  SYS {}\n",
    );
    for role in std::iter::once(KEEPER).chain(roles().filter(|role| *role != KEEPER)) {
        let account = role.account();
        let _ = writeln!(text, "  {account} {{");
        if role == KEEPER {
            text.push_str("    jetstream: enabled\n");
        }
        let _ = writeln!(text, "    users: [{{nkey: ${}}}]", role.key_variable());
        write_list(&mut text, "exports", exports.iter().filter(|(grant, _)| grant.of == account).map(export_line));
        write_list(&mut text, "imports", imports.get(&account).into_iter().flatten().map(import_line));
        text.push_str("  }\n");
    }
    text.push_str("}\n");
    text
}

fn write_list(text: &mut String, name: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if !lines.is_empty() {
        let _ = writeln!(text, "    {name}: [\n      {}\n    ]", lines.join("\n      "));
    }
}

fn export_line((grant, to): (&Grant, &BTreeSet<String>)) -> String {
    let to = to.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    match grant.kind {
        GrantKind::Service => format!("{{service: \"{}\", accounts: [{to}]}}", grant.subject),
        GrantKind::Streamed => {
            format!("{{service: \"{}\", response_type: stream, accounts: [{to}]}}", grant.subject)
        }
        GrantKind::Stream => format!("{{stream: \"{}\", accounts: [{to}]}}", grant.subject),
    }
}

fn import_line(grant: &Grant) -> String {
    let what = if grant.kind == GrantKind::Stream { "stream" } else { "service" };
    let to = grant.to.as_ref().map_or(String::new(), |to| format!(", to: \"{to}\""));
    format!("{{{what}: {{account: {}, subject: \"{}\"}}{to}}}", grant.of, grant.subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_appends_under_its_own_name_only_and_only_roles_of_machines_append() {
        for role in roles() {
            let generations = Generations::default();
            let subjects = role.grants(&generations).map(|grant| grant.subject);
            let appends: Vec<String> = subjects.filter(|subject| subject.starts_with("tape.")).collect();
            let is_machine = crate::named(role.name).is_some_and(crate::Group::is_machine);
            let own = is_machine.then(|| format!("tape.*.*.{}", role.name));
            assert_eq!(appends, Vec::from_iter(own), "{}", role.name);
        }
        let others = GROUPS.iter().filter(|group| !group.is_machine());
        assert_eq!(others.map(|group| group.name.to_ascii_uppercase()).collect::<Vec<_>>(), [ANSWERS, PROJECTOR]);
    }

    #[test]
    fn a_publisher_reads_the_inboxes_in_use_and_no_tape_and_no_account_imports_purge_or_delete() {
        let conf = accounts_conf(&"INBOX_63_G2".parse().unwrap());
        let publisher = conf.split("  PUBLISHER {").nth(1).unwrap().split("\n  }").next().unwrap();
        assert!(publisher.contains("STREAM.MSG.GET.INBOX_62_G1\"") && !publisher.contains("MSG.GET.*"), "{publisher}");
        assert!(publisher.contains("STREAM.MSG.GET.INBOX_63_G2\""), "{publisher}");
        assert!(!publisher.contains("INBOX_63_G1"), "only the generation in use: {publisher}");
        assert!(!publisher.contains("TAPE") && !publisher.contains("CONSUMER"), "{publisher}");
        for word in ["PURGE", "DELETE", "UPDATE", "STREAM.CREATE", "\"$JS.API.>\"", "\">\""] {
            assert!(!conf.contains(word), "{word}");
        }
    }
}
