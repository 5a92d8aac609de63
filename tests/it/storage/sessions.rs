//! Browser sessions.

use std::time::Duration;

use guichet::base::digest::Digest;
use guichet::base::id::UserId;
use guichet::model::session::{NewSession, SessionEnd};
use guichet::store::Store;
use uuid::Uuid;

use super::{START, at, new_tenant, new_user, tx, uuid};
use crate::support::stores::stores;

fn proof(user: UserId, token: &str) -> NewSession {
    NewSession {
        token: Digest::of(token.as_bytes()),
        user,
        auth_time: None,
        acr: "urn:acr".to_owned(),
        amr: vec!["pwd".to_owned()],
        address: Some("192.0.2.1".to_owned()),
        user_agent: Some("Firefox".to_owned()),
    }
}

async fn begin(store: &Store, user: UserId, token: &'static str, sid: u128, seconds: i64) {
    tx!(store, conn => conn.insert_session(&proof(user, token), uuid(sid), at(seconds))).unwrap();
}

async fn by_token(store: &Store, token: &str) -> Option<Uuid> {
    let found = store.read().await.unwrap().session_by_token(&Digest::of(token.as_bytes())).await.unwrap();
    found.map(|session| session.sid)
}

#[tokio::test]
async fn a_session_is_found_by_token_and_sid_until_it_is_ended() {
    for (engine, store) in stores().await {
        let user = new_user(&store, "a@x.fr").await.id;
        begin(&store, user, "cookie", 1, 0).await;
        assert_eq!(by_token(&store, "cookie").await, Some(uuid(1)), "{engine}");
        assert_eq!(by_token(&store, "Cookie").await, None, "{engine}");
        let session = store.read().await.unwrap().session_by_sid(uuid(1)).await.unwrap().unwrap();
        assert_eq!((session.user, session.token), (user, Digest::of(b"cookie")), "{engine}");
        assert_eq!((session.acr.as_str(), session.amr), ("urn:acr", vec!["pwd".to_owned()]), "{engine}");
        assert_eq!((session.created_at, session.auth_time, session.last_seen_at), (START, START, START), "{engine}");
        assert_eq!((session.tenant, session.address.as_deref()), (None, Some("192.0.2.1")), "{engine}");
        assert!(tx!(store, conn => conn.hold_session(uuid(1))).unwrap(), "{engine}");

        assert!(tx!(store, conn => conn.end_session(uuid(1), SessionEnd::Logout, at(1))).unwrap(), "{engine}");
        assert!(!tx!(store, conn => conn.end_session(uuid(1), SessionEnd::Logout, at(1))).unwrap(), "{engine}");
        assert_eq!(by_token(&store, "cookie").await, None, "{engine}");
        assert!(store.read().await.unwrap().session_by_sid(uuid(1)).await.unwrap().is_none(), "{engine}");
        assert!(!tx!(store, conn => conn.hold_session(uuid(1))).unwrap(), "{engine}");
    }
}

#[tokio::test]
async fn a_session_is_used_and_moves_between_tenants() {
    for (engine, store) in stores().await {
        let user = new_user(&store, "a@x.fr").await.id;
        let tenant = new_tenant(&store, "t").await.id;
        begin(&store, user, "cookie", 1, 0).await;
        tx!(store, conn => conn.touch_session(uuid(1), at(60))).unwrap();
        tx!(store, conn => conn.touch_session(uuid(1), at(30))).unwrap();
        tx!(store, conn => conn.set_session_tenant(uuid(1), Some(tenant))).unwrap();
        let session = store.read().await.unwrap().session_by_sid(uuid(1)).await.unwrap().unwrap();
        assert_eq!((session.last_seen_at, session.tenant), (at(60), Some(tenant)), "{engine}: time does not go back");
        tx!(store, conn => conn.set_session_tenant(uuid(1), None)).unwrap();
        assert_eq!(store.read().await.unwrap().session_by_sid(uuid(1)).await.unwrap().unwrap().tenant, None);
    }
}

#[tokio::test]
async fn a_new_proof_rotates_the_token_and_keeps_the_sid() {
    for (engine, store) in stores().await {
        let (user, other) = (new_user(&store, "a@x.fr").await.id, new_user(&store, "b@x.fr").await.id);
        begin(&store, user, "old", 1, 0).await;
        let foreign = tx!(store, conn => conn.reauthenticate_session(uuid(1), &proof(other, "theirs"), at(4))).unwrap();
        assert!(!foreign, "{engine}: another person's proof");
        let new = NewSession { acr: "urn:strong".to_owned(), ..proof(user, "new") };
        assert!(tx!(store, conn => conn.reauthenticate_session(uuid(1), &new, at(5))).unwrap(), "{engine}");
        assert_eq!((by_token(&store, "old").await, by_token(&store, "new").await), (None, Some(uuid(1))), "{engine}");
        let session = store.read().await.unwrap().session_by_sid(uuid(1)).await.unwrap().unwrap();
        assert_eq!((session.auth_time, session.created_at, session.acr.as_str()), (at(5), START, "urn:strong"));
        tx!(store, conn => conn.end_session(uuid(1), SessionEnd::Logout, at(6))).unwrap();
        let late = tx!(store, conn => conn.reauthenticate_session(uuid(1), &proof(user, "third"), at(7))).unwrap();
        assert!(!late, "{engine}: an ended session stays ended");
    }
}

#[tokio::test]
async fn all_sessions_of_a_person_end_but_for_one() {
    for (engine, store) in stores().await {
        let (user, other) = (new_user(&store, "a@x.fr").await.id, new_user(&store, "b@x.fr").await.id);
        for (token, sid) in [("1", 1), ("2", 2), ("3", 3)] {
            begin(&store, user, token, sid, i64::try_from(sid).unwrap()).await;
        }
        begin(&store, other, "4", 4, 0).await;
        let listed = store.read().await.unwrap().sessions_of(user).await.unwrap();
        assert_eq!(
            listed.iter().map(|s| s.sid).collect::<Vec<_>>(),
            [uuid(3), uuid(2), uuid(1)],
            "{engine}: newest first"
        );
        let end = SessionEnd::PasswordChanged;
        assert_eq!(tx!(store, conn => conn.end_sessions_of(user, Some(uuid(2)), end, at(9))).unwrap(), 2, "{engine}");
        assert_eq!(by_token(&store, "2").await, Some(uuid(2)), "{engine}");
        assert_eq!(tx!(store, conn => conn.end_sessions_of(user, None, end, at(9))).unwrap(), 1, "{engine}");
        assert_eq!(by_token(&store, "4").await, Some(uuid(4)), "{engine}: of another person");
    }
}

/// A grant that begins while its session is being ended is either refused or ended with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_begins_in_a_session_that_is_ending() {
    use guichet::model::grant::GrantEnd;
    use guichet::store::StoreError;
    for (engine, store) in stores().await {
        let user = new_user(&store, "a@x.fr").await.id;
        let client = super::new_client(&store, "app").await.key;
        for round in 0..20_u128 {
            let sid = uuid(1_000 + round);
            let token = Digest::of(&round.to_be_bytes());
            let new = NewSession { token, ..proof(user, "") };
            tx!(store, conn => conn.insert_session(&new, sid, START)).unwrap();
            let begin = tokio::spawn({
                let store = store.clone();
                async move {
                    let held = store.write("begin", move |conn| {
                        Box::pin(async move {
                            if !conn.hold_session(sid).await? {
                                return Ok::<_, StoreError>(false);
                            }
                            tokio::time::sleep(Duration::from_millis(2)).await;
                            conn.insert_grant(&super::grant(round, user, client)).await?;
                            Ok(true)
                        })
                    });
                    held.await.unwrap()
                }
            });
            let end = tokio::spawn({
                let store = store.clone();
                async move {
                    let ended = store.write("end", move |conn| {
                        Box::pin(async move {
                            conn.end_session(sid, SessionEnd::Logout, at(1)).await?;
                            conn.revoke_grants_of_session(sid, GrantEnd::SessionEnded, at(1)).await
                        })
                    });
                    ended.await.unwrap_or_else(|error: StoreError| panic!("{error}"))
                }
            });
            let (begun, revoked) = (begin.await.unwrap(), end.await.unwrap());
            assert_eq!(u64::from(begun), revoked, "{engine}: round {round}");
        }
    }
}
