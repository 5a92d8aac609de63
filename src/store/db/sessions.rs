//! Browser sessions. What has ended is not found, but stays a while for the record.

use sqlx::types::Json;
use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{TenantId, UserId};
use crate::model::session::{NewSession, Session, SessionEnd};
use crate::store::engine::Row;
use crate::store::{Conn, StoreError};

/// The columns that [`session`] reads.
macro_rules! session_columns {
    () => {
        "sessions.sid, sessions.token, sessions.user_id, sessions.tenant_id AS session_tenant_id, sessions.auth_time, \
         sessions.acr, sessions.amr, sessions.created_at AS began_at, sessions.last_seen_at, sessions.address, \
         sessions.user_agent"
    };
}
pub(super) use session_columns;

pub(super) fn session(row: &Row) -> Result<Session, StoreError> {
    let row = row.of("sessions");
    Ok(Session {
        sid: row.get("sid")?,
        token: row.digest("token")?,
        user: UserId::new(row.get("user_id")?),
        tenant: row.get::<Option<i64>>("session_tenant_id")?.map(TenantId::new),
        auth_time: row.time("auth_time")?,
        acr: row.get("acr")?,
        amr: row.json("amr")?,
        created_at: row.time("began_at")?,
        last_seen_at: row.time("last_seen_at")?,
        address: row.get("address")?,
        user_agent: row.get("user_agent")?,
    })
}

impl Conn {
    /// Begins a session.
    pub async fn insert_session(&mut self, new: &NewSession, sid: Uuid, now: Timestamp) -> Result<Session, StoreError> {
        self.query(concat!(
            "INSERT INTO sessions (sid, token, user_id, auth_time, acr, amr, created_at, last_seen_at, address, \
             user_agent) VALUES ($1, $2, $3, $9, $5, $6, $4, $4, $7, $8) RETURNING ",
            session_columns!()
        ))
        .bind(sid)
        .bind(new.token.as_bytes().as_slice())
        .bind(new.user.get())
        .bind(now.micros())
        .bind(&new.acr)
        .bind(Json(&new.amr))
        .bind(new.address.as_deref())
        .bind(new.user_agent.as_deref())
        .bind(new.auth_time.unwrap_or(now).micros())
        .one(session)
        .await
    }

    /// The session of a cookie, unless it was ended.
    pub async fn session_by_token(&mut self, token: &Digest) -> Result<Option<Session>, StoreError> {
        self.query(concat!("SELECT ", session_columns!(), " FROM sessions WHERE token = $1 AND ended_at IS NULL"))
            .bind(token.as_bytes().as_slice())
            .optional(session)
            .await
    }

    /// The session with this public id, unless it was ended.
    pub async fn session_by_sid(&mut self, sid: Uuid) -> Result<Option<Session>, StoreError> {
        self.query(concat!("SELECT ", session_columns!(), " FROM sessions WHERE sid = $1 AND ended_at IS NULL"))
            .bind(sid)
            .optional(session)
            .await
    }

    /// Notes a use. A time before the last one changes nothing.
    pub async fn touch_session(&mut self, sid: Uuid, now: Timestamp) -> Result<(), StoreError> {
        self.query("UPDATE sessions SET last_seen_at = $2 WHERE sid = $1 AND last_seen_at < $2 AND ended_at IS NULL")
            .bind(sid)
            .bind(now.micros())
            .execute()
            .await?;
        Ok(())
    }

    /// Whether the session was not ended, and keeps it so until the transaction ends: who would end it waits, and then
    /// sees what this transaction wrote. For what a live session is the condition of.
    pub async fn hold_session(&mut self, sid: Uuid) -> Result<bool, StoreError> {
        let held = self
            .query("UPDATE sessions SET last_seen_at = last_seen_at WHERE sid = $1 AND ended_at IS NULL")
            .bind(sid)
            .execute()
            .await?;
        Ok(held > 0)
    }

    /// Remembers the tenant last chosen.
    pub async fn set_session_tenant(&mut self, sid: Uuid, tenant: Option<TenantId>) -> Result<(), StoreError> {
        self.query("UPDATE sessions SET tenant_id = $2 WHERE sid = $1")
            .bind(sid)
            .bind(tenant.map(TenantId::get))
            .execute()
            .await?;
        Ok(())
    }

    /// Notes that the session's person proved again who they are: another cookie token, another authentication time.
    /// Says whether there was such a session, of this person and not ended.
    pub async fn reauthenticate_session(
        &mut self,
        sid: Uuid,
        proof: &NewSession,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let changed = self
            .query(
                "UPDATE sessions SET token = $3, auth_time = $9, last_seen_at = $4, acr = $5, amr = $6, \
                 address = $7, user_agent = $8 WHERE sid = $1 AND user_id = $2 AND ended_at IS NULL",
            )
            .bind(sid)
            .bind(proof.user.get())
            .bind(proof.token.as_bytes().as_slice())
            .bind(now.micros())
            .bind(&proof.acr)
            .bind(Json(&proof.amr))
            .bind(proof.address.as_deref())
            .bind(proof.user_agent.as_deref())
            .bind(proof.auth_time.unwrap_or(now).micros())
            .execute()
            .await?;
        Ok(changed > 0)
    }

    /// Ends a session, and notes whom to tell; says whether it had not been ended before.
    pub async fn end_session(&mut self, sid: Uuid, end: SessionEnd, now: Timestamp) -> Result<bool, StoreError> {
        let ended = self
            .query("UPDATE sessions SET ended_at = $3, end_reason = $2 WHERE sid = $1 AND ended_at IS NULL")
            .bind(sid)
            .bind(end.as_str())
            .bind(now.micros())
            .execute()
            .await?;
        if ended > 0 {
            self.queue_logout_notices(sid, now).await?;
        }
        Ok(ended > 0)
    }

    /// Ends the sessions of a person, all or all but one, and notes whom to tell; gives their number.
    pub async fn end_sessions_of(
        &mut self,
        user: UserId,
        except: Option<Uuid>,
        end: SessionEnd,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let ended: Vec<Uuid> = self
            .query(
                "UPDATE sessions SET ended_at = $4, end_reason = $3 \
                 WHERE user_id = $1 AND ended_at IS NULL AND ($2 IS NULL OR sid <> $2) RETURNING sid",
            )
            .bind(user.get())
            .bind(except)
            .bind(end.as_str())
            .bind(now.micros())
            .all(|row| row.of("sessions").get("sid"))
            .await?;
        for sid in &ended {
            self.queue_logout_notices(*sid, now).await?;
        }
        Ok(u64::try_from(ended.len()).unwrap_or(u64::MAX))
    }

    /// The sessions of a person that were not ended, newest first.
    pub async fn sessions_of(&mut self, user: UserId) -> Result<Vec<Session>, StoreError> {
        self.query(concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions WHERE user_id = $1 AND ended_at IS NULL ORDER BY created_at DESC, sid DESC"
        ))
        .bind(user.get())
        .all(session)
        .await
    }
}
