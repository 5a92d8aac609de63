//! Browser sessions.

use std::time::Duration;

use guichet::base::digest::Digest;
use guichet::base::id::UserId;
use guichet::model::grant::{Grant, GrantEnd};
use guichet::model::role::Role;
use guichet::model::session::{NewSession, SessionEnd};
use guichet::model::tenant::TenantStatus;
use guichet::store::{Store, StoreError};
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
async fn a_grant_begins_in_a_live_session_alone_and_once() {
    for (engine, store) in stores().await {
        let user = new_user(&store, "a@x.fr").await.id;
        let client = super::new_client(&store, "app").await.key;
        begin(&store, user, "1", 1_001, 0).await;
        begin(&store, user, "2", 1_002, 0).await;
        tx!(store, conn => conn.end_session(uuid(1_002), SessionEnd::Logout, at(1))).unwrap();
        for (id, begun) in [(1, true), (1, false), (2, false), (3, false)] {
            let grant = super::grant(id, user, client);
            let done = store.write_one("test", move |conn| {
                Box::pin(async move { conn.begin_grant(&Grant { generation: 7, ..grant }).await })
            });
            assert_eq!(done.await, Ok::<_, StoreError>(begun), "{engine}: {id}");
        }
        let mut read = store.read().await.unwrap();
        let (stored, put) = (read.grant_by_id(uuid(1)).await.unwrap().unwrap(), super::grant(1, user, client));
        assert_eq!(format!("{stored:?}"), format!("{:?}", Grant { generation: 7, ..put }), "{engine}: every column");
        assert!(read.grant_by_id(uuid(2)).await.unwrap().is_none(), "{engine}: the session was over");
        assert!(read.grant_by_id(uuid(3)).await.unwrap().is_none(), "{engine}: there was no session");
    }
}

#[tokio::test]
async fn a_session_is_read_with_its_person_and_active_tenants() {
    for (engine, store) in stores().await {
        let user = new_user(&store, "a@x.fr").await;
        begin(&store, user.id, "1", 1, 5).await;
        let found = |token: &'static str| {
            let store = store.clone();
            async move { store.read().await.unwrap().session_with_person(&Digest::of(token.as_bytes())).await.unwrap() }
        };
        let (session, person, memberships) = found("1").await.unwrap();
        assert_eq!((session.sid, session.created_at, session.tenant), (uuid(1), at(5), None), "{engine}");
        assert_eq!((person.uuid, person.created_at, memberships.len()), (user.uuid, START, 0), "{engine}");

        let (first, second) = (new_tenant(&store, "B1").await, new_tenant(&store, "A1").await);
        for (tenant, role) in [(&first, Role::Pharmacist), (&first, Role::Admin), (&second, Role::Doctor)] {
            let tenant = tenant.id;
            tx!(store, conn => conn.grant_role(user.id, tenant, role, START)).unwrap();
        }
        tx!(store, conn => conn.set_session_tenant(uuid(1), Some(first.id))).unwrap();
        let (session, person, memberships) = found("1").await.unwrap();
        assert_eq!(session.tenant, Some(first.id), "{engine}");
        let mut read = store.read().await.unwrap();
        let (same, expected) = read.user_with_memberships(user.id, None).await.unwrap().unwrap();
        assert_eq!((person.uuid, format!("{memberships:?}")), (same.uuid, format!("{expected:?}")), "{engine}");
        assert_eq!(
            memberships.iter().map(|member| member.roles.len()).collect::<Vec<_>>(),
            [1, 2],
            "{engine}: by name"
        );
        let only = read.user_with_memberships(user.id, Some(second.id)).await.unwrap().unwrap().1;
        assert_eq!(only.iter().map(|member| member.tenant.id).collect::<Vec<_>>(), [second.id], "{engine}");
        drop(read);

        tx!(store, conn => conn.set_tenant_status(first.id, TenantStatus::Disabled, at(6))).unwrap();
        let left = found("1").await.unwrap().2;
        assert_eq!(left.iter().map(|member| member.tenant.id).collect::<Vec<_>>(), [second.id], "{engine}");
        assert!(found("2").await.is_none(), "{engine}");
        tx!(store, conn => conn.end_session(uuid(1), SessionEnd::Logout, at(7))).unwrap();
        assert!(found("1").await.is_none(), "{engine}");
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
    for (engine, store) in stores().await {
        let user = new_user(&store, "a@x.fr").await.id;
        let client = super::new_client(&store, "app").await.key;
        for round in 0..40_u128 {
            let sid = uuid(1_000 + round);
            let token = Digest::of(&round.to_be_bytes());
            let new = NewSession { token, ..proof(user, "") };
            tx!(store, conn => conn.insert_session(&new, sid, START)).unwrap();
            let grant = super::grant(round, user, client);
            let begin = tokio::spawn(begin_slowly_or_at_once(store.clone(), grant, round % 2 == 0));
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

/// The two ways to begin something in a session: hold it first, or one statement, here followed by more work.
async fn begin_slowly_or_at_once(store: Store, grant: Grant, holding: bool) -> bool {
    let begun = store.write("begin", move |conn| {
        Box::pin(async move {
            if holding {
                if !conn.hold_session(grant.sid).await? {
                    return Ok::<_, StoreError>(false);
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
                conn.insert_grant(&grant).await?;
                return Ok(true);
            }
            let begun = conn.begin_grant(&grant).await?;
            tokio::time::sleep(Duration::from_millis(2)).await;
            Ok(begun)
        })
    });
    begun.await.unwrap()
}
