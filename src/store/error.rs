//! What can go wrong in storage, told without a stored value: names of tables and constraints only.

use std::fmt;

/// A uniqueness rule that a write would have broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Constraint {
    /// Another account has this address.
    UserEmail,
    /// Another account has this national number.
    UserRpps,
    /// Another tenant has this code.
    TenantCode,
    /// Another client has this `client_id`.
    ClientId,
    /// The grant exists already: its code is used a second time.
    Grant,
    /// Any other.
    Other,
}

/// One rule: its name in PostgreSQL, how SQLite tells of it, and what it means.
const CONSTRAINTS: [(&str, &str, Constraint); 5] = [
    ("users_email_canonical_key", "users.email_canonical", Constraint::UserEmail),
    ("users_rpps_key", "users.rpps", Constraint::UserRpps),
    ("tenants_code_canonical_key", "tenants.code_canonical", Constraint::TenantCode),
    ("clients_client_id_key", "clients.client_id", Constraint::ClientId),
    ("grants_pkey", "grants.id", Constraint::Grant),
];

impl Constraint {
    fn of(error: &dyn sqlx::error::DatabaseError) -> Self {
        let found = |&&(name, columns, _): &&(&str, &str, Self)| match error.constraint() {
            Some(constraint) => constraint == name,
            None => error.message().ends_with(&format!(": {columns}")),
        };
        CONSTRAINTS.iter().find(found).map_or(Self::Other, |&(_, _, constraint)| constraint)
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UserEmail => "the e-mail address of another account",
            Self::UserRpps => "the RPPS number of another account",
            Self::TenantCode => "the code of another tenant",
            Self::ClientId => "the client_id of another client",
            Self::Grant => "a grant that exists already",
            Self::Other => "a stored row",
        })
    }
}

/// Why storage did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A row with the same unique value exists.
    #[error("conflicts with {0}")]
    Conflict(Constraint),
    /// The database or Redis cannot be reached, is overloaded or answers too late. Worth another try later.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// The schema was made by a newer release than this one.
    #[error("the database schema is newer than this release")]
    SchemaTooNew,
    /// A row that this release can never have written.
    #[error("impossible value in {table}.{column}: {detail}")]
    Inconsistent {
        /// Where.
        table: &'static str,
        /// Where.
        column: &'static str,
        /// What is wrong with it, without the value.
        detail: &'static str,
    },
    /// Anything else: a mistake of ours or of the configuration.
    #[error("storage failed: {0}")]
    Other(String),
}

impl StoreError {
    /// Whether another try later may succeed.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// An impossible value, without showing it.
    pub(super) const fn inconsistent(table: &'static str, column: &'static str, detail: &'static str) -> Self {
        Self::Inconsistent { table, column, detail }
    }
}

/// PostgreSQL's classes of SQLSTATE that a later try may overcome: connection, transaction rollback, insufficient
/// resources, operator intervention (a statement timeout is one), system error; and a lock that was not available.
const PASSING: [&str; 6] = ["08", "40", "53", "57", "58", "55P03"];
/// SQLite's primary result codes likewise: BUSY, LOCKED, NOMEM, IOERR, FULL, CANTOPEN, PROTOCOL.
const PASSING_SQLITE: [i32; 7] = [5, 6, 7, 10, 13, 14, 15];

fn is_passing(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    match code.parse::<i32>() {
        Ok(extended) if code.len() != 5 => PASSING_SQLITE.contains(&(extended & 0xff)),
        _ => PASSING.iter().any(|class| code.starts_with(class)),
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::Database(inner) if inner.is_unique_violation() => Self::Conflict(Constraint::of(inner.as_ref())),
            E::Database(inner) if is_passing(inner.as_ref()) => Self::Unavailable(inner.message().to_owned()),
            E::Io(_) | E::Tls(_) | E::Protocol(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => {
                Self::Unavailable(error.to_string())
            }
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<redis::RedisError> for StoreError {
    fn from(error: redis::RedisError) -> Self {
        Self::Unavailable(format!("redis: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_database_is_unavailable() {
        assert!(matches!(StoreError::from(sqlx::Error::PoolTimedOut), StoreError::Unavailable(_)));
        assert!(matches!(StoreError::from(sqlx::Error::RowNotFound), StoreError::Other(_)));
    }
}
