//! SQLite: one writer, a few readers, one file.

use std::path::Path;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Conn;
use super::conn::Handle;
use super::job::Size;
use super::version;
use super::writer::Writer;
use crate::store::migrate::{self, Known};
use crate::store::{StoreError, WriterStats};

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// How long to wait for a reader to come back.
const PATIENCE: Duration = Duration::from_secs(3);
/// Most readers that help: each is a thread.
const MOST_READERS: u32 = 16;

/// An opened database file.
pub(in crate::store) struct Sqlite {
    options: SqliteConnectOptions,
    version: String,
    writer: Writer,
    readers: Readers,
}

impl Sqlite {
    pub(super) async fn open(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        let named = SqliteConnectOptions::from_str(url)
            .map_err(|_| StoreError::Other("database_url is not a SQLite address".to_owned()))?;
        let path = named.get_filename().to_owned();
        if path.as_os_str().is_empty() || url.contains(":memory:") {
            return Err(StoreError::Other("database_url must name a file".to_owned()));
        }
        create_file(&path).await.map_err(|error| {
            StoreError::Other(format!("cannot create the database file {}: {error}", path.display()))
        })?;
        let options = configured(SqliteConnectOptions::new().filename(&path));
        let mut connection = first_connection(&writing(&options)).await?;
        let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await?;
        if !version::is_new_enough(&version) {
            return Err(StoreError::Other(format!("SQLite {version} is too old")));
        }
        Ok(Self {
            readers: Readers::new(options.clone().read_only(true), max_connections.clamp(1, MOST_READERS)),
            writer: Writer::start(Conn::new(Handle::SqliteWriter(connection))),
            options,
            version,
        })
    }

    pub(super) fn describe(&self) -> String {
        format!("SQLite {} at {}", self.version, self.options.get_filename().display())
    }

    pub(super) async fn read(&self) -> Result<Conn, StoreError> {
        Ok(Conn::new(Handle::SqliteReader(self.readers.take().await?)))
    }

    pub(super) async fn write<T, E, F>(&self, name: &'static str, size: Size, job: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.writer.write(name, size, job).await
    }

    /// All of it in one transaction that locks other processes out from the start: whole or not at all.
    pub(super) async fn migrate(&self, known: &Known) -> Result<Vec<String>, StoreError> {
        let mut connection = writing(&self.options).connect().await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let ran = migrate::run(&mut *transaction, known).await?;
        transaction.commit().await?;
        connection.close().await?;
        Ok(ran)
    }

    pub(super) fn writer_stats(&self) -> WriterStats {
        self.writer.stats()
    }

    /// Readers first, so that the writer is the last to close and tidies the write-ahead log away.
    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// What readers and the writer have in common.
fn configured(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .busy_timeout(BUSY)
        .foreign_keys(true)
        .pragma("trusted_schema", "OFF")
        .statement_cache_capacity(256)
        .disable_statement_logging()
}

/// FULL flushes at every commit; NORMAL would lose the last ones with the power.
fn writing(options: &SqliteConnectOptions) -> SqliteConnectOptions {
    options.clone().journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
}

/// The switch of a new file to its write-ahead log does not wait for a rival process that switches it too, so it is tried
/// again for as long as [`BUSY`].
async fn first_connection(options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    let patience = tokio::time::Instant::now() + BUSY;
    loop {
        match options.connect().await.map_err(StoreError::from) {
            Err(StoreError::Unavailable(_)) if tokio::time::Instant::now() < patience => {
                tokio::time::sleep(BUSY / 100).await;
            }
            done => return done,
        }
    }
}

/// Creates the file for its owner alone; SQLite gives its companions the same mode.
async fn create_file(path: &Path) -> std::io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).await?;
    }
    match tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Connections that only read, opened as they are needed. Taking one costs no round trip.
struct Readers {
    options: SqliteConnectOptions,
    places: Arc<Semaphore>,
    most: u32,
    idle: Arc<Mutex<Vec<SqliteConnection>>>,
}

impl Readers {
    fn new(options: SqliteConnectOptions, most: u32) -> Self {
        let places = Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(1)));
        Self { options, places, most, idle: Arc::default() }
    }

    async fn take(&self) -> Result<PooledReader, StoreError> {
        let place = tokio::time::timeout(PATIENCE, Arc::clone(&self.places).acquire_owned())
            .await
            .map_err(|_| StoreError::Unavailable("all readers are busy".to_owned()))?
            .map_err(|_| StoreError::Unavailable("the database is closed".to_owned()))?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(PooledReader { connection: Some(connection), idle: Arc::clone(&self.idle), _place: place })
    }

    async fn close(&self) {
        // Waits for the readers in use, a moment at most.
        let _ = tokio::time::timeout(PATIENCE, self.places.acquire_many(self.most)).await;
        self.places.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for connection in idle {
            let _ = connection.close().await;
        }
    }
}

/// A reader in use. Dropped, it is idle again.
pub(super) struct PooledReader {
    connection: Option<SqliteConnection>,
    idle: Arc<Mutex<Vec<SqliteConnection>>>,
    _place: OwnedSemaphorePermit,
}

impl PooledReader {
    pub(super) fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.connection.as_mut().ok_or_else(|| StoreError::Other("the reader has failed before".to_owned()))
    }

    /// Closes a connection on which a query failed, as it may be the connection that is broken.
    pub(super) fn discard(&mut self) {
        self.connection = None;
    }
}

impl Drop for PooledReader {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pragma(conn: &mut SqliteConnection, name: &'static str) -> String {
        let sql = sqlx::AssertSqlSafe(format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"));
        sqlx::query_scalar(sql).fetch_one(conn).await.unwrap()
    }

    #[tokio::test]
    async fn the_writer_flushes_at_every_commit_and_readers_only_read() {
        let directory = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new().filename(directory.path().join("x.db")).create_if_missing(true);
        let mut writer = writing(&configured(options.clone())).connect().await.unwrap();
        for (name, value) in [("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "1")] {
            assert_eq!(pragma(&mut writer, name).await, value, "{name}");
        }
        let mut reader = configured(options).read_only(true).connect().await.unwrap();
        let refused = sqlx::raw_sql("CREATE TABLE t (x)").execute(&mut reader).await.unwrap_err();
        assert!(refused.to_string().contains("readonly"), "{refused}");
    }

    #[tokio::test]
    async fn a_reader_that_failed_is_not_given_to_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new().filename(directory.path().join("x.db")).create_if_missing(true);
        let readers = Readers::new(options, 1);
        let mut conn = Conn::new(Handle::SqliteReader(readers.take().await.unwrap()));
        assert!(conn.query("SELECT nothing FROM nowhere").execute().await.is_err());
        drop(conn);
        assert_eq!(readers.idle.lock().unwrap().len(), 0);
        let mut conn = Conn::new(Handle::SqliteReader(readers.take().await.unwrap()));
        conn.query("SELECT 1").execute().await.unwrap();
        drop(conn);
        assert_eq!(readers.idle.lock().unwrap().len(), 1);
    }
}
