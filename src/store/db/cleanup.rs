//! What is deleted once nobody can need it.

use std::time::Duration;

use crate::base::Timestamp;
use crate::store::{Conn, StoreError};

/// How long a session stays for the record once no one can use it.
const SESSION_RECORD: Duration = Duration::from_secs(24 * 3_600);
/// How long a grant stays for the record once it is over.
const GRANT_RECORD: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long an invitation stays for the record once its link is over.
const INVITATION_RECORD: Duration = Duration::from_secs(90 * 24 * 3_600);
/// How long a notice that a session ended stays for the record once it is settled.
const NOTICE_RECORD: Duration = Duration::from_secs(7 * 24 * 3_600);

impl Conn {
    /// Deletes at most `limit` rows of each kind: sessions that began more than their absolute lifetime and a day ago,
    /// grants 30 days after their end, invitations 90 days after their links, settled logout notices after 7 days, revoked tokens, links for new passwords and
    /// initial access tokens after they expired. Gives the number of rows.
    pub async fn delete_expired(
        &mut self,
        now: Timestamp,
        session_lifetime: Duration,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let sessions = self
            .delete_before(
                "DELETE FROM sessions WHERE sid IN (SELECT sid FROM sessions WHERE created_at < $1 LIMIT $2)",
                now.minus(session_lifetime).minus(SESSION_RECORD),
                limit,
            )
            .await?;
        let grants = self
            .delete_before(
                "DELETE FROM grants WHERE id IN \
                 (SELECT id FROM grants WHERE revoked_at < $1 OR expires_at < $1 LIMIT $2)",
                now.minus(GRANT_RECORD),
                limit,
            )
            .await?;
        let tokens = self
            .delete_before(
                "DELETE FROM revoked_tokens WHERE jti IN \
                 (SELECT jti FROM revoked_tokens WHERE expires_at <= $1 LIMIT $2)",
                now,
                limit,
            )
            .await?;
        let links = self
            .delete_before(
                "DELETE FROM password_resets WHERE expires_at <= $1 AND user_id IN \
                 (SELECT user_id FROM password_resets WHERE expires_at <= $1 LIMIT $2)",
                now,
                limit,
            )
            .await?;
        let notices = self
            .delete_before(
                "DELETE FROM logout_notices WHERE settled_at < $1 AND (sid, client_id) IN \
                 (SELECT sid, client_id FROM logout_notices WHERE settled_at < $1 LIMIT $2)",
                now.minus(NOTICE_RECORD),
                limit,
            )
            .await?;
        let initial = self
            .delete_before(
                "DELETE FROM initial_access_tokens WHERE id IN \
                 (SELECT id FROM initial_access_tokens WHERE expires_at <= $1 LIMIT $2)",
                now,
                limit,
            )
            .await?;
        let upstream = self
            .delete_before(
                "DELETE FROM upstream_sessions WHERE sid IN \
                 (SELECT sid FROM upstream_sessions WHERE created_at < $1 LIMIT $2)",
                now.minus(session_lifetime).minus(SESSION_RECORD),
                limit,
            )
            .await?;
        // Nothing is done any more with the tokens of a session that is over.
        self.query(
            "UPDATE upstream_sessions SET id_token = NULL, refresh_token = NULL WHERE sid IN \
             (SELECT s.sid FROM upstream_sessions s JOIN sessions own ON own.sid = s.sid AND own.ended_at IS NOT NULL \
             WHERE s.id_token IS NOT NULL OR s.refresh_token IS NOT NULL LIMIT $1)",
        )
        .bind(i64::from(limit))
        .execute()
        .await?;
        let invitations = self
            .delete_before(
                "DELETE FROM invitations WHERE id IN (SELECT id FROM invitations WHERE expires_at < $1 LIMIT $2)",
                now.minus(INVITATION_RECORD),
                limit,
            )
            .await?;
        Ok(sessions + grants + tokens + links + notices + initial + upstream + invitations)
    }

    /// Runs `sql`, which deletes at most `$2` rows that ended before `$1`.
    async fn delete_before(&mut self, sql: &'static str, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.query(sql).bind(before.micros()).bind(i64::from(limit)).execute().await
    }
}
