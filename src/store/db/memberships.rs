//! Who belongs to which tenant, in which roles: one row for each role.
//!
//! A membership is part of what is cached about a person, so its changes bump the epoch of users.

use uuid::Uuid;

use super::sessions::{session, session_columns};
use super::tenants::{tenant, tenant_columns};
use super::users::{plain, user, user_columns};
use crate::base::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{TenantId, UserId};
use crate::model::role::Role;
use crate::model::session::Session;
use crate::model::tenant::{Membership, Tenant, TenantStatus};
use crate::model::user::User;
use crate::store::engine::Row;
use crate::store::{Conn, StoreError, Topic};

fn role(row: &Row) -> Result<Role, StoreError> {
    row.of("memberships").parsed("role", Role::parse)
}

/// The columns that [`person`] reads.
macro_rules! person_columns {
    () => {
        concat!(user_columns!(), ", ", tenant_columns!(), ", m.role")
    };
}

/// The tenants of memberships `m`; `$2` is their status.
macro_rules! join_active_tenants {
    () => {
        " LEFT JOIN tenants ON tenants.id = m.tenant_id AND tenants.status = $2"
    };
}

/// An account, and one role of its in an active tenant where there is one.
type PersonRow = (User, Option<(Tenant, Role)>);

fn person(row: &Row) -> Result<PersonRow, StoreError> {
    let belongs = row.of("tenants").get::<Option<i64>>("tenant_id")?.is_some();
    Ok((user(row)?, if belongs { Some((tenant(row)?, role(row)?)) } else { None }))
}

/// One person of their rows, which are sorted by tenant.
fn gathered(rows: Vec<PersonRow>) -> Option<(User, Vec<Membership>)> {
    let (mut users, roles): (Vec<User>, Vec<_>) = rows.into_iter().unzip();
    let user = users.pop()?;
    let memberships = by_name(by_tenant(user.id, roles.into_iter().flatten().collect()));
    Some((user, memberships))
}

impl Conn {
    /// Gives a person a role in a tenant, by hand; says whether it is new. One that a mapping gave is the person's own from now on.
    pub async fn grant_role(
        &mut self,
        user: UserId,
        tenant: TenantId,
        role: Role,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let added = self
            .query(
                "INSERT INTO memberships (user_id, tenant_id, role, created_at) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (user_id, tenant_id, role) DO UPDATE SET identity_id = NULL \
                 WHERE memberships.identity_id IS NOT NULL",
            )
            .bind(user.get())
            .bind(tenant.get())
            .bind(role.as_str())
            .bind(now.micros())
            .execute()
            .await?;
        self.touch(Topic::Users);
        Ok(added > 0)
    }

    /// Gives a person a role in a tenant that comes of a professional identity, unless they have it; says whether it is new.
    pub async fn map_role(
        &mut self,
        user: UserId,
        tenant: TenantId,
        role: Role,
        identity: Uuid,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let added = self
            .query(
                "INSERT INTO memberships (user_id, tenant_id, role, created_at, identity_id) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (user_id, tenant_id, role) DO NOTHING",
            )
            .bind(user.get())
            .bind(tenant.get())
            .bind(role.as_str())
            .bind(now.micros())
            .bind(identity)
            .execute()
            .await?;
        if added > 0 {
            self.touch(Topic::Users);
        }
        Ok(added > 0)
    }

    /// The roles that come of a professional identity.
    pub async fn mapped_roles(&mut self, identity: Uuid) -> Result<Vec<(TenantId, Role)>, StoreError> {
        self.query("SELECT tenant_id, role FROM memberships WHERE identity_id = $1 ORDER BY tenant_id, role")
            .bind(identity)
            .all(|row| Ok((TenantId::new(row.of("memberships").get("tenant_id")?), role(row)?)))
            .await
    }

    /// Takes a role from a person; says whether it was there.
    pub async fn revoke_role(&mut self, user: UserId, tenant: TenantId, role: Role) -> Result<bool, StoreError> {
        let removed = self
            .query("DELETE FROM memberships WHERE user_id = $1 AND tenant_id = $2 AND role = $3")
            .bind(user.get())
            .bind(tenant.get())
            .bind(role.as_str())
            .execute()
            .await?;
        self.touch(Topic::Users);
        Ok(removed > 0)
    }

    /// Takes all roles in a tenant from a person; says whether there was one.
    pub async fn revoke_membership(&mut self, user: UserId, tenant: TenantId) -> Result<bool, StoreError> {
        let removed = self
            .query("DELETE FROM memberships WHERE user_id = $1 AND tenant_id = $2")
            .bind(user.get())
            .bind(tenant.get())
            .execute()
            .await?;
        self.touch(Topic::Users);
        Ok(removed > 0)
    }

    /// The active tenants of a person with the roles there, by name.
    pub async fn memberships_of(&mut self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        let rows = self
            .query(concat!(
                "SELECT ",
                tenant_columns!(),
                ", m.role FROM memberships m JOIN tenants ON tenants.id = m.tenant_id \
                 WHERE m.user_id = $1 AND tenants.status = $2 ORDER BY tenants.id, m.role"
            ))
            .bind(user.get())
            .bind(TenantStatus::Active.as_str())
            .all(|row| Ok((tenant(row)?, role(row)?)))
            .await?;
        Ok(by_name(by_tenant(user, rows)))
    }

    /// The roles of a person in one tenant, if it is active.
    pub async fn membership(&mut self, user: UserId, tenant_id: TenantId) -> Result<Option<Membership>, StoreError> {
        let rows = self
            .query(concat!(
                "SELECT ",
                tenant_columns!(),
                ", m.role FROM memberships m JOIN tenants ON tenants.id = m.tenant_id \
                 WHERE m.user_id = $1 AND m.tenant_id = $2 AND tenants.status = $3 ORDER BY m.role"
            ))
            .bind(user.get())
            .bind(tenant_id.get())
            .bind(TenantStatus::Active.as_str())
            .all(|row| Ok((tenant(row)?, role(row)?)))
            .await?;
        Ok(by_tenant(user, rows).pop())
    }

    /// An account and its active tenants with the roles there, by name; with `only`, at most that one.
    pub async fn user_with_memberships(
        &mut self,
        id: UserId,
        only: Option<TenantId>,
    ) -> Result<Option<(User, Vec<Membership>)>, StoreError> {
        let rows = self
            .query(concat!(
                "SELECT ",
                person_columns!(),
                " FROM users LEFT JOIN memberships m ON m.user_id = users.id AND ($3 IS NULL OR m.tenant_id = $3)",
                join_active_tenants!(),
                " WHERE users.id = $1 ORDER BY tenants.id, m.role"
            ))
            .bind(id.get())
            .bind(TenantStatus::Active.as_str())
            .bind(only.map(TenantId::get))
            .all(person)
            .await?;
        Ok(gathered(rows))
    }

    /// The session of a cookie, unless it was ended, with its person as [`Self::user_with_memberships`] gives it.
    pub async fn session_with_person(
        &mut self,
        token: &Digest,
    ) -> Result<Option<(Session, User, Vec<Membership>)>, StoreError> {
        let rows = self
            .query(concat!(
                "SELECT ",
                session_columns!(),
                ", ",
                person_columns!(),
                " FROM sessions JOIN users ON users.id = sessions.user_id LEFT JOIN memberships m ON m.user_id = users.id",
                join_active_tenants!(),
                " WHERE sessions.token = $1 AND sessions.ended_at IS NULL ORDER BY tenants.id, m.role"
            ))
            .bind(token.as_bytes().as_slice())
            .bind(TenantStatus::Active.as_str())
            .all(|row| Ok((session(row)?, person(row)?)))
            .await?;
        let (mut sessions, people): (Vec<Session>, Vec<_>) = rows.into_iter().unzip();
        Ok(sessions.pop().zip(gathered(people)).map(|(session, (user, memberships))| (session, user, memberships)))
    }

    /// The members of a tenant with their roles, by internal id, those behind `after`.
    pub async fn members_of(
        &mut self,
        tenant: TenantId,
        limit: u32,
        after: Option<UserId>,
    ) -> Result<Vec<(User, Vec<Role>)>, StoreError> {
        let rows = self
            .query(concat!(
                "SELECT ",
                user_columns!(),
                ", m.role FROM (SELECT DISTINCT user_id FROM memberships WHERE tenant_id = $1 AND user_id > $2 \
                 ORDER BY user_id LIMIT $3) p JOIN users ON users.id = p.user_id \
                 JOIN memberships m ON m.user_id = p.user_id AND m.tenant_id = $1 ORDER BY users.id, m.role"
            ))
            .bind(tenant.get())
            .bind(after.map_or(0, UserId::get))
            .bind(i64::from(limit))
            .all(|row| Ok((user(row)?, role(row)?)))
            .await?;
        let mut members: Vec<(User, Vec<Role>)> = Vec::new();
        for (user, role) in rows {
            match members.last_mut() {
                Some((last, roles)) if last.id == user.id => roles.push(role),
                _ => members.push((user, vec![role])),
            }
        }
        for (_, roles) in &mut members {
            roles.sort_unstable();
        }
        Ok(members)
    }
}

fn by_name(mut memberships: Vec<Membership>) -> Vec<Membership> {
    memberships.sort_by_cached_key(|of| (plain(&of.tenant.name), of.tenant.id));
    memberships
}

/// Gathers rows that are sorted by tenant. Roles come in the order of [`Role::ALL`].
fn by_tenant(user: UserId, rows: Vec<(Tenant, Role)>) -> Vec<Membership> {
    let mut memberships: Vec<Membership> = Vec::new();
    for (tenant, role) in rows {
        match memberships.last_mut() {
            Some(last) if last.tenant.id == tenant.id => last.roles.push(role),
            _ => memberships.push(Membership { user, tenant, roles: vec![role] }),
        }
    }
    for membership in &mut memberships {
        membership.roles.sort_unstable();
    }
    memberships
}
