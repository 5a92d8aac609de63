//! Stores over every combination of engines that is there.
//!
//! SQLite always. PostgreSQL where `GUICHET_TEST_DATABASE_URL` names a database in which schemas may be made, Redis where
//! `GUICHET_TEST_REDIS_URL` names one. With `GUICHET_TEST_REQUIRE_ALL=1` the absence of one is a failure. Every store is a
//! fresh one of its own: a file in a new directory, a new schema, a new prefix of keys.

use std::cell::RefCell;

use guichet::base::Secret;
use guichet::store::{Store, StoreOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;
use uuid::Uuid;

thread_local! {
    /// Directories of this test, removed when its thread ends.
    static DIRECTORIES: RefCell<Vec<TempDir>> = const { RefCell::new(Vec::new()) };
}

/// Migrated stores over `sqlite`, `sqlite+redis`, `postgres`, `postgres+redis`, as far as they are there.
pub async fn stores() -> Vec<(&'static str, Store)> {
    let mut stores = Vec::new();
    for (name, options) in all_options().await {
        let store = Store::open(&options).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        store.migrate().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        stores.push((name, store));
    }
    stores
}

/// Where the stores of [`stores`] are, each with an empty database.
pub async fn all_options() -> Vec<(&'static str, StoreOptions)> {
    let redis = server("GUICHET_TEST_REDIS_URL");
    let postgres = server("GUICHET_TEST_DATABASE_URL");
    let mut all = vec![("sqlite", options(sqlite_url(), None))];
    if let Some(redis) = &redis {
        all.push(("sqlite+redis", options(sqlite_url(), Some(redis))));
    }
    if let Some(postgres) = &postgres {
        all.push(("postgres", options(postgres_url(postgres).await, None)));
        if let Some(redis) = &redis {
            all.push(("postgres+redis", options(postgres_url(postgres).await, Some(redis))));
        }
    }
    all
}

/// A database file that does not exist yet, in a directory of this test.
pub fn sqlite_url() -> String {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = format!("sqlite://{}/data/guichet.db", directory.path().display());
    DIRECTORIES.with_borrow_mut(|all| all.push(directory));
    url
}

/// A new schema in the database that `url` names.
async fn postgres_url(url: &str) -> String {
    let schema = format!("test_{}", Uuid::from_bytes(random()).simple());
    let mut connection = PgConnection::connect(url).await.expect("PostgreSQL answers");
    let create = AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::raw_sql(create).execute(&mut connection).await.expect("a schema can be made");
    connection.close().await.expect("PostgreSQL says goodbye");
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}options=-csearch_path%3D{schema}")
}

/// Runs a statement on the database itself, behind the store's back.
pub async fn raw(options: &StoreOptions, sql: &'static str) -> Result<(), sqlx::Error> {
    let url = options.database_url.expose();
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await?;
        sqlx::raw_sql(sql).execute(&mut connection).await?;
        connection.close().await
    } else {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::raw_sql(sql).execute(&mut connection).await?;
        connection.close().await
    }
}

fn options(database_url: String, redis: Option<&String>) -> StoreOptions {
    let prefixed = |url: &String| {
        let joint = if url.contains('?') { '&' } else { '?' };
        Secret::new(format!("{url}{joint}prefix=test-{}", Uuid::from_bytes(random()).simple()))
    };
    StoreOptions { database_url: Secret::new(database_url), redis_url: redis.map(prefixed), max_connections: 8 }
}

fn server(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
    let required = std::env::var("GUICHET_TEST_REQUIRE_ALL").is_ok_and(|value| value == "1");
    assert!(url.is_some() || !required, "{variable} is required by GUICHET_TEST_REQUIRE_ALL");
    url
}

fn random() -> [u8; 16] {
    guichet::base::entropy::bytes(&guichet::base::entropy::SystemEntropy)
}

/// Every row of these tables as text, to see that nothing changed. Ids and times included.
pub async fn dump(options: &StoreOptions, tables: &[&str]) -> String {
    let url = options.database_url.expose();
    if url.starts_with("sqlite:") { dump_sqlite(url, tables).await } else { dump_postgres(url, tables).await }
}

async fn dump_postgres(url: &str, tables: &[&str]) -> String {
    let mut connection = PgConnection::connect(url).await.expect("the server answers");
    let mut all = String::new();
    for table in tables {
        let rows = sqlx::query_scalar(AssertSqlSafe(format!("SELECT one::text FROM {table} one ORDER BY 1")));
        let rows: Vec<String> = rows.fetch_all(&mut connection).await.expect("rows");
        append(&mut all, table, rows);
    }
    all
}

async fn dump_sqlite(url: &str, tables: &[&str]) -> String {
    let mut connection = SqliteConnection::connect(url).await.expect("the file opens");
    let mut all = String::new();
    for table in tables {
        let columns = sqlx::query_scalar(AssertSqlSafe(format!("SELECT name FROM pragma_table_info('{table}')")));
        let columns: Vec<String> = columns.fetch_all(&mut connection).await.expect("columns");
        assert!(!columns.is_empty(), "no table {table}");
        let columns: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
        let rows = format!("SELECT {} FROM {table} ORDER BY 1", columns.join("||','||"));
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(&mut connection).await.expect("rows");
        append(&mut all, table, rows);
    }
    all
}

fn append(all: &mut String, table: &str, rows: Vec<String>) {
    all.extend(rows.into_iter().map(|row| format!("{table}: {row}\n")));
}

/// Every table of durable data but the audit.
pub const TABLES: [&str; 19] = [
    "users",
    "tenants",
    "memberships",
    "clients",
    "client_secrets",
    "initial_access_tokens",
    "registration_access_tokens",
    "consents",
    "sessions",
    "grants",
    "revoked_tokens",
    "signing_keys",
    "password_resets",
    "mail_outbox",
    "logout_notices",
    "identities",
    "upstream_sessions",
    "upstream_mappings",
    "invitations",
];
