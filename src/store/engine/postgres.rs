//! PostgreSQL: a pool, and a transaction for each write.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};

use super::Conn;
use super::conn::Handle;
use super::job::{Size, attempt};
use super::writer::Counters;
use crate::store::migrate::{self, Known};
use crate::store::{StoreError, WriterStats};

/// How long to wait for a connection.
const PATIENCE: Duration = Duration::from_secs(3);
/// A connection idle for longer is tried before it is used: the server may have been restarted.
const TRUSTED: Duration = Duration::from_secs(2);

/// A pool of connections to one database.
pub(in crate::store) struct Postgres {
    pool: PgPool,
    /// Options without a statement timeout: a migration may take its time.
    options: PgConnectOptions,
    version: String,
    counters: Arc<Counters>,
}

impl Postgres {
    pub(super) async fn open(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        // The parser's own message could repeat the password.
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| StoreError::Other("database_url is not a PostgreSQL address".to_owned()))?
            .application_name("guichet")
            .statement_cache_capacity(256)
            .options([("synchronous_commit", "on")])
            .disable_statement_logging();
        let serving =
            options.clone().options([("statement_timeout", "5s"), ("idle_in_transaction_session_timeout", "30s")]);
        // One connection first: the pool would try until its patience ends and then not say why.
        let first = tokio::time::timeout(PATIENCE, serving.connect()).await;
        let mut first = first.map_err(|_| StoreError::Unavailable("PostgreSQL does not answer".to_owned()))??;
        let version: String = sqlx::query_scalar("SHOW server_version").fetch_one(&mut first).await?;
        first.close().await?;
        let pool = PgPoolOptions::new()
            .max_connections(max_connections.max(1))
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                async move {
                    if meta.idle_for > TRUSTED {
                        connection.ping().await?;
                    }
                    Ok(true)
                }
                .boxed()
            })
            .connect_lazy_with(serving);
        Ok(Self { pool, options, version, counters: Arc::default() })
    }

    pub(super) fn describe(&self) -> String {
        let database = self.options.get_database().unwrap_or_else(|| self.options.get_username());
        format!("PostgreSQL {} at {}:{}/{database}", self.version, self.options.get_host(), self.options.get_port())
    }

    pub(super) async fn read(&self) -> Result<Conn, StoreError> {
        // Boxed, as every use case would carry its 4 KiB otherwise.
        Ok(Conn::new(Handle::PostgresReader(Box::pin(self.pool.acquire()).await?)))
    }

    pub(super) async fn write<T, E, F>(&self, name: &'static str, size: Size, job: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>>,
        E: From<StoreError>,
    {
        match size {
            Size::One => self.write_one(name, job).await,
            Size::Any => self.write_any(name, job).await,
        }
    }

    /// One statement is a transaction by itself: two round trips less.
    async fn write_one<T, E, F>(&self, name: &'static str, job: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>>,
        E: From<StoreError>,
    {
        let mut conn = self.read().await?;
        self.counters.jobs.fetch_add(1, Ordering::Relaxed);
        let value = attempt(name, Size::One, &mut conn, job).await?;
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        Ok(value)
    }

    async fn write_any<T, E, F>(&self, name: &'static str, job: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>>,
        E: From<StoreError>,
    {
        let transaction = Box::pin(self.pool.begin()).await.map_err(StoreError::from)?;
        let mut conn = Conn::new(Handle::PostgresWriter(transaction));
        self.counters.jobs.fetch_add(1, Ordering::Relaxed);
        let outcome = attempt(name, Size::Any, &mut conn, job).await;
        // Dropped without a commit, a transaction is rolled back before its connection is used again.
        let Handle::PostgresWriter(transaction) = conn.into_handle() else { return outcome };
        let value = outcome?;
        transaction.commit().await.map_err(StoreError::from)?;
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        Ok(value)
    }

    /// On a connection of its own, under the migrator's advisory lock.
    pub(super) async fn migrate(&self, known: &Known) -> Result<Vec<String>, StoreError> {
        let mut connection = self.options.connect().await?;
        let ran = migrate::run(&mut connection, known).await;
        // Closing also frees the lock where the migration failed.
        connection.close().await?;
        ran
    }

    pub(super) fn writer_stats(&self) -> WriterStats {
        self.counters.read()
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}
