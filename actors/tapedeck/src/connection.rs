//! Where the servers are: from arguments, the environment, or the `connection.toml` that `up` and `demo` write.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use serde::{Deserialize, Serialize};
use tapedeck_runtime::Bus;
use tapedeck_runtime::bus::NatsAccess;
use tapedeck_runtime::database::{self, DatabaseAccess};
use tapedeck_schemas::generation::Generations;
use tokio_postgres::Client;

/// The contents of `connection.toml`. The file holds the password of the database, so its mode is 0600.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// URL of NATS.
    pub nats_url: String,
    /// URL of Postgres, with its password.
    pub database_url: String,
    /// Address of health and metrics, where one process serves all groups.
    pub http: Option<String>,
    /// Generations of the streams, as `--generations` has them.
    #[serde(default)]
    pub generations: String,
    /// Whether the NATS is one that the process which wrote the file has started in this directory.
    #[serde(default)]
    pub is_private: bool,
}

/// Path of the file in a directory.
pub fn path(dir: &Path) -> PathBuf {
    dir.join("connection.toml")
}

impl Connection {
    /// Writes the file, mode 0600.
    pub fn save(&self, dir: &Path) -> Result<()> {
        let text = format!(
            "nats_url = {:?}\ndatabase_url = {:?}\ngenerations = {:?}\nis_private = {}\n{}",
            self.nats_url,
            self.database_url,
            self.generations,
            self.is_private,
            self.http.as_ref().map(|http| format!("http = {http:?}\n")).unwrap_or_default()
        );
        let path = path(dir);
        let _ = std::fs::remove_file(&path);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Removes the file, because the servers that it names stop.
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

/// Path of the file with the generations that the streams of the private NATS in a directory have.
fn generations_path(dir: &Path) -> PathBuf {
    dir.join("generations")
}

/// The generations of the streams of the private NATS in a directory.
pub fn saved_generations(dir: &Path) -> Result<Generations> {
    let path = generations_path(dir);
    match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().with_context(|| format!("cannot read {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Generations::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Saves the generations of the streams of the private NATS in a directory; the default ones if it was emptied.
pub fn save_generations(dir: &Path, generations: &Generations) -> Result<()> {
    let path = generations_path(dir);
    let (text, next) = (format!("{generations}\n"), path.with_extension("next"));
    // A file that is half written would name other streams.
    let write = || std::fs::write(&next, text).and_then(|()| std::fs::rename(&next, &path));
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Where the private servers live. With a server's own arguments, this says which server a command talks to.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub struct DirArgs {
    /// Directory of connection.toml and of the private servers' data
    #[arg(long, env = "TAPEDECK_DIR", default_value = ".tapedeck", value_name = "DIR", hide_env_values = true)]
    pub dir: PathBuf,
}

/// Which NATS a command connects to.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub struct NatsArgs {
    /// URL of NATS, such as nats://host:4222 [default: from connection.toml]
    #[arg(long, env = "TAPEDECK_NATS_URL", value_name = "URL", hide_env_values = true)]
    pub nats_url: Option<String>,
    /// File with the seed of an nkey, read at every connect
    #[arg(long, env = "TAPEDECK_NATS_NKEY", value_name = "FILE", hide_env_values = true, requires = "nats_url")]
    pub nats_nkey: Option<PathBuf>,
    /// Streams whose generation is not 1, such as TAPE_0_G2 [default: none; without --nats-url from connection.toml]
    #[arg(long, env = "TAPEDECK_GENERATIONS", value_name = "STREAMS", hide_env_values = true)]
    pub generations: Option<Generations>,
}

/// Which Postgres a command connects to.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub struct DatabaseArgs {
    /// URL of Postgres, such as postgres://user@host/db [default: from connection.toml]
    #[arg(long, env = "TAPEDECK_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// File with the password for a URL that has none, read at every connect
    #[arg(
        long,
        env = "TAPEDECK_DATABASE_PASSWORD_FILE",
        value_name = "FILE",
        hide_env_values = true,
        requires = "database_url"
    )]
    pub database_password_file: Option<PathBuf>,
}

impl NatsArgs {
    /// Address and key: as given, else as `connection.toml` in `dir` has them.
    pub fn access(&self, dir: &DirArgs) -> Result<NatsAccess> {
        let url = given_or_saved(self.nats_url.as_ref(), dir, |saved| saved.nats_url, "--nats-url")?;
        // The generations in the file are those of the NATS in the file.
        let saved = if self.nats_url.is_none() { Connection::load(&dir.dir)? } else { None };
        let generations = match (&self.generations, saved) {
            (Some(given), _) => given.clone(),
            (None, Some(saved)) => saved.generations.parse().context("reading the generations in connection.toml")?,
            (None, None) => Generations::default(),
        };
        Ok(NatsAccess { url, nkey: self.nats_nkey.clone(), generations })
    }

    /// A connection under the name `tapedeck-cli`, whose readers create no consumers.
    pub async fn connect(&self, dir: &DirArgs) -> Result<Bus> {
        Ok(self.connect_keeper(dir).await?.without_consumers())
    }

    /// A connection under the name `tapedeck-cli`, whose readers create consumers: at a damaged message a consumer
    /// does not advance, so that the loss is noticed.
    pub async fn connect_keeper(&self, dir: &DirArgs) -> Result<Bus> {
        Ok(Bus::connect(&self.access(dir)?, "tapedeck-cli").await?)
    }
}

impl DatabaseArgs {
    /// Address and password file: as given, else as `connection.toml` in `dir` has them.
    pub fn access(&self, dir: &DirArgs) -> Result<DatabaseAccess> {
        let url = given_or_saved(self.database_url.as_ref(), dir, |saved| saved.database_url, "--database-url")?;
        Ok(DatabaseAccess { url, password_file: self.database_password_file.clone() })
    }

    /// A connection.
    pub async fn connect(&self, dir: &DirArgs) -> Result<Client> {
        Ok(database::connect(&self.access(dir)?).await?)
    }
}

fn given_or_saved(
    given: Option<&String>,
    dir: &DirArgs,
    pick: impl Fn(Connection) -> String,
    flag: &str,
) -> Result<String> {
    if let Some(given) = given {
        return Ok(given.clone());
    }
    let saved = Connection::load(&dir.dir)?;
    let path = path(&dir.dir);
    let missing =
        || format!("no {flag} given and no {}; start a system with `tapedeck up`, or give {flag}", path.display());
    saved.map(pick).with_context(missing)
}
