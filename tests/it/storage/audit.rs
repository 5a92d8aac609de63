//! The log of what happened.

use guichet::audit::{Action, AuditEvent, Outcome};
use guichet::base::id::{ClientKey, TenantId, UserId};
use guichet::store::{AuditFilter, Store};

use super::{START, at, tx};
use crate::support::stores::{all_options, raw, stores};

fn event(action: Action, seconds: i64) -> AuditEvent {
    let mut event = AuditEvent::new(action, at(seconds));
    event.outcome = Outcome::Failure;
    event.actor_user = Some(UserId::new(seconds));
    event.actor_client = Some(ClientKey::new(7));
    event.tenant = Some(TenantId::new(8));
    "user".clone_into(&mut event.entity_type);
    event.entity_id = Some(format!("e{seconds}"));
    event.address = Some("192.0.2.1".to_owned());
    event.request_id = Some("r".to_owned());
    event.details.insert("reason".to_owned(), "password".into());
    event
}

#[tokio::test]
async fn events_are_listed_as_they_were_told_latest_first() {
    for (engine, store) in stores().await {
        let plain = AuditEvent::new(Action::KeysRotated, START);
        let told = [plain, event(Action::UserSignedIn, 1), event(Action::UserSignInFailed, 2)];
        for event in told.clone() {
            tx!(store, conn => conn.append_audit(&event)).unwrap();
        }
        let mut read = store.read().await.unwrap();
        let all = read.list_audit(&AuditFilter::default(), 10, None).await.unwrap();
        assert!(all.iter().map(|(_, event)| event).eq(told.iter().rev()), "{engine}: {all:?}");
        let page = read.list_audit(&AuditFilter::default(), 1, Some(all[0].0)).await.unwrap();
        assert_eq!(page[0], all[1], "{engine}: the next page");

        let of = AuditFilter::default;
        for (filter, expected) in [
            (AuditFilter { action: Some(Action::UserSignedIn), ..of() }, 1),
            (AuditFilter { actor_user: Some(UserId::new(2)), ..of() }, 1),
            (AuditFilter { actor_client: Some(ClientKey::new(7)), ..of() }, 2),
            (AuditFilter { tenant: Some(TenantId::new(9)), ..of() }, 0),
            (AuditFilter { entity_type: Some("user".into()), entity_id: Some("e1".into()), ..of() }, 1),
            (AuditFilter { since: Some(at(1)), ..of() }, 2),
            (AuditFilter { until: Some(at(1)), ..of() }, 1),
            (AuditFilter { since: Some(at(1)), until: Some(at(2)), ..of() }, 1),
        ] {
            let listed = read.list_audit(&filter, 10, None).await.unwrap();
            assert_eq!(listed.len(), expected, "{engine}: {filter:?}");
        }
    }
}

#[tokio::test]
async fn an_event_goes_with_the_transaction_it_tells_of() {
    for (engine, store) in stores().await {
        let failed = store
            .write("test", move |conn| {
                Box::pin(async move {
                    conn.append_audit(&event(Action::UserCreated, 1)).await?;
                    Err::<(), _>(guichet::store::StoreError::Other("no".to_owned()))
                })
            })
            .await;
        assert!(failed.is_err());
        let listed = store.read().await.unwrap().list_audit(&AuditFilter::default(), 10, None).await.unwrap();
        assert_eq!(listed, [], "{engine}");
    }
}

#[tokio::test]
async fn rows_refuse_to_be_changed_or_deleted() {
    for (engine, options) in all_options().await {
        let store = Store::open(&options).await.unwrap();
        store.migrate().await.unwrap();
        tx!(store, conn => conn.append_audit(&event(Action::UserCreated, 1))).unwrap();
        let mut refused = vec!["UPDATE audit_events SET action = 'x'", "DELETE FROM audit_events"];
        if engine.starts_with("postgres") {
            refused.push("TRUNCATE audit_events");
        }
        for sql in refused {
            let error = raw(&options, sql).await.unwrap_err().to_string();
            assert!(error.contains("append-only"), "{engine}: {sql}: {error}");
        }
        let listed = store.read().await.unwrap().list_audit(&AuditFilter::default(), 10, None).await.unwrap();
        assert_eq!(listed.len(), 1, "{engine}");
    }
}
