//! Grants and revoked access tokens.

use guichet::model::grant::GrantEnd;
use guichet::store::{Constraint, Store, StoreError};
use uuid::Uuid;

use super::{START, at, grant, new_client, new_tenant, new_user, tx, uuid};
use crate::support::stores::stores;

const RIVALS: usize = 32;

async fn revoked(store: &Store) -> Vec<u128> {
    let mut all = Vec::new();
    for id in 1..=5 {
        let found = store.read().await.unwrap().grant_by_id(uuid(id)).await.unwrap();
        if found.is_some_and(|grant| grant.revoked_at.is_some()) {
            all.push(id);
        }
    }
    all
}

#[tokio::test]
async fn a_grant_is_found_as_it_began() {
    for (engine, store) in stores().await {
        let (user, client) = (new_user(&store, "a@x.fr").await.id, new_client(&store, "app").await.key);
        let tenant = new_tenant(&store, "t").await.id;
        let made = guichet::model::grant::Grant { tenant: Some(tenant), ..grant(1, user, client) };
        let stored = made.clone();
        tx!(store, conn => conn.insert_grant(&stored)).unwrap();
        let found = store.read().await.unwrap().grant_by_id(uuid(1)).await.unwrap().unwrap();
        assert_eq!(format!("{found:?}"), format!("{made:?}"), "{engine}");
        assert!(store.read().await.unwrap().grant_by_id(Uuid::nil()).await.unwrap().is_none(), "{engine}");
    }
}

#[tokio::test]
async fn only_the_live_generation_of_a_live_grant_rotates() {
    for (engine, store) in stores().await {
        let (user, client) = (new_user(&store, "a@x.fr").await.id, new_client(&store, "app").await.key);
        tx!(store, conn => conn.insert_grant(&grant(1, user, client))).unwrap();
        assert!(tx!(store, conn => conn.rotate_grant(uuid(1), 1, at(1))).unwrap().is_none(), "{engine}: ahead");
        let rotated = tx!(store, conn => conn.rotate_grant(uuid(1), 0, at(2))).unwrap().unwrap();
        assert_eq!((rotated.generation, rotated.rotated_at, rotated.created_at), (1, at(2), START), "{engine}");
        assert!(tx!(store, conn => conn.rotate_grant(uuid(1), 0, at(3))).unwrap().is_none(), "{engine}: spent");
        assert!(tx!(store, conn => conn.rotate_grant(uuid(1), 1, at(1_000))).unwrap().is_none(), "{engine}: expired");
        assert!(tx!(store, conn => conn.rotate_grant(uuid(1), 1, at(999))).unwrap().is_some(), "{engine}");
        assert!(tx!(store, conn => conn.revoke_grant(uuid(1), GrantEnd::RefreshReused, at(4))).unwrap(), "{engine}");
        assert!(!tx!(store, conn => conn.revoke_grant(uuid(1), GrantEnd::RefreshReused, at(5))).unwrap(), "{engine}");
        assert!(tx!(store, conn => conn.rotate_grant(uuid(1), 2, at(6))).unwrap().is_none(), "{engine}: revoked");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_rivals_one_begins_the_grant_and_one_rotates_it() {
    for (engine, store) in stores().await {
        let (user, client) = (new_user(&store, "a@x.fr").await.id, new_client(&store, "app").await.key);
        let rivals: Vec<_> = (0..RIVALS)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { tx!(store, conn => conn.insert_grant(&grant(1, user, client))) })
            })
            .collect();
        let mut won = 0;
        for rival in rivals {
            match rival.await.unwrap() {
                Ok(()) => won += 1,
                Err(error) => assert_eq!(error, StoreError::Conflict(Constraint::Grant), "{engine}"),
            }
        }
        assert_eq!(won, 1, "{engine}");

        let rivals: Vec<_> = (0..RIVALS)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { tx!(store, conn => conn.rotate_grant(uuid(1), 0, at(1))).unwrap() })
            })
            .collect();
        let mut rotated = 0;
        for rival in rivals {
            rotated += usize::from(rival.await.unwrap().is_some());
        }
        assert_eq!(rotated, 1, "{engine}");
        let grant = store.read().await.unwrap().grant_by_id(uuid(1)).await.unwrap().unwrap();
        assert_eq!(grant.generation, 1, "{engine}");
    }
}

#[tokio::test]
async fn a_second_use_of_a_code_revokes_in_the_same_transaction() {
    for (engine, store) in stores().await {
        let (user, client) = (new_user(&store, "a@x.fr").await.id, new_client(&store, "app").await.key);
        tx!(store, conn => conn.insert_grant(&grant(1, user, client))).unwrap();
        let reused = store
            .write("redeem", move |conn| {
                Box::pin(async move {
                    match conn.insert_grant(&grant(1, user, client)).await {
                        Err(StoreError::Conflict(Constraint::Grant)) => {
                            conn.revoke_grant(uuid(1), GrantEnd::CodeReused, at(1)).await
                        }
                        other => other.map(|()| false),
                    }
                })
            })
            .await;
        assert_eq!(reused, Ok(true), "{engine}");
        assert_eq!(revoked(&store).await, [1], "{engine}");
    }
}

#[tokio::test]
async fn each_revocation_ends_its_own_grants_and_no_others() {
    for (engine, store) in stores().await {
        let (a, b) = (new_user(&store, "a@x.fr").await.id, new_user(&store, "b@x.fr").await.id);
        let (app, other) = (new_client(&store, "app").await.key, new_client(&store, "other").await.key);
        let (t, u) = (new_tenant(&store, "t").await.id, new_tenant(&store, "u").await.id);
        // Each case runs over the same five grants, made anew under the same store.
        let cases: [(&str, &[u128]); 8] = [
            ("session", &[2]),
            ("user", &[1, 2, 3, 4]),
            ("user but session", &[1, 3, 4]),
            ("consent", &[1, 2, 3]),
            ("membership", &[1, 4]),
            ("tenant", &[1, 4, 5]),
            ("client", &[1, 2, 3, 5]),
            ("user again", &[1, 2, 3, 4]),
        ];
        for (case, expected) in cases {
            // The far future empties the table.
            tx!(store, conn => conn.delete_expired(at(100_000_000), std::time::Duration::ZERO, 100)).unwrap();
            for (id, user, client, tenant) in [
                (1, a, app, Some(t)),
                (2, a, app, None),
                (3, a, app, Some(u)),
                (4, a, other, Some(t)),
                (5, b, app, Some(t)),
            ] {
                let grant = guichet::model::grant::Grant { tenant, ..grant(id, user, client) };
                tx!(store, conn => conn.insert_grant(&grant)).unwrap();
            }
            let count = store
                .write("revoke", move |conn| {
                    Box::pin(async move {
                        let end = GrantEnd::UserDisabled;
                        match case {
                            "session" => conn.revoke_grants_of_session(uuid(1_002), end, at(1)).await,
                            "user" | "user again" => conn.revoke_grants_of_user(a, end, at(1)).await,
                            "user but session" => {
                                conn.revoke_grants_of_user_except_session(a, uuid(1_002), end, at(1)).await
                            }
                            "consent" => conn.revoke_grants_of_consent(a, app, end, at(1)).await,
                            "membership" => conn.revoke_grants_of_membership(a, t, end, at(1)).await,
                            "tenant" => conn.revoke_grants_of_tenant(t, end, at(1)).await,
                            _ => conn.revoke_grants_of_client(app, end, at(1)).await,
                        }
                    })
                })
                .await
                .unwrap();
            assert_eq!(revoked(&store).await, expected, "{engine}: {case}");
            assert_eq!(count, u64::try_from(expected.len()).unwrap(), "{engine}: {case}");
            let live = store.read().await.unwrap().grants_of_user(a).await.unwrap();
            assert_eq!(live.len(), 4 - expected.iter().filter(|id| **id != 5).count(), "{engine}: {case}");
        }
    }
}

#[tokio::test]
async fn a_revoked_access_token_is_known_until_it_expires() {
    for (engine, store) in stores().await {
        assert!(!store.read().await.unwrap().is_access_token_revoked("jti").await.unwrap(), "{engine}");
        tx!(store, conn => conn.revoke_access_token("jti", at(60), START)).unwrap();
        tx!(store, conn => conn.revoke_access_token("jti", at(60), START)).unwrap();
        assert!(store.read().await.unwrap().is_access_token_revoked("jti").await.unwrap(), "{engine}");
        let expire = |seconds| tx_delete(&store, seconds);
        assert_eq!(expire(59).await, 0, "{engine}");
        assert_eq!(expire(60).await, 1, "{engine}");
        assert!(!store.read().await.unwrap().is_access_token_revoked("jti").await.unwrap(), "{engine}");
    }
}

async fn tx_delete(store: &Store, seconds: i64) -> u64 {
    tx!(store, conn => conn.delete_expired(at(seconds), std::time::Duration::from_secs(3_600), 100)).unwrap()
}
