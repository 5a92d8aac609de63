//! Signing keys and change epochs.

use std::time::Duration;

use guichet::base::id::{ClientKey, TenantId, UserId};
use guichet::model::client::{ClientPolicy, ClientStatus};
use guichet::model::key::{KeyRecord, KeyState};
use guichet::model::role::Role;
use guichet::model::tenant::TenantStatus;
use guichet::model::user::UserStatus;
use guichet::store::{Store, StoreError, Topic};
use serde_json::json;

use super::{START, at, metadata, new_client, new_tenant, new_user, tx};
use crate::support::stores::stores;

fn key(kid: &str, state: KeyState, seconds: i64) -> KeyRecord {
    KeyRecord {
        kid: kid.to_owned(),
        alg: "ES256".to_owned(),
        state,
        public_jwk: json!({ "kty": "EC", "kid": kid }),
        sealed_private: vec![0, 255, 7],
        created_at: at(seconds),
        changed_at: at(seconds),
    }
}

#[tokio::test]
async fn keys_are_kept_and_move_only_from_the_state_they_are_in() {
    for (engine, store) in stores().await {
        tx!(store, conn => conn.insert_key(&key("b", KeyState::Active, 1))).unwrap();
        tx!(store, conn => conn.insert_key(&key("a", KeyState::Next, 2))).unwrap();
        let refused = tx!(store, conn => conn.insert_key(&key("a", KeyState::Next, 3))).unwrap_err();
        assert!(matches!(refused, StoreError::Conflict(_)), "{engine}: {refused}");
        let moved = tx!(store, conn => conn.set_key_state("a", KeyState::Active, KeyState::Retired, at(9))).unwrap();
        assert!(!moved, "{engine}: it was next");
        assert!(tx!(store, conn => conn.set_key_state("a", KeyState::Next, KeyState::Active, at(9))).unwrap());
        let keys = store.read().await.unwrap().keys().await.unwrap();
        let shown: Vec<_> = keys.iter().map(|key| (key.kid.as_str(), key.state, key.changed_at)).collect();
        assert_eq!(shown, [("b", KeyState::Active, at(1)), ("a", KeyState::Active, at(9))], "{engine}");
        assert_eq!(keys[0].public_jwk, key("b", KeyState::Active, 1).public_jwk, "{engine}");
        assert_eq!((keys[0].alg.as_str(), keys[0].sealed_private.as_slice()), ("ES256", &[0, 255, 7][..]), "{engine}");
        assert!(tx!(store, conn => conn.delete_key("b")).unwrap(), "{engine}");
        assert!(!tx!(store, conn => conn.delete_key("b")).unwrap(), "{engine}");
    }
}

/// Without the lock all would read an empty table and each would add a key.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rotations_at_once_see_one_another() {
    for (engine, store) in stores().await {
        let rivals: Vec<_> = (0..6)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    store
                        .write("rotate", move |conn| {
                            Box::pin(async move {
                                conn.lock_keys().await?;
                                if conn.keys().await?.is_empty() {
                                    tokio::time::sleep(Duration::from_millis(20)).await;
                                    conn.insert_key(&key(&format!("k{number}"), KeyState::Active, 0)).await?;
                                }
                                Ok::<_, StoreError>(())
                            })
                        })
                        .await
                })
            })
            .collect();
        for rival in rivals {
            rival.await.unwrap().unwrap();
        }
        assert_eq!(store.read().await.unwrap().keys().await.unwrap().len(), 1, "{engine}");
    }
}

async fn epoch(store: &Store, topic: Topic) -> i64 {
    let epochs = store.read().await.unwrap().epochs().await.unwrap();
    epochs.into_iter().find(|(known, _)| *known == topic).unwrap().1
}

#[tokio::test]
async fn a_change_of_what_is_cached_bumps_its_epoch_and_a_refused_one_does_not() {
    for (engine, store) in stores().await {
        let client = new_client(&store, "app").await.key;
        let user = new_user(&store, "a@x.fr").await.id;
        let tenant = new_tenant(&store, "t").await.id;
        let changes: [(&'static str, Topic); 15] = [
            ("update_client", Topic::Clients),
            ("set_client_status", Topic::Clients),
            ("add_client_secret", Topic::Clients),
            ("delete_client", Topic::Clients),
            ("insert_key", Topic::Keys),
            ("set_key_state", Topic::Keys),
            ("delete_key", Topic::Keys),
            ("set_user_status", Topic::Users),
            ("set_password", Topic::Users),
            ("update_user_names", Topic::Users),
            ("grant_role", Topic::Users),
            ("revoke_role", Topic::Users),
            ("revoke_membership", Topic::Users),
            ("set_tenant_status", Topic::Tenants),
            ("bump_epoch", Topic::Tenants),
        ];
        for (name, topic) in changes {
            let before = epoch(&store, topic).await;
            change(&store, name, (client, user, tenant), true).await.unwrap_err();
            assert_eq!(epoch(&store, topic).await, before, "{engine}: {name} was rolled back");
            change(&store, name, (client, user, tenant), false).await.unwrap();
            assert_eq!(epoch(&store, topic).await, before + 1, "{engine}: {name}");
        }
    }
}

async fn change(
    store: &Store,
    name: &'static str,
    (client, user, tenant): (ClientKey, UserId, TenantId),
    fail: bool,
) -> Result<(), StoreError> {
    store
        .write(name, move |conn| {
            Box::pin(async move {
                match name {
                    "update_client" => {
                        conn.update_client(client, &metadata("y"), &ClientPolicy::default(), at(1)).await.map(drop)
                    }
                    "set_client_status" => {
                        conn.set_client_status(client, ClientStatus::Disabled, at(1)).await.map(drop)
                    }
                    "add_client_secret" => {
                        let digest = guichet::base::digest::Digest::of(b"s");
                        conn.add_client_secret(client, &digest, at(1), at(2)).await
                    }
                    "delete_client" => conn.delete_client(client).await.map(drop),
                    "insert_key" => conn.insert_key(&key("k", KeyState::Next, 0)).await,
                    "set_key_state" => conn.set_key_state("k", KeyState::Next, KeyState::Gone, at(1)).await.map(drop),
                    "delete_key" => conn.delete_key("k").await.map(drop),
                    "set_user_status" => conn.set_user_status(user, UserStatus::Disabled, at(1)).await.map(drop),
                    "set_password" => conn.set_password(user, "hash", at(1)).await,
                    "update_user_names" => conn.update_user_names(user, "a", "b", None, at(1)).await,
                    "grant_role" => conn.grant_role(user, tenant, Role::Nurse, START).await.map(drop),
                    "revoke_role" => conn.revoke_role(user, tenant, Role::Nurse).await.map(drop),
                    "revoke_membership" => conn.revoke_membership(user, tenant).await.map(drop),
                    "set_tenant_status" => {
                        conn.set_tenant_status(tenant, TenantStatus::Disabled, at(1)).await.map(drop)
                    }
                    _ => conn.bump_epoch(Topic::Tenants).await,
                }?;
                if fail { Err(StoreError::Other("no".to_owned())) } else { Ok(()) }
            })
        })
        .await
}
