//! A row of either engine, and the values that both can take and give.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, Encode, Postgres, Sqlite, Type};

use crate::base::Timestamp;
use crate::base::digest::Digest;
use crate::store::StoreError;

/// A value that can be bound on both engines.
pub(in crate::store) trait Value<'t>:
    Encode<'t, Sqlite> + Type<Sqlite> + Encode<'t, Postgres> + Type<Postgres>
{
}
impl<'t, T: Encode<'t, Sqlite> + Type<Sqlite> + Encode<'t, Postgres> + Type<Postgres>> Value<'t> for T {}

/// A value that can be read from both engines.
pub(in crate::store) trait Stored:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}
impl<T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>> Stored for T {}

/// One row of an answer.
pub(in crate::store) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    pub(super) fn from_sqlite(rows: Vec<SqliteRow>) -> Vec<Self> {
        rows.into_iter().map(Self::Sqlite).collect()
    }

    pub(super) fn from_postgres(rows: Vec<PgRow>) -> Vec<Self> {
        rows.into_iter().map(Self::Postgres).collect()
    }

    /// The columns that came from `table`, for messages about impossible values.
    pub(in crate::store) const fn of(&self, table: &'static str) -> Columns<'_> {
        Columns { row: self, table }
    }

    fn try_get<T: Stored>(&self, column: &str) -> Result<T, sqlx::Error>
    where
        for<'n> &'n str: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        match self {
            Self::Sqlite(row) => sqlx::Row::try_get(row, column),
            Self::Postgres(row) => sqlx::Row::try_get(row, column),
        }
    }
}

/// A row seen as columns of one table.
#[derive(Clone, Copy)]
pub(in crate::store) struct Columns<'r> {
    row: &'r Row,
    table: &'static str,
}

impl Columns<'_> {
    /// The value of `column`.
    pub(in crate::store) fn get<T: Stored>(self, column: &'static str) -> Result<T, StoreError> {
        self.row.try_get(column).map_err(|_| self.impossible(column, "cannot be read"))
    }

    /// The moment in `column`.
    pub(in crate::store) fn time(self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.get(column).map(Timestamp::from_micros)
    }

    /// The moment in `column`, where there is one.
    pub(in crate::store) fn optional_time(self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp::from_micros))
    }

    /// The text of `column` as `parse` understands it.
    pub(in crate::store) fn parsed<T>(
        self,
        column: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        parse(&self.get::<String>(column)?).ok_or_else(|| self.impossible(column, "is none of the known values"))
    }

    /// The JSON of `column`.
    pub(in crate::store) fn json<T>(self, column: &'static str) -> Result<T, StoreError>
    where
        T: serde::de::DeserializeOwned + 'static,
    {
        let value: sqlx::types::Json<serde_json::Value> = self.get(column)?;
        serde_json::from_value(value.0).map_err(|_| self.impossible(column, "does not have the expected form"))
    }

    /// The SHA-256 digest in `column`.
    pub(in crate::store) fn digest(self, column: &'static str) -> Result<Digest, StoreError> {
        Digest::from_bytes(&self.get::<Vec<u8>>(column)?).ok_or_else(|| self.impossible(column, "is not 32 bytes"))
    }

    /// What to say of a value that this release can never have written.
    pub(in crate::store) const fn impossible(self, column: &'static str, detail: &'static str) -> StoreError {
        StoreError::inconsistent(self.table, column, detail)
    }
}
