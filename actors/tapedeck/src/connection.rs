//! Where the servers are: from flags, the environment, or the `connection.toml` that `up` and `demo` write.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tapedeck_runtime::bus::NatsAccess;
use tapedeck_runtime::database;

use crate::cli::ConnectionArgs;

/// What `connection.toml` holds. It has the database's password: readable by its owner alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// NATS.
    pub nats_url: String,
    /// Postgres.
    pub database_url: String,
    /// Health and metrics, where one process serves all groups.
    pub http: Option<String>,
}

/// Where the file is.
pub fn path(dir: &Path) -> PathBuf {
    dir.join("connection.toml")
}

impl Connection {
    /// Writes the file, mode 0600.
    pub fn save(&self, dir: &Path) -> Result<()> {
        let text = format!(
            "nats_url = {:?}\ndatabase_url = {:?}\n{}",
            self.nats_url,
            self.database_url,
            self.http.as_ref().map(|http| format!("http = {http:?}\n")).unwrap_or_default()
        );
        let path = path(dir);
        let _ = std::fs::remove_file(&path);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Removes the file: the servers it names are gone.
    pub fn forget(dir: &Path) {
        let _ = std::fs::remove_file(path(dir));
    }

    /// Reads the file, if there is one.
    pub fn load(dir: &Path) -> Result<Option<Self>> {
        let path = path(dir);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}

/// The NATS to use.
pub fn nats(args: &ConnectionArgs) -> Result<NatsAccess> {
    let url = one(args, args.nats_url.clone(), |found| found.nats_url, "--nats-url")?;
    Ok(NatsAccess { url, nkey: args.nats_nkey.clone() })
}

/// The Postgres to use.
pub fn database(args: &ConnectionArgs) -> Result<database::DatabaseAccess> {
    let url = one(args, args.database_url.clone(), |found| found.database_url, "--database-url")?;
    Ok(database::DatabaseAccess { url, password_file: args.database_password_file.clone() })
}

fn one(
    args: &ConnectionArgs,
    given: Option<String>,
    pick: impl Fn(Connection) -> String,
    flag: &str,
) -> Result<String> {
    if let Some(given) = given {
        return Ok(given);
    }
    match Connection::load(&args.dir)? {
        Some(found) => Ok(pick(found)),
        None => {
            let path = path(&args.dir);
            bail!("no {flag} given and no {}; start a stack with `tapedeck up`, or give the flag", path.display())
        }
    }
}
