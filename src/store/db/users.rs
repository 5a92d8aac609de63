//! Accounts.

use sqlx::types::Json;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::model::user::{NewUser, User, UserStatus, canonical_email};
use crate::store::engine::Row;
use crate::store::{Conn, StoreError, Topic};

/// The columns that [`user`] reads.
macro_rules! user_columns {
    () => {
        "users.id, users.uuid, users.email, users.email_verified, users.first_name, users.last_name, users.rpps, \
         users.locale, users.claims, users.password_hash, users.password_changed_at, users.platform_admin, \
         users.status, users.created_at, users.updated_at, users.last_login_at"
    };
}
pub(super) use user_columns;

pub(super) fn user(row: &Row) -> Result<User, StoreError> {
    let row = row.of("users");
    Ok(User {
        id: UserId::new(row.get("id")?),
        uuid: row.get("uuid")?,
        email: row.get("email")?,
        email_verified: row.get("email_verified")?,
        first_name: row.get("first_name")?,
        last_name: row.get("last_name")?,
        rpps: row.get("rpps")?,
        locale: row.get("locale")?,
        claims: row.json("claims")?,
        password_hash: row.get("password_hash")?,
        password_changed_at: row.optional_time("password_changed_at")?,
        platform_admin: row.get("platform_admin")?,
        status: row.parsed("status", UserStatus::parse)?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        last_login_at: row.optional_time("last_login_at")?,
    })
}

impl Conn {
    /// Makes an account. Refuses an address or national number that another has.
    pub async fn insert_user(&mut self, new: &NewUser, uuid: Uuid, now: Timestamp) -> Result<User, StoreError> {
        let canonical = canonical_email(&new.email).map_err(|error| StoreError::Other(format!("email {error}")))?;
        self.query(concat!(
            "INSERT INTO users (uuid, email, email_canonical, email_verified, first_name, last_name, rpps, locale, \
             claims, password_hash, password_changed_at, platform_admin, status, created_at, updated_at, search_text) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15) RETURNING ",
            user_columns!()
        ))
        .bind(uuid)
        .bind(new.email.trim())
        .bind(&canonical)
        .bind(new.email_verified)
        .bind(&new.first_name)
        .bind(&new.last_name)
        .bind(new.rpps.as_deref())
        .bind(new.locale.as_deref())
        .bind(Json(&new.claims))
        .bind(new.password_hash.as_deref())
        .bind(new.password_hash.as_ref().map(|_| now.micros()))
        .bind(new.platform_admin)
        .bind(UserStatus::Active.as_str())
        .bind(now.micros())
        .bind(search_text(&new.first_name, &new.last_name, &canonical))
        .one(user)
        .await
    }

    /// The account with this internal id.
    pub async fn user_by_id(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        self.query(concat!("SELECT ", user_columns!(), " FROM users WHERE users.id = $1"))
            .bind(id.get())
            .optional(user)
            .await
    }

    /// The account with this outside id.
    pub async fn user_by_uuid(&mut self, uuid: Uuid) -> Result<Option<User>, StoreError> {
        self.query(concat!("SELECT ", user_columns!(), " FROM users WHERE users.uuid = $1"))
            .bind(uuid)
            .optional(user)
            .await
    }

    /// The account with this address in the form of [`canonical_email`].
    pub async fn user_by_email(&mut self, canonical: &str) -> Result<Option<User>, StoreError> {
        self.query(concat!("SELECT ", user_columns!(), " FROM users WHERE users.email_canonical = $1"))
            .bind(canonical)
            .optional(user)
            .await
    }

    /// Gives an account another password, and ends its link for a new one.
    pub async fn set_password(&mut self, id: UserId, hash: &str, now: Timestamp) -> Result<(), StoreError> {
        self.query("UPDATE users SET password_hash = $2, password_changed_at = $3 WHERE id = $1")
            .bind(id.get())
            .bind(hash)
            .bind(now.micros())
            .execute()
            .await?;
        self.delete_password_reset(id).await?;
        self.touch(Topic::Users);
        Ok(())
    }

    /// Stores the same password under newer parameters: its date stays.
    pub async fn rehash_password(&mut self, id: UserId, hash: &str) -> Result<(), StoreError> {
        self.query("UPDATE users SET password_hash = $2 WHERE id = $1").bind(id.get()).bind(hash).execute().await?;
        Ok(())
    }

    /// Enables or disables an account; says whether that changed anything. Either ends its link for a new password.
    pub async fn set_user_status(
        &mut self,
        id: UserId,
        status: UserStatus,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let changed = self
            .query("UPDATE users SET status = $2, updated_at = $3 WHERE id = $1 AND status <> $2")
            .bind(id.get())
            .bind(status.as_str())
            .bind(now.micros())
            .execute()
            .await?;
        self.delete_password_reset(id).await?;
        self.touch(Topic::Users);
        Ok(changed > 0)
    }

    /// Notes a sign-in.
    pub async fn set_last_login(&mut self, id: UserId, now: Timestamp) -> Result<(), StoreError> {
        self.query("UPDATE users SET last_login_at = $2 WHERE id = $1")
            .bind(id.get())
            .bind(now.micros())
            .execute()
            .await?;
        Ok(())
    }

    /// Changes names and language.
    pub async fn update_user_names(
        &mut self,
        id: UserId,
        first: &str,
        last: &str,
        locale: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(canonical) = self
            .query("SELECT email_canonical FROM users WHERE id = $1")
            .bind(id.get())
            .optional(|row| row.of("users").get::<String>("email_canonical"))
            .await?
        else {
            return Ok(());
        };
        self.query(
            "UPDATE users SET first_name = $2, last_name = $3, locale = $4, updated_at = $5, search_text = $6 \
             WHERE id = $1",
        )
        .bind(id.get())
        .bind(first)
        .bind(last)
        .bind(locale)
        .bind(now.micros())
        .bind(search_text(first, last, &canonical))
        .execute()
        .await?;
        self.touch(Topic::Users);
        Ok(())
    }

    /// The account with this national number.
    pub async fn user_by_rpps(&mut self, rpps: &str) -> Result<Option<User>, StoreError> {
        self.query(concat!("SELECT ", user_columns!(), " FROM users WHERE users.rpps = $1"))
            .bind(rpps)
            .optional(user)
            .await
    }

    /// Gives an account its national number, where it has none and nobody else has it; says whether it did.
    pub async fn adopt_rpps(&mut self, id: UserId, rpps: &str, now: Timestamp) -> Result<bool, StoreError> {
        let changed = self
            .query(
                "UPDATE users SET rpps = $2, updated_at = $3 WHERE id = $1 AND rpps IS NULL \
                 AND NOT EXISTS (SELECT 1 FROM users other WHERE other.rpps = $2)",
            )
            .bind(id.get())
            .bind(rpps)
            .bind(now.micros())
            .execute()
            .await?;
        self.touch(Topic::Users);
        Ok(changed > 0)
    }

    /// Takes an address that was never proven from an account, and with it the link for a new password.
    pub async fn release_address(&mut self, id: UserId, placeholder: &str, now: Timestamp) -> Result<bool, StoreError> {
        let changed = self
            .query(
                "UPDATE users SET email = $2, email_canonical = $2, updated_at = $3 \
                 WHERE id = $1 AND email_verified = $4",
            )
            .bind(id.get())
            .bind(placeholder)
            .bind(now.micros())
            .bind(false)
            .execute()
            .await?;
        self.delete_password_reset(id).await?;
        self.touch(Topic::Users);
        Ok(changed > 0)
    }

    /// Takes the password of an account away, and its link for a new one.
    pub async fn clear_password(&mut self, id: UserId) -> Result<(), StoreError> {
        self.query("UPDATE users SET password_hash = NULL, password_changed_at = NULL WHERE id = $1")
            .bind(id.get())
            .execute()
            .await?;
        self.delete_password_reset(id).await?;
        self.touch(Topic::Users);
        Ok(())
    }

    /// Accounts by internal id, those behind `after`. `search` looks in names and address, without accents and case.
    pub async fn list_users(
        &mut self,
        search: Option<&str>,
        limit: u32,
        after: Option<UserId>,
    ) -> Result<Vec<User>, StoreError> {
        self.query(concat!(
            "SELECT ",
            user_columns!(),
            " FROM users WHERE users.id > $1 AND users.search_text LIKE $2 ESCAPE '\\' ORDER BY users.id LIMIT $3"
        ))
        .bind(after.map_or(0, UserId::get))
        .bind(search_pattern(search.unwrap_or_default()))
        .bind(i64::from(limit))
        .all(user)
        .await
    }

    /// How many accounts there are.
    pub async fn count_users(&mut self) -> Result<u64, StoreError> {
        let count: i64 =
            self.query("SELECT count(*) AS count FROM users").one(|row| row.of("users").get("count")).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

/// Lower case, compatibility forms unified, without accents.
pub(super) fn plain(text: &str) -> String {
    text.nfkd().filter(|&c| !is_combining_mark(c)).collect::<String>().to_lowercase()
}

/// What is searched: the first name stands on both sides of the last, so that either order is found.
fn search_text(first: &str, last: &str, email: &str) -> String {
    plain(&format!("{first} {last} {first} {email}"))
}

/// The words of `search`, in this order, with anything between.
fn search_pattern(search: &str) -> String {
    let escaped = plain(search).replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    escaped.split_whitespace().fold("%".to_owned(), |pattern, word| format!("{pattern}{word}%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_and_case_do_not_count() {
        assert_eq!(plain("Hélène ŒUVRÉ Ångström"), "helene œuvre angstrom");
        assert_eq!(search_pattern(" Élo  D_50% \\"), "%elo%d\\_50\\%%\\\\%");
        assert_eq!(search_pattern(""), "%");
    }
}
