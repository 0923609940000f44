//! The Postgres connection, the migrations, and the progress of the projections.

use std::path::PathBuf;
use std::time::Duration;

use tapedeck_kernel::{CheckpointMismatch, TapeCheckpoint};
use tapedeck_projections::migrations::{MIGRATIONS, SCHEMA_MIGRATIONS};
use tapedeck_schemas::generation::{Generation, Lineage};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::record::RecordHash;
use tokio_postgres::{Client, NoTls};

use crate::bus::without_credentials;

/// Time limit of a connect, and of a statement that reads a few rows.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Time without an acknowledgement of sent data after which a connection is given up.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(5);
/// Time without traffic after which the client asks whether the server is there, and the interval of more such probes.
const KEEPALIVE: Duration = Duration::from_secs(2);

/// Key of the advisory lock that serializes migrations: the bytes of "tapedeck".
const MIGRATION_LOCK: i64 = 0x7461_7065_6465_636b;

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The connection could not be established.
    #[error("cannot reach Postgres at {url}: {source}; is the server running, and is the URL right?")]
    Connect {
        /// Without credentials.
        url: String,
        /// The error of the Postgres client.
        source: tokio_postgres::Error,
    },
    /// The file with the password cannot be read.
    #[error("cannot read the database password from {}: {source}", .path.display())]
    Password {
        /// As given by `--database-password-file`.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The server accepted the connection or a statement, and does not answer.
    #[error("Postgres did not answer within {} s", .0.as_secs())]
    Unanswered(Duration),
    /// A statement failed.
    #[error("postgres: {}", described(.0))]
    Statement(#[from] tokio_postgres::Error),
    /// A migration failed and was rolled back.
    #[error("migration {name}: {}", described(source))]
    Migration {
        /// Name of the migration.
        name: &'static str,
        /// The error of its statement.
        source: tokio_postgres::Error,
    },
    /// The rows were projected from another tape.
    #[error(
        "the rows of partition {partition} were projected from tape {theirs}, but the tape is {ours}: \
         compare --nats-url, --database-url and --generations with those of the other groups; `tapedeck recover` says \
         what is lost"
    )]
    OtherTape {
        /// Partition of the rows.
        partition: u16,
        /// The tape recorded in the database, and its generation.
        theirs: String,
        /// The tape of the partition in NATS, and its generation.
        ours: String,
    },
    /// The rows were projected from records that the tape does not hold.
    #[error("partition {partition}: {mismatch}")]
    Checkpoint {
        /// Partition of the rows.
        partition: u16,
        /// The difference between checkpoint and tape.
        mismatch: CheckpointMismatch,
    },
}

/// The error with that of the server, which the text of the client leaves out.
fn described(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(of_server) => format!("{} (SQLSTATE {})", of_server.message(), of_server.code().code()),
        None => error.to_string(),
    }
}

impl DatabaseError {
    /// Whether the server cannot be reached or does not answer, so that a retry can succeed.
    pub fn is_unreachable(&self) -> bool {
        match self {
            DatabaseError::Connect { .. } | DatabaseError::Unanswered(_) => true,
            // Class 57: the server shuts down or starts; without a code, the connection was lost.
            DatabaseError::Statement(error) => error.code().is_none_or(|state| state.code().starts_with("57")),
            DatabaseError::Password { .. }
            | DatabaseError::Migration { .. }
            | DatabaseError::OtherTape { .. }
            | DatabaseError::Checkpoint { .. } => false,
        }
    }
}

/// The address of Postgres and the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseAccess {
    /// For example postgres://user@host/database; may contain the password.
    pub url: String,
    /// The file with the password; read at every connect, so that it can be replaced.
    pub password_file: Option<PathBuf>,
}

impl From<&String> for DatabaseAccess {
    fn from(url: &String) -> Self {
        Self { url: url.clone(), password_file: None }
    }
}

impl From<String> for DatabaseAccess {
    fn from(url: String) -> Self {
        Self { url, password_file: None }
    }
}

impl From<&DatabaseAccess> for DatabaseAccess {
    fn from(access: &DatabaseAccess) -> Self {
        access.clone()
    }
}

/// Connects; a background task drives the connection until the client is dropped.
pub async fn connect(access: impl Into<DatabaseAccess>) -> Result<Client, DatabaseError> {
    let DatabaseAccess { url, password_file } = access.into();
    let failed = |source| DatabaseError::Connect { url: without_credentials(&url), source };
    let mut config: tokio_postgres::Config = url.parse().map_err(failed)?;
    if let Some(path) = password_file {
        let password = std::fs::read_to_string(&path).map_err(|source| DatabaseError::Password { path, source })?;
        config.password(password.trim_end());
    }
    config.connect_timeout(ANSWER_TIMEOUT).tcp_user_timeout(UNACKNOWLEDGED_MAX);
    config.keepalives_idle(KEEPALIVE).keepalives_interval(KEEPALIVE).keepalives_retries(2);
    let (client, connection) = within(ANSWER_TIMEOUT, async { config.connect(NoTls).await.map_err(failed) }).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "lost the connection to postgres");
        }
    });
    Ok(client)
}

/// The result of a request to Postgres, or [`DatabaseError::Unanswered`] after a time limit.
pub async fn within<T, E: From<DatabaseError>>(
    limit: Duration,
    request: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(limit, request).await.unwrap_or_else(|_| Err(DatabaseError::Unanswered(limit).into()))
}

/// Applies the missing migrations, each in its own transaction; their names.
pub async fn migrate(client: &mut Client) -> Result<Vec<&'static str>, DatabaseError> {
    client.execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK]).await?;
    client.batch_execute(SCHEMA_MIGRATIONS).await?;
    let mut applied = Vec::new();
    for (version, name, sql) in MIGRATIONS {
        let known = "SELECT 1 FROM tapedeck.schema_migrations WHERE version = $1";
        if client.query_opt(known, &[version]).await?.is_some() {
            continue;
        }
        let failed = |source| DatabaseError::Migration { name, source };
        let transaction = client.transaction().await?;
        transaction.batch_execute(sql).await.map_err(failed)?;
        let record = "INSERT INTO tapedeck.schema_migrations (version, name) VALUES ($1, $2)";
        transaction.execute(record, &[version, name]).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        applied.push(*name);
    }
    client.execute("SELECT pg_advisory_unlock($1)", &[&MIGRATION_LOCK]).await?;
    Ok(applied)
}

/// The migrations of this build that the database lacks.
pub async fn missing_migrations(client: &Client) -> Result<Vec<&'static str>, DatabaseError> {
    let table = client.query_one("SELECT to_regclass('tapedeck.schema_migrations') IS NOT NULL", &[]).await?;
    let mut known: Vec<i32> = Vec::new();
    if table.get::<_, bool>(0) {
        let rows = client.query("SELECT version FROM tapedeck.schema_migrations", &[]).await?;
        known.extend(rows.iter().map(|row| row.get::<_, i32>(0)));
    }
    Ok(MIGRATIONS.iter().filter(|(version, ..)| !known.contains(version)).map(|(_, name, _)| *name).collect())
}

/// The place on the tape up to which a projection has committed its rows; `None` if it has not started.
pub async fn progress(
    client: &Client,
    tape: &Lineage,
    partition: u16,
    projection: &str,
) -> Result<Option<TapeCheckpoint>, DatabaseError> {
    let read = "SELECT tape_id, generation, seq, last_hash, chains::text FROM tapedeck.projection_progress \
                WHERE partition = $1 AND projection = $2";
    let Some(row) = client.query_opt(read, &[&i32::from(partition), &projection]).await? else { return Ok(None) };
    let describe = |tape: &str, generation: i64| format!("{tape} (generation {generation})");
    let theirs = describe(row.get(0), row.get(1));
    let ours = describe(&tape.tape.to_string(), tape.generation.get().into());
    if theirs != ours {
        return Err(DatabaseError::OtherTape { partition, theirs, ours });
    }
    checkpoint(partition, row.get(2), row.get(3), row.get(4)).map(Some)
}

/// The checkpoint in the columns `seq`, `last_hash` and `chains`.
fn checkpoint(partition: u16, seq: i64, last: &str, chains: &str) -> Result<TapeCheckpoint, DatabaseError> {
    let seq = u64::try_from(seq).unwrap_or(0);
    let read = || -> Result<TapeCheckpoint, serde_json::Error> {
        let last = match last {
            "" => RecordHash::default(),
            last => serde_json::from_value(last.into())?,
        };
        Ok(TapeCheckpoint { seq, last, chains: serde_json::from_str(chains)? })
    };
    let unreadable = match read() {
        // The first record of a tape is in the chain of the keeper.
        Ok(found) if [found.chains.is_empty(), found.last == RecordHash::default()] == [seq == 0; 2] => {
            return Ok(found);
        }
        Ok(_) => format!("the chains or the hash of sequence {seq} do not belong to it"),
        Err(error) => error.to_string(),
    };
    Err(DatabaseError::Checkpoint { partition, mismatch: CheckpointMismatch::Unreadable(unreadable) })
}

/// The tape and the generation from which the rows of a partition were projected, and the checkpoints of its
/// projections, each once; `None` and none before the first.
pub async fn checkpoints(
    client: &Client,
    partition: u16,
) -> Result<(Option<(TapeId, Generation)>, Vec<TapeCheckpoint>), DatabaseError> {
    let read = "SELECT DISTINCT tape_id, generation, seq, last_hash, chains::text FROM tapedeck.projection_progress \
                WHERE partition = $1";
    let (mut tape, mut checkpoints) = (None, Vec::new());
    for row in client.query(read, &[&i32::from(partition)]).await? {
        let (id, number): (&str, i64) = (row.get(0), row.get(1));
        let generation = u32::try_from(number).ok().and_then(Generation::new);
        tape = id.parse().ok().zip(generation);
        if tape.is_none() {
            let unreadable = format!("it is of {id}, generation {number}, which is no tape");
            return Err(DatabaseError::Checkpoint { partition, mismatch: CheckpointMismatch::Unreadable(unreadable) });
        }
        checkpoints.push(checkpoint(partition, row.get(2), row.get(3), row.get(4))?);
    }
    Ok((tape, checkpoints))
}

/// The last tape sequence that every projection has committed.
pub async fn projected(client: &Client, tape: &Lineage, partition: u16) -> Result<u64, DatabaseError> {
    let mut least = u64::MAX;
    for projection in tapedeck_projections::all() {
        let progress = progress(client, tape, partition, projection.name()).await?;
        least = least.min(progress.map_or(0, |checkpoint| checkpoint.seq));
    }
    Ok(least)
}
