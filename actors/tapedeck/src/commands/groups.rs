//! `groups`: prints the list of groups.

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use tapedeck_groups::publishers::{KeyedPublisher, PublisherList};
use tapedeck_groups::{GROUPS, Group, access};
use tapedeck_kernel::{Inbox, Reads};
use tapedeck_schemas::record::Writer;

const EXAMPLES: &str = "\
Examples:
  tapedeck groups
  tapedeck groups --json";

/// Prints the list of groups: writer, inputs, LOGIC, role, rights, parameters
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Prints JSON, which includes the roles that do not belong to a group
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// The list, as printed with `--json`.
#[derive(Serialize)]
struct Listed {
    groups: Vec<ListedGroup>,
    /// The built-in publishers, and the roles that do not belong to a group.
    clients: Vec<ListedRole>,
}

#[derive(Serialize)]
struct ListedGroup {
    name: &'static str,
    summary: &'static str,
    /// None: the group appends to no tape.
    writer: Option<&'static str>,
    /// The writers whose facts it is handed, or its inbox stream.
    reads: Vec<&'static str>,
    logic: Option<u32>,
    #[serde(flatten)]
    role: ListedRole,
    parameters: Vec<&'static str>,
}

#[derive(Serialize)]
struct ListedRole {
    role: String,
    rights: Vec<String>,
}

impl From<access::Role> for ListedRole {
    fn from(role: access::Role) -> Self {
        Self { role: role.name.into(), rights: role.rights.iter().map(ToString::to_string).collect() }
    }
}

impl From<&Group> for ListedGroup {
    fn from(group: &Group) -> Self {
        let about = group.info();
        let reads = match about.map(|info| info.reads) {
            Some(Reads::Inbox(Inbox::Market)) => vec!["INBOX_<p>_G<g>"],
            Some(Reads::Inbox(Inbox::Command)) => vec!["COMMAND_<p>_G<g>"],
            Some(Reads::Tape(writers)) => writers.iter().map(|writer| writer.as_str()).collect(),
            None if group.reads_inbox(Inbox::Market) => {
                vec!["INBOX_<p>_G<g>", Writer::Ingest.as_str(), Writer::Control.as_str()]
            }
            None => Writer::ALL.iter().map(|writer| writer.as_str()).collect(),
        };
        Self {
            name: group.name,
            summary: group.summary,
            writer: about.map(|info| info.writer.as_str()),
            reads,
            logic: about.map(|info| info.logic),
            role: group.role().into(),
            parameters: (group.params)().iter().map(|spec| spec.name).collect(),
        }
    }
}

/// Prints the list.
pub async fn run(args: Args) -> Result<ExitCode> {
    let groups: Vec<ListedGroup> = GROUPS.iter().map(ListedGroup::from).collect();
    if args.json {
        let publishers = PublisherList::built_in();
        let publisher = |one: &KeyedPublisher| ListedRole { role: one.name.clone(), rights: vec!["publish".into()] };
        let clients = publishers.iter().map(publisher).chain(access::CLIENTS.map(ListedRole::from)).collect();
        println!("{}", serde_json::to_string_pretty(&Listed { groups, clients })?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{:<10} {:<10} {:>5}  {:<10} {:<26} READS", "GROUP", "WRITER", "LOGIC", "ROLE", "RIGHTS");
    for group in groups {
        let ListedGroup { name, summary, writer, reads, logic, role, parameters } = group;
        let (writer, logic) = (writer.unwrap_or("-"), logic.map_or("-".into(), |logic| logic.to_string()));
        let (rights, reads) = (role.rights.join(", "), reads.join(", "));
        println!("{name:<10} {writer:<10} {logic:>5}  {:<10} {rights:<26} {reads}", role.role);
        println!("    {summary}");
        for parameter in parameters {
            println!("    {parameter}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
