//! The log of what happened. Rows are added and read, never changed: the schema refuses it.

use sqlx::types::Json;

use crate::audit::{Action, AuditEvent, Outcome};
use crate::base::Timestamp;
use crate::base::id::{ClientKey, TenantId, UserId};
use crate::store::engine::Row;
use crate::store::{Conn, StoreError};

/// Which events to list; every condition that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Of this kind.
    pub action: Option<Action>,
    /// Done by this person.
    pub actor_user: Option<UserId>,
    /// Done by this client.
    pub actor_client: Option<ClientKey>,
    /// In this tenant.
    pub tenant: Option<TenantId>,
    /// On a thing of this type.
    pub entity_type: Option<String>,
    /// On the thing with this id.
    pub entity_id: Option<String>,
    /// At this moment or later.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

fn event(row: &Row) -> Result<(i64, AuditEvent), StoreError> {
    let row = row.of("audit_events");
    let event = AuditEvent {
        at: row.time("at")?,
        action: row.parsed("action", Action::parse)?,
        outcome: row.parsed("outcome", Outcome::parse)?,
        actor_user: row.get::<Option<i64>>("actor_user")?.map(UserId::new),
        actor_client: row.get::<Option<i64>>("actor_client")?.map(ClientKey::new),
        tenant: row.get::<Option<i64>>("tenant")?.map(TenantId::new),
        entity_type: row.get("entity_type")?,
        entity_id: row.get("entity_id")?,
        address: row.get("address")?,
        request_id: row.get("request_id")?,
        details: row.json("details")?,
    };
    Ok((row.get("id")?, event))
}

impl Conn {
    /// Adds an event, in the transaction of what it tells of.
    pub async fn append_audit(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        self.query(
            "INSERT INTO audit_events (at, action, outcome, actor_user, actor_client, tenant, entity_type, entity_id, \
             address, request_id, details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(event.at.micros())
        .bind(event.action.as_str())
        .bind(event.outcome.as_str())
        .bind(event.actor_user.map(UserId::get))
        .bind(event.actor_client.map(ClientKey::get))
        .bind(event.tenant.map(TenantId::get))
        .bind(&event.entity_type)
        .bind(event.entity_id.as_deref())
        .bind(event.address.as_deref())
        .bind(event.request_id.as_deref())
        .bind(Json(&event.details))
        .execute()
        .await?;
        Ok(())
    }

    /// Events that match, latest first, with their numbers; `before_id` continues a list.
    pub async fn list_audit(
        &mut self,
        filter: &AuditFilter,
        limit: u32,
        before_id: Option<i64>,
    ) -> Result<Vec<(i64, AuditEvent)>, StoreError> {
        self.query(
            "SELECT id, at, action, outcome, actor_user, actor_client, tenant, entity_type, entity_id, address, \
             request_id, details FROM audit_events \
             WHERE ($1 IS NULL OR action = $1) AND ($2 IS NULL OR actor_user = $2) \
             AND ($3 IS NULL OR actor_client = $3) AND ($4 IS NULL OR tenant = $4) \
             AND ($5 IS NULL OR entity_type = $5) AND ($6 IS NULL OR entity_id = $6) \
             AND ($7 IS NULL OR at >= $7) AND ($8 IS NULL OR at < $8) AND ($9 IS NULL OR id < $9) \
             ORDER BY id DESC LIMIT $10",
        )
        .bind(filter.action.map(Action::as_str))
        .bind(filter.actor_user.map(UserId::get))
        .bind(filter.actor_client.map(ClientKey::get))
        .bind(filter.tenant.map(TenantId::get))
        .bind(filter.entity_type.as_deref())
        .bind(filter.entity_id.as_deref())
        .bind(filter.since.map(Timestamp::micros))
        .bind(filter.until.map(Timestamp::micros))
        .bind(before_id)
        .bind(i64::from(limit))
        .all(event)
        .await
    }
}
