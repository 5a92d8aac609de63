//! Tenants.

use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::id::TenantId;
use crate::model::tenant::{NewTenant, Tenant, TenantKind, TenantStatus};
use crate::store::engine::Row;
use crate::store::{Conn, StoreError, Topic};

/// The columns that [`tenant`] reads, under names that no joined table has.
macro_rules! tenant_columns {
    () => {
        "tenants.id AS tenant_id, tenants.uuid AS tenant_uuid, tenants.code, tenants.name, tenants.kind, \
         tenants.department, tenants.status AS tenant_status, tenants.created_at AS tenant_created_at, \
         tenants.updated_at AS tenant_updated_at"
    };
}
pub(super) use tenant_columns;

pub(super) fn tenant(row: &Row) -> Result<Tenant, StoreError> {
    let row = row.of("tenants");
    Ok(Tenant {
        id: TenantId::new(row.get("tenant_id")?),
        uuid: row.get("tenant_uuid")?,
        code: row.get("code")?,
        name: row.get("name")?,
        kind: row.parsed("kind", TenantKind::parse)?,
        department: row.get("department")?,
        status: row.parsed("tenant_status", TenantStatus::parse)?,
        created_at: row.time("tenant_created_at")?,
        updated_at: row.time("tenant_updated_at")?,
    })
}

/// What codes are compared by.
fn canonical_code(code: &str) -> String {
    code.trim().to_uppercase()
}

impl Conn {
    /// Makes a tenant. Refuses a code that another has, in whatever case.
    pub async fn insert_tenant(&mut self, new: &NewTenant, uuid: Uuid, now: Timestamp) -> Result<Tenant, StoreError> {
        self.query(concat!(
            "INSERT INTO tenants (uuid, code, code_canonical, name, kind, department, status, created_at, \
             updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING ",
            tenant_columns!()
        ))
        .bind(uuid)
        .bind(new.code.trim())
        .bind(canonical_code(&new.code))
        .bind(&new.name)
        .bind(new.kind.as_str())
        .bind(new.department.as_deref())
        .bind(TenantStatus::Active.as_str())
        .bind(now.micros())
        .one(tenant)
        .await
    }

    /// The tenant with this internal id.
    pub async fn tenant_by_id(&mut self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        self.query(concat!("SELECT ", tenant_columns!(), " FROM tenants WHERE tenants.id = $1"))
            .bind(id.get())
            .optional(tenant)
            .await
    }

    /// The tenant with this outside id.
    pub async fn tenant_by_uuid(&mut self, uuid: Uuid) -> Result<Option<Tenant>, StoreError> {
        self.query(concat!("SELECT ", tenant_columns!(), " FROM tenants WHERE tenants.uuid = $1"))
            .bind(uuid)
            .optional(tenant)
            .await
    }

    /// The tenant with this code, in whatever case.
    pub async fn tenant_by_code(&mut self, code: &str) -> Result<Option<Tenant>, StoreError> {
        self.query(concat!("SELECT ", tenant_columns!(), " FROM tenants WHERE tenants.code_canonical = $1"))
            .bind(canonical_code(code))
            .optional(tenant)
            .await
    }

    /// Tenants by internal id, those behind `after`.
    pub async fn list_tenants(&mut self, limit: u32, after: Option<TenantId>) -> Result<Vec<Tenant>, StoreError> {
        self.query(concat!(
            "SELECT ",
            tenant_columns!(),
            " FROM tenants WHERE tenants.id > $1 ORDER BY tenants.id LIMIT $2"
        ))
        .bind(after.map_or(0, TenantId::get))
        .bind(i64::from(limit))
        .all(tenant)
        .await
    }

    /// Enables or disables a tenant; says whether that changed anything.
    pub async fn set_tenant_status(
        &mut self,
        id: TenantId,
        status: TenantStatus,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let changed = self
            .query("UPDATE tenants SET status = $2, updated_at = $3 WHERE id = $1 AND status <> $2")
            .bind(id.get())
            .bind(status.as_str())
            .bind(now.micros())
            .execute()
            .await?;
        self.touch(Topic::Tenants);
        Ok(changed > 0)
    }

    /// Gives a tenant another name.
    pub async fn rename_tenant(&mut self, id: TenantId, name: &str, now: Timestamp) -> Result<(), StoreError> {
        self.query("UPDATE tenants SET name = $2, updated_at = $3 WHERE id = $1")
            .bind(id.get())
            .bind(name)
            .bind(now.micros())
            .execute()
            .await?;
        self.touch(Topic::Tenants);
        Ok(())
    }
}
