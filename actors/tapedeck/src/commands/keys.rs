//! `keys` and `nats-accounts`: what a cluster of one's own begins with. Secrets go to files, never to a terminal.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use tapedeck_schemas::access::{self, Role};

use crate::cli::KeysArgs;
use crate::process;

/// The database's users, whose passwords are made too.
const DATABASE_USERS: [&str; 2] = ["admin", "tapedeck"];

/// Makes what is missing.
pub(super) fn run(args: &KeysArgs) -> Result<ExitCode> {
    let dir = &args.out;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let mut users = String::from("# The public nkeys of the roles, as variables of the accounts.\n");
    for role in Role::ALL {
        let path = dir.join(format!("{}.seed", role.as_str()));
        if !path.exists() {
            let pair = nkeys::KeyPair::new_user();
            write_secret(&path, &pair.seed().map_err(|e| anyhow::anyhow!("making an nkey: {e}"))?)?;
            println!("{} is new", path.display());
        }
        let seed = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let pair = nkeys::KeyPair::from_seed(seed.trim());
        let pair = pair.map_err(|e| anyhow::anyhow!("{} holds no nkey seed: {e}", path.display()))?;
        users.push_str(&format!("{}: {:?}\n", access::key_variable(role), pair.public_key()));
    }
    for user in DATABASE_USERS {
        let path = dir.join(format!("postgres-{user}.password"));
        if !path.exists() {
            write_secret(&path, &format!("{:016x}{:016x}", process::random_u64()?, process::random_u64()?))?;
            println!("{} is new", path.display());
        }
    }
    let path = dir.join("users.conf");
    std::fs::write(&path, users).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the accounts.
pub(super) fn accounts() -> Result<ExitCode> {
    std::io::stdout().write_all(access::accounts_conf().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn write_secret(path: &Path, secret: &str) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o400).open(path);
    let written = opened.and_then(|mut file| file.write_all(secret.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))
}
