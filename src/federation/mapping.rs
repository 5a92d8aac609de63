//! What a tenant's mapping gives to whom practises there: FINESS number and profession in, role out.

use super::Federation;
use super::error::FederationError;
use crate::base::Timestamp;
use crate::base::id::{TenantId, UserId};
use crate::model::identity::{Activity, Mapping};
use crate::store::{Conn, StoreError};

/// Adds a line to a tenant's mapping; says whether it is new. It counts from each person's next sign-in on.
pub async fn add(federation: &Federation, tenant: TenantId, line: Mapping) -> Result<bool, FederationError> {
    federation
        .store()
        .write("add_mapping", move |tx| Box::pin(async move { Ok(tx.insert_mapping(tenant, &line).await?) }))
        .await
}

/// Removes a line; says whether it was there. Roles that it gave stay until an operator takes them.
pub async fn remove(federation: &Federation, tenant: TenantId, line: Mapping) -> Result<bool, FederationError> {
    federation
        .store()
        .write("remove_mapping", move |tx| Box::pin(async move { Ok(tx.delete_mapping(tenant, &line).await?) }))
        .await
}

/// Gives a person the roles of their activities.
pub(super) async fn apply(
    tx: &mut Conn,
    user: UserId,
    activities: &[Activity],
    now: Timestamp,
) -> Result<(), StoreError> {
    for activity in activities {
        let codes = [&activity.profession, &activity.role];
        for (finess, code) in activity.finess.iter().flat_map(|finess| codes.map(|code| (finess, code))) {
            if code.is_empty() {
                continue;
            }
            for (tenant, role) in tx.roles_mapped(finess, code).await? {
                tx.grant_role(user, tenant, role, now).await?;
            }
        }
    }
    Ok(())
}
