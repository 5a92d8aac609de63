use guichet::oauth::response::ResponseType;
use guichet::oauth::{ClientMetadata, GrantType};
use guichet::provider::registration::{self, RegistrationError};
use josekit::jwe::{self, JweDecrypter, JweHeader};
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use serde_json::{Value, json};

use super::answers::verified;
use super::server::{KeyServer, LOOPBACK};
use crate::support::app::{ISSUER, TestApp, assert_oauth_error};
use crate::support::fixtures::TestClient;
use crate::support::flow::{AuthRequest, Tokens, param};

/// A client's key to be encrypted to: the private one, and the public set.
fn key(alg: &str, kid: &str) -> (Jwk, Value) {
    let mut key = match alg {
        "RSA-OAEP-256" => Jwk::generate_rsa_key(2048).unwrap(),
        _ => Jwk::generate_ec_key(EcCurve::P256).unwrap(),
    };
    key.set_key_id(kid);
    let mut public = key.to_public_key().unwrap();
    public.set_key_id(kid);
    public.set_key_use("enc");
    (key, json!({ "keys": [public] }))
}

/// Decrypts as the client does. Gives the content and the header.
fn decrypted(alg: &str, key: &Jwk, token: &str) -> (String, JweHeader) {
    let decrypter: Box<dyn JweDecrypter> = match alg {
        "RSA-OAEP-256" => Box::new(jwe::RSA_OAEP_256.decrypter_from_jwk(key).unwrap()),
        "ECDH-ES" => Box::new(jwe::ECDH_ES.decrypter_from_jwk(key).unwrap()),
        "ECDH-ES+A128KW" => Box::new(jwe::ECDH_ES_A128KW.decrypter_from_jwk(key).unwrap()),
        _ => Box::new(jwe::ECDH_ES_A256KW.decrypter_from_jwk(key).unwrap()),
    };
    let (content, header) =
        jwe::deserialize_compact(token, &*decrypter).unwrap_or_else(|error| panic!("{alg}: {error}"));
    assert_eq!(header.algorithm(), Some(alg));
    (String::from_utf8(content).unwrap(), header)
}

fn id_tokens_encrypted(alg: &str, enc: Option<&str>) -> impl FnOnce(&mut ClientMetadata) {
    let (alg, enc) = (Some(alg.to_owned()), enc.map(str::to_owned));
    move |metadata| {
        metadata.id_token_encrypted_response_alg = alg;
        metadata.id_token_encrypted_response_enc = enc;
    }
}

#[tokio::test]
async fn an_id_token_is_signed_and_then_encrypted() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    for (alg, enc) in [
        ("RSA-OAEP-256", Some("A128GCM")),
        ("RSA-OAEP-256", Some("A256GCM")),
        ("RSA-OAEP-256", None),
        ("ECDH-ES", Some("A128GCM")),
        ("ECDH-ES", Some("A256GCM")),
        ("ECDH-ES", Some("A128CBC-HS256")),
        ("ECDH-ES+A128KW", Some("A128GCM")),
        ("ECDH-ES+A256KW", Some("A256GCM")),
    ] {
        let (private, set) = key(alg, "enc-1");
        let client = app.client().change(id_tokens_encrypted(alg, enc)).change(|metadata| metadata.jwks = Some(set));
        let client = client.create().await;
        let granted = app.tokens(&client, &user).await;
        let refreshed = Tokens::of(app.refresh(&client, &granted.refresh).await);
        for (token, nonce) in [(&granted.id, json!("the-nonce")), (&refreshed.id, Value::Null)] {
            let (nested, header) = decrypted(alg, &private, token);
            assert_eq!(header.content_encryption(), Some(enc.unwrap_or("A128CBC-HS256")));
            assert_eq!((header.content_type(), header.key_id()), (Some("JWT"), Some("enc-1")));
            let (claims, _) = verified(&app, "ES256", &nested).await;
            assert_eq!((&claims["aud"], &claims["nonce"]), (&json!(client.id()), &nonce), "{alg} {enc:?}");
        }
        // Userinfo stays what it was: nobody asked for more.
        assert_eq!(app.get_with_token("/userinfo", &granted.access).await.json()["sub"], json!(user.user.uuid));
    }
}

#[tokio::test]
async fn userinfo_is_encrypted_signed_or_not() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    for signed in [Some("PS256"), None] {
        let (private, set) = key("ECDH-ES", "k");
        let client = app.client().change(|metadata| {
            metadata.jwks = Some(set);
            metadata.userinfo_signed_response_alg = signed.map(str::to_owned);
            metadata.userinfo_encrypted_response_alg = Some("ECDH-ES".to_owned());
            metadata.userinfo_encrypted_response_enc = Some("A256GCM".to_owned());
        });
        let client = client.create().await;
        let granted = app.tokens(&client, &user).await;
        assert_eq!(granted.id.split('.').count(), 3, "the ID token is not encrypted");
        let answer = app.get_with_token("/userinfo", &granted.access).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/jwt")));
        let (content, header) = decrypted("ECDH-ES", &private, &answer.body);
        let claims: Value = if let Some(alg) = signed {
            assert_eq!(header.content_type(), Some("JWT"));
            let claims = verified(&app, alg, &content).await.0;
            assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!(client.id())));
            claims
        } else {
            assert_eq!(header.content_type(), None);
            serde_json::from_str(&content).unwrap()
        };
        assert_eq!(claims["sub"], json!(user.user.uuid));
    }
}

/// A client whose keys are at `url` and whose ID tokens and userinfo are encrypted.
async fn published(app: &TestApp, url: &str) -> TestClient {
    let client = app.client().change(id_tokens_encrypted("ECDH-ES", None)).change(|metadata| {
        metadata.jwks_uri = Some(url.to_owned());
        metadata.userinfo_encrypted_response_alg = Some("ECDH-ES".to_owned());
    });
    client.create().await
}

#[tokio::test]
async fn without_a_key_nothing_is_given_and_nothing_is_spent() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let user = app.user("alice").await;
    let (private, set) = key("ECDH-ES", "k");
    let server = KeyServer::start(&set).await;
    server.fail();
    let client = published(&app, &server.url).await;
    let code = app.code(&mut app.browser(), &user, &AuthRequest::of(&client)).await;
    assert_oauth_error(&app.redeem(&client, &code).await, 503, "temporarily_unavailable");
    // Keys are there, none of them for this.
    let (_, other) = key("RSA-OAEP-256", "k");
    server.publish(&other);
    app.advance(10);
    assert_oauth_error(&app.redeem(&client, &code).await, 400, "invalid_request");
    // The right key comes: the code was not spent, and the set is fetched anew for it.
    server.publish(&set);
    app.advance(10);
    let granted = Tokens::of(app.redeem(&client, &code).await);
    decrypted("ECDH-ES", &private, &granted.id);
    assert_eq!(server.requests(), 3);
    // The key goes: a refresh and userinfo are refused, and the refresh token stays good.
    server.publish(&other);
    app.advance(300);
    assert_oauth_error(&app.refresh(&client, &granted.refresh).await, 400, "invalid_request");
    let answer = app.get_with_token("/userinfo", &granted.access).await;
    assert_eq!((answer.status.as_u16(), answer.text("error").as_str()), (400, "invalid_request"));
    assert!(!answer.body.contains(&user.user.uuid.to_string()));
    server.publish(&set);
    app.advance(10);
    decrypted("ECDH-ES", &private, &Tokens::of(app.refresh(&client, &granted.refresh).await).id);
}

#[tokio::test]
async fn a_rotated_key_is_followed() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let user = app.user("alice").await;
    let (first, set) = key("ECDH-ES", "1");
    let server = KeyServer::start(&set).await;
    let client = published(&app, &server.url).await;
    decrypted("ECDH-ES", &first, &app.tokens(&client, &user).await.id);
    let (second, set) = key("ECDH-ES", "2");
    server.publish(&set);
    app.advance(300);
    let (_, header) = decrypted("ECDH-ES", &second, &app.tokens(&client, &user).await.id);
    assert_eq!(header.key_id(), Some("2"));
}

#[tokio::test]
async fn a_client_without_a_fitting_key_is_not_registered() {
    let app = TestApp::start().await;
    let (_, rsa) = key("RSA-OAEP-256", "k");
    for jwks in [None, Some(rsa)] {
        let mut metadata = ClientMetadata { jwks, ..app.client().metadata };
        metadata.id_token_encrypted_response_alg = Some("ECDH-ES".to_owned());
        match registration::register(&app.app.provider, metadata, guichet::model::client::ClientPolicy::default()).await
        {
            Err(RegistrationError::Refused(problems)) => {
                assert_eq!(problems.iter().map(|problem| problem.member).collect::<Vec<_>>(), ["jwks"]);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_id_token_of_the_authorization_endpoint_is_encrypted_as_well() {
    let app = TestApp::with(&[LOOPBACK]).await;
    let user = app.user("alice").await;
    let (private, set) = key("ECDH-ES", "k");
    let server = KeyServer::start(&set).await;
    server.fail();
    let client = app.client().change(id_tokens_encrypted("ECDH-ES", None)).change(|metadata| {
        metadata.jwks_uri = Some(server.url.clone());
        metadata.response_types.push(ResponseType::CodeIdToken);
        metadata.grant_types.push(GrantType::Implicit);
    });
    let client = client.create().await;
    let request = AuthRequest::of(&client).set("response_type", "code id_token");
    let mut browser = app.browser();
    let page = browser.get(&request.url()).await;
    let refused = browser.complete(page, &user).await.answer;
    assert_eq!(param(&refused, "error").as_deref(), Some("temporarily_unavailable"));
    assert_eq!(param(&refused, "state").as_deref(), Some("the-state"));
    assert_eq!((param(&refused, "id_token"), param(&refused, "code")), (None, None));
    server.publish(&set);
    app.advance(10);
    let answer = browser.get(&request.url()).await.answer;
    let (nested, _) = decrypted("ECDH-ES", &private, &param(&answer, "id_token").expect("an ID token"));
    assert_eq!(verified(&app, "ES256", &nested).await.0["nonce"], "the-nonce");
    let granted = Tokens::of(app.redeem(&client, &param(&answer, "code").expect("a code")).await);
    decrypted("ECDH-ES", &private, &granted.id);
}
