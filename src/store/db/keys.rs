//! Signing keys, private parts sealed.

use sqlx::types::Json;

use crate::base::Timestamp;
use crate::model::key::{KeyRecord, KeyState};
use crate::store::engine::Row;
use crate::store::{Conn, StoreError, Topic};

/// The advisory lock of rotations: "guichet" and "keys" as numbers nobody else uses.
const ROTATION: i64 = 0x6775_6963_6b65_7973;

fn key(row: &Row) -> Result<KeyRecord, StoreError> {
    let row = row.of("signing_keys");
    Ok(KeyRecord {
        kid: row.get("kid")?,
        alg: row.get("alg")?,
        state: row.parsed("state", KeyState::parse)?,
        public_jwk: row.json("public_jwk")?,
        sealed_private: row.get("sealed_private")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}

impl Conn {
    /// Makes rotations of other processes wait until this transaction ends. Read [`Self::keys`] after it.
    pub async fn lock_keys(&mut self) -> Result<(), StoreError> {
        self.lock(ROTATION).await
    }

    /// Adds a key.
    pub async fn insert_key(&mut self, key: &KeyRecord) -> Result<(), StoreError> {
        self.query(
            "INSERT INTO signing_keys (kid, alg, state, public_jwk, sealed_private, created_at, changed_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&key.kid)
        .bind(&key.alg)
        .bind(key.state.as_str())
        .bind(Json(&key.public_jwk))
        .bind(&key.sealed_private)
        .bind(key.created_at.micros())
        .bind(key.changed_at.micros())
        .execute()
        .await?;
        self.touch(Topic::Keys);
        Ok(())
    }

    /// All keys, oldest first.
    pub async fn keys(&mut self) -> Result<Vec<KeyRecord>, StoreError> {
        self.query(
            "SELECT kid, alg, state, public_jwk, sealed_private, created_at, changed_at FROM signing_keys \
             ORDER BY created_at, kid",
        )
        .all(key)
        .await
    }

    /// Moves a key from one state to another; says whether it was in the first.
    pub async fn set_key_state(
        &mut self,
        kid: &str,
        from: KeyState,
        to: KeyState,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let changed = self
            .query("UPDATE signing_keys SET state = $3, changed_at = $4 WHERE kid = $1 AND state = $2")
            .bind(kid)
            .bind(from.as_str())
            .bind(to.as_str())
            .bind(now.micros())
            .execute()
            .await?;
        self.touch(Topic::Keys);
        Ok(changed > 0)
    }

    /// Adds a key that signs for an upstream provider alone.
    pub async fn insert_upstream_key(&mut self, upstream: &str, key: &KeyRecord) -> Result<(), StoreError> {
        self.query(
            "INSERT INTO upstream_keys (kid, upstream, alg, state, public_jwk, sealed_private, created_at, changed_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&key.kid)
        .bind(upstream)
        .bind(&key.alg)
        .bind(key.state.as_str())
        .bind(Json(&key.public_jwk))
        .bind(&key.sealed_private)
        .bind(key.created_at.micros())
        .bind(key.changed_at.micros())
        .execute()
        .await?;
        self.touch(Topic::Keys);
        Ok(())
    }

    /// The keys that sign for an upstream provider, oldest first.
    pub async fn upstream_keys(&mut self, upstream: &str) -> Result<Vec<KeyRecord>, StoreError> {
        self.query(
            "SELECT kid, alg, state, public_jwk, sealed_private, created_at, changed_at FROM upstream_keys \
             WHERE upstream = $1 ORDER BY created_at, kid",
        )
        .bind(upstream)
        .all(key)
        .await
    }

    /// Moves such a key from one state to another; says whether it was in the first.
    pub async fn set_upstream_key_state(
        &mut self,
        kid: &str,
        from: KeyState,
        to: KeyState,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let changed = self
            .query("UPDATE upstream_keys SET state = $3, changed_at = $4 WHERE kid = $1 AND state = $2")
            .bind(kid)
            .bind(from.as_str())
            .bind(to.as_str())
            .bind(now.micros())
            .execute()
            .await?;
        self.touch(Topic::Keys);
        Ok(changed > 0)
    }

    /// Deletes a key; says whether it existed.
    pub async fn delete_key(&mut self, kid: &str) -> Result<bool, StoreError> {
        let deleted = self.query("DELETE FROM signing_keys WHERE kid = $1").bind(kid).execute().await?;
        self.touch(Topic::Keys);
        Ok(deleted > 0)
    }
}
