//! The schema and how it comes to be: forward only, each step once, refused when the database is ahead of us.

use std::sync::LazyLock;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::StoreError;
use super::engine::Conn;

/// One engine's migrations: number, name and text.
type Texts = &'static [(i64, &'static str, &'static str)];

/// The steps that this release knows for one engine.
pub(super) struct Known {
    migrator: LazyLock<Migrator>,
    texts: Texts,
}

const SQLITE_TEXTS: Texts = &[
    (1, "0001_provider", include_str!("../../migrations/sqlite/0001_provider.sql")),
    (2, "0002_claims", include_str!("../../migrations/sqlite/0002_claims.sql")),
    (3, "0003_mail_outbox", include_str!("../../migrations/sqlite/0003_mail_outbox.sql")),
    (4, "0004_sealed_client_secrets", include_str!("../../migrations/sqlite/0004_sealed_client_secrets.sql")),
    (5, "0005_registration", include_str!("../../migrations/sqlite/0005_registration.sql")),
    (6, "0006_logout_notices", include_str!("../../migrations/sqlite/0006_logout_notices.sql")),
    (7, "0007_federation", include_str!("../../migrations/sqlite/0007_federation.sql")),
    (8, "0008_mapped_roles", include_str!("../../migrations/sqlite/0008_mapped_roles.sql")),
    (9, "0009_invitations", include_str!("../../migrations/sqlite/0009_invitations.sql")),
    (10, "0010_upstream_clients", include_str!("../../migrations/sqlite/0010_upstream_clients.sql")),
];
const POSTGRES_TEXTS: Texts = &[
    (1, "0001_provider", include_str!("../../migrations/postgres/0001_provider.sql")),
    (2, "0002_claims", include_str!("../../migrations/postgres/0002_claims.sql")),
    (3, "0003_mail_outbox", include_str!("../../migrations/postgres/0003_mail_outbox.sql")),
    (4, "0004_sealed_client_secrets", include_str!("../../migrations/postgres/0004_sealed_client_secrets.sql")),
    (5, "0005_registration", include_str!("../../migrations/postgres/0005_registration.sql")),
    (6, "0006_logout_notices", include_str!("../../migrations/postgres/0006_logout_notices.sql")),
    (7, "0007_federation", include_str!("../../migrations/postgres/0007_federation.sql")),
    (8, "0008_mapped_roles", include_str!("../../migrations/postgres/0008_mapped_roles.sql")),
    (9, "0009_invitations", include_str!("../../migrations/postgres/0009_invitations.sql")),
    (10, "0010_upstream_clients", include_str!("../../migrations/postgres/0010_upstream_clients.sql")),
];

pub(super) static SQLITE: Known = Known { migrator: LazyLock::new(|| migrator(SQLITE_TEXTS)), texts: SQLITE_TEXTS };
pub(super) static POSTGRES: Known =
    Known { migrator: LazyLock::new(|| migrator(POSTGRES_TEXTS)), texts: POSTGRES_TEXTS };

fn migrator(texts: Texts) -> Migrator {
    let steps = texts.iter().map(|&(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, AssertSqlSafe(sql).into_sql_str(), false)
    });
    Migrator::with_migrations(steps.collect())
}

/// Runs what has not been run yet; gives the names. `connection` is for this alone and closed afterwards.
pub(super) async fn run<C: Migrate>(connection: &mut C, known: &Known) -> Result<Vec<String>, StoreError> {
    const TABLE: &str = "_sqlx_migrations";
    // The lock is the session's and counts how often it was taken; it goes with the connection, which serves this alone.
    connection.lock().await.map_err(refusal)?;
    connection.ensure_migrations_table(TABLE).await.map_err(refusal)?;
    let before = connection.list_applied_migrations(TABLE).await.map_err(refusal)?;
    let before: Vec<i64> = before.iter().map(|applied| applied.version).collect();
    known.migrator.run_direct(None, connection, false).await.map_err(refusal)?;
    missing(&before, known)
}

/// The names of what [`run`] would run.
pub(super) async fn pending(conn: &mut Conn, known: &Known) -> Result<Vec<String>, StoreError> {
    missing(&conn.applied_migrations().await?, known)
}

fn missing(applied: &[i64], known: &Known) -> Result<Vec<String>, StoreError> {
    if applied.iter().any(|version| !known.texts.iter().any(|(known, ..)| known == version)) {
        return Err(StoreError::SchemaTooNew);
    }
    let missing = known.texts.iter().filter(|(version, ..)| !applied.contains(version));
    Ok(missing.map(|(_, name, _)| (*name).to_owned()).collect())
}

fn refusal(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => StoreError::SchemaTooNew,
        MigrateError::Execute(inner) | MigrateError::ExecuteMigration(inner, _) => inner.into(),
        other => StoreError::Other(format!("migration: {other}")),
    }
}
