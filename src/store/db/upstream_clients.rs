//! What we are at upstream providers where we registered ourselves.

use uuid::Uuid;

use crate::base::Timestamp;
use crate::store::engine::Row;
use crate::store::{Conn, StoreError};

/// The columns that [`client`] reads.
macro_rules! client_columns {
    () => {
        "id, upstream, issuer, client_id, auth_method, sent, sealed, registration_uri, created_at, checked_at, \
         expires_at, superseded_at"
    };
}

/// A registration at an upstream provider.
#[derive(Debug, Clone)]
pub struct UpstreamClient {
    /// Its row, which round trips and sessions name.
    pub id: Uuid,
    /// The upstream.
    pub upstream: String,
    /// The issuer that it was made at.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// How we prove it there.
    pub auth_method: String,
    /// Digest of what we said of ourselves.
    pub sent: Vec<u8>,
    /// The secrets that came of it, sealed.
    pub sealed: Vec<u8>,
    /// Where it is read and deleted (RFC 7592).
    pub registration_uri: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the upstream was last asked whether it stands.
    pub checked_at: Timestamp,
    /// When its secret ends.
    pub expires_at: Option<Timestamp>,
    /// When it was no longer to begin sign-ins.
    pub superseded_at: Option<Timestamp>,
}

fn client(row: &Row) -> Result<UpstreamClient, StoreError> {
    let row = row.of("upstream_clients");
    Ok(UpstreamClient {
        id: row.get("id")?,
        upstream: row.get("upstream")?,
        issuer: row.get("issuer")?,
        client_id: row.get("client_id")?,
        auth_method: row.get("auth_method")?,
        sent: row.get("sent")?,
        sealed: row.get("sealed")?,
        registration_uri: row.get("registration_uri")?,
        created_at: row.time("created_at")?,
        checked_at: row.time("checked_at")?,
        expires_at: row.optional_time("expires_at")?,
        superseded_at: row.optional_time("superseded_at")?,
    })
}

impl Conn {
    /// Keeps a registration, unless the upstream has one already that is not superseded; says whether it did. Of any number
    /// of rivals one does.
    pub async fn insert_upstream_client(&mut self, new: &UpstreamClient) -> Result<bool, StoreError> {
        let added = self
            .query(concat!(
                "INSERT INTO upstream_clients (",
                client_columns!(),
                ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING"
            ))
            .bind(new.id)
            .bind(&new.upstream)
            .bind(&new.issuer)
            .bind(&new.client_id)
            .bind(&new.auth_method)
            .bind(&new.sent)
            .bind(&new.sealed)
            .bind(&new.registration_uri)
            .bind(new.created_at.micros())
            .bind(new.checked_at.micros())
            .bind(new.expires_at.map(Timestamp::micros))
            .bind(new.superseded_at.map(Timestamp::micros))
            .execute()
            .await?;
        Ok(added > 0)
    }

    /// The registration that begins sign-ins.
    pub async fn present_upstream_client(
        &mut self,
        upstream: &str,
        issuer: &str,
    ) -> Result<Option<UpstreamClient>, StoreError> {
        self.query(concat!(
            "SELECT ",
            client_columns!(),
            " FROM upstream_clients WHERE upstream = $1 AND issuer = $2 AND superseded_at IS NULL"
        ))
        .bind(upstream)
        .bind(issuer)
        .optional(client)
        .await
    }

    /// A registration by its row.
    pub async fn upstream_client(&mut self, id: Uuid) -> Result<Option<UpstreamClient>, StoreError> {
        self.query(concat!("SELECT ", client_columns!(), " FROM upstream_clients WHERE id = $1"))
            .bind(id)
            .optional(client)
            .await
    }

    /// All registrations of an upstream, the newest first.
    pub async fn upstream_clients_of(
        &mut self,
        upstream: &str,
        issuer: &str,
    ) -> Result<Vec<UpstreamClient>, StoreError> {
        self.query(concat!(
            "SELECT ",
            client_columns!(),
            " FROM upstream_clients WHERE upstream = $1 AND issuer = $2 ORDER BY created_at DESC, id"
        ))
        .bind(upstream)
        .bind(issuer)
        .all(client)
        .await
    }

    /// Whether we are, or were and still have sign-ins as, this client there.
    pub async fn is_upstream_client(
        &mut self,
        upstream: &str,
        issuer: &str,
        client_id: &str,
    ) -> Result<bool, StoreError> {
        let found = self
            .query("SELECT id FROM upstream_clients WHERE upstream = $1 AND issuer = $2 AND client_id = $3 LIMIT 1")
            .bind(upstream)
            .bind(issuer)
            .bind(client_id)
            .optional(|row| row.of("upstream_clients").get::<Uuid>("id"))
            .await?;
        Ok(found.is_some())
    }

    /// Has a registration begin no more sign-ins; says whether it did until now.
    pub async fn supersede_upstream_client(&mut self, id: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        let changed = self
            .query("UPDATE upstream_clients SET superseded_at = $2 WHERE id = $1 AND superseded_at IS NULL")
            .bind(id)
            .bind(now.micros())
            .execute()
            .await?;
        Ok(changed > 0)
    }

    /// Takes it upon oneself to ask the upstream whether a registration stands; of any number of rivals one is told yes.
    pub async fn claim_upstream_client(
        &mut self,
        id: Uuid,
        checked_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let claimed = self
            .query("UPDATE upstream_clients SET checked_at = $3 WHERE id = $1 AND checked_at = $2")
            .bind(id)
            .bind(checked_at.micros())
            .bind(now.micros())
            .execute()
            .await?;
        Ok(claimed > 0)
    }

    /// Keeps the secrets that take the place of a registration's (RFC 7592 §2.1).
    pub async fn renew_upstream_client(
        &mut self,
        id: Uuid,
        sealed: &[u8],
        expires_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.query("UPDATE upstream_clients SET sealed = $2, expires_at = $3 WHERE id = $1")
            .bind(id)
            .bind(sealed)
            .bind(expires_at.map(Timestamp::micros))
            .execute()
            .await?;
        Ok(())
    }

    /// Registrations of an upstream that were superseded, and last looked at, before `before`, and that no session stands on;
    /// the oldest first.
    pub async fn idle_upstream_clients(
        &mut self,
        upstream: &str,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<UpstreamClient>, StoreError> {
        self.query(concat!(
            "SELECT ",
            client_columns!(),
            " FROM upstream_clients WHERE upstream = $1 AND superseded_at <= $2 AND checked_at <= $2 AND NOT EXISTS \
             (SELECT 1 FROM upstream_sessions s JOIN sessions own ON own.sid = s.sid AND own.ended_at IS NULL \
             WHERE s.registration_id = upstream_clients.id) ORDER BY superseded_at LIMIT $3"
        ))
        .bind(upstream)
        .bind(before.micros())
        .bind(i64::from(limit))
        .all(client)
        .await
    }

    /// Forgets a registration; says whether there was one.
    pub async fn delete_upstream_client(&mut self, id: Uuid) -> Result<bool, StoreError> {
        Ok(self.query("DELETE FROM upstream_clients WHERE id = $1").bind(id).execute().await? > 0)
    }
}
