//! Links of accounts with people of upstream providers, their sessions there, and tenants' mappings.

use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::id::{TenantId, UserId};
use crate::model::identity::{Claimed, Identity, IdentityKey, Mapping, NationalId};
use crate::model::role::Role;
use crate::store::engine::Row;
use crate::store::{Conn, StoreError, Topic};

/// The columns that [`identity`] reads.
macro_rules! identity_columns {
    () => {
        "identities.id, identities.user_id, identities.upstream, identities.issuer, identities.subject, \
         identities.national_id, identities.email, identities.created_at, identities.last_login_at"
    };
}

fn identity(row: &Row) -> Result<Identity, StoreError> {
    let row = row.of("identities");
    Ok(Identity {
        id: row.get("id")?,
        user: UserId::new(row.get("user_id")?),
        key: IdentityKey { upstream: row.get("upstream")?, issuer: row.get("issuer")?, subject: row.get("subject")? },
        national: row.get::<Option<String>>("national_id")?.as_deref().and_then(NationalId::parse),
        email: row.get("email")?,
        created_at: row.time("created_at")?,
        last_login_at: row.time("last_login_at")?,
    })
}

/// The upstream's side of a session of ours.
#[derive(Debug, Clone)]
pub struct UpstreamSession {
    /// The identity that was used.
    pub identity: Identity,
    /// The upstream's session.
    pub upstream_sid: Option<String>,
    /// Its ID token, sealed.
    pub id_token: Option<Vec<u8>>,
    /// Its refresh token, sealed.
    pub refresh_token: Option<Vec<u8>>,
    /// The registration of ours that it began with, where we registered ourselves.
    pub registration: Option<Uuid>,
}

/// The upstream's side of a session that begins.
#[derive(Debug, Clone, Copy)]
pub struct NewUpstreamSession<'a> {
    /// The identity that was used.
    pub identity: Uuid,
    /// The upstream's session.
    pub sid: Option<&'a str>,
    /// The registration of ours that it began with.
    pub registration: Option<Uuid>,
}

/// Tokens of an upstream's session, sealed.
#[derive(Debug, Clone, Copy, Default)]
pub struct SealedTokens<'a> {
    /// The ID token.
    pub id_token: Option<&'a [u8]>,
    /// The refresh token.
    pub refresh_token: Option<&'a [u8]>,
}

/// A session whose upstream is to be asked whether it still stands.
#[derive(Debug, Clone, Copy)]
pub struct DueSession {
    /// The session.
    pub sid: Uuid,
    /// When the upstream was asked last.
    pub checked_at: Timestamp,
}

impl Conn {
    /// Links an account with an upstream's person, unless that person or national identifier is linked already; says
    /// whether it did. Of any number of rivals one does.
    pub async fn insert_identity(
        &mut self,
        id: Uuid,
        user: UserId,
        claimed: &Claimed,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let added = self
            .query(
                "INSERT INTO identities (id, user_id, upstream, issuer, subject, national_id, email, profile, \
                 created_at, last_login_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) ON CONFLICT DO NOTHING",
            )
            .bind(id)
            .bind(user.get())
            .bind(&claimed.key.upstream)
            .bind(&claimed.key.issuer)
            .bind(&claimed.key.subject)
            .bind(claimed.national.as_ref().map(NationalId::as_str))
            .bind(claimed.email.as_ref().map(|email| email.address.as_str()))
            .bind(Json(&claimed.profile))
            .bind(now.micros())
            .execute()
            .await?;
        Ok(added > 0)
    }

    /// Notes a sign-in: what the upstream says now, the subject too.
    pub async fn refresh_identity(&mut self, id: Uuid, claimed: &Claimed, now: Timestamp) -> Result<(), StoreError> {
        self.query("UPDATE identities SET subject = $2, email = $3, profile = $4, last_login_at = $5 WHERE id = $1")
            .bind(id)
            .bind(&claimed.key.subject)
            .bind(claimed.email.as_ref().map(|email| email.address.as_str()))
            .bind(Json(&claimed.profile))
            .bind(now.micros())
            .execute()
            .await?;
        Ok(())
    }

    /// The link of an upstream's person.
    pub async fn identity_by_key(&mut self, key: &IdentityKey) -> Result<Option<Identity>, StoreError> {
        self.query(concat!(
            "SELECT ",
            identity_columns!(),
            " FROM identities WHERE upstream = $1 AND issuer = $2 AND subject = $3"
        ))
        .bind(&key.upstream)
        .bind(&key.issuer)
        .bind(&key.subject)
        .optional(identity)
        .await
    }

    /// The link of a national identifier at an upstream.
    pub async fn identity_by_national(
        &mut self,
        upstream: &str,
        national: &NationalId,
    ) -> Result<Option<Identity>, StoreError> {
        self.query(concat!("SELECT ", identity_columns!(), " FROM identities WHERE upstream = $1 AND national_id = $2"))
            .bind(upstream)
            .bind(national.as_str())
            .optional(identity)
            .await
    }

    /// The links of an account, oldest first.
    pub async fn identities_of(&mut self, user: UserId) -> Result<Vec<Identity>, StoreError> {
        self.query(concat!(
            "SELECT ",
            identity_columns!(),
            " FROM identities WHERE user_id = $1 ORDER BY created_at, id"
        ))
        .bind(user.get())
        .all(identity)
        .await
    }

    /// The professional record that the upstream gave last.
    pub async fn identity_profile(&mut self, id: Uuid) -> Result<Option<Map<String, Value>>, StoreError> {
        self.query("SELECT profile FROM identities WHERE id = $1")
            .bind(id)
            .optional(|row| row.of("identities").json("profile"))
            .await
    }

    /// Removes a link of an account, with its sessions' upstream sides and the roles that come of it; says whether there was one.
    pub async fn delete_identity(&mut self, user: UserId, id: Uuid) -> Result<bool, StoreError> {
        let deleted = self
            .query("DELETE FROM identities WHERE id = $1 AND user_id = $2")
            .bind(id)
            .bind(user.get())
            .execute()
            .await?;
        self.touch(Topic::Users);
        Ok(deleted > 0)
    }

    /// Removes all links of an account but one, likewise.
    pub async fn delete_other_identities(&mut self, user: UserId, keep: Uuid) -> Result<u64, StoreError> {
        self.touch(Topic::Users);
        self.query("DELETE FROM identities WHERE user_id = $1 AND id <> $2").bind(user.get()).bind(keep).execute().await
    }

    /// Notes the upstream's side of a session of ours.
    pub async fn put_upstream_session(
        &mut self,
        sid: Uuid,
        there: NewUpstreamSession<'_>,
        tokens: SealedTokens<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.query(
            "INSERT INTO upstream_sessions (sid, identity_id, upstream_sid, id_token, refresh_token, created_at, checked_at, \
             registration_id) VALUES ($1, $2, $3, $4, $5, $6, $6, $7) ON CONFLICT (sid) DO UPDATE SET \
             identity_id = excluded.identity_id, upstream_sid = excluded.upstream_sid, id_token = excluded.id_token, \
             refresh_token = excluded.refresh_token, created_at = excluded.created_at, checked_at = excluded.checked_at, \
             registration_id = excluded.registration_id",
        )
        .bind(sid)
        .bind(there.identity)
        .bind(there.sid)
        .bind(tokens.id_token)
        .bind(tokens.refresh_token)
        .bind(now.micros())
        .bind(there.registration)
        .execute()
        .await?;
        Ok(())
    }

    /// Alive sessions at an upstream that were not asked after since `before` and can be, the longest ago first.
    pub async fn upstream_sessions_due(
        &mut self,
        upstream: &str,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueSession>, StoreError> {
        self.query(
            "SELECT s.sid, s.checked_at FROM upstream_sessions s JOIN identities i ON i.id = s.identity_id \
             JOIN sessions own ON own.sid = s.sid AND own.ended_at IS NULL \
             WHERE i.upstream = $1 AND s.refresh_token IS NOT NULL AND s.checked_at <= $2 \
             ORDER BY s.checked_at LIMIT $3",
        )
        .bind(upstream)
        .bind(before.micros())
        .bind(i64::from(limit))
        .all(|row| {
            let row = row.of("upstream_sessions");
            Ok(DueSession { sid: row.get("sid")?, checked_at: row.time("checked_at")? })
        })
        .await
    }

    /// Takes it upon oneself to ask after a session; of any number of rivals one is told yes.
    pub async fn claim_due_session(&mut self, due: &DueSession, now: Timestamp) -> Result<bool, StoreError> {
        let claimed = self
            .query("UPDATE upstream_sessions SET checked_at = $3 WHERE sid = $1 AND checked_at = $2")
            .bind(due.sid)
            .bind(due.checked_at.micros())
            .bind(now.micros())
            .execute()
            .await?;
        Ok(claimed > 0)
    }

    /// Keeps the tokens that replace those which were `used`; says whether they still stood.
    pub async fn replace_upstream_tokens(
        &mut self,
        sid: Uuid,
        used: &[u8],
        tokens: SealedTokens<'_>,
    ) -> Result<bool, StoreError> {
        let replaced = self
            .query(
                "UPDATE upstream_sessions SET refresh_token = $3, id_token = COALESCE($4, id_token) \
                 WHERE sid = $1 AND refresh_token = $2",
            )
            .bind(sid)
            .bind(used)
            .bind(tokens.refresh_token)
            .bind(tokens.id_token)
            .execute()
            .await?;
        Ok(replaced > 0)
    }

    /// Forgets the upstream's side of a session.
    pub async fn delete_upstream_session(&mut self, sid: Uuid) -> Result<(), StoreError> {
        self.query("DELETE FROM upstream_sessions WHERE sid = $1").bind(sid).execute().await?;
        Ok(())
    }

    /// The upstream's side of a session.
    pub async fn upstream_session(&mut self, sid: Uuid) -> Result<Option<UpstreamSession>, StoreError> {
        self.query(concat!(
            "SELECT ",
            identity_columns!(),
            ", s.upstream_sid, s.id_token, s.refresh_token, s.registration_id FROM upstream_sessions s \
             JOIN identities ON identities.id = s.identity_id WHERE s.sid = $1"
        ))
        .bind(sid)
        .optional(|row| {
            let session = row.of("upstream_sessions");
            Ok(UpstreamSession {
                identity: identity(row)?,
                upstream_sid: session.get("upstream_sid")?,
                id_token: session.get("id_token")?,
                refresh_token: session.get("refresh_token")?,
                registration: session.get("registration_id")?,
            })
        })
        .await
    }

    /// Our sessions that stand on an upstream's session: of `subject`, of `upstream_sid`, or of both where both are named.
    pub async fn sessions_of_upstream(
        &mut self,
        upstream: &str,
        issuer: &str,
        subject: Option<&str>,
        upstream_sid: Option<&str>,
    ) -> Result<Vec<Uuid>, StoreError> {
        self.query(
            "SELECT s.sid FROM upstream_sessions s JOIN identities i ON i.id = s.identity_id \
             WHERE i.upstream = $1 AND i.issuer = $2 AND ($3 IS NULL OR i.subject = $3) \
             AND ($4 IS NULL OR s.upstream_sid = $4) AND ($3 IS NOT NULL OR $4 IS NOT NULL)",
        )
        .bind(upstream)
        .bind(issuer)
        .bind(subject)
        .bind(upstream_sid)
        .all(|row| row.of("upstream_sessions").get("sid"))
        .await
    }

    /// Adds a line to a tenant's mapping; says whether it is new.
    pub async fn insert_mapping(&mut self, tenant: TenantId, line: &Mapping) -> Result<bool, StoreError> {
        let added = self
            .query(
                "INSERT INTO upstream_mappings (tenant_id, finess, profession, role) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT DO NOTHING",
            )
            .bind(tenant.get())
            .bind(&line.finess)
            .bind(&line.profession)
            .bind(line.role.as_str())
            .execute()
            .await?;
        Ok(added > 0)
    }

    /// Removes a line of a tenant's mapping; says whether it was there.
    pub async fn delete_mapping(&mut self, tenant: TenantId, line: &Mapping) -> Result<bool, StoreError> {
        let removed = self
            .query(
                "DELETE FROM upstream_mappings WHERE tenant_id = $1 AND finess = $2 AND profession = $3 AND role = $4",
            )
            .bind(tenant.get())
            .bind(&line.finess)
            .bind(&line.profession)
            .bind(line.role.as_str())
            .execute()
            .await?;
        Ok(removed > 0)
    }

    /// The mapping of a tenant.
    pub async fn mappings_of(&mut self, tenant: TenantId) -> Result<Vec<Mapping>, StoreError> {
        self.query(
            "SELECT finess, profession, role FROM upstream_mappings WHERE tenant_id = $1 \
             ORDER BY finess, profession, role",
        )
        .bind(tenant.get())
        .all(|row| {
            let row = row.of("upstream_mappings");
            Ok(Mapping {
                finess: row.get("finess")?,
                profession: row.get("profession")?,
                role: row.parsed("role", Role::parse)?,
            })
        })
        .await
    }

    /// What active tenants give to whom practises as `profession` at `finess`.
    pub async fn roles_mapped(&mut self, finess: &str, profession: &str) -> Result<Vec<(TenantId, Role)>, StoreError> {
        self.query(
            "SELECT m.tenant_id, m.role FROM upstream_mappings m JOIN tenants t ON t.id = m.tenant_id \
             WHERE m.finess = $1 AND m.profession = $2 AND t.status = 'active' ORDER BY m.tenant_id, m.role",
        )
        .bind(finess)
        .bind(profession)
        .all(|row| {
            let row = row.of("upstream_mappings");
            Ok((TenantId::new(row.get("tenant_id")?), row.parsed("role", Role::parse)?))
        })
        .await
    }
}
