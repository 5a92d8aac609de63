//! Invitations into tenants.

use uuid::Uuid;

use super::tenants::{tenant, tenant_columns};
use crate::base::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{TenantId, UserId};
use crate::model::invitation::{Invitation, NewInvitation};
use crate::model::role::Role;
use crate::model::user::canonical_email;
use crate::store::engine::Row;
use crate::store::{Conn, StoreError};

/// Everything of invitations with their tenants; a condition follows.
macro_rules! invitations_with_tenants {
    ($condition:literal) => {
        concat!(
            "SELECT i.id AS invitation_id, i.uuid AS invitation_uuid, i.email, i.rpps, i.roles, \
             i.created_at AS invited_at, i.expires_at, i.accepted_at, i.revoked_at, ",
            tenant_columns!(),
            " FROM invitations i JOIN tenants ON tenants.id = i.tenant_id WHERE ",
            $condition
        )
    };
}

fn roles(text: &str) -> Option<Vec<Role>> {
    text.split(' ').map(Role::parse).collect()
}

fn invitation(row: &Row) -> Result<Invitation, StoreError> {
    let tenant = tenant(row)?;
    let row = row.of("invitations");
    Ok(Invitation {
        id: row.get("invitation_id")?,
        uuid: row.get("invitation_uuid")?,
        tenant,
        email: row.get("email")?,
        rpps: row.get("rpps")?,
        roles: row.parsed("roles", roles)?,
        created_at: row.time("invited_at")?,
        expires_at: row.time("expires_at")?,
        accepted_at: row.optional_time("accepted_at")?,
        revoked_at: row.optional_time("revoked_at")?,
    })
}

impl Conn {
    /// Keeps an invitation. Those before it, into the same tenant for the same address, end.
    pub async fn insert_invitation(
        &mut self,
        new: &NewInvitation,
        uuid: Uuid,
        token: &Digest,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let canonical = canonical_email(&new.email).map_err(|error| StoreError::Other(format!("email {error}")))?;
        self.query(
            "UPDATE invitations SET revoked_at = $3 WHERE tenant_id = $1 AND email_canonical = $2 \
             AND accepted_at IS NULL AND revoked_at IS NULL",
        )
        .bind(new.tenant.id.get())
        .bind(&canonical)
        .bind(now.micros())
        .execute()
        .await?;
        let roles: Vec<&str> = new.roles.iter().map(|role| role.as_str()).collect();
        self.query(
            "INSERT INTO invitations (uuid, tenant_id, email, email_canonical, rpps, roles, token, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(uuid)
        .bind(new.tenant.id.get())
        .bind(new.email.trim())
        .bind(canonical)
        .bind(new.rpps.as_deref())
        .bind(roles.join(" "))
        .bind(token.as_bytes().as_slice())
        .bind(now.micros())
        .bind(new.expires_at.micros())
        .execute()
        .await?;
        Ok(())
    }

    /// The invitation of a link, whether or not it still holds.
    pub async fn invitation_by_token(&mut self, token: &Digest) -> Result<Option<Invitation>, StoreError> {
        self.query(invitations_with_tenants!("i.token = $1"))
            .bind(token.as_bytes().as_slice())
            .optional(invitation)
            .await
    }

    /// The invitation with this outside id, whether or not it still holds.
    pub async fn invitation_by_uuid(&mut self, uuid: Uuid) -> Result<Option<Invitation>, StoreError> {
        self.query(invitations_with_tenants!("i.uuid = $1")).bind(uuid).optional(invitation).await
    }

    /// Uses an invitation up; says whether it still held. Of any number of rivals one is told yes.
    pub async fn take_invitation(&mut self, uuid: Uuid, user: UserId, now: Timestamp) -> Result<bool, StoreError> {
        let taken = self
            .query(
                "UPDATE invitations SET accepted_at = $2, accepted_by = $3 WHERE uuid = $1 AND accepted_at IS NULL \
                 AND revoked_at IS NULL AND expires_at > $2",
            )
            .bind(uuid)
            .bind(now.micros())
            .bind(user.get())
            .execute()
            .await?;
        Ok(taken > 0)
    }

    /// Takes an invitation back; says whether it was open.
    pub async fn revoke_invitation(&mut self, uuid: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        let revoked = self
            .query(
                "UPDATE invitations SET revoked_at = $2 WHERE uuid = $1 AND accepted_at IS NULL AND revoked_at IS NULL",
            )
            .bind(uuid)
            .bind(now.micros())
            .execute()
            .await?;
        Ok(revoked > 0)
    }

    /// Invitations in the order in which they were made, those behind `after`; with `tenant`, of that one.
    pub async fn list_invitations(
        &mut self,
        tenant: Option<TenantId>,
        limit: u32,
        after: i64,
    ) -> Result<Vec<Invitation>, StoreError> {
        self.query(invitations_with_tenants!("i.id > $1 AND ($2 IS NULL OR i.tenant_id = $2) ORDER BY i.id LIMIT $3"))
            .bind(after)
            .bind(tenant.map(TenantId::get))
            .bind(i64::from(limit))
            .all(invitation)
            .await
    }
}
