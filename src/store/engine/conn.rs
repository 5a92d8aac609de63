//! A connection of either engine, and a query on it.

use std::collections::BTreeSet;
use std::fmt;

use futures_util::TryStreamExt as _;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments as _, AssertSqlSafe, Either, Executor as _, Postgres, SqlSafeStr as _, Transaction};

use super::job::Size;
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
    before: Before,
    /// What the running job may still do.
    may_run: Size,
    /// Whether the running job has run a statement.
    ran: bool,
    /// Whether the last statement found storage unavailable, or nobody waited for what it found.
    unanswered: bool,
}

/// Control statements that go before another one, and how far they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// There are none.
    None,
    /// They wait for a statement to go with.
    Waiting(&'static str),
    /// They went. Whether they were carried out is not known: they failed, or nobody waited for the answer.
    Sent,
    /// They were carried out.
    Done,
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
        Self {
            handle,
            failed: false,
            touched: BTreeSet::new(),
            before: Before::None,
            may_run: Size::Any,
            ran: false,
            unanswered: false,
        }
    }

    pub(super) fn into_handle(self) -> Handle {
        self.handle
    }

    /// Puts `control` before the next statement of this connection to an embedded database.
    pub(super) const fn put_before(&mut self, control: &'static str) {
        self.before = Before::Waiting(control);
    }

    /// How far came what was put before the next statement; nothing waits any longer.
    pub(super) const fn take_before(&mut self) -> Before {
        std::mem::replace(&mut self.before, Before::None)
    }

    /// Whether the last statement found storage unavailable or took too long to tell: the next one may as well.
    pub(super) const fn is_held(&self) -> bool {
        self.unanswered
    }

    /// Makes ready for the next job of the same writer, of this size.
    pub(super) fn reset(&mut self, size: Size) {
        (self.failed, self.ran, self.unanswered, self.may_run) = (false, false, false, size);
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

    /// Notes that a statement runs. A job that said it has one gets no other: it may have no transaction around it.
    fn note_statement(&mut self) -> Result<(), StoreError> {
        if self.ran && self.may_run == Size::One {
            self.failed = true;
            return Err(StoreError::Other("a job of one statement ran another".to_owned()));
        }
        (self.ran, self.unanswered) = (true, true);
        Ok(())
    }

    /// Notes how a statement ended.
    fn note_end<T>(&mut self, ended: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        let ended = ended.map_err(StoreError::from);
        self.unanswered = ended.as_ref().is_err_and(StoreError::is_unavailable);
        if ended.is_err() {
            self.failed = true;
            if let Handle::SqliteReader(reader) = &mut self.handle {
                reader.discard();
            }
        }
        ended
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

    /// The text for this engine, where the two differ: SQLite has one writer and no row locks.
    pub(in crate::store) const fn either(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self.handle {
            Handle::SqliteReader(_) | Handle::SqliteWriter(_) => sqlite,
            Handle::PostgresReader(_) | Handle::PostgresWriter(_) => postgres,
        }
    }

    /// The numbers of the migrations that this database has seen.
    pub(in crate::store) async fn applied_migrations(&mut self) -> Result<Vec<i64>, StoreError> {
        let exists = self.either(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'",
            "SELECT 1 WHERE to_regclass('_sqlx_migrations') IS NOT NULL",
        );
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
        conn.note_statement()?;
        let done = match (&mut conn.handle, arguments?) {
            (Handle::SqliteReader(on), Arguments::Sqlite(with)) => {
                sqlx::query_with(sql, with).execute(on.connection()?).await.map(|done| done.rows_affected())
            }
            (Handle::SqliteWriter(on), Arguments::Sqlite(with)) => {
                write(on, &mut conn.before, sql, with).await.map(|(_, changed)| changed)
            }
            (Handle::PostgresReader(on), Arguments::Postgres(with)) => {
                sqlx::query_with(sql, with).execute(&mut **on).await.map(|done| done.rows_affected())
            }
            (Handle::PostgresWriter(on), Arguments::Postgres(with)) => {
                sqlx::query_with(sql, with).execute(&mut **on).await.map(|done| done.rows_affected())
            }
            _ => return Err(StoreError::Other("arguments of another engine".to_owned())),
        };
        conn.note_end(done)
    }

    /// Runs the statement to its end, so that a `RETURNING` has changed all its rows, and keeps what it gave.
    async fn rows(self) -> Result<Vec<Row>, StoreError> {
        let Self { conn, sql, arguments } = self;
        conn.note_statement()?;
        let rows = match (&mut conn.handle, arguments?) {
            (Handle::SqliteReader(on), Arguments::Sqlite(with)) => {
                sqlx::query_with(sql, with).fetch_all(on.connection()?).await.map(Row::from_sqlite)
            }
            (Handle::SqliteWriter(on), Arguments::Sqlite(with)) => {
                write(on, &mut conn.before, sql, with).await.map(|(rows, _)| Row::from_sqlite(rows))
            }
            (Handle::PostgresReader(on), Arguments::Postgres(with)) => {
                sqlx::query_with(sql, with).fetch_all(&mut **on).await.map(Row::from_postgres)
            }
            (Handle::PostgresWriter(on), Arguments::Postgres(with)) => {
                sqlx::query_with(sql, with).fetch_all(&mut **on).await.map(Row::from_postgres)
            }
            _ => return Err(StoreError::Other("arguments of another engine".to_owned())),
        };
        conn.note_end(rows)
    }
}

/// Runs what waits before `sql`, and `sql`; gives the rows and the number of changed rows of `sql` alone.
async fn write(
    on: &mut SqliteConnection,
    before: &mut Before,
    sql: &'static str,
    with: SqliteArguments,
) -> Result<(Vec<SqliteRow>, u64), sqlx::Error> {
    let (sql, mut ahead) = match *before {
        Before::Waiting(control) => {
            *before = Before::Sent;
            (AssertSqlSafe(format!("{control}; {sql}")).into_sql_str(), control.split(';').count())
        }
        _ => (sql.into_sql_str(), 0),
    };
    let mut steps = on.fetch_many(sqlx::query_with(sql, with));
    let (mut rows, mut changed) = (Vec::new(), 0);
    while let Some(step) = steps.try_next().await? {
        match step {
            Either::Right(row) => rows.push(row),
            Either::Left(_) if ahead > 0 => {
                ahead -= 1;
                if ahead == 0 {
                    *before = Before::Done;
                }
            }
            // SQLite repeats the last number for statements that change none: a sum over all of them would count twice.
            Either::Left(done) => changed = done.rows_affected(),
        }
    }
    Ok((rows, changed))
}
