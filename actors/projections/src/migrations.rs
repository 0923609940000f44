//! The migrations, in order; each runs once, in its own transaction.

/// Creates the table of applied migrations.
pub const SCHEMA_MIGRATIONS: &str = "CREATE SCHEMA IF NOT EXISTS tapedeck; \
     CREATE TABLE IF NOT EXISTS tapedeck.schema_migrations \
     (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())";

/// Version, name, SQL.
pub const MIGRATIONS: &[(i32, &str, &str)] = &[
    (1, "0001_read_models", include_str!("../migrations/0001_read_models.sql")),
    (2, "0002_rejects_count", include_str!("../migrations/0002_rejects_count.sql")),
    (3, "0003_marked_at", include_str!("../migrations/0003_marked_at.sql")),
    (4, "0004_bars_part", include_str!("../migrations/0004_bars_part.sql")),
];
