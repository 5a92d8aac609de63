//! Links for forgotten passwords, and the questions that lead to them.

use uuid::Uuid;

use super::users::{user, user_columns};
use crate::base::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::UserId;
use crate::model::user::{User, canonical_email};
use crate::store::{Conn, StoreError};

/// When a link holds at `$2`: in time, for an active account, and for the address that it was mailed to.
macro_rules! holds {
    () => {
        "password_resets.token = $1 AND password_resets.expires_at > $2 AND users.id = password_resets.user_id \
         AND users.status = 'active' AND users.email_canonical = password_resets.email_canonical"
    };
}

impl Conn {
    /// Notes what somebody asked, to be answered later.
    pub async fn queue_reset_request(&mut self, id: Uuid, sealed: &[u8], now: Timestamp) -> Result<(), StoreError> {
        self.query("INSERT INTO password_reset_requests (id, sealed, asked_at) VALUES ($1, $2, $3)")
            .bind(id)
            .bind(sealed)
            .bind(now.micros())
            .execute()
            .await?;
        Ok(())
    }

    /// Whether a request waits.
    pub async fn has_reset_request(&mut self) -> Result<bool, StoreError> {
        Ok(!self.query("SELECT id FROM password_reset_requests LIMIT 1").all(|_| Ok(())).await?.is_empty())
    }

    /// Removes and gives the request that waits for the longest. Of any number of rivals one gets it.
    pub async fn take_reset_request(&mut self) -> Result<Option<(Uuid, Vec<u8>)>, StoreError> {
        self.query(
            "DELETE FROM password_reset_requests WHERE id = \
             (SELECT id FROM password_reset_requests ORDER BY asked_at, id LIMIT 1) RETURNING id, sealed",
        )
        .optional(|row| {
            let row = row.of("password_reset_requests");
            Ok((row.get("id")?, row.get("sealed")?))
        })
        .await
    }

    /// Gives a person a link, in the place of the one before.
    pub async fn put_password_reset(
        &mut self,
        owner: &User,
        token: &Digest,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let canonical = canonical_email(&owner.email).map_err(|error| StoreError::Other(format!("email {error}")))?;
        self.query(
            "INSERT INTO password_resets (user_id, token, email_canonical, expires_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (user_id) DO UPDATE SET token = excluded.token, \
             email_canonical = excluded.email_canonical, expires_at = excluded.expires_at",
        )
        .bind(owner.id.get())
        .bind(token.as_bytes().as_slice())
        .bind(canonical)
        .bind(expires_at.micros())
        .execute()
        .await?;
        Ok(())
    }

    /// Whose link this is, if it holds. Changes nothing.
    pub async fn password_reset_owner(&mut self, token: &Digest, now: Timestamp) -> Result<Option<User>, StoreError> {
        self.query(concat!("SELECT ", user_columns!(), " FROM users, password_resets WHERE ", holds!()))
            .bind(token.as_bytes().as_slice())
            .bind(now.micros())
            .optional(user)
            .await
    }

    /// Uses a link up and gives its owner, if it holds. Of any number of rivals one gets it.
    pub async fn take_password_reset(&mut self, token: &Digest, now: Timestamp) -> Result<Option<UserId>, StoreError> {
        self.query(concat!(
            "DELETE FROM password_resets WHERE token = $1 AND EXISTS (SELECT 1 FROM users WHERE ",
            holds!(),
            ") RETURNING user_id"
        ))
        .bind(token.as_bytes().as_slice())
        .bind(now.micros())
        .optional(|row| row.of("password_resets").get("user_id").map(UserId::new))
        .await
    }

    /// Ends the link of a person, if there is one.
    pub(super) async fn delete_password_reset(&mut self, owner: UserId) -> Result<(), StoreError> {
        self.query("DELETE FROM password_resets WHERE user_id = $1").bind(owner.get()).execute().await?;
        Ok(())
    }
}
