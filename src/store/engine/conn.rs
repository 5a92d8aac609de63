//! A connection of either engine, and a query on it.

use std::collections::BTreeSet;
use std::fmt;

use futures_util::TryStreamExt as _;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments as _, AssertSqlSafe, Either, Executor as _, Postgres, SqlSafeStr as _, SqlStr, Transaction};

use super::row::{Row, Value};
use super::sqlite::PooledReader;
use crate::store::{StoreError, Topic};

/// A connection: a reader's, or a writer's within its transaction. The queries are its methods, one file of `store/db`
/// for each kind of thing.
///
/// A statement that fails within a transaction fails the whole transaction, on both engines, even where the job
/// goes on: nothing after it can be kept.
pub struct Conn {
    handle: Handle,
    /// Whether a statement of this transaction failed.
    failed: bool,
    /// Which caches the transaction makes stale; counted once, at its end, in one order.
    touched: BTreeSet<Topic>,
    /// What goes before the next statement of an embedded database, in the same trip to its thread.
    before: Option<&'static str>,
}

/// What stands behind a [`Conn`].
pub(super) enum Handle {
    SqliteReader(PooledReader),
    SqliteWriter(SqliteConnection),
    PostgresReader(PoolConnection<Postgres>),
    PostgresWriter(Transaction<'static, Postgres>),
}

impl Conn {
    pub(super) const fn new(handle: Handle) -> Self {
        Self { handle, failed: false, touched: BTreeSet::new(), before: None }
    }

    pub(super) fn into_handle(self) -> Handle {
        self.handle
    }

    /// Puts `control` before the next statement of this connection to an embedded database.
    pub(super) fn put_before(&mut self, control: &'static str) {
        self.before = Some(control);
    }

    /// Whether what was put before the next statement is still waiting for one; it waits no longer.
    pub(super) fn take_before(&mut self) -> bool {
        self.before.take().is_some()
    }

    /// Makes ready for the next job of the same writer.
    pub(super) fn reset(&mut self) {
        self.failed = false;
        self.touched.clear();
    }

    /// Ends a job that wants to be kept: refuses when a statement failed, and counts the changes for other processes.
    pub(super) async fn finish(&mut self) -> Result<(), StoreError> {
        if self.failed {
            // PostgreSQL answers COMMIT of a failed transaction with a silent ROLLBACK.
            return Err(StoreError::Other("a job went on after a statement of its transaction failed".to_owned()));
        }
        for topic in std::mem::take(&mut self.touched) {
            self.count_epoch(topic).await?;
        }
        Ok(())
    }

    /// Notes that a statement failed.
    fn fail(&mut self, error: sqlx::Error) -> StoreError {
        self.failed = true;
        if let Handle::SqliteReader(reader) = &mut self.handle {
            reader.discard();
        }
        error.into()
    }

    /// Notes that caches of `topic` are stale once this transaction is committed.
    pub(in crate::store) fn touch(&mut self, topic: Topic) {
        self.touched.insert(topic);
    }

    /// Begins a query. Placeholders are `$1`, `$2`, …, as both engines read them.
    pub(in crate::store) fn query(&mut self, sql: &'static str) -> Query<'_> {
        let arguments = match self.handle {
            Handle::SqliteReader(_) | Handle::SqliteWriter(_) => Arguments::Sqlite(SqliteArguments::default()),
            Handle::PostgresReader(_) | Handle::PostgresWriter(_) => Arguments::Postgres(PgArguments::default()),
        };
        Query { conn: self, sql, arguments: Ok(arguments) }
    }

    /// Holds `lock` until the transaction ends, against other processes that ask for the same.
    ///
    /// SQLite has one writer at a time, so its transaction is such a lock already.
    pub(in crate::store) async fn lock(&mut self, lock: i64) -> Result<(), StoreError> {
        match self.handle {
            Handle::SqliteReader(_) | Handle::SqliteWriter(_) => Ok(()),
            Handle::PostgresReader(_) | Handle::PostgresWriter(_) => {
                self.query("SELECT 1 FROM (SELECT pg_advisory_xact_lock($1)) AS held").bind(lock).execute().await?;
                Ok(())
            }
        }
    }

    /// The numbers of the migrations that this database has seen.
    pub(in crate::store) async fn applied_migrations(&mut self) -> Result<Vec<i64>, StoreError> {
        let exists = match self.handle {
            Handle::SqliteReader(_) | Handle::SqliteWriter(_) => {
                "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'"
            }
            Handle::PostgresReader(_) | Handle::PostgresWriter(_) => {
                "SELECT 1 WHERE to_regclass('_sqlx_migrations') IS NOT NULL"
            }
        };
        if self.query(exists).all(|_| Ok(())).await?.is_empty() {
            return Ok(Vec::new());
        }
        self.query("SELECT version FROM _sqlx_migrations ORDER BY version")
            .all(|row| row.of("_sqlx_migrations").get("version"))
            .await
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Conn")
    }
}

enum Arguments {
    Sqlite(SqliteArguments),
    Postgres(PgArguments),
}

/// One statement with its arguments, for one connection.
pub(in crate::store) struct Query<'c> {
    conn: &'c mut Conn,
    sql: &'static str,
    arguments: Result<Arguments, StoreError>,
}

impl Query<'_> {
    /// Gives the next placeholder its value.
    #[must_use]
    pub(in crate::store) fn bind<'t, T: Value<'t>>(mut self, value: T) -> Self {
        let added = match &mut self.arguments {
            Ok(Arguments::Sqlite(arguments)) => arguments.add(value),
            Ok(Arguments::Postgres(arguments)) => arguments.add(value),
            Err(_) => Ok(()),
        };
        if let Err(error) = added {
            self.arguments = Err(StoreError::Other(format!("cannot bind: {error}")));
        }
        self
    }

    /// Runs the statement and reads every row with `read`.
    pub(in crate::store) async fn all<T>(
        self,
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.rows().await?.iter().map(read).collect()
    }

    /// Runs the statement and reads the first row, if there is one.
    pub(in crate::store) async fn optional<T>(
        self,
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.rows().await?.first().map(read).transpose()
    }

    /// Runs the statement and reads the first row; there must be one.
    pub(in crate::store) async fn one<T>(self, read: impl Fn(&Row) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.optional(read).await?.ok_or_else(|| StoreError::Other("a row is missing".to_owned()))
    }

    /// Runs the statement and gives the number of rows it changed.
    pub(in crate::store) async fn execute(self) -> Result<u64, StoreError> {
        let Self { conn, sql, arguments } = self;
        let done = match (&mut conn.handle, arguments?) {
            (Handle::SqliteReader(on), Arguments::Sqlite(with)) => {
                sqlx::query_with(sql, with).execute(on.connection()?).await.map(|done| done.rows_affected())
            }
            (Handle::SqliteWriter(on), Arguments::Sqlite(with)) => {
                changed(on, together(conn.before.take(), sql), with).await
            }
            (Handle::PostgresReader(on), Arguments::Postgres(with)) => {
                sqlx::query_with(sql, with).execute(&mut **on).await.map(|done| done.rows_affected())
            }
            (Handle::PostgresWriter(on), Arguments::Postgres(with)) => {
                sqlx::query_with(sql, with).execute(&mut **on).await.map(|done| done.rows_affected())
            }
            _ => return Err(StoreError::Other("arguments of another engine".to_owned())),
        };
        done.map_err(|error| conn.fail(error))
    }

    /// Runs the statement to its end, so that a `RETURNING` has changed all its rows, and keeps what it gave.
    async fn rows(self) -> Result<Vec<Row>, StoreError> {
        let Self { conn, sql, arguments } = self;
        let rows = match (&mut conn.handle, arguments?) {
            (Handle::SqliteReader(on), Arguments::Sqlite(with)) => {
                sqlx::query_with(sql, with).fetch_all(on.connection()?).await.map(Row::from_sqlite)
            }
            (Handle::SqliteWriter(on), Arguments::Sqlite(with)) => {
                let sql = together(conn.before.take(), sql);
                sqlx::query_with(sql, with).fetch_all(on).await.map(Row::from_sqlite)
            }
            (Handle::PostgresReader(on), Arguments::Postgres(with)) => {
                sqlx::query_with(sql, with).fetch_all(&mut **on).await.map(Row::from_postgres)
            }
            (Handle::PostgresWriter(on), Arguments::Postgres(with)) => {
                sqlx::query_with(sql, with).fetch_all(&mut **on).await.map(Row::from_postgres)
            }
            _ => return Err(StoreError::Other("arguments of another engine".to_owned())),
        };
        rows.map_err(|error| conn.fail(error))
    }
}

fn together(before: Option<&'static str>, sql: &'static str) -> SqlStr {
    match before {
        None => sql.into_sql_str(),
        Some(before) => AssertSqlSafe(format!("{before}; {sql}")).into_sql_str(),
    }
}

/// The rows that the last statement of `sql` changed. SQLite repeats the last number for statements that change none, so
/// that a sum over all of them would count twice.
async fn changed(on: &mut SqliteConnection, sql: SqlStr, with: SqliteArguments) -> Result<u64, sqlx::Error> {
    let mut steps = on.fetch_many(sqlx::query_with(sql, with));
    let mut last = 0;
    while let Some(step) = steps.try_next().await? {
        if let Either::Left(done) = step {
            last = done.rows_affected();
        }
    }
    Ok(last)
}
