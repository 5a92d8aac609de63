//! A client reads, replaces and deletes its registration (RFC 7592).

use guichet::model::client::ClientPolicy;
use serde_json::{Value, json};

use super::{least, with};
use crate::support::app::{Answer, TestApp, assert_oauth_error};
use crate::support::stores::{TABLES, dump};

fn path(made: &Answer) -> String {
    format!("/register/{}", made.text("client_id"))
}

fn token(made: &Answer) -> String {
    made.text("registration_access_token")
}

#[tokio::test]
async fn only_the_clients_own_token_opens_it() {
    let app = TestApp::open_to_all().await;
    let (made, other) = (app.register(&least()).await, app.register(&least()).await);
    let by_operator = app.client().create().await;
    let initial = app.initial_access(None, "").await;
    let user = app.user("alice").await;
    let access = app.tokens(&by_operator, &user).await.access;
    let before = dump(&app.options, &TABLES).await;
    for method in ["GET", "PUT", "DELETE"] {
        let document = (method == "PUT").then(least);
        let none = app.registration(method, &path(&made), None, document.as_ref()).await;
        assert_eq!((none.status.as_u16(), none.header("www-authenticate")), (401, Some("Bearer realm=\"guichet\"")));
        let secret = made.text("client_secret");
        for foreign in [&token(&other), &initial, &access, &secret, "x", "gra_x"] {
            let answer = app.registration(method, &path(&made), Some(foreign), document.as_ref()).await;
            assert_oauth_error(&answer, 401, "invalid_token");
        }
        for unknown in [by_operator.id(), "nobody", "%ff"] {
            let path = format!("/register/{unknown}");
            let answer = app.registration(method, &path, Some(&token(&made)), document.as_ref()).await;
            assert!(answer.status.is_client_error(), "{answer:?}");
        }
    }
    assert_eq!(dump(&app.options, &TABLES).await, before, "nothing changed");
}

#[tokio::test]
async fn a_disabled_client_manages_nothing() {
    use guichet::model::client::ClientStatus;
    let app = TestApp::open_to_all().await;
    let made = app.register(&least()).await;
    let client = app.registered(&made).await.client;
    let disabled = guichet::provider::registration::set_status(&app.app.provider, &client, ClientStatus::Disabled);
    disabled.await.unwrap();
    for method in ["GET", "PUT", "DELETE"] {
        let answer = app.registration(method, &path(&made), Some(&token(&made)), Some(&least())).await;
        assert_oauth_error(&answer, 401, "invalid_token");
    }
}

#[tokio::test]
async fn reading_gives_all_but_the_secret() {
    let app = TestApp::open_to_all().await;
    let made = app.register(&with(json!({"client_name": "Agenda"}))).await;
    let read = app.registration("GET", &path(&made), Some(&token(&made)), None).await;
    assert_eq!((read.status.as_u16(), read.header("cache-control")), (200, Some("no-store")));
    let (Value::Object(mut expected), Value::Object(read)) = (made.json(), read.json()) else { panic!("objects") };
    expected.remove("client_secret");
    expected.remove("client_secret_expires_at");
    assert_eq!(read, expected);
}

#[tokio::test]
async fn replacing_is_whole_and_keeps_the_secret() {
    let app = TestApp::open_to_all().await;
    let user = app.user("alice").await;
    let made = app.register(&with(json!({"client_name": "Agenda", "tos_uri": "https://app.example/terms"}))).await;
    let own = json!({"client_id": made.text("client_id"), "client_secret": made.text("client_secret")});
    let mut document = with(own);
    document["client_name"] = json!("Diary");
    let changed = app.registration("PUT", &path(&made), Some(&token(&made)), Some(&document)).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.text("client_name"), "Diary");
    assert!(changed.json().get("tos_uri").is_none(), "what is not named is gone");
    for member in ["client_id", "client_secret", "registration_access_token", "client_id_issued_at"] {
        assert_eq!(changed.json()[member], made.json()[member], "{member}");
    }
    let client = app.registered(&made).await;
    let client = crate::support::fixtures::TestClient { secret: Some(made.text("client_secret")), ..client };
    assert!(app.is_alive(&app.tokens(&client, &user).await.access).await);
}

#[tokio::test]
async fn a_replacement_that_is_not_in_order_changes_nothing() {
    let app = TestApp::open_to_all().await;
    let (made, other) = (app.register(&least()).await, app.register(&least()).await);
    let before = dump(&app.options, &TABLES).await;
    for (document, code) in [
        (with(json!({"client_id": other.text("client_id")})), "invalid_client_metadata"),
        (with(json!({"client_id": 1})), "invalid_client_metadata"),
        (with(json!({"client_secret": other.text("client_secret")})), "invalid_client_metadata"),
        (with(json!({"client_secret": ""})), "invalid_client_metadata"),
        (json!({"redirect_uris": ["javascript:alert(1)"]}), "invalid_redirect_uri"),
        (with(json!({"scope": "openid admin"})), "invalid_client_metadata"),
        (with(json!({"grant_types": ["client_credentials", "authorization_code"]})), "invalid_client_metadata"),
        (json!([]), "invalid_client_metadata"),
    ] {
        let answer = app.registration("PUT", &path(&made), Some(&token(&made)), Some(&document)).await;
        assert_oauth_error(&answer, 400, code);
    }
    assert_eq!(dump(&app.options, &TABLES).await, before, "nothing changed");
}

#[tokio::test]
async fn secrets_come_and_go_with_the_way_to_authenticate() {
    let app = TestApp::open_to_all().await;
    let made = app.register(&with(json!({"token_endpoint_auth_method": "none"}))).await;
    let put = async |document: Value| app.registration("PUT", &path(&made), Some(&token(&made)), Some(&document)).await;
    let confidential = put(least()).await;
    let first = confidential.text("client_secret");
    assert_eq!(confidential.json()["client_secret_expires_at"], 0);
    assert!(app.registered(&confidential).await.client.has_secret(&first, app.now()));
    assert!(put(with(json!({"token_endpoint_auth_method": "none"}))).await.json().get("client_secret").is_none());
    let second = put(least()).await.text("client_secret");
    assert_ne!(first, second);
    let client = app.registered(&made).await.client;
    assert!(client.has_secret(&second, app.now()) && !client.has_secret(&first, app.now()));
}

#[tokio::test]
async fn a_client_that_the_operator_vouches_for_is_the_operators() {
    let app = TestApp::open_to_all().await;
    for (first_party, resource_server) in [(true, false), (false, true)] {
        let made = app.register(&least()).await;
        let client = app.registered(&made).await.client;
        let policy = ClientPolicy { first_party, resource_server, ..client.policy.clone() };
        let update = guichet::provider::registration::update;
        update(&app.app.provider, &client, client.metadata.clone(), policy).await.unwrap();
        let document = json!({"redirect_uris": ["https://evil.example/cb"]});
        let answer = app.registration("PUT", &path(&made), Some(&token(&made)), Some(&document)).await;
        assert_oauth_error(&answer, 403, "access_denied");
        assert_eq!(app.registration("GET", &path(&made), Some(&token(&made)), None).await.status, 200);
    }
}

#[tokio::test]
async fn deleting_ends_the_client_and_its_tokens() {
    let open = [("GUICHET_REGISTRATION__POLICY", "open"), ("GUICHET_RATE_LIMITS__REGISTER", "off")];
    for app in TestApp::on_all_engines(&open).await {
        let user = app.user("alice").await;
        let document = with(json!({"grant_types": ["authorization_code", "refresh_token"]}));
        let made = app.register(&document).await;
        let client = app.registered(&made).await;
        let tokens = app.tokens(&client, &user).await;
        assert!(app.is_alive(&tokens.access).await);
        let gone = app.registration("DELETE", &path(&made), Some(&token(&made)), None).await;
        assert_eq!((gone.status.as_u16(), gone.body.as_str()), (204, ""), "{}", app.engine);
        assert!(!app.is_alive(&tokens.access).await, "{}", app.engine);
        assert_oauth_error(&app.refresh(&client, &tokens.refresh).await, 401, "invalid_client");
        for method in ["GET", "PUT", "DELETE"] {
            let answer = app.registration(method, &path(&made), Some(&token(&made)), Some(&least())).await;
            assert_oauth_error(&answer, 401, "invalid_token");
        }
    }
}
