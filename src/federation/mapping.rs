//! What a tenant's mapping gives to whom practises there: FINESS number and profession in, role out.
//!
//! A role that comes of a mapping is marked with the professional identity that it comes of: it goes when that person's
//! activities, or the mapping, no longer give it, at their next sign-in, and when the identity is unlinked. Roles that
//! somebody gave by hand are not touched.

use super::Federation;
use super::error::FederationError;
use super::nomenclature;
use crate::audit::{Action, AuditEvent};
use crate::base::Timestamp;
use crate::base::id::TenantId;
use crate::model::grant::GrantEnd;
use crate::model::identity::{Activity, Claimed, Mapping};
use crate::model::role::Role;
use crate::model::user::User;
use crate::store::{Conn, StoreError};
use uuid::Uuid;

/// Adds a line to a tenant's mapping; says whether it is new. It counts from each person's next sign-in on.
pub async fn add(federation: &Federation, tenant: TenantId, line: Mapping) -> Result<bool, FederationError> {
    federation
        .store()
        .write("add_mapping", move |tx| Box::pin(async move { Ok(tx.insert_mapping(tenant, &line).await?) }))
        .await
}

/// Removes a line; says whether it was there. Roles that it gave go at each person's next sign-in.
pub async fn remove(federation: &Federation, tenant: TenantId, line: Mapping) -> Result<bool, FederationError> {
    federation
        .store()
        .write("remove_mapping", move |tx| Box::pin(async move { Ok(tx.delete_mapping(tenant, &line).await?) }))
        .await
}

/// The codes that a line of a mapping may name for an activity: its profession, its role, and what took the place of a code
/// that the national tables no longer have.
fn codes(activity: &Activity) -> impl Iterator<Item = &str> {
    let said = [activity.profession.as_str(), activity.role.as_str()];
    let replaced = nomenclature::successor(&activity.profession);
    said.into_iter().chain(replaced).filter(|code| !code.is_empty())
}

/// Gives a person the roles of their activities, and takes those that no activity gives any more.
pub(super) async fn apply(
    tx: &mut Conn,
    user: &User,
    identity: Uuid,
    claimed: &Claimed,
    now: Timestamp,
) -> Result<(), StoreError> {
    let upstream = &claimed.key.upstream;
    let mut given: Vec<(TenantId, Role)> = Vec::new();
    for activity in &claimed.activities {
        for finess in &activity.finess {
            for code in codes(activity) {
                given.extend(tx.roles_mapped(finess, code).await?);
            }
        }
    }
    withdraw(tx, user, upstream, identity, &given, now).await?;
    for (tenant, role) in given {
        if tx.map_role(user.id, tenant, role, identity, now).await? {
            tx.append_audit(&event(Action::RoleGranted, user, upstream, (tenant, role), now)).await?;
        }
    }
    Ok(())
}

/// Takes the roles that came of an identity, but for those to `keep`. The last role takes the membership with it, and that ends
/// every grant in the tenant.
pub(super) async fn withdraw(
    tx: &mut Conn,
    user: &User,
    upstream: &str,
    identity: Uuid,
    keep: &[(TenantId, Role)],
    now: Timestamp,
) -> Result<(), StoreError> {
    for (tenant, role) in tx.mapped_roles(identity).await? {
        if keep.contains(&(tenant, role)) || !tx.revoke_role(user.id, tenant, role).await? {
            continue;
        }
        if tx.membership(user.id, tenant).await?.is_none() {
            tx.revoke_grants_of_membership(user.id, tenant, GrantEnd::MembershipEnded, now).await?;
        }
        tx.append_audit(&event(Action::RoleRevoked, user, upstream, (tenant, role), now)).await?;
    }
    Ok(())
}

fn event(action: Action, user: &User, upstream: &str, (tenant, role): (TenantId, Role), now: Timestamp) -> AuditEvent {
    let mut event = AuditEvent::new(action, now);
    "user".clone_into(&mut event.entity_type);
    event.entity_id = Some(user.uuid.to_string());
    event.tenant = Some(tenant);
    event.details.insert("role".to_owned(), role.as_str().into());
    event.details.insert("upstream".to_owned(), upstream.into());
    event
}
