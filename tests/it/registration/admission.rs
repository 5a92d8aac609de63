//! Who may register, how often, with what token.

use std::collections::BTreeSet;

use axum::http::Request;
use guichet::audit::Action;
use guichet::store::AuditFilter;
use serde_json::json;

use super::{least, with};
use crate::support::app::{TestApp, assert_oauth_error};
use crate::support::stores::{TABLES, dump};

const TOKEN: (&str, &str) = ("GUICHET_REGISTRATION__POLICY", "token");
const NO_LIMIT: (&str, &str) = ("GUICHET_RATE_LIMITS__REGISTER", "off");

#[tokio::test]
async fn off_means_that_there_is_no_endpoint() {
    let app = TestApp::start().await;
    assert_eq!(app.register(&least()).await.status, 404);
    for method in ["GET", "PUT", "DELETE"] {
        let document = least();
        assert_eq!(app.registration(method, "/register/x", Some("gra_x"), Some(&document)).await.status, 404);
    }
    let document = app.get("/.well-known/openid-configuration").await.json();
    assert!(document.get("registration_endpoint").is_none());
    let open = TestApp::open_to_all().await;
    let document = open.get("/.well-known/openid-configuration").await.json();
    assert_eq!(document["registration_endpoint"], "https://op.test/register");
    assert_eq!(document["subject_types_supported"], json!(["public", "pairwise"]));
}

#[tokio::test]
async fn without_a_good_token_nothing_is_registered() {
    for app in TestApp::on_all_engines(&[TOKEN, NO_LIMIT]).await {
        let good = app.initial_access(Some(2), "").await;
        let before = dump(&app.options, &TABLES).await;
        let none = app.register(&least()).await;
        assert_eq!(none.status, 401, "{}", app.engine);
        assert_eq!(none.header("www-authenticate"), Some("Bearer realm=\"guichet\""));
        let mut other = good.clone();
        other.replace_range(10..11, if &good[10..11] == "A" { "B" } else { "A" });
        for token in ["x", "", "gia_x", &other, &good.to_lowercase(), &good.replace("gia_", "gra_")] {
            let answer = app.registration("POST", "/register", Some(token), Some(&least())).await;
            assert_oauth_error(&answer, 401, "invalid_token");
        }
        assert_eq!(dump(&app.options, &TABLES).await, before, "{}", app.engine);
        let made = app.registration("POST", "/register", Some(&good), Some(&least())).await;
        assert_eq!(made.status, 201, "{made:?}");
        app.advance(3_601);
        let late = app.registration("POST", "/register", Some(&good), Some(&least())).await;
        assert_oauth_error(&late, 401, "invalid_token");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_good_for_as_many_clients_as_it_says() {
    for app in TestApp::on_all_engines(&[TOKEN, NO_LIMIT]).await {
        let app = std::sync::Arc::new(app);
        let token = app.initial_access(Some(3), "").await;
        let rivals: Vec<_> = (0..12)
            .map(|_| {
                let (app, token) = (std::sync::Arc::clone(&app), token.clone());
                tokio::spawn(async move {
                    app.registration("POST", "/register", Some(&token), Some(&least())).await.status.as_u16()
                })
            })
            .collect();
        let mut answers = Vec::new();
        for rival in rivals {
            answers.push(rival.await.unwrap());
        }
        answers.sort_unstable();
        assert_eq!(answers, [[201; 3].as_slice(), &[401; 9]].concat(), "{}", app.engine);
        let clients = app.store().read().await.unwrap().list_clients(100, None).await.unwrap();
        assert_eq!(clients.len(), 3, "{}", app.engine);
    }
}

#[tokio::test]
async fn a_refused_document_does_not_use_the_token_up() {
    let app = TestApp::with(&[TOKEN, NO_LIMIT]).await;
    let token = app.initial_access(Some(1), "").await;
    for bad in [json!({}), with(json!({"grant_types": ["magic"]})), with(json!({"logo_uri": "x"}))] {
        assert_eq!(app.registration("POST", "/register", Some(&token), Some(&bad)).await.status, 400, "{bad}");
    }
    assert_eq!(app.registration("POST", "/register", Some(&token), Some(&least())).await.status, 201);
    let again = app.registration("POST", "/register", Some(&token), Some(&least())).await;
    assert_oauth_error(&again, 401, "invalid_token");
}

#[tokio::test]
async fn a_revoked_token_registers_nothing_and_its_clients_stay() {
    let app = TestApp::with(&[TOKEN, NO_LIMIT]).await;
    let token = app.initial_access(None, "").await;
    let made = app.registration("POST", "/register", Some(&token), Some(&least())).await;
    let listed = app.store().read().await.unwrap().list_initial_access(10, 0).await.unwrap();
    assert_eq!((listed.len(), listed[0].uses_left), (1, None));
    let revoke = guichet::provider::registration::revoke_initial_access;
    assert!(revoke(&app.app.provider, listed[0].id).await.unwrap());
    assert!(!revoke(&app.app.provider, listed[0].id).await.unwrap());
    let refused = app.registration("POST", "/register", Some(&token), Some(&least())).await;
    assert_oauth_error(&refused, 401, "invalid_token");
    let (id, own) = (made.text("client_id"), made.text("registration_access_token"));
    assert_eq!(app.registration("GET", &format!("/register/{id}"), Some(&own), None).await.status, 200);
}

#[tokio::test]
async fn a_token_may_allow_more() {
    let app = TestApp::with(&[("GUICHET_REGISTRATION__POLICY", "open"), NO_LIMIT]).await;
    let more = with(json!({"scope": "openid pharmacy.read"}));
    assert_oauth_error(&app.register(&more).await, 400, "invalid_client_metadata");
    let machine = json!({"grant_types": ["client_credentials"], "scope": "openid"});
    assert_oauth_error(&app.register(&machine).await, 400, "invalid_client_metadata");
    let token = app.initial_access(None, "pharmacy.read").await;
    let made = app.registration("POST", "/register", Some(&token), Some(&more)).await;
    assert_eq!((made.status.as_u16(), made.text("scope")), (201, "openid pharmacy.read".to_owned()));
    let made = app.registration("POST", "/register", Some(&token), Some(&machine)).await;
    assert_eq!((made.status.as_u16(), &made.json()["response_types"]), (201, &json!([])));
    let wider = with(json!({"scope": "openid another"}));
    let refused = app.registration("POST", "/register", Some(&token), Some(&wider)).await;
    assert_oauth_error(&refused, 400, "invalid_client_metadata");
    // A token that is no good is refused where none is needed.
    let refused = app.registration("POST", "/register", Some("gia_x"), Some(&least())).await;
    assert_oauth_error(&refused, 401, "invalid_token");
}

#[tokio::test]
async fn an_address_registers_so_often() {
    let limit = ("GUICHET_RATE_LIMITS__REGISTER", "2/1h");
    for app in TestApp::on_all_engines(&[("GUICHET_REGISTRATION__POLICY", "open"), limit]).await {
        assert_eq!(app.register(&least()).await.status, 201, "{}", app.engine);
        assert_eq!(app.register(&json!({})).await.status, 400, "{}: refused ones count", app.engine);
        let refused = app.register(&least()).await;
        assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("3600")), "{}", app.engine);
        assert_eq!(refused.text("error"), "temporarily_unavailable");
        app.advance(3_601);
        assert_eq!(app.register(&least()).await.status, 201, "{}", app.engine);
    }
}

#[tokio::test]
async fn only_json_of_a_reasonable_size_is_read() {
    let app = TestApp::open_to_all().await;
    let send = async |kind: &str, body: String| {
        let request = Request::post("/register").header("content-type", kind).body(body.into()).unwrap();
        app.send(request).await
    };
    let document = least().to_string();
    assert_eq!(send("application/json; charset=utf-8", document.clone()).await.status, 201);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        assert_oauth_error(&send(kind, document.clone()).await, 400, "invalid_client_metadata");
    }
    let large = with(json!({"unknown": "x".repeat(66_000)})).to_string();
    assert_oauth_error(&send("application/json", large).await, 400, "invalid_client_metadata");
}

#[tokio::test]
async fn it_is_on_record() {
    let app = TestApp::with(&[TOKEN, NO_LIMIT]).await;
    let token = app.initial_access(Some(1), "").await;
    let made = app.registration("POST", "/register", Some(&token), Some(&least())).await;
    let path = format!("/register/{}", made.text("client_id"));
    let own = made.text("registration_access_token");
    assert_eq!(app.registration("PUT", &path, Some(&own), Some(&least())).await.status, 200);
    assert_eq!(app.registration("DELETE", &path, Some(&own), None).await.status, 204);
    let events = app.store().read().await.unwrap().list_audit(&AuditFilter::default(), 100, None).await.unwrap();
    let mut actions: BTreeSet<&str> = BTreeSet::new();
    for (_, event) in &events {
        actions.insert(event.action.as_str());
        let text = format!("{event:?}");
        for secret in [&token, &own, &made.text("client_secret")] {
            assert!(!text.contains(secret.as_str()), "{text}");
        }
    }
    for action in [Action::InitialAccessCreated, Action::ClientCreated, Action::ClientUpdated, Action::ClientDeleted] {
        assert!(actions.contains(action.as_str()), "{actions:?}");
    }
    let created = events.iter().find(|(_, event)| event.action == Action::ClientCreated).unwrap();
    assert_eq!(created.1.details["by"], "registration");
    assert_eq!(created.1.address.as_deref(), Some("192.0.2.1"));
}
