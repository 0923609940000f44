//! `keys`: creates the keys and passwords of a cluster. Secrets go to files, never to a terminal.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use tapedeck_groups::access;
use tapedeck_groups::publishers::PublisherList;
use tapedeck_ingest::sessions::SOURCES_MAX;

use crate::process;

/// The users of the database.
const DATABASE_USERS: [&str; 2] = ["admin", "tapedeck"];

const EXAMPLES: &str = "\
Examples:
  tapedeck keys --out keys
  tapedeck keys --out keys --publishers publishers.toml";

/// The list of publishers.
#[derive(Debug, Clone, clap::Args)]
pub struct PublishersArgs {
    /// File with the name, the sources and the venues of each publisher (TOML) [default: built in]
    #[arg(long, value_name = "FILE")]
    pub publishers: Option<PathBuf>,
}

impl PublishersArgs {
    /// The list of the file, or the built-in one. Warns of more sources than a partition numbers at a time.
    pub fn read(&self) -> Result<PublisherList> {
        let Some(path) = &self.publishers else { return Ok(PublisherList::built_in()) };
        let failed = || format!("cannot read {}", path.display());
        let list = PublisherList::parse(&std::fs::read_to_string(path).with_context(failed)?).with_context(failed)?;
        let sources = list.iter().map(|one| one.sources.len()).sum::<usize>();
        if sources > SOURCES_MAX {
            eprintln!(
                "tapedeck: {} lists {sources} sources; a partition accepts events of {SOURCES_MAX} within 24 h, and \
                 rejects those of others as too_many_sources",
                path.display()
            );
        }
        Ok(list)
    }
}

/// Creates the nkeys of all roles and publishers and the passwords of the database
///
/// Keeps keys and passwords that exist. Writes the public keys to users.conf, as variables for the NATS accounts that
/// `tapedeck nats-accounts` prints.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Directory for one file per secret, and users.conf
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The publishers.
    #[command(flatten)]
    pub publishers: PublishersArgs,
}

/// Creates what is missing.
pub async fn run(args: Args) -> Result<ExitCode> {
    let (dir, publishers) = (&args.out, args.publishers.read()?);
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let mut users = String::from("# The public nkeys of the roles and publishers, as variables of the accounts.\n");
    let mut names: Vec<&str> = tapedeck_groups::names().collect();
    names.extend(publishers.iter().map(|one| one.name.as_str()));
    names.extend(access::CLIENTS.iter().map(|role| role.name));
    for name in names {
        let path = dir.join(format!("{name}.seed"));
        if !path.exists() {
            let pair = nkeys::KeyPair::new_user();
            write_secret(&path, &pair.seed().map_err(|e| anyhow::anyhow!("cannot create an nkey: {e}"))?)?;
            println!("created {}", path.display());
        }
        let seed = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let pair = nkeys::KeyPair::from_seed(seed.trim());
        let pair = pair.map_err(|e| anyhow::anyhow!("{} does not hold the seed of an nkey: {e}", path.display()))?;
        users.push_str(&format!("{}: {:?}\n", access::key_variable(name), pair.public_key()));
    }
    for user in DATABASE_USERS {
        let path = dir.join(format!("postgres-{user}.password"));
        if !path.exists() {
            write_secret(&path, &format!("{:016x}{:016x}", process::random_u64()?, process::random_u64()?))?;
            println!("created {}", path.display());
        }
    }
    let path = dir.join("users.conf");
    std::fs::write(&path, users).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn write_secret(path: &Path, secret: &str) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o400).open(path);
    let written = opened.and_then(|mut file| file.write_all(secret.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))
}
