//! Who may do what on the bus, in one table, and the server's accounts made of it; no keys are here.
//!
//! Each role has an account of its own, and the streams are in [`BUS`]. What a role may do is a service that `BUS`
//! exports to it: permissions on subjects within one account would not do, because the server itself publishes replies
//! wherever a request says, without asking who requested. Across accounts a reply only ever reaches the requester.
//! The API of JetStream is imported under [`API_PREFIX`], which clients name as their API prefix.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::record::Writer;

/// The account that owns the streams; its only user is the keeper.
pub const BUS: &str = "BUS";
/// What stands for `$JS.API` in the roles' accounts.
pub const API_PREFIX: &str = "bus";
/// Most partitions that the accounts serve.
pub const PARTITIONS_MAX: u16 = 64;

/// Who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A group that appends to the tape as itself.
    Group(Writer),
    /// Brings the tape into Postgres.
    Projector,
    /// Publishes market events.
    Publisher,
    /// Asks for limits, halts and the like.
    Operator,
    /// Reads, replays, verifies.
    Reader,
    /// Creates streams, and alone may purge.
    Keeper,
}

/// What a role may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    /// Appends to any tape as this writer.
    Append(Writer),
    /// Reads all streams.
    Read,
    /// Keeps refusals for their publishers.
    Refuse,
    /// Publishes market events, and finds its own last one.
    Publish,
    /// Asks what became of a source's events, and hears refusals.
    Inquire,
    /// Asks ingest about its sources.
    AskIngest,
    /// Sends commands.
    Command,
}

use Right::{Append, AskIngest, Command, Inquire, Publish, Read, Refuse};

impl Role {
    /// All of them.
    pub const ALL: [Role; 12] = [
        Role::Group(Writer::Ingest),
        Role::Group(Writer::Control),
        Role::Group(Writer::Signal),
        Role::Group(Writer::Risk),
        Role::Group(Writer::Execution),
        Role::Group(Writer::Paper),
        Role::Group(Writer::Portfolio),
        Role::Projector,
        Role::Publisher,
        Role::Operator,
        Role::Reader,
        Role::Keeper,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Group(writer) => writer.as_str(),
            Role::Projector => "projector",
            Role::Publisher => "publisher",
            Role::Operator => "operator",
            Role::Reader => "reader",
            Role::Keeper => "keeper",
        }
    }

    /// The account that it connects to.
    pub fn account(self) -> String {
        if self == Role::Keeper { BUS.into() } else { self.as_str().to_ascii_uppercase() }
    }

    /// The table.
    fn rights(self) -> Vec<Right> {
        match self {
            Role::Group(Writer::Ingest) => vec![Append(Writer::Ingest), Read, Refuse],
            Role::Group(writer) => vec![Append(writer), Read],
            Role::Projector => vec![Read],
            Role::Publisher => vec![Publish, Inquire],
            Role::Operator => vec![Read, Command, Inquire, AskIngest],
            Role::Reader => vec![Read, Inquire, AskIngest],
            Role::Keeper => vec![],
        }
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

fn grants(right: Right) -> Vec<Grant> {
    let ingest = Role::Group(Writer::Ingest).account();
    match right {
        Append(writer) => vec![grant(BUS, GrantKind::Service, format!("tape.*.{writer}"))],
        Read => vec![
            api(GrantKind::Service, "STREAM.INFO.*"),
            api(GrantKind::Service, "STREAM.NAMES"),
            api(GrantKind::Service, "STREAM.MSG.GET.*"),
            api(GrantKind::Service, "CONSUMER.CREATE.*"),
            api(GrantKind::Service, "CONSUMER.CREATE.*.>"),
            api(GrantKind::Service, "CONSUMER.INFO.*.*"),
            api(GrantKind::Streamed, "CONSUMER.MSG.NEXT.*.*"),
        ],
        Refuse => vec![grant(BUS, GrantKind::Service, "rejects.*.*")],
        Publish => {
            let inboxes = (0..PARTITIONS_MAX).map(|p| format!("STREAM.MSG.GET.{}", crate::subject::inbox_stream(p)));
            let mut all = vec![grant(BUS, GrantKind::Service, "md.*.*.*"), api(GrantKind::Service, "STREAM.NAMES")];
            all.extend(inboxes.map(|request| api(GrantKind::Service, request)));
            all
        }
        Inquire => vec![
            grant(&ingest, GrantKind::Service, crate::subject::STATUS_SUBJECTS),
            grant(BUS, GrantKind::Stream, "md-rejects.*"),
        ],
        AskIngest => vec![grant(&ingest, GrantKind::Service, "ask.*.ingest")],
        Command => vec![grant(BUS, GrantKind::Service, "cmd.*.*")],
    }
}

/// What a role may do, a line each: for documents and for tests.
pub fn table() -> String {
    let mut text = String::new();
    for role in Role::ALL {
        let may = match role {
            Role::Keeper => "all of JetStream: creates the streams, and alone may purge".to_string(),
            _ => role.rights().into_iter().map(said).collect::<Vec<_>>().join("; "),
        };
        let _ = writeln!(text, "{:<10} {may}", role.as_str());
    }
    text
}

fn said(right: Right) -> String {
    match right {
        Append(writer) => format!("appends to tapes as {writer}"),
        Read => "reads all streams".into(),
        Refuse => "keeps refusals".into(),
        Publish => "publishes md.*, reads the inboxes by subject".into(),
        Inquire => "asks md-status, hears md-rejects".into(),
        AskIngest => "asks ingest".into(),
        Command => "sends commands".into(),
    }
}

/// The variable that holds a role's public nkey.
pub fn key_variable(role: Role) -> String {
    format!("NKEY_{}", role.as_str().to_ascii_uppercase())
}

/// The `accounts` of a nats-server. The public keys are variables (see [`key_variable`]) of another file.
pub fn accounts_conf() -> String {
    let mut exports: BTreeMap<Grant, BTreeSet<String>> = BTreeMap::new();
    let mut imports: BTreeMap<String, BTreeSet<Grant>> = BTreeMap::new();
    for role in Role::ALL {
        for grant in role.rights().into_iter().flat_map(grants) {
            exports.entry(Grant { to: None, ..grant_like(&grant) }).or_default().insert(role.account());
            imports.entry(role.account()).or_default().insert(grant);
        }
    }
    let mut text = String::from(
        "# Who may do what on the bus: made from the code by `tapedeck nats-accounts`; do not edit.\n\
         # The public keys are variables: users.conf, which `tapedeck keys` writes, defines them.\n\n\
         include users.conf\n\nsystem_account: SYS\naccounts {\n  SYS {}\n",
    );
    for role in std::iter::once(Role::Keeper).chain(Role::ALL.into_iter().filter(|role| *role != Role::Keeper)) {
        let account = role.account();
        let _ = writeln!(text, "  {account} {{");
        if role == Role::Keeper {
            text.push_str("    jetstream: enabled\n");
        }
        let _ = writeln!(text, "    users: [{{nkey: ${}}}]", key_variable(role));
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
    fn every_writer_but_the_keeper_appends_as_itself_and_nobody_else_does() {
        for writer in [Writer::Ingest, Writer::Control, Writer::Risk, Writer::Portfolio] {
            let may = |role: &&Role| role.rights().contains(&Append(writer));
            assert_eq!(Role::ALL.iter().filter(may).collect::<Vec<_>>(), [&Role::Group(writer)]);
        }
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
