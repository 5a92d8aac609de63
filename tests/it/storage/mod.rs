//! The contract of storage, on every engine that is there.

mod audit;
mod cleanup;
mod clients;
mod ephemeral;
mod grants;
mod keys;
mod limits;
mod migrations;
mod people;
mod sessions;
mod transactions;

use guichet::base::Timestamp;
use guichet::base::digest::Digest;
use guichet::base::id::{ClientKey, UserId};
use guichet::model::client::{Client, ClientPolicy, NewClient};
use guichet::model::grant::Grant;
use guichet::model::tenant::{NewTenant, Tenant, TenantKind};
use guichet::model::user::{NewUser, User};
use guichet::oauth::{ClientMetadata, GrantType, NamedClaims, Scope};
use guichet::store::Store;
use uuid::Uuid;

/// Runs one query in a transaction of its own: `tx!(store, conn => conn.insert_key(&key))`.
macro_rules! tx {
    ($store:expr, $conn:ident => $query:expr) => {
        $store
            .write("test", move |$conn| {
                Box::pin(async move {
                    let outcome: Result<_, guichet::store::StoreError> = $query.await;
                    outcome
                })
            })
            .await
    };
}
use tx;

/// The beginning of the tests' time.
const START: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + seconds)
}

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

async fn new_user(store: &Store, email: &'static str) -> User {
    let new = NewUser { email: email.to_owned(), ..NewUser::default() };
    let uuid = Uuid::from_slice(&Digest::of(email.as_bytes()).as_bytes()[..16]).unwrap();
    tx!(store, conn => conn.insert_user(&new, uuid, START)).unwrap()
}

async fn new_tenant(store: &Store, name: &'static str) -> Tenant {
    let new = NewTenant {
        name: name.to_owned(),
        kind: TenantKind::Pharmacy,
        department: Some("75".to_owned()),
        code: format!("ORG-{name}"),
    };
    let uuid = Uuid::from_slice(&Digest::of(name.as_bytes()).as_bytes()[..16]).unwrap();
    tx!(store, conn => conn.insert_tenant(&new, uuid, START)).unwrap()
}

fn metadata(name: &str) -> ClientMetadata {
    ClientMetadata {
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        grant_types: vec![GrantType::AuthorizationCode],
        scope: Scope::parse("openid profile").unwrap(),
        jwks: Some(serde_json::json!({ "keys": [] })),
        default_max_age: Some(60),
        ..ClientMetadata::new(name)
    }
}

async fn new_client(store: &Store, client_id: &'static str) -> Client {
    let new = NewClient {
        client_id: client_id.to_owned(),
        metadata: metadata(client_id),
        policy: ClientPolicy::default(),
        secret: Some(Digest::of(client_id.as_bytes())),
    };
    tx!(store, conn => conn.insert_client(&new, START)).unwrap()
}

fn grant(id: u128, user: UserId, client: ClientKey) -> Grant {
    Grant {
        id: uuid(id),
        client,
        user,
        tenant: None,
        sid: uuid(1_000 + id),
        scope: Scope::parse("openid offline_access").unwrap(),
        claims: NamedClaims {
            userinfo: vec!["name".to_owned()],
            id_token: vec!["email".to_owned()],
            locales: vec!["fr".to_owned()],
        },
        resources: vec!["https://api.example".to_owned()],
        nonce: Some("n".to_owned()),
        auth_time: START,
        acr: "urn:acr".to_owned(),
        amr: vec!["pwd".to_owned(), "otp".to_owned()],
        created_at: START,
        expires_at: at(1_000),
        generation: 0,
        rotated_at: START,
        revoked_at: None,
    }
}
