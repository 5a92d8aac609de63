//! What operators do to tenants: create, rename, disable, enable.

use super::{AccountError, Accounts};
use crate::audit::{Action, AuditEvent};
use crate::base::entropy::uuid_v7;
use crate::model::grant::GrantEnd;
use crate::model::tenant::{NewTenant, Tenant, TenantKind, TenantStatus, is_department, new_code};
use crate::store::{Constraint, StoreError};

/// Longest name of a tenant, in characters.
const LONGEST_NAME: usize = 200;

/// Why a tenant is not created.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// Empty, too long, or with control characters.
    #[error("the name must have 1 to {LONGEST_NAME} printable characters")]
    Name,
    /// Not a French department.
    #[error("the department must be 01 to 95, 2A, 2B, 971 to 978 or 986 to 988")]
    Department,
    /// Trouble of our own.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<StoreError> for TenantError {
    fn from(error: StoreError) -> Self {
        Self::Account(error.into())
    }
}

/// Creates a tenant with a fresh code.
pub async fn create(
    accounts: &Accounts,
    name: &str,
    kind: TenantKind,
    department: Option<String>,
) -> Result<Tenant, TenantError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(TenantError::Name);
    }
    if department.as_deref().is_some_and(|department| !is_department(department)) {
        return Err(TenantError::Department);
    }
    // Codes are short enough to meet once in a while; a second draw settles it.
    for _ in 0..8 {
        let new = NewTenant {
            name: name.to_owned(),
            kind,
            department: department.clone(),
            code: new_code(accounts.entropy()),
        };
        match insert(accounts, new).await {
            Err(TenantError::Account(AccountError::Store(StoreError::Conflict(Constraint::TenantCode)))) => {}
            settled => return settled,
        }
    }
    Err(AccountError::Store(StoreError::Conflict(Constraint::TenantCode)).into())
}

async fn insert(accounts: &Accounts, new: NewTenant) -> Result<Tenant, TenantError> {
    let now = accounts.now();
    let uuid = uuid_v7(now, accounts.entropy());
    accounts
        .store()
        .write("create_tenant", move |tx| {
            Box::pin(async move {
                let tenant = tx.insert_tenant(&new, uuid, now).await?;
                tx.append_audit(&about(Action::TenantCreated, &tenant, now)).await?;
                Ok(tenant)
            })
        })
        .await
}

/// Disables or enables a tenant. Disabling ends every grant in it.
pub async fn set_status(accounts: &Accounts, tenant: &Tenant, status: TenantStatus) -> Result<(), TenantError> {
    let now = accounts.now();
    let action = match status {
        TenantStatus::Active => Action::TenantEnabled,
        TenantStatus::Disabled => Action::TenantDisabled,
    };
    let event = about(action, tenant, now);
    let id = tenant.id;
    accounts
        .store()
        .write("set_tenant_status", move |tx| {
            Box::pin(async move {
                tx.set_tenant_status(id, status, now).await?;
                if status == TenantStatus::Disabled {
                    tx.revoke_grants_of_tenant(id, GrantEnd::MembershipEnded, now).await?;
                }
                tx.append_audit(&event).await?;
                Ok(())
            })
        })
        .await
}

fn about(action: Action, tenant: &Tenant, now: crate::base::Timestamp) -> AuditEvent {
    let mut event = AuditEvent::new(action, now);
    event.tenant = Some(tenant.id);
    event.entity_id = Some(tenant.uuid.to_string());
    event
}
