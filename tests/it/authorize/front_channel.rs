//! Tokens from the authorization endpoint: the implicit and the hybrid flows (OpenID Connect Core §3.2, §3.3).

use std::collections::BTreeMap;

use guichet::account::sessions;
use guichet::base::digest::{Digest, base64url};
use guichet::model::client::ClientStatus;
use guichet::oauth::GrantType;
use guichet::oauth::response::ResponseType;
use guichet::provider::registration;
use serde_json::Value;

use super::said_at;
use crate::support::app::{ISSUER, TestApp};
use crate::support::browser::Browser;
use crate::support::fixtures::{ClientBuilder, TestClient, TestUser};
use crate::support::flow::{AuthRequest, Tokens, claims};

/// A client that may use every response type.
fn everything(app: &TestApp) -> ClientBuilder<'_> {
    app.client().change(|metadata| {
        metadata.response_types = ResponseType::ALL.to_vec();
        metadata.grant_types.push(GrantType::Implicit);
    })
}

fn asking(client: &TestClient, kind: ResponseType) -> AuthRequest {
    let request = AuthRequest::of(client).set("response_type", kind.as_str());
    if kind.has_code() { request } else { request.without("code_challenge").without("code_challenge_method") }
}

async fn answered(
    browser: &mut Browser,
    client: &TestClient,
    user: &TestUser,
    request: &AuthRequest,
) -> BTreeMap<String, String> {
    let page = browser.get(&request.url()).await;
    let end = browser.complete(page, user).await;
    said_at(&end.answer, client.redirect_uri(), '#')
}

/// The left half of SHA-256, as ES256 has it (OpenID Connect Core §3.3.2.11).
fn half(text: &str) -> String {
    base64url(&Digest::of(text.as_bytes()).as_bytes()[..16])
}

#[tokio::test]
async fn each_response_type_gives_what_it_names_in_the_fragment() {
    for app in TestApp::on_all_engines(&[]).await {
        let (client, user) = (everything(&app).create().await, app.user("alice").await);
        let mut browser = app.browser();
        for kind in ResponseType::ALL.into_iter().filter(|kind| *kind != ResponseType::Code) {
            let said = answered(&mut browser, &client, &user, &asking(&client, kind)).await;
            let mut names = vec!["iss", "session_state", "state"];
            names.extend(kind.has_code().then_some("code"));
            names.extend(kind.has_id_token().then_some("id_token"));
            if kind.has_token() {
                names.extend(["access_token", "token_type", "expires_in", "scope"]);
            }
            names.sort_unstable();
            assert_eq!(said.keys().collect::<Vec<_>>(), names, "{kind:?}");
            assert_eq!((said["iss"].as_str(), said["state"].as_str()), (ISSUER, "the-state"));
            if let Some(id) = said.get("id_token").map(|token| claims(token)) {
                assert_eq!(id["nonce"], "the-nonce");
                assert_eq!(id["aud"], client.id());
                let hash = |of: &str| said.get(of).map_or(Value::Null, |text| half(text).into());
                assert_eq!(id.get("at_hash").unwrap_or(&Value::Null), &hash("access_token"), "{kind:?}");
                assert_eq!(id.get("c_hash").unwrap_or(&Value::Null), &hash("code"), "{kind:?}");
            }
            if let Some(token) = said.get("access_token") {
                assert_eq!(
                    (said["token_type"].as_str(), said["expires_in"].parse()),
                    ("Bearer", Ok(app.app.provider.settings().access_token_lifetime.as_secs()))
                );
                assert!(app.is_alive(token).await, "{kind:?}");
            }
            if let Some(code) = said.get("code") {
                let tokens = Tokens::of(app.redeem(&client, code).await);
                assert!(!tokens.refresh.is_empty() && app.is_alive(&tokens.access).await, "{kind:?}");
                assert_eq!(claims(&tokens.id)["nonce"], "the-nonce");
                let sub = said
                    .get("id_token")
                    .map_or_else(|| claims(&tokens.id)["sub"].clone(), |id| claims(id)["sub"].clone());
                assert_eq!(claims(&tokens.id)["sub"], sub);
                let again = Tokens::of(app.refresh(&client, &tokens.refresh).await);
                assert!(app.is_alive(&again.access).await);
            }
        }
    }
}

#[tokio::test]
async fn an_id_token_alone_holds_what_the_scopes_release_and_others_do_not() {
    let app = TestApp::start().await;
    let (client, user) = (everything(&app).create().await, app.user("alice").await);
    let mut browser = app.browser();
    for kind in ResponseType::ALL.into_iter().filter(|kind| kind.has_id_token()) {
        let request = asking(&client, kind).set("scope", "openid email");
        let said = answered(&mut browser, &client, &user, &request).await;
        let email = claims(&said["id_token"]).get("email").cloned();
        let expected = (kind == ResponseType::IdToken).then(|| Value::from(user.email.as_str()));
        assert_eq!(email, expected, "{kind:?}");
    }
}

#[tokio::test]
async fn form_post_carries_tokens_too_and_query_never_does() {
    let app = TestApp::start().await;
    let (client, user) = (everything(&app).first_party().create().await, app.user("alice").await);
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    for kind in ResponseType::ALL.into_iter().filter(|kind| *kind != ResponseType::Code) {
        let page = browser.get(&asking(&client, kind).set("response_mode", "form_post").url()).await;
        assert_eq!(page.kind(), Some("form-post"), "{kind:?}");
        let form = page.form();
        assert_eq!(form.action, client.redirect_uri());
        let has = |name: &str| form.fields.iter().any(|(known, _)| known == name);
        assert_eq!(
            (has("code"), has("access_token"), has("id_token"), has("iss")),
            (kind.has_code(), kind.has_token(), kind.has_id_token(), true)
        );
        let refused = browser.get_once(&asking(&client, kind).set("response_mode", "query").url()).await;
        let said = said_at(&refused, client.redirect_uri(), '#');
        assert_eq!(said["error"], "invalid_request", "{kind:?}");
        assert!(!["code", "access_token", "id_token"].iter().any(|name| said.contains_key(*name)), "{said:?}");
    }
}

#[tokio::test]
async fn a_nonce_is_required_where_an_id_token_comes_from_the_front() {
    let app = TestApp::start().await;
    let (client, user) = (everything(&app).first_party().create().await, app.user("alice").await);
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    for kind in ResponseType::ALL.into_iter().filter(|kind| *kind != ResponseType::Code) {
        let answer = browser.get_once(&asking(&client, kind).without("nonce").url()).await;
        let error = said_at(&answer, client.redirect_uri(), '#').get("error").cloned();
        assert_eq!(error.as_deref(), kind.has_id_token().then_some("invalid_request"), "{kind:?}");
    }
}

#[tokio::test]
async fn a07_a_response_type_is_for_those_who_registered_it_and_token_alone_for_nobody() {
    let app = TestApp::start().await;
    let (usual, all) = (app.client().first_party().create().await, everything(&app).first_party().create().await);
    let user = app.user("bea").await;
    let mut browser = app.browser();
    browser.sign_in_for_account(&user).await;
    for kind in ["id_token", "code id_token", "code token", "id_token token", "code id_token token"] {
        let answer = browser.get_once(&AuthRequest::of(&usual).set("response_type", kind).url()).await;
        let said = said_at(&answer, usual.redirect_uri(), '#');
        assert_eq!(said["error"], "unauthorized_client", "{kind}");
        assert_eq!(said.keys().collect::<Vec<_>>(), ["error", "error_description", "iss", "state"], "{kind}");
    }
    for client in [&usual, &all] {
        for (kind, mark) in
            [("token", '#'), ("token none", '#'), ("id_token id_token", '#'), ("none", '?'), ("CODE", '?')]
        {
            let answer = browser.get_once(&AuthRequest::of(client).set("response_type", kind).url()).await;
            let said = said_at(&answer, client.redirect_uri(), mark);
            assert_eq!(said["error"], "unsupported_response_type", "{kind}");
            assert_eq!(said.keys().collect::<Vec<_>>(), ["error", "error_description", "iss", "state"], "{kind}");
        }
    }
}

#[tokio::test]
async fn a10_pkce_holds_wherever_a_code_is() {
    let app = TestApp::start().await;
    let client = everything(&app).create().await;
    for kind in ResponseType::ALL.into_iter().filter(|kind| kind.has_code() && *kind != ResponseType::Code) {
        for request in [
            asking(&client, kind).without("code_challenge").without("code_challenge_method"),
            asking(&client, kind).set("code_challenge_method", "plain"),
        ] {
            let answer = app.authorize(&request).await.answer;
            assert_eq!(said_at(&answer, client.redirect_uri(), '#')["error"], "invalid_request", "{kind:?}");
        }
    }
    assert_eq!(app.authorize(&asking(&client, ResponseType::IdToken)).await.kind(), Some("sign-in"));
}

#[tokio::test]
async fn a13_silent_refusals_come_in_the_fragment_too() {
    let app = TestApp::start().await;
    let client = everything(&app).create().await;
    let request = asking(&client, ResponseType::IdTokenToken).set("prompt", "none");
    let said = said_at(&app.authorize(&request).await.answer, client.redirect_uri(), '#');
    assert_eq!((said["error"].as_str(), said["iss"].as_str()), ("login_required", ISSUER));
}

#[tokio::test]
async fn a_code_used_twice_or_wrongly_ends_the_token_that_came_beside_it() {
    for app in TestApp::on_all_engines(&[]).await {
        let (client, user) = (everything(&app).create().await, app.user("alice").await);
        let mut browser = app.browser();
        let request = asking(&client, ResponseType::CodeToken);
        let said = answered(&mut browser, &client, &user, &request).await;
        let first = Tokens::of(app.redeem(&client, &said["code"]).await);
        assert!(app.is_alive(&said["access_token"]).await && app.is_alive(&first.access).await);
        assert_eq!(app.redeem(&client, &said["code"]).await.text("error"), "invalid_grant");
        assert!(!app.is_alive(&said["access_token"]).await, "the token in front outlives a stolen code");
        assert!(!app.is_alive(&first.access).await);
        assert_eq!(app.refresh(&client, &first.refresh).await.text("error"), "invalid_grant");

        let said = answered(&mut browser, &client, &user, &request).await;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", said["code"].as_str()),
            ("redirect_uri", client.redirect_uri()),
            ("code_verifier", "wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong"),
        ];
        assert_eq!(app.token(&client, &fields).await.text("error"), "invalid_grant");
        assert!(!app.is_alive(&said["access_token"]).await, "the token in front outlives a burnt code");
        assert_eq!(app.redeem(&client, &said["code"]).await.text("error"), "invalid_grant");
    }
}

#[tokio::test]
async fn of_many_redemptions_of_a_hybrid_code_one_succeeds() {
    for app in TestApp::on_all_engines(&[]).await {
        let (client, user) = (everything(&app).create().await, app.user("alice").await);
        let said = answered(&mut app.browser(), &client, &user, &asking(&client, ResponseType::CodeIdTokenToken)).await;
        let tries = futures_util::future::join_all((0..8).map(|_| app.redeem(&client, &said["code"]))).await;
        let given = tries.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(given, 1, "{}", app.engine);
        assert!(!app.is_alive(&said["access_token"]).await);
    }
}

#[tokio::test]
async fn what_ends_a_grant_ends_the_tokens_in_front() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    let implicit = |client: &TestClient| asking(client, ResponseType::IdTokenToken);

    let client = everything(&app).create().await;
    let mut browser = app.browser();
    let said = answered(&mut browser, &client, &user, &implicit(&client)).await;
    assert!(app.is_alive(&said["access_token"]).await);
    let session = sessions::find(&app.app.accounts, browser.cookie("session").unwrap()).await.unwrap().unwrap();
    sessions::end_all(&app.app.accounts, session.user).await.unwrap();
    assert!(!app.is_alive(&said["access_token"]).await, "the session ended");

    let said = answered(&mut browser, &client, &user, &implicit(&client)).await;
    let revoked = app.revoke(&client, &said["access_token"]).await;
    assert_eq!(revoked.status, 200);
    assert!(!app.is_alive(&said["access_token"]).await, "the client revoked it");

    let said = answered(&mut browser, &client, &user, &implicit(&client)).await;
    registration::set_status(&app.app.provider, &client.client, ClientStatus::Disabled).await.unwrap();
    assert!(!app.is_alive(&said["access_token"]).await, "the client was disabled");
}

#[tokio::test]
async fn the_implicit_grant_is_none_of_the_token_endpoint() {
    let app = TestApp::start().await;
    let client = everything(&app).create().await;
    assert_eq!(app.token(&client, &[("grant_type", "implicit")]).await.text("error"), "unsupported_grant_type");
    let other = app.client().create().await;
    assert_eq!(app.token(&other, &[("grant_type", "implicit")]).await.text("error"), "unsupported_grant_type");
}

#[tokio::test]
async fn discovery_tells_of_all_of_it() {
    let app = TestApp::start().await;
    let metadata = app.get("/.well-known/openid-configuration").await.json();
    let kinds: Vec<_> = ResponseType::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(metadata["response_types_supported"], serde_json::json!(kinds));
    let grants = ["authorization_code", "implicit", "refresh_token", "client_credentials"];
    assert_eq!(metadata["grant_types_supported"], serde_json::json!(grants));
    assert_eq!(metadata["response_modes_supported"], serde_json::json!(["query", "fragment", "form_post"]));
}
