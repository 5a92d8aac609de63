//! Access tokens that were revoked before they expired, by their `jti`.

use crate::base::Timestamp;
use crate::store::{Conn, StoreError};

impl Conn {
    /// Revokes an access token until it expires by itself. Doing it again changes nothing.
    pub async fn revoke_access_token(
        &mut self,
        jti: &str,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.query(
            "INSERT INTO revoked_tokens (jti, expires_at, created_at) VALUES ($1, $2, $3) ON CONFLICT (jti) DO NOTHING",
        )
        .bind(jti)
        .bind(expires_at.micros())
        .bind(now.micros())
        .execute()
        .await?;
        Ok(())
    }

    /// Whether an access token was revoked.
    pub async fn is_access_token_revoked(&mut self, jti: &str) -> Result<bool, StoreError> {
        let found = self.query("SELECT jti FROM revoked_tokens WHERE jti = $1").bind(jti).optional(|_| Ok(())).await?;
        Ok(found.is_some())
    }
}
