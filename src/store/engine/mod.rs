//! The one place that knows that there are two engines: how each is opened, how a query reaches it, how a transaction
//! begins and ends. Everything above speaks one SQL text and [`Conn`].

mod conn;
mod job;
mod postgres;
mod row;
mod sqlite;
mod version;
mod writer;

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Reader, StoreError, WriterStats, migrate};
use crate::base::Secret;

pub use conn::Conn;
pub(super) use conn::Query;
pub(in crate::store) use job::Size;
pub(super) use row::{Columns, Row};

/// The durable database, whichever it is. Clones share it.
#[derive(Clone)]
pub(super) enum Database {
    Sqlite(Arc<sqlite::Sqlite>),
    Postgres(Arc<postgres::Postgres>),
}

impl Database {
    /// Opens what the URL names.
    pub(super) async fn open(url: &Secret<String>, max_connections: u32) -> Result<Self, StoreError> {
        match url.expose().split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Ok(Self::Sqlite(Arc::new(sqlite::Sqlite::open(url.expose(), max_connections).await?))),
            Some("postgres" | "postgresql") => {
                Ok(Self::Postgres(Arc::new(postgres::Postgres::open(url.expose(), max_connections).await?)))
            }
            _ => Err(StoreError::Other("database_url must begin with sqlite: or postgres:".to_owned())),
        }
    }

    /// Engine, version and place, without a password.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Sqlite(sqlite) => sqlite.describe(),
            Self::Postgres(postgres) => postgres.describe(),
        }
    }

    pub(super) async fn read(&self) -> Result<Reader, StoreError> {
        let conn = match self {
            Self::Sqlite(sqlite) => sqlite.read().await?,
            Self::Postgres(postgres) => postgres.read().await?,
        };
        Ok(Reader::new(conn))
    }

    pub(super) async fn write<T, E, F>(&self, name: &'static str, size: Size, job: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match self {
            Self::Sqlite(sqlite) => sqlite.write(name, size, job).await,
            Self::Postgres(postgres) => postgres.write(name, size, job).await,
        }
    }

    pub(super) async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.migrate(&migrate::SQLITE).await,
            Self::Postgres(postgres) => postgres.migrate(&migrate::POSTGRES).await,
        }
    }

    pub(super) async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        let known = match self {
            Self::Sqlite(_) => &migrate::SQLITE,
            Self::Postgres(_) => &migrate::POSTGRES,
        };
        migrate::pending(&mut *self.read().await?, known).await
    }

    /// How many write jobs were run and in how many commits.
    pub(super) fn writer_stats(&self) -> WriterStats {
        match self {
            Self::Sqlite(sqlite) => sqlite.writer_stats(),
            Self::Postgres(postgres) => postgres.writer_stats(),
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(sqlite) => sqlite.close().await,
            Self::Postgres(postgres) => postgres.close().await,
        }
    }
}
