//! Grants: one row for a whole family of tokens.

use sqlx::types::Json;
use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::id::{ClientKey, TenantId, UserId};
use crate::model::grant::{Grant, GrantEnd};
use crate::oauth::Scope;
use crate::store::engine::{Query, Row};
use crate::store::{Conn, Constraint, StoreError};

/// The columns that [`grant`] reads.
macro_rules! grant_columns {
    () => {
        "id, client_id, user_id, tenant_id, sid, scope, claims, resources, nonce, auth_time, acr, amr, created_at, expires_at, \
         generation, rotated_at, revoked_at"
    };
}

/// The columns that [`bind`] gives values to, in its order.
macro_rules! insert_into_grants {
    () => {
        "INSERT INTO grants (id, client_id, user_id, tenant_id, sid, scope, resources, nonce, auth_time, acr, amr, \
         created_at, expires_at, generation, rotated_at, revoked_at, claims)"
    };
}
macro_rules! grant_values {
    () => {
        "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17"
    };
}
macro_rules! from_live_session {
    () => {
        " FROM sessions WHERE sessions.sid = $5 AND sessions.ended_at IS NULL"
    };
}

fn bind<'c>(query: Query<'c>, grant: &Grant) -> Query<'c> {
    query
        .bind(grant.id)
        .bind(grant.client.get())
        .bind(grant.user.get())
        .bind(grant.tenant.map(TenantId::get))
        .bind(grant.sid)
        .bind(grant.scope.to_string())
        .bind(Json(&grant.resources))
        .bind(grant.nonce.as_deref())
        .bind(grant.auth_time.micros())
        .bind(&grant.acr)
        .bind(Json(&grant.amr))
        .bind(grant.created_at.micros())
        .bind(grant.expires_at.micros())
        .bind(grant.generation)
        .bind(grant.rotated_at.micros())
        .bind(grant.revoked_at.map(Timestamp::micros))
        .bind(Json(&grant.claims))
}

fn grant(row: &Row) -> Result<Grant, StoreError> {
    let row = row.of("grants");
    Ok(Grant {
        id: row.get("id")?,
        client: ClientKey::new(row.get("client_id")?),
        user: UserId::new(row.get("user_id")?),
        tenant: row.get::<Option<i64>>("tenant_id")?.map(TenantId::new),
        sid: row.get("sid")?,
        scope: row.parsed("scope", |text| Scope::parse(text).ok())?,
        claims: row.json("claims")?,
        resources: row.json("resources")?,
        nonce: row.get("nonce")?,
        auth_time: row.time("auth_time")?,
        acr: row.get("acr")?,
        amr: row.json("amr")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        generation: row.get("generation")?,
        rotated_at: row.time("rotated_at")?,
        revoked_at: row.optional_time("revoked_at")?,
    })
}

/// A statement that revokes the live grants where `$condition` holds; `$1` is the reason and `$2` the time.
macro_rules! revoke_where {
    ($condition:literal) => {
        concat!("UPDATE grants SET end_reason = $1, revoked_at = $2 WHERE revoked_at IS NULL AND ", $condition)
    };
}

impl Conn {
    /// Puts a grant down, whatever became of its session. [`Constraint::Grant`] when its id exists: that is how a second use
    /// of a code is noticed. The transaction can go on after that.
    pub async fn insert_grant(&mut self, grant: &Grant) -> Result<(), StoreError> {
        let sql = concat!(insert_into_grants!(), " VALUES (", grant_values!(), ") ON CONFLICT (id) DO NOTHING");
        let inserted = bind(self.query(sql), grant).execute().await?;
        if inserted == 0 { Err(StoreError::Conflict(Constraint::Grant)) } else { Ok(()) }
    }

    /// Begins a grant in a session that was not ended; one statement. `false` when the session was ended or the grant exists.
    /// Who ends the session meanwhile waits, and then finds the grant.
    pub async fn begin_grant(&mut self, grant: &Grant) -> Result<bool, StoreError> {
        let sql = self.either(
            concat!(
                insert_into_grants!(),
                " SELECT ",
                grant_values!(),
                from_live_session!(),
                " ON CONFLICT (id) DO NOTHING"
            ),
            concat!(
                insert_into_grants!(),
                " SELECT ",
                grant_values!(),
                from_live_session!(),
                " FOR SHARE ON CONFLICT (id) DO NOTHING"
            ),
        );
        Ok(bind(self.query(sql), grant).execute().await? > 0)
    }

    /// The grant with this id, live or not.
    pub async fn grant_by_id(&mut self, id: Uuid) -> Result<Option<Grant>, StoreError> {
        self.query(concat!("SELECT ", grant_columns!(), " FROM grants WHERE id = $1")).bind(id).optional(grant).await
    }

    /// Moves a live grant from `generation` to the next one and gives it as it is now. `None` when it is not live or not
    /// of that generation: of any number of rivals exactly one moves it.
    pub async fn rotate_grant(
        &mut self,
        id: Uuid,
        generation: i64,
        now: Timestamp,
    ) -> Result<Option<Grant>, StoreError> {
        self.query(concat!(
            "UPDATE grants SET generation = generation + 1, rotated_at = $3 \
             WHERE id = $1 AND generation = $2 AND revoked_at IS NULL AND expires_at > $3 RETURNING ",
            grant_columns!()
        ))
        .bind(id)
        .bind(generation)
        .bind(now.micros())
        .optional(grant)
        .await
    }

    /// Ends a grant; says whether it was live.
    pub async fn revoke_grant(&mut self, id: Uuid, end: GrantEnd, now: Timestamp) -> Result<bool, StoreError> {
        let revoked =
            self.query(revoke_where!("id = $3")).bind(end.as_str()).bind(now.micros()).bind(id).execute().await?;
        Ok(revoked > 0)
    }

    /// Ends the grants that one browser session gave; gives their number.
    pub async fn revoke_grants_of_session(
        &mut self,
        sid: Uuid,
        end: GrantEnd,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.query(revoke_where!("sid = $3")).bind(end.as_str()).bind(now.micros()).bind(sid).execute().await
    }

    /// Ends the grants of a person; gives their number.
    pub async fn revoke_grants_of_user(
        &mut self,
        user: UserId,
        end: GrantEnd,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.query(revoke_where!("user_id = $3")).bind(end.as_str()).bind(now.micros()).bind(user.get()).execute().await
    }

    /// Ends the grants of a person but for those of one session; gives their number.
    pub async fn revoke_grants_of_user_except_session(
        &mut self,
        user: UserId,
        sid: Uuid,
        end: GrantEnd,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.query(revoke_where!("user_id = $3 AND sid <> $4"))
            .bind(end.as_str())
            .bind(now.micros())
            .bind(user.get())
            .bind(sid)
            .execute()
            .await
    }

    /// Ends the grants of a person to a client; gives their number.
    pub async fn revoke_grants_of_consent(
        &mut self,
        user: UserId,
        client: ClientKey,
        end: GrantEnd,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.query(revoke_where!("user_id = $3 AND client_id = $4"))
            .bind(end.as_str())
            .bind(now.micros())
            .bind(user.get())
            .bind(client.get())
            .execute()
            .await
    }

    /// Ends the grants of a person in a tenant; gives their number.
    pub async fn revoke_grants_of_membership(
        &mut self,
        user: UserId,
        tenant: TenantId,
        end: GrantEnd,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.query(revoke_where!("user_id = $3 AND tenant_id = $4"))
            .bind(end.as_str())
            .bind(now.micros())
            .bind(user.get())
            .bind(tenant.get())
            .execute()
            .await
    }

    /// Ends the grants in a tenant; gives their number.
    pub async fn revoke_grants_of_tenant(
        &mut self,
        tenant: TenantId,
        end: GrantEnd,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.query(revoke_where!("tenant_id = $3"))
            .bind(end.as_str())
            .bind(now.micros())
            .bind(tenant.get())
            .execute()
            .await
    }

    /// Ends the grants of a client; gives their number.
    pub async fn revoke_grants_of_client(
        &mut self,
        client: ClientKey,
        end: GrantEnd,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.query(revoke_where!("client_id = $3"))
            .bind(end.as_str())
            .bind(now.micros())
            .bind(client.get())
            .execute()
            .await
    }

    /// The grants of a person that were not ended, newest first. Which of them have expired is for the caller to say.
    pub async fn grants_of_user(&mut self, user: UserId) -> Result<Vec<Grant>, StoreError> {
        self.query(concat!(
            "SELECT ",
            grant_columns!(),
            " FROM grants WHERE user_id = $1 AND revoked_at IS NULL ORDER BY created_at DESC, id DESC"
        ))
        .bind(user.get())
        .all(grant)
        .await
    }
}
