//! What allows to register clients, and what allows a client to manage its registration.

use crate::base::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::ClientKey;
use crate::model::registration::InitialAccess;
use crate::oauth::Scope;
use crate::store::engine::Row;
use crate::store::{Conn, StoreError};

fn initial_access(row: &Row) -> Result<InitialAccess, StoreError> {
    let row = row.of("initial_access_tokens");
    Ok(InitialAccess {
        id: row.get("id")?,
        uses_left: row.get("uses_left")?,
        scope: row.parsed("scope", |text| Scope::parse(text).ok())?,
        created_at: row.time("created_at")?,
        expires_at: row.optional_time("expires_at")?,
    })
}

impl Conn {
    /// Keeps an initial access token; `id` of `new` is not read. Gives it with its id.
    pub async fn insert_initial_access(
        &mut self,
        token: &Digest,
        new: &InitialAccess,
    ) -> Result<InitialAccess, StoreError> {
        self.query(
            "INSERT INTO initial_access_tokens (token, uses_left, scope, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5) RETURNING id, uses_left, scope, created_at, expires_at",
        )
        .bind(token.as_bytes().as_slice())
        .bind(new.uses_left)
        .bind(new.scope.to_string())
        .bind(new.created_at.micros())
        .bind(new.expires_at.map(Timestamp::micros))
        .one(initial_access)
        .await
    }

    /// The initial access token with this digest, whether or not it is still good.
    pub async fn initial_access(&mut self, token: &Digest) -> Result<Option<InitialAccess>, StoreError> {
        self.query("SELECT id, uses_left, scope, created_at, expires_at FROM initial_access_tokens WHERE token = $1")
            .bind(token.as_bytes().as_slice())
            .optional(initial_access)
            .await
    }

    /// Uses an initial access token once; says whether it was good. Of any number of rivals as many are told yes as there
    /// were uses left.
    pub async fn use_initial_access(&mut self, id: i64, now: Timestamp) -> Result<bool, StoreError> {
        let used = self
            .query(
                "UPDATE initial_access_tokens SET uses_left = uses_left - 1 \
                 WHERE id = $1 AND (uses_left IS NULL OR uses_left > 0) AND (expires_at IS NULL OR expires_at > $2)",
            )
            .bind(id)
            .bind(now.micros())
            .execute()
            .await?;
        Ok(used > 0)
    }

    /// Initial access tokens by id, those behind `after`.
    pub async fn list_initial_access(&mut self, limit: u32, after: i64) -> Result<Vec<InitialAccess>, StoreError> {
        self.query(
            "SELECT id, uses_left, scope, created_at, expires_at FROM initial_access_tokens WHERE id > $1 \
             ORDER BY id LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(limit))
        .all(initial_access)
        .await
    }

    /// Ends an initial access token; says whether there was one.
    pub async fn delete_initial_access(&mut self, id: i64) -> Result<bool, StoreError> {
        let deleted = self.query("DELETE FROM initial_access_tokens WHERE id = $1").bind(id).execute().await?;
        Ok(deleted > 0)
    }

    /// Keeps what a client manages its registration with.
    pub async fn insert_registration_access(&mut self, client: ClientKey, token: &Digest) -> Result<(), StoreError> {
        self.query("INSERT INTO registration_access_tokens (client_id, token) VALUES ($1, $2)")
            .bind(client.get())
            .bind(token.as_bytes().as_slice())
            .execute()
            .await?;
        Ok(())
    }

    /// What a client manages its registration with; `None` for one that an operator registered.
    pub async fn registration_access(&mut self, client: ClientKey) -> Result<Option<Digest>, StoreError> {
        self.query("SELECT token FROM registration_access_tokens WHERE client_id = $1")
            .bind(client.get())
            .optional(|row| row.of("registration_access_tokens").digest("token"))
            .await
    }
}
