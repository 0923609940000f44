//! Who may do what on the bus, in one table, and the server's accounts made of it; no keys are here.
//!
//! Each role has an account of its own, and the streams are in [`BUS`]. What a role may do is a service that `BUS`
//! exports to it: permissions on subjects within one account would not do, because the server itself publishes replies
//! wherever a request says, without asking who requested. Across accounts a reply only ever reaches the requester.
//! The API of JetStream is imported under [`API_PREFIX`], which clients name as their API prefix.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use tapedeck_schemas::subject::{self, API_PREFIX};

use crate::{GROUPS, Group};

/// The account that owns the streams; its only user is the keeper.
pub const BUS: &str = "BUS";
/// Most partitions that the accounts serve.
pub const PARTITIONS_MAX: u16 = 64;

/// A name under which processes connect, and what they may do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// Its name: that of the group, for a group.
    pub name: &'static str,
    /// Everything that it may do. The keeper has no rights here, because it owns the streams.
    pub rights: &'static [Right],
}

/// What a role may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Appends to any tape on the subject of its own name, and on no other.
    Append,
    /// Reads all streams.
    Read,
    /// Keeps rejects for their publishers.
    KeepRejects,
    /// Publishes market events, and finds its own last one.
    Publish,
    /// Asks what became of a source's events, and hears rejects.
    Inquire,
    /// Asks ingest about its sources.
    AskIngest,
    /// Sends commands.
    Command,
}

use Right::{Append, AskIngest, Command, Inquire, KeepRejects, Publish, Read};

/// The role that creates streams, and alone may purge.
pub const KEEPER: Role = Role { name: "keeper", rights: &[] };
/// The role that publishes market events.
pub const PUBLISHER: Role = Role { name: "publisher", rights: &[Publish, Inquire] };
/// The role that asks for limits, halts and the like.
pub const OPERATOR: Role = Role { name: "operator", rights: &[Read, Command, Inquire, AskIngest] };
/// The role that reads, replays and verifies.
pub const READER: Role = Role { name: "reader", rights: &[Read, Inquire, AskIngest] };
/// The roles that are no group.
pub const CLIENTS: [Role; 4] = [PUBLISHER, OPERATOR, READER, KEEPER];

/// Every role: those of the groups, in the order of [`GROUPS`], and then [`CLIENTS`].
pub fn roles() -> impl Iterator<Item = Role> {
    GROUPS.iter().map(Group::role).chain(CLIENTS)
}

impl Role {
    /// The account that it connects to.
    pub fn account(&self) -> String {
        if *self == KEEPER { BUS.into() } else { self.name.to_ascii_uppercase() }
    }

    /// The variable that holds its public nkey.
    pub fn key_variable(&self) -> String {
        format!("NKEY_{}", self.name.to_ascii_uppercase())
    }

    /// The subjects that it may use beyond its own account.
    fn grants(&self) -> impl Iterator<Item = Grant> {
        let role = *self;
        role.rights.iter().flat_map(move |right| grants(role, *right))
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Append => "append",
            Read => "read",
            KeepRejects => "keep-rejects",
            Publish => "publish",
            Inquire => "inquire",
            AskIngest => "ask-ingest",
            Command => "command",
        })
    }
}

/// One subject of one account that another may use.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    of: String,
    subject: String,
    /// What it is called where it is imported, if not the same.
    to: Option<String>,
    kind: GrantKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum GrantKind {
    /// Answered once.
    Service,
    /// Answered by many messages.
    Streamed,
    /// Heard, not asked.
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

/// The account of ingest, which answers questions about its sources.
const INGEST: &str = "INGEST";

fn grants(role: Role, right: Right) -> Vec<Grant> {
    match right {
        Append => vec![grant(BUS, GrantKind::Service, format!("tape.*.{}", role.name))],
        Read => vec![
            api(GrantKind::Service, "STREAM.INFO.*"),
            api(GrantKind::Service, "STREAM.NAMES"),
            api(GrantKind::Service, "STREAM.MSG.GET.*"),
            api(GrantKind::Service, "CONSUMER.CREATE.*"),
            api(GrantKind::Service, "CONSUMER.CREATE.*.>"),
            api(GrantKind::Service, "CONSUMER.INFO.*.*"),
            api(GrantKind::Streamed, "CONSUMER.MSG.NEXT.*.*"),
        ],
        KeepRejects => vec![grant(BUS, GrantKind::Service, "rejects.*.*")],
        Publish => {
            let inboxes = (0..PARTITIONS_MAX).map(|p| format!("STREAM.MSG.GET.{}", subject::inbox_stream(p)));
            let mut all = vec![grant(BUS, GrantKind::Service, "md.*.*.*"), api(GrantKind::Service, "STREAM.NAMES")];
            all.extend(inboxes.map(|request| api(GrantKind::Service, request)));
            all
        }
        Inquire => vec![
            grant(INGEST, GrantKind::Service, subject::STATUS_SUBJECTS),
            grant(BUS, GrantKind::Stream, "md-rejects.*"),
        ],
        AskIngest => vec![grant(INGEST, GrantKind::Service, "ask.*.ingest")],
        Command => vec![grant(BUS, GrantKind::Service, "cmd.*.*")],
    }
}

/// The `accounts` of a nats-server. The public keys are variables (see [`Role::key_variable`]) of another file.
pub fn accounts_conf() -> String {
    let mut exports: BTreeMap<Grant, BTreeSet<String>> = BTreeMap::new();
    let mut imports: BTreeMap<String, BTreeSet<Grant>> = BTreeMap::new();
    for role in roles() {
        for grant in role.grants() {
            exports.entry(Grant { to: None, ..grant_like(&grant) }).or_default().insert(role.account());
            imports.entry(role.account()).or_default().insert(grant);
        }
    }
    let mut text = String::from(
        "# Who may do what on the bus: made from the code by `tapedeck nats-accounts`; do not edit.\n\
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

fn grant_like(grant: &Grant) -> Grant {
    Grant { of: grant.of.clone(), subject: grant.subject.clone(), to: None, kind: grant.kind }
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
    fn a_role_appends_as_itself_alone_and_only_machines_append() {
        for role in roles() {
            let appends: Vec<String> =
                role.grants().map(|grant| grant.subject).filter(|subject| subject.starts_with("tape.")).collect();
            let is_machine = crate::named(role.name).is_some_and(|group| group.machine.is_some());
            let own = is_machine.then(|| format!("tape.*.{}", role.name));
            assert_eq!(appends, Vec::from_iter(own), "{}", role.name);
        }
        assert_eq!(crate::named("ingest").map(|group| group.name.to_ascii_uppercase()).as_deref(), Some(INGEST));
    }

    #[test]
    fn a_publisher_reads_no_tape_and_nobody_is_given_what_purges_or_deletes() {
        let conf = accounts_conf();
        let publisher = conf.split("  PUBLISHER {").nth(1).unwrap().split("\n  }").next().unwrap();
        assert!(publisher.contains("STREAM.MSG.GET.INBOX_63") && !publisher.contains("MSG.GET.*"), "{publisher}");
        assert!(!publisher.contains("TAPE") && !publisher.contains("CONSUMER"), "{publisher}");
        for word in ["PURGE", "DELETE", "UPDATE", "STREAM.CREATE", "\"$JS.API.>\"", "\">\""] {
            assert!(!conf.contains(word), "{word}");
        }
    }
}
