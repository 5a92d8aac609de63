//! Short-lived state in the durable database.

use std::time::Duration;

use super::Kind;
use super::limit::{self, Hit, Limit};
use crate::base::Timestamp;
use crate::store::engine::{Database, Row, Size};
use crate::store::{Conn, StoreError};

/// The table `ephemeral`.
#[derive(Clone)]
pub(super) struct Sql(Database);

fn value(row: &Row) -> Result<Vec<u8>, StoreError> {
    row.of("ephemeral").get("value")
}

fn live_value(row: &Row, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
    let expires_at = row.of("ephemeral").time("expires_at")?;
    Ok(if now < expires_at { Some(value(row)?) } else { None })
}

impl Sql {
    pub(super) const fn new(database: Database) -> Self {
        Self(database)
    }

    pub(super) async fn put(
        &self,
        kind: Kind,
        key: &str,
        value: &[u8],
        ttl: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (key, value, expires_at) = (key.to_owned(), value.to_owned(), now.plus(ttl).micros());
        self.0
            .write("ephemeral.put", Size::One, move |conn| {
                Box::pin(async move {
                    conn.query(
                        "INSERT INTO ephemeral (kind, key, value, expires_at) VALUES ($1, $2, $3, $4) \
                         ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, \
                         expires_at = excluded.expires_at",
                    )
                    .bind(kind.as_str())
                    .bind(key)
                    .bind(value)
                    .bind(expires_at)
                    .execute()
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    pub(super) async fn put_if_absent(
        &self,
        kind: Kind,
        key: &str,
        value: &[u8],
        ttl: Duration,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (key, value, expires_at) = (key.to_owned(), value.to_owned(), now.plus(ttl).micros());
        self.0
            .write("ephemeral.put_if_absent", Size::One, move |conn| {
                Box::pin(async move {
                    let stored = conn
                        .query(
                            "INSERT INTO ephemeral (kind, key, value, expires_at) VALUES ($1, $2, $3, $4) \
                             ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, \
                             expires_at = excluded.expires_at WHERE ephemeral.expires_at <= $5",
                        )
                        .bind(kind.as_str())
                        .bind(key)
                        .bind(value)
                        .bind(expires_at)
                        .bind(now.micros())
                        .execute()
                        .await?;
                    Ok(stored > 0)
                })
            })
            .await
    }

    pub(super) async fn get(&self, kind: Kind, key: &str, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self
            .0
            .read()
            .await?
            .query("SELECT value, expires_at FROM ephemeral WHERE kind = $1 AND key = $2")
            .bind(kind.as_str())
            .bind(key)
            .optional(|row| live_value(row, now))
            .await?;
        Ok(found.flatten())
    }

    pub(super) async fn take(&self, kind: Kind, key: &str, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        let key = key.to_owned();
        self.0
            .write("ephemeral.take", Size::One, move |conn| {
                Box::pin(async move {
                    let taken = conn
                        .query("DELETE FROM ephemeral WHERE kind = $1 AND key = $2 RETURNING value, expires_at")
                        .bind(kind.as_str())
                        .bind(key)
                        .optional(|row| live_value(row, now))
                        .await?;
                    Ok(taken.flatten())
                })
            })
            .await
    }

    pub(super) async fn replace_if(
        &self,
        kind: Kind,
        key: &str,
        old: &[u8],
        new: &[u8],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (key, old, new) = (key.to_owned(), old.to_owned(), new.to_owned());
        self.0
            .write("ephemeral.replace_if", Size::One, move |conn| {
                Box::pin(async move {
                    let replaced = conn
                        .query(
                            "UPDATE ephemeral SET value = $4 \
                             WHERE kind = $1 AND key = $2 AND value = $3 AND expires_at > $5",
                        )
                        .bind(kind.as_str())
                        .bind(key)
                        .bind(old)
                        .bind(new)
                        .bind(now.micros())
                        .execute()
                        .await?;
                    Ok(replaced > 0)
                })
            })
            .await
    }

    pub(super) async fn delete(&self, kind: Kind, key: &str) -> Result<bool, StoreError> {
        let key = key.to_owned();
        self.0
            .write("ephemeral.delete", Size::One, move |conn| {
                Box::pin(async move {
                    let deleted = conn
                        .query("DELETE FROM ephemeral WHERE kind = $1 AND key = $2")
                        .bind(kind.as_str())
                        .bind(key)
                        .execute()
                        .await?;
                    Ok(deleted > 0)
                })
            })
            .await
    }

    pub(super) async fn hit(&self, key: &str, limit: Limit, now: Timestamp) -> Result<Hit, StoreError> {
        // Hits are only ever added, so what a reader sees is enough to refuse: a flood costs no write.
        let seen = self.get(Kind::Limit, key, now).await?.unwrap_or_default();
        let hit = limit::decide(&mut limit::decode(&seen), limit, now);
        if !hit.allowed {
            return Ok(hit);
        }
        let key = key.to_owned();
        self.0
            .write("ephemeral.hit", Size::Any, move |conn| Box::pin(async move { admit(conn, &key, limit, now).await }))
            .await
    }

    pub(super) async fn delete_expired(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.0
            .write("ephemeral.delete_expired", Size::One, move |conn| {
                Box::pin(async move {
                    conn.query(
                        "DELETE FROM ephemeral WHERE expires_at <= $1 AND (kind, key) IN \
                         (SELECT kind, key FROM ephemeral WHERE expires_at <= $1 LIMIT $2)",
                    )
                    .bind(now.micros())
                    .bind(i64::from(limit))
                    .execute()
                    .await
                })
            })
            .await
    }
}

/// Decides on a hit while holding its row.
async fn admit(conn: &mut Conn, key: &str, limit: Limit, now: Timestamp) -> Result<Hit, StoreError> {
    let expires_at = now.plus(limit.window).micros();
    // The update changes nothing that matters; it holds the row until the transaction ends.
    let held = conn
        .query(
            "INSERT INTO ephemeral (kind, key, value, expires_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (kind, key) DO UPDATE SET expires_at = ephemeral.expires_at RETURNING value",
        )
        .bind(Kind::Limit.as_str())
        .bind(key)
        .bind(Vec::new())
        .bind(expires_at)
        .one(value)
        .await?;
    let mut log = limit::decode(&held);
    let hit = limit::decide(&mut log, limit, now);
    if hit.allowed {
        conn.query("UPDATE ephemeral SET value = $3, expires_at = $4 WHERE kind = $1 AND key = $2")
            .bind(Kind::Limit.as_str())
            .bind(key)
            .bind(limit::encode(&log))
            .bind(log.last().copied().unwrap_or(now).plus(limit.window).micros())
            .execute()
            .await?;
    }
    Ok(hit)
}
