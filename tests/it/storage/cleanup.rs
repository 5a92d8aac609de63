//! What is deleted, and when.

use std::time::Duration;

use guichet::base::digest::Digest;
use guichet::model::grant::GrantEnd;
use guichet::model::session::NewSession;
use guichet::store::Store;

use super::{START, at, grant, new_client, new_user, tx, uuid};
use crate::support::stores::stores;

const DAY: i64 = 86_400;
const LIFETIME: Duration = Duration::from_secs(10 * 3_600);

async fn delete(store: &Store, seconds: i64, limit: u32) -> u64 {
    tx!(store, conn => conn.delete_expired(at(seconds), LIFETIME, limit)).unwrap()
}

#[tokio::test]
async fn a_session_goes_a_day_after_nobody_can_use_it() {
    for (engine, store) in stores().await {
        let user = new_user(&store, "a@x.fr").await.id;
        for number in 0..3_u128 {
            let token = Digest::of(&number.to_be_bytes());
            let new = NewSession {
                token,
                user,
                auth_time: None,
                acr: String::new(),
                amr: vec![],
                address: None,
                user_agent: None,
            };
            tx!(store, conn => conn.insert_session(&new, uuid(number), START)).unwrap();
        }
        let gone = DAY + 10 * 3_600;
        assert_eq!(delete(&store, gone, 10).await, 0, "{engine}");
        assert_eq!(delete(&store, gone + 1, 2).await, 2, "{engine}: at most so many at once");
        assert_eq!(delete(&store, gone + 1, 2).await, 1, "{engine}");
    }
}

#[tokio::test]
async fn a_grant_goes_thirty_days_after_its_end() {
    for (engine, store) in stores().await {
        let (user, client) = (new_user(&store, "a@x.fr").await.id, new_client(&store, "app").await.key);
        tx!(store, conn => conn.insert_grant(&grant(1, user, client))).unwrap();
        tx!(store, conn => conn.insert_grant(&grant(2, user, client))).unwrap();
        tx!(store, conn => conn.revoke_grant(uuid(1), GrantEnd::SessionEnded, at(5))).unwrap();
        assert_eq!(delete(&store, 30 * DAY + 5, 10).await, 0, "{engine}");
        assert_eq!(delete(&store, 30 * DAY + 6, 10).await, 1, "{engine}: the revoked one");
        assert_eq!(delete(&store, 30 * DAY + 1_001, 10).await, 1, "{engine}: the expired one");
    }
}
