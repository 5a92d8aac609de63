use std::time::Duration;

use guichet::oauth::client_metadata::{AuthMethod, GrantType};
use guichet::provider::registration;
use serde_json::{Value, json};

use crate::support::app::{Answer, TestApp, assert_oauth_error, basic};
use crate::support::fixtures::{ASSERTION_TYPE, ClientBuilder, TestClient, mac_assertion};
use crate::support::stores::dump;

fn builder(app: &TestApp, method: AuthMethod) -> ClientBuilder<'_> {
    let client = app.client().auth(method).grants(&[GrantType::ClientCredentials]);
    client.change(|metadata| {
        metadata.redirect_uris.clear();
        metadata.response_types.clear();
    })
}

async fn offer(app: &TestApp, assertion: &str) -> Answer {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
    ];
    app.post("/token", &[], &fields).await
}

async fn with_secret(app: &TestApp, client: &TestClient, secret: &str) -> Answer {
    offer(app, &mac_assertion(secret, &client.assertion_claims(app.now()))).await
}

#[tokio::test]
async fn a_mac_under_the_secret_authenticates_once() {
    for app in TestApp::on_all_engines(&[]).await {
        let client = builder(&app, AuthMethod::ClientSecretJwt).create().await;
        let secret = client.secret.clone().unwrap();
        let assertion = mac_assertion(&secret, &client.assertion_claims(app.now()));
        assert_eq!(offer(&app, &assertion).await.status, 200, "{}", app.engine);
        assert_oauth_error(&offer(&app, &assertion).await, 401, "invalid_client");
        if app.engine.starts_with("sqlite") {
            let stored = dump(&app.options, &["clients", "client_secrets"]).await;
            let hex: String = secret.bytes().map(|byte| format!("{byte:02X}")).collect();
            assert!(!stored.contains(&secret) && !stored.contains(&hex), "the secret is in the database in clear");
        }
        // Another replica knows the secret from storage.
        let replica = app.replica().await;
        assert_eq!(with_secret(&replica, &client, &secret).await.status, 200, "{}", app.engine);
    }
}

#[tokio::test]
async fn the_claims_are_held_to_the_same_rules_as_those_of_a_signature() {
    let app = TestApp::start().await;
    let client = builder(&app, AuthMethod::ClientSecretJwt).create().await;
    let now = app.now().seconds();
    for (name, value) in [
        ("aud", json!("https://evil.tld")),
        ("aud", json!(["https://op.test", "https://evil.tld"])),
        ("exp", json!(now - 60)),
        ("exp", json!(now + 3_600)),
        ("iss", json!("other")),
        ("jti", Value::Null),
        ("jti", json!("")),
    ] {
        let mut claims = client.assertion_claims(app.now());
        claims[name] = value.clone();
        assert_oauth_error(&offer(&app, &client.assertion(&claims)).await, 401, "invalid_client");
    }
}

#[tokio::test]
async fn the_registered_method_alone_is_taken() {
    let app = TestApp::start().await;
    let by_mac = builder(&app, AuthMethod::ClientSecretJwt).create().await;
    let secret = by_mac.secret.clone().unwrap();
    let grant = ("grant_type", "client_credentials");
    let header = basic(by_mac.id(), &secret);
    let answer = app.post("/token", &[("authorization", &header)], &[grant]).await;
    assert_oauth_error(&answer, 401, "invalid_client");
    let fields = [grant, ("client_id", by_mac.id()), ("client_secret", &secret)];
    assert_oauth_error(&app.post("/token", &[], &fields).await, 401, "invalid_client");
    assert_oauth_error(&with_secret(&app, &by_mac, &"x".repeat(47)).await, 401, "invalid_client");
    // A secret of another method is not kept, so that it proves nothing by a MAC.
    let by_basic = builder(&app, AuthMethod::ClientSecretBasic).create().await;
    assert!(by_basic.client.secrets.iter().all(|secret| secret.sealed.is_none()));
    let answer = with_secret(&app, &by_basic, by_basic.secret.as_deref().unwrap()).await;
    assert_oauth_error(&answer, 401, "invalid_client");
    // A public key is no secret.
    let by_key = builder(&app, AuthMethod::PrivateKeyJwt).create().await;
    let public = by_key.client.metadata.jwks.clone().unwrap()["keys"][0].to_string();
    assert_oauth_error(&with_secret(&app, &by_key, &public).await, 401, "invalid_client");
    // A signature is no MAC.
    let mut signing = by_key.clone();
    signing.client.client_id = by_mac.id().to_owned();
    assert_oauth_error(
        &offer(&app, &signing.assertion(&by_mac.assertion_claims(app.now()))).await,
        401,
        "invalid_client",
    );
}

#[tokio::test]
async fn both_secrets_serve_during_a_rotation_and_the_former_ends() {
    let app = TestApp::start().await;
    let client = builder(&app, AuthMethod::ClientSecretJwt).create().await;
    let former = client.secret.clone().unwrap();
    let provider = &app.app.provider;
    let new = registration::rotate_secret(provider, &client.client, Duration::from_secs(3_600)).await.unwrap();
    for secret in [former.as_str(), new.expose()] {
        assert_eq!(with_secret(&app, &client, secret).await.status, 200);
    }
    app.advance(3_600);
    assert_oauth_error(&with_secret(&app, &client, &former).await, 401, "invalid_client");
    assert_eq!(with_secret(&app, &client, new.expose()).await.status, 200);
}

#[tokio::test]
async fn with_another_method_no_secret_stays_sealed() {
    let app = TestApp::start().await;
    let client = builder(&app, AuthMethod::ClientSecretJwt).create().await;
    let secret = client.secret.clone().unwrap();
    assert!(client.client.secrets[0].sealed.is_some());
    let provider = &app.app.provider;
    let change = async |method| {
        let mut metadata = client.client.metadata.clone();
        metadata.token_endpoint_auth_method = method;
        registration::update(provider, &client.client, metadata, client.client.policy.clone()).await.unwrap();
        app.store().read().await.unwrap().client_by_key(client.client.key).await.unwrap().unwrap()
    };
    let changed = change(AuthMethod::ClientSecretBasic).await;
    assert!(changed.secrets[0].sealed.is_none());
    let header = basic(client.id(), &secret);
    let answer = app.post("/token", &[("authorization", &header)], &[("grant_type", "client_credentials")]).await;
    assert_eq!(answer.status, 200);
    // Back again, a new secret is needed.
    let changed = change(AuthMethod::ClientSecretJwt).await;
    assert_oauth_error(&with_secret(&app, &client, &secret).await, 401, "invalid_client");
    let new = registration::rotate_secret(provider, &changed, Duration::from_secs(60)).await.unwrap();
    assert_eq!(with_secret(&app, &client, new.expose()).await.status, 200);
}

#[tokio::test]
async fn a_registered_algorithm_is_the_only_one() {
    let app = TestApp::start().await;
    let named = |alg: &'static str| {
        move |metadata: &mut guichet::oauth::ClientMetadata| {
            metadata.token_endpoint_auth_signing_alg = Some(alg.to_owned());
        }
    };
    let obeys = builder(&app, AuthMethod::PrivateKeyJwt).change(named("ES256")).create().await;
    let claims = obeys.assertion_claims(app.now());
    assert_eq!(offer(&app, &obeys.assertion(&claims)).await.status, 200);
    let differs = builder(&app, AuthMethod::PrivateKeyJwt).change(named("RS256")).create().await;
    let claims = differs.assertion_claims(app.now());
    assert_oauth_error(&offer(&app, &differs.assertion(&claims)).await, 401, "invalid_client");
    let by_mac = builder(&app, AuthMethod::ClientSecretJwt).change(named("HS256")).create().await;
    assert_eq!(with_secret(&app, &by_mac, by_mac.secret.as_deref().unwrap()).await.status, 200);
}
