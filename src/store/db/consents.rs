//! Remembered consents, one for each person and client.

use crate::base::Timestamp;
use crate::base::id::{ClientKey, UserId};
use crate::model::consent::Consent;
use crate::oauth::Scope;
use crate::store::engine::Row;
use crate::store::{Conn, StoreError};

fn consent(row: &Row) -> Result<Consent, StoreError> {
    let row = row.of("consents");
    Ok(Consent {
        user: UserId::new(row.get("user_id")?),
        client: ClientKey::new(row.get("client_id")?),
        scope: row.parsed("scope", |text| Scope::parse(text).ok())?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

impl Conn {
    /// What a person allowed a client.
    pub async fn consent(&mut self, user: UserId, client: ClientKey) -> Result<Option<Consent>, StoreError> {
        self.query(
            "SELECT user_id, client_id, scope, created_at, updated_at FROM consents \
             WHERE user_id = $1 AND client_id = $2",
        )
        .bind(user.get())
        .bind(client.get())
        .optional(consent)
        .await
    }

    /// Adds `scope` to what a person allowed a client.
    pub async fn extend_consent(
        &mut self,
        user: UserId,
        client: ClientKey,
        scope: &Scope,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // The update also holds the row, so that two extensions at once lose neither.
        let held = self
            .query(
                "INSERT INTO consents (user_id, client_id, scope, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) \
                 ON CONFLICT (user_id, client_id) DO UPDATE SET updated_at = excluded.updated_at \
                 RETURNING user_id, client_id, scope, created_at, updated_at",
            )
            .bind(user.get())
            .bind(client.get())
            .bind(scope.to_string())
            .bind(now.micros())
            .one(consent)
            .await?;
        if !scope.is_within(&held.scope) {
            self.query("UPDATE consents SET scope = $3 WHERE user_id = $1 AND client_id = $2")
                .bind(user.get())
                .bind(client.get())
                .bind(held.scope.union(scope).to_string())
                .execute()
                .await?;
        }
        Ok(())
    }

    /// Forgets what a person allowed a client; says whether there was anything.
    pub async fn delete_consent(&mut self, user: UserId, client: ClientKey) -> Result<bool, StoreError> {
        let deleted = self
            .query("DELETE FROM consents WHERE user_id = $1 AND client_id = $2")
            .bind(user.get())
            .bind(client.get())
            .execute()
            .await?;
        Ok(deleted > 0)
    }

    /// All that a person allowed, the latest first.
    pub async fn consents_of(&mut self, user: UserId) -> Result<Vec<Consent>, StoreError> {
        self.query(
            "SELECT user_id, client_id, scope, created_at, updated_at FROM consents WHERE user_id = $1 \
             ORDER BY updated_at DESC, client_id",
        )
        .bind(user.get())
        .all(consent)
        .await
    }
}
