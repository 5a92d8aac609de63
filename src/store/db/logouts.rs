//! Notices that a session ended, which wait for their delivery or tell what became of it.

use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::id::{ClientKey, UserId};
use crate::model::logout::{ClaimedNotice, NoticeAttempt, NoticeRecord, NoticeState};
use crate::store::engine::{Columns, Row};
use crate::store::{Conn, StoreError, Topic};

const TABLE: &str = "logout_notices";

fn attempts(row: Columns<'_>) -> Result<u32, StoreError> {
    u32::try_from(row.get::<i64>("attempts")?).map_err(|_| row.impossible("attempts", "is no count"))
}

fn claimed(row: &Row) -> Result<ClaimedNotice, StoreError> {
    let row = row.of(TABLE);
    Ok(ClaimedNotice {
        sid: row.get("sid")?,
        client: ClientKey::new(row.get("client_id")?),
        user: UserId::new(row.get("user_id")?),
        attempt: attempts(row)?,
    })
}

fn record(row: &Row) -> Result<NoticeRecord, StoreError> {
    let row = row.of(TABLE);
    let status = row.get::<Option<i64>>("last_status")?.map(u16::try_from).transpose();
    Ok(NoticeRecord {
        sid: row.get("sid")?,
        client_id: row.get("client_id")?,
        state: row.parsed("state", NoticeState::parse)?,
        queued_at: row.time("queued_at")?,
        due_at: row.optional_time("due_at")?,
        attempts: attempts(row)?,
        last_status: status.map_err(|_| row.impossible("last_status", "is no status"))?,
        last_error: row.get("last_error")?,
        settled_at: row.optional_time("settled_at")?,
    })
}

impl Conn {
    /// Queues a notice for each client of a session that ended in this transaction and that wants one, due at once. Who
    /// ends a session cannot forget it: the statements that end sessions call it.
    pub(super) async fn queue_logout_notices(&mut self, sid: Uuid, now: Timestamp) -> Result<(), StoreError> {
        let queued = self
            .query(
                "INSERT INTO logout_notices (sid, client_id, user_id, state, queued_at, due_at, attempts) \
                 SELECT DISTINCT g.sid, g.client_id, g.user_id, 'waiting', $2, $2, 0 \
                 FROM grants g JOIN clients c ON c.id = g.client_id \
                 WHERE g.sid = $1 AND c.status = 'active' AND c.metadata ->> 'backchannel_logout_uri' IS NOT NULL \
                 AND (g.end_reason IS NULL OR g.end_reason NOT IN ('revoked_by_client', 'client_disabled')) \
                 ON CONFLICT DO NOTHING",
            )
            .bind(sid)
            .bind(now.micros())
            .execute()
            .await?;
        if queued > 0 {
            self.touch(Topic::Logouts);
        }
        Ok(())
    }

    /// Whether a notice is due.
    pub async fn has_due_logout_notice(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let due = self
            .query("SELECT attempts FROM logout_notices WHERE due_at <= $1 LIMIT 1")
            .bind(now.micros())
            .all(|_| Ok(()))
            .await?;
        Ok(!due.is_empty())
    }

    /// Whether the first attempt at a notice of this session is still to be made or recorded.
    pub async fn has_fresh_logout_notice(&mut self, sid: Uuid) -> Result<bool, StoreError> {
        let fresh = self
            .query(
                "SELECT attempts FROM logout_notices WHERE sid = $1 AND due_at IS NOT NULL \
                 AND attempts < 2 AND last_status IS NULL AND last_error IS NULL LIMIT 1",
            )
            .bind(sid)
            .all(|_| Ok(()))
            .await?;
        Ok(!fresh.is_empty())
    }

    /// Claims the notice that is due for the longest, counts the attempt, and puts it off until `again`: when the claimer
    /// dies, another delivers it then. Of any number of rivals one gets it.
    pub async fn claim_logout_notice(
        &mut self,
        now: Timestamp,
        again: Timestamp,
    ) -> Result<Option<ClaimedNotice>, StoreError> {
        self.query(
            "UPDATE logout_notices SET attempts = attempts + 1, due_at = $2 WHERE due_at <= $1 AND (sid, client_id) = \
             (SELECT sid, client_id FROM logout_notices WHERE due_at <= $1 ORDER BY due_at, sid, client_id LIMIT 1) \
             RETURNING sid, client_id, user_id, attempts",
        )
        .bind(now.micros())
        .bind(again.micros())
        .optional(claimed)
        .await
    }

    /// Records what an attempt came to, unless another attempt was begun since.
    pub async fn settle_logout_notice(
        &mut self,
        notice: &ClaimedNotice,
        attempt: &NoticeAttempt,
    ) -> Result<(), StoreError> {
        let settled_at = attempt.due_at.is_none().then_some(attempt.at);
        self.query(
            "UPDATE logout_notices SET state = $4, due_at = $5, last_status = $6, last_error = $7, settled_at = $8 \
             WHERE sid = $1 AND client_id = $2 AND attempts = $3",
        )
        .bind(notice.sid)
        .bind(notice.client.get())
        .bind(i64::from(notice.attempt))
        .bind(attempt.state.as_str())
        .bind(attempt.due_at.map(Timestamp::micros))
        .bind(attempt.status.map(i64::from))
        .bind(attempt.error.as_deref())
        .bind(settled_at.map(Timestamp::micros))
        .execute()
        .await?;
        Ok(())
    }

    /// Notices, the newest first: all, or those that were refused, given up, or failed and wait for another attempt.
    pub async fn logout_notices(&mut self, only_failed: bool, limit: u32) -> Result<Vec<NoticeRecord>, StoreError> {
        self.query(
            "SELECT n.sid, c.client_id, n.state, n.queued_at, n.due_at, n.attempts, n.last_status, n.last_error, \
             n.settled_at FROM logout_notices n JOIN clients c ON c.id = n.client_id \
             WHERE $1 = 0 OR n.last_error IS NOT NULL ORDER BY n.queued_at DESC, n.sid, c.client_id LIMIT $2",
        )
        .bind(i64::from(only_failed))
        .bind(i64::from(limit))
        .all(record)
        .await
    }
}
