//! Clients, their secrets, consents.

use guichet::base::digest::Digest;
use guichet::model::client::{AccessTokenFormat, ClientPolicy, ClientStatus, NewClient};
use guichet::model::grant::GrantEnd;
use guichet::oauth::Scope;
use guichet::store::{Constraint, StoreError};

use super::{START, at, grant, metadata, new_client, new_user, tx, uuid};
use crate::support::stores::stores;

#[tokio::test]
async fn a_client_is_found_as_it_was_registered() {
    for (engine, store) in stores().await {
        let made = new_client(&store, "app").await;
        let mut read = store.read().await.unwrap();
        for found in [
            read.client_by_client_id("app").await.unwrap().unwrap(),
            read.client_by_key(made.key).await.unwrap().unwrap(),
            made.clone(),
        ] {
            assert_eq!((found.key, found.client_id.as_str()), (made.key, "app"), "{engine}");
            assert_eq!((&found.metadata, &found.policy), (&metadata("app"), &ClientPolicy::default()), "{engine}");
            assert_eq!((found.status, found.created_at), (ClientStatus::Active, START), "{engine}");
            assert_eq!(found.secrets.len(), 1, "{engine}");
            assert!(found.has_secret("app", START), "{engine}");
        }
        assert!(read.client_by_client_id("APP").await.unwrap().is_none(), "{engine}: exact");
        let again =
            NewClient { client_id: "app".to_owned(), metadata: metadata("x"), policy: made.policy, secret: None };
        let refused = tx!(store, conn => conn.insert_client(&again, START)).unwrap_err();
        assert_eq!(refused, StoreError::Conflict(Constraint::ClientId), "{engine}");
    }
}

#[tokio::test]
async fn clients_change_and_are_listed() {
    for (engine, store) in stores().await {
        let (a, b) = (new_client(&store, "a").await.key, new_client(&store, "b").await.key);
        let policy = ClientPolicy { first_party: true, access_token: AccessTokenFormat::Opaque, ..Default::default() };
        let expected = policy.clone();
        assert!(tx!(store, conn => conn.update_client(a, &metadata("renamed"), &policy, at(1))).unwrap(), "{engine}");
        assert!(tx!(store, conn => conn.set_client_status(a, ClientStatus::Disabled, at(2))).unwrap(), "{engine}");
        assert!(!tx!(store, conn => conn.set_client_status(a, ClientStatus::Disabled, at(3))).unwrap(), "{engine}");
        let listed = store.read().await.unwrap().list_clients(10, None).await.unwrap();
        assert_eq!(listed.iter().map(|c| c.key).collect::<Vec<_>>(), [a, b], "{engine}");
        assert_eq!(listed[0].metadata.client_name, "renamed");
        assert_eq!(
            (&listed[0].policy, listed[0].status, listed[0].updated_at),
            (&expected, ClientStatus::Disabled, at(2))
        );
        let page = store.read().await.unwrap().list_clients(1, Some(a)).await.unwrap();
        assert_eq!(page.iter().map(|c| c.key).collect::<Vec<_>>(), [b], "{engine}");
        assert!(page[0].has_secret("b", START), "{engine}: each has its own secrets");
    }
}

#[tokio::test]
async fn a_client_keeps_at_most_two_secrets_the_older_with_an_end() {
    for (engine, store) in stores().await {
        let key = new_client(&store, "app").await.key;
        for (secret, seconds) in [("second", 10), ("third", 20)] {
            let digest = Digest::of(secret.as_bytes());
            tx!(store, conn => conn.add_client_secret(key, &digest, at(seconds), at(seconds + 100))).unwrap();
        }
        let client = store.read().await.unwrap().client_by_key(key).await.unwrap().unwrap();
        let ends: Vec<_> = client.secrets.iter().map(|secret| (secret.digest, secret.expires_at)).collect();
        assert_eq!(ends, [(Digest::of(b"third"), None), (Digest::of(b"second"), Some(at(120)))], "{engine}");
        assert!(client.has_secret("second", at(119)) && !client.has_secret("second", at(120)), "{engine}");

        // An end that is nearer stays.
        let digest = Digest::of(b"fourth");
        tx!(store, conn => conn.add_client_secret(key, &digest, at(30), at(40))).unwrap();
        let digest = Digest::of(b"fifth");
        tx!(store, conn => conn.add_client_secret(key, &digest, at(31), at(900))).unwrap();
        let client = store.read().await.unwrap().client_by_key(key).await.unwrap().unwrap();
        assert_eq!(client.secrets.len(), 2, "{engine}");
        assert_eq!((client.secrets[1].digest, client.secrets[1].expires_at), (Digest::of(b"fourth"), Some(at(900))));
    }
}

#[tokio::test]
async fn a_deleted_client_leaves_its_grants_as_history() {
    for (engine, store) in stores().await {
        let (user, key) = (new_user(&store, "a@x.fr").await.id, new_client(&store, "app").await.key);
        let other = new_client(&store, "other").await.key;
        tx!(store, conn => conn.insert_grant(&grant(1, user, key))).unwrap();
        tx!(store, conn => conn.insert_grant(&grant(2, user, other))).unwrap();
        tx!(store, conn => conn.insert_grant(&grant(3, user, key))).unwrap();
        tx!(store, conn => conn.revoke_grant(uuid(3), GrantEnd::CodeReused, at(5))).unwrap();
        let scope = Scope::parse("openid").unwrap();
        tx!(store, conn => conn.extend_consent(user, key, &scope, START)).unwrap();
        assert!(tx!(store, conn => conn.delete_client(key)).unwrap(), "{engine}");
        assert!(!tx!(store, conn => conn.delete_client(key)).unwrap(), "{engine}");
        let mut read = store.read().await.unwrap();
        assert!(read.client_by_key(key).await.unwrap().is_none(), "{engine}");
        assert!(read.consents_of(user).await.unwrap().is_empty(), "{engine}");
        let revoked = |grant: Option<guichet::model::grant::Grant>| grant.unwrap().revoked_at;
        assert_eq!(revoked(read.grant_by_id(uuid(1)).await.unwrap()), Some(START), "{engine}");
        assert_eq!(revoked(read.grant_by_id(uuid(2)).await.unwrap()), None, "{engine}");
        assert_eq!(revoked(read.grant_by_id(uuid(3)).await.unwrap()), Some(at(5)), "{engine}: its own end stays");
        drop(read);
        assert!(new_client(&store, "app").await.key > other, "{engine}: an id is never given twice");
    }
}

#[tokio::test]
async fn a_consent_grows_until_it_is_withdrawn() {
    for (engine, store) in stores().await {
        let (user, key) = (new_user(&store, "a@x.fr").await.id, new_client(&store, "app").await.key);
        for (scope, seconds) in [("openid profile", 1), ("email openid", 2), ("profile", 3)] {
            let scope = Scope::parse(scope).unwrap();
            tx!(store, conn => conn.extend_consent(user, key, &scope, at(seconds))).unwrap();
        }
        let consent = store.read().await.unwrap().consent(user, key).await.unwrap().unwrap();
        assert_eq!(consent.scope.to_string(), "openid profile email", "{engine}");
        assert_eq!((consent.created_at, consent.updated_at), (at(1), at(3)), "{engine}");
        assert_eq!(store.read().await.unwrap().consents_of(user).await.unwrap().len(), 1, "{engine}");
        assert!(tx!(store, conn => conn.delete_consent(user, key)).unwrap(), "{engine}");
        assert!(!tx!(store, conn => conn.delete_consent(user, key)).unwrap(), "{engine}");
        assert!(store.read().await.unwrap().consent(user, key).await.unwrap().is_none(), "{engine}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn consents_given_at_once_lose_nothing() {
    for (engine, store) in stores().await {
        let (user, key) = (new_user(&store, "a@x.fr").await.id, new_client(&store, "app").await.key);
        let rivals = (0..16).map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let scope = Scope::parse(&format!("s{number}")).unwrap();
                tx!(store, conn => conn.extend_consent(user, key, &scope, START)).unwrap();
            })
        });
        for rival in rivals.collect::<Vec<_>>() {
            rival.await.unwrap();
        }
        let consent = store.read().await.unwrap().consent(user, key).await.unwrap().unwrap();
        assert_eq!(consent.scope.names().count(), 16, "{engine}: {}", consent.scope);
    }
}
