//! The rights of each role on the broker, and the NATS accounts that are generated from them. Holds no keys.
//!
//! Each role and each publisher ([`crate::publishers`]) has its own NATS account; the NATS account [`BUS`] owns the
//! streams. A right is a set of services and streams that `BUS` (or a group that replies) exports to the NATS account
//! of the role. Permissions on subjects within a single NATS account would not suffice: the server publishes a reply to
//! any subject that the request names, whether or not the requester may publish there. Across NATS accounts a reply
//! reaches only the requester. The JetStream API is imported under [`API_PREFIX`], which clients must set as their API
//! prefix.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use tapedeck_schemas::subject::{self, API_PREFIX, OPERATOR_SOURCE};

use crate::publishers::{KeyedPublisher, PublisherList};
use crate::{GROUPS, Group};

/// The NATS account that owns the streams. Its only user is the keeper.
pub const BUS: &str = "BUS";
/// The NATS account of the server itself, without users.
pub const SYSTEM: &str = "SYS";

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
    /// Define instruments, over the definitions of publishers.
    Define,
    /// Request the status of any source, and subscribe to all rejections.
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

use Right::{Append, AskAnswers, AskState, AskWitness, Command, Define, Inquire, KeepRejects, Read, ReadDirect};

/// The role that creates the streams. No other role may purge or delete.
pub const KEEPER: Role = Role { name: "keeper", rights: &[] };
/// The role of operators, who send commands.
pub const OPERATOR: Role =
    Role { name: "operator", rights: &[ReadDirect, Command, Define, Inquire, AskAnswers, AskState] };
/// The role of programs that read, replay and verify tapes.
pub const READER: Role = Role { name: "reader", rights: &[ReadDirect, Inquire, AskAnswers, AskState] };
/// The roles that do not belong to a group. Publishers are no roles: a file lists them.
pub const CLIENTS: [Role; 3] = [OPERATOR, READER, KEEPER];

/// Returns every role but the publishers: those of the groups, in the order of [`GROUPS`], then [`CLIENTS`].
pub fn roles() -> impl Iterator<Item = Role> {
    GROUPS.iter().map(Group::role).chain(CLIENTS)
}

impl Role {
    /// Returns the name of the NATS account of the role.
    pub fn account(&self) -> String {
        if *self == KEEPER { BUS.into() } else { self.name.to_ascii_uppercase() }
    }

    /// The subjects of other NATS accounts that the role may use.
    fn grants(&self) -> impl Iterator<Item = Grant> {
        let role = *self;
        role.rights.iter().flat_map(move |right| grants(role, *right))
    }
}

/// Returns the name of the configuration variable that holds the public nkey of a role or publisher.
pub fn key_variable(name: &str) -> String {
    format!("NKEY_{}", name.to_ascii_uppercase().replace('-', "_"))
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Append => "append",
            Read => "read",
            ReadDirect => "read-direct",
            KeepRejects => "keep-rejects",
            Define => "define",
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

/// Reads of the last message of a subject of a source, by the subject in the importing NATS account. Only inboxes hold
/// such subjects.
fn last_of(source: &str, to: &str) -> Grant {
    let request = format!("$JS.API.DIRECT.GET.*.in.{source}.*.*.*");
    Grant { to: Some(format!("{API_PREFIX}.DIRECT.GET.*.{to}.*.*")), ..grant(BUS, GrantKind::Service, request) }
}

/// The grants of a publisher: to publish on its venues as each of its sources, to read the last message of its own
/// subjects, and to learn what became of its events. The broker writes the source into the subject.
fn publisher_grants(publisher: &KeyedPublisher) -> Vec<Grant> {
    let mut all = vec![api(GrantKind::Service, "STREAM.NAMES")];
    for source in &publisher.sources {
        let source = source.as_str();
        let is_only = publisher.sources.len() == 1;
        all.push(grant(ANSWERS, GrantKind::Service, subject::status_subject(source)));
        all.push(grant(BUS, GrantKind::Stream, subject::source_rejects_subject(source)));
        all.push(last_of(source, &format!("in.{source}.*")));
        all.extend(is_only.then(|| last_of(source, "md.*")));
        for venue in &publisher.venues {
            let own = grant(BUS, GrantKind::Service, format!("in.{source}.{venue}.*.*"));
            all.extend(is_only.then(|| Grant { to: Some(format!("md.{venue}.*.*")), ..own.clone() }));
            all.push(own);
        }
    }
    all
}

fn grants(role: Role, right: Right) -> Vec<Grant> {
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
        Define => vec![
            grant(BUS, GrantKind::Service, format!("in.{OPERATOR_SOURCE}.*.*.definition")),
            last_of(OPERATOR_SOURCE, &format!("in.{OPERATOR_SOURCE}.*")),
        ],
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

/// Returns the `accounts` of a nats-server configuration. The public keys are variables ([`key_variable`]), which
/// another file defines.
pub fn accounts_conf(publishers: &PublisherList) -> String {
    let of_roles = roles().filter(|role| *role != KEEPER).map(|role| (role.name, role.grants().collect::<Vec<_>>()));
    let of_publishers = publishers.iter().map(|one| (one.name.as_str(), publisher_grants(one)));
    let clients: Vec<(&str, Vec<Grant>)> = of_roles.chain(of_publishers).collect();
    let mut exports: BTreeMap<Grant, BTreeSet<String>> = BTreeMap::new();
    for (name, grants) in &clients {
        for grant in grants {
            exports.entry(Grant { to: None, ..grant.clone() }).or_default().insert(name.to_ascii_uppercase());
        }
    }
    let mut text = format!(
        "# Who may do what on the broker: made by `tapedeck nats-accounts` from the code and the list of publishers.\n\
         # Do not edit it. The public keys are variables: users.conf, which `tapedeck keys` writes, defines them.\n\n\
         include users.conf\n\nsystem_account: {SYSTEM}\naccounts {{\n  {SYSTEM} {{}}\n",
    );
    for (name, grants) in std::iter::once((KEEPER.name, Vec::new())).chain(clients) {
        let is_keeper = name == KEEPER.name;
        let account = if is_keeper { BUS.into() } else { name.to_ascii_uppercase() };
        let _ = writeln!(text, "  {account} {{");
        if is_keeper {
            text.push_str("    jetstream: enabled\n");
        }
        let _ = writeln!(text, "    users: [{{nkey: ${}}}]", key_variable(name));
        write_list(&mut text, "exports", exports.iter().filter(|(grant, _)| grant.of == account).map(export_line));
        write_list(&mut text, "imports", grants.iter().collect::<BTreeSet<_>>().into_iter().map(import_line));
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
            let subjects = role.grants().map(|grant| grant.subject);
            let appends: Vec<String> = subjects.filter(|subject| subject.starts_with("tape.")).collect();
            let is_machine = crate::named(role.name).is_some_and(crate::Group::is_machine);
            let own = is_machine.then(|| format!("tape.*.*.{}", role.name));
            assert_eq!(appends, Vec::from_iter(own), "{}", role.name);
        }
        let others = GROUPS.iter().filter(|group| !group.is_machine());
        assert_eq!(others.map(|group| group.name.to_ascii_uppercase()).collect::<Vec<_>>(), [ANSWERS, PROJECTOR]);
    }

    /// The NATS account of a name in a configuration.
    fn account<'a>(conf: &'a str, name: &str) -> &'a str {
        conf.split(&format!("  {name} {{")).nth(1).unwrap().split("\n  }").next().unwrap()
    }

    #[test]
    fn a_publisher_reaches_its_own_sources_and_venues_and_no_account_imports_purge_or_delete() {
        let text = "[[publisher]]\nname = \"one\"\nsources = [\"s1\"]\nvenues = [\"v1\", \"v2\"]\n\
                    [[publisher]]\nname = \"a-2\"\nsources = [\"s2\", \"s3\"]\nvenues = [\"*\"]\n";
        let conf = accounts_conf(&PublisherList::parse(text).unwrap());
        let one = account(&conf, "ONE");
        for line in [
            "subject: \"in.s1.v1.*.*\"}, to: \"md.v1.*.*\"",
            "subject: \"in.s1.v2.*.*\"}}",
            "subject: \"$JS.API.DIRECT.GET.*.in.s1.*.*.*\"}, to: \"bus.DIRECT.GET.*.md.*.*.*\"",
            "service: {account: ANSWERS, subject: \"md-status.s1\"}",
            "stream: {account: BUS, subject: \"md-rejects.s1\"}",
        ] {
            assert!(one.contains(line), "{line}: {one}");
        }
        assert!(
            !["s2", "s3", "operator", "MSG.GET", "TAPE", "CONSUMER", "exports"].iter().any(|word| one.contains(word))
        );
        let two = account(&conf, "A-2");
        assert!(
            two.contains("$NKEY_A_2") && two.contains("\"in.s2.*.*.*\"}}") && two.contains("\"in.s3.*.*.*\"}}"),
            "{two}"
        );
        assert!(!two.contains("to: \"md.") && !two.contains("s1"), "which source would md be: {two}");
        let operators = conf.matches("in.operator.*.*.definition").count();
        assert_eq!(operators, 2, "one export, one import: {conf}");
        for word in ["PURGE", "DELETE", "UPDATE", "STREAM.CREATE", "\"$JS.API.>\"", "\">\""] {
            assert!(!conf.contains(word), "{word}");
        }
    }
}
