//! Accounts, tenants, memberships.

use guichet::base::Timestamp;
use guichet::model::user::NewUser;
use guichet::store::StoreError;
use uuid::Uuid;

use crate::support::stores::stores;

#[tokio::test]
async fn an_account_is_found_by_each_of_its_names() {
    for (engine, store) in stores().await {
        let now = Timestamp::from_seconds(1_700_000_000);
        let new = NewUser { email: "Jeanne@Example.FR".to_owned(), ..NewUser::default() };
        let user = store
            .write("test", move |conn| Box::pin(async move { conn.insert_user(&new, Uuid::from_u128(7), now).await }))
            .await
            .unwrap();
        let mut read = store.read().await.unwrap();
        for found in [
            read.user_by_id(user.id).await.unwrap(),
            read.user_by_uuid(user.uuid).await.unwrap(),
            read.user_by_email("jeanne@example.fr").await.unwrap(),
        ] {
            assert_eq!(
                found.map(|found| (found.id, found.email)),
                Some((user.id, "Jeanne@Example.FR".to_owned())),
                "{engine}"
            );
        }
        let _: Result<(), StoreError> = Ok(());
        println!("{engine}: {}", store.describe());
    }
}
