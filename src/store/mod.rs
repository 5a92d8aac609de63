//! Durable data and short-lived state.
//!
//! Owns `sqlx`, `redis`, every SQL text and both engines; no other room names one. Knows what a row may be and what must
//! happen in one transaction, not what a protocol allows: rules are in `model`, `oauth` and the use cases.
//!
//! - [`Store`] opens the database and Redis, runs migrations, hands out connections.
//! - `db/` has the queries as methods of [`Conn`], a file for each kind of thing. One text serves both engines.
//! - `ephemeral/` has what lives for seconds or minutes and what must be taken once.
//! - `engine/` is the small dispatch to SQLite (one writer with group commit, many readers) or PostgreSQL.
//!
//! A read may be a moment old; a decision that must hold is a condition of the writing statement.

mod db;
mod engine;
mod ephemeral;
mod error;
mod migrate;

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::base::Secret;
use engine::Size;

pub use db::audit::AuditFilter;
pub use db::epochs::Topic;
pub use db::identities::{DueSession, NewUpstreamSession, SealedTokens, UpstreamSession};
pub use db::upstream_clients::UpstreamClient;
pub use engine::Conn;
pub use ephemeral::{Ephemeral, Hit, Kind, Limit};
pub use error::{Constraint, StoreError};

/// Where data is kept.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// `sqlite://path` or `postgres://user:password@host:port/database`.
    pub database_url: Secret<String>,
    /// `redis://…` for short-lived state; without it that is kept in the database. `?prefix=…` sets its keys apart from
    /// those of other installations (`guichet` by default).
    pub redis_url: Option<Secret<String>>,
    /// Most connections to the database at one time.
    pub max_connections: u32,
}

/// The database and the short-lived state. Clones share them.
#[derive(Clone)]
pub struct Store(Arc<Opened>);

struct Opened {
    database: engine::Database,
    ephemeral: Ephemeral,
}

/// What the writer has done since the store was opened: their ratio is what group commit saves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriterStats {
    /// Write jobs that were run.
    pub jobs: u64,
    /// Transactions that were committed.
    pub commits: u64,
}

impl Store {
    /// Connects; for SQLite creates the file (for its owner alone) and its directory where they are missing.
    pub async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let database = engine::Database::open(&options.database_url, options.max_connections).await?;
        let ephemeral = Ephemeral::open(options.redis_url.as_ref(), database.clone()).await?;
        Ok(Self(Arc::new(Opened { database, ephemeral })))
    }

    /// Brings the schema up to date; gives the names of the migrations it ran.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.0.database.migrate().await
    }

    /// The names of the migrations that [`Self::migrate`] would run. Refuses a schema newer than this release.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        self.0.database.pending_migrations().await
    }

    /// Asks a reader, the writer and Redis for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read().await?.query("SELECT 1").execute().await?;
        self.write("ping", |tx| Box::pin(async move { tx.query("SELECT 1").execute().await })).await?;
        self.0.ephemeral.ping().await
    }

    /// Engines, versions and places, without a password.
    pub fn describe(&self) -> String {
        match self.0.ephemeral.describe() {
            Some(redis) => format!("{}, {redis}", self.0.database.describe()),
            None => self.0.database.describe(),
        }
    }

    /// A connection to read with. Each statement sees what was committed before it.
    pub async fn read(&self) -> Result<Reader, StoreError> {
        self.0.database.read().await
    }

    /// Runs `job` in a transaction and waits until it is durable. When the job gives an error, panics or takes longer
    /// than five seconds, nothing of it is kept.
    ///
    /// The job must wait for nothing but its connection: it may hold the only writer. `name` is for the log.
    pub async fn write<T, E, F>(&self, name: &'static str, job: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.0.database.write(name, Size::Any, job).await
    }

    /// The same for a job of one statement, which needs no transaction around it: what the statement changed stays, whatever
    /// the job makes of it, and a second statement is refused.
    pub async fn write_one<T, E, F>(&self, name: &'static str, job: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.0.database.write(name, Size::One, job).await
    }

    /// The short-lived state.
    pub fn ephemeral(&self) -> &Ephemeral {
        &self.0.ephemeral
    }

    /// How many write jobs were run, in how many commits.
    pub fn writer_stats(&self) -> WriterStats {
        self.0.database.writer_stats()
    }

    /// Waits for the writes that are queued and closes the connections. Later calls find storage unavailable.
    pub async fn close(&self) {
        self.0.database.close().await;
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.describe())
    }
}

/// A connection to read with, given back when dropped.
#[derive(Debug)]
pub struct Reader(Conn);

impl Reader {
    const fn new(conn: Conn) -> Self {
        Self(conn)
    }
}

impl Deref for Reader {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.0
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.0
    }
}
