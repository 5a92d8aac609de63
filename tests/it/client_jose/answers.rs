use guichet::provider::tokens;
use josekit::jwk::JwkSet;
use josekit::jws::{self, JwsHeader, JwsVerifier};
use serde_json::{Value, json};

use crate::support::app::{Answer, ISSUER, TestApp};
use crate::support::fixtures::TestClient;
use crate::support::flow::AuthRequest;

pub const ALGORITHMS: [&str; 4] = ["RS256", "PS256", "ES256", "EdDSA"];

/// Verifies a token as a client does: the key by its `kid` from our published set. Gives claims and header.
pub async fn verified(app: &TestApp, alg: &str, token: &str) -> (Value, JwsHeader) {
    let set = JwkSet::from_bytes(app.get("/jwks").await.body).unwrap();
    let header = jws::deserialize_compact_with_selector(token, |header| {
        assert_eq!(header.algorithm(), Some(alg));
        let jwk = set.get(header.key_id().unwrap()).into_iter().next().expect("a published key");
        let verifier: Box<dyn JwsVerifier> = match alg {
            "RS256" => Box::new(jws::RS256.verifier_from_jwk(jwk)?),
            "PS256" => Box::new(jws::PS256.verifier_from_jwk(jwk)?),
            "ES256" => Box::new(jws::ES256.verifier_from_jwk(jwk)?),
            _ => Box::new(jws::EdDSA.verifier_from_jwk(jwk)?),
        };
        Ok(Some(Box::leak(verifier)))
    });
    let (payload, header) = header.unwrap_or_else(|error| panic!("{alg}: {error}"));
    (serde_json::from_slice(&payload).unwrap(), header)
}

fn assert_token(answer: &Answer, media_type: &str) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some(media_type));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn id_tokens_and_userinfo_are_signed_as_registered() {
    let app = TestApp::start().await;
    let user = app.user("alice").await;
    for alg in ALGORITHMS {
        let client = app.client().change(|metadata| {
            alg.clone_into(&mut metadata.id_token_signed_response_alg);
            metadata.userinfo_signed_response_alg = Some(alg.to_owned());
        });
        let client = client.create().await;
        let request = AuthRequest::of(&client).set("scope", "openid email");
        let granted = app.tokens_for(&mut app.browser(), &client, &user, &request).await;
        let (id, header) = verified(&app, alg, &granted.id).await;
        assert_eq!((&id["aud"], &id["nonce"]), (&json!(client.id()), &json!("the-nonce")), "{alg}");
        assert_eq!(header.token_type(), Some("JWT"));
        for answer in [
            app.get_with_token("/userinfo", &granted.access).await,
            app.post("/userinfo", &[], &[("access_token", &granted.access)]).await,
        ] {
            assert_token(&answer, "application/jwt");
            let (claims, _) = verified(&app, alg, &answer.body).await;
            assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!(client.id())));
            assert_eq!((&claims["sub"], &claims["email"]), (&id["sub"], &json!(user.email)));
            // It is neither an ID token nor a hint.
            assert_eq!((claims.get("exp"), claims.get("iat")), (None, None));
            assert!(tokens::read_hint(&app.app.provider, &answer.body).is_none());
            assert!(!app.is_alive(&answer.body).await);
        }
    }
    let plain = app.client().create().await;
    let granted = app.tokens(&plain, &user).await;
    let answer = app.get_with_token("/userinfo", &granted.access).await;
    assert_token(&answer, "application/json");
    assert_eq!(answer.json().get("iss"), None);
}

#[tokio::test]
async fn refusals_of_userinfo_stay_json() {
    let app = TestApp::start().await;
    let answer = app.get_with_token("/userinfo", "x").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (401, Some("application/json")));
}

async fn introspect(app: &TestApp, client: &TestClient, accept: &str, token: &str) -> Answer {
    let header = crate::support::app::basic(client.id(), client.secret.as_deref().unwrap());
    app.post("/introspect", &[("authorization", &header), ("accept", accept)], &[("token", token)]).await
}

const SIGNED: &str = "application/token-introspection+jwt";

#[tokio::test]
async fn introspection_is_signed_for_whoever_asks_and_whoever_registered() {
    let app = TestApp::start().await;
    let (client, user) = (app.client().create().await, app.user("alice").await);
    let granted = app.tokens(&client, &user).await;
    // Asked for by the header, with the default of the RFC.
    for accept in [SIGNED, "application/json;q=0.5, Application/Token-Introspection+JWT"] {
        let answer = introspect(&app, &client, accept, &granted.access).await;
        assert_token(&answer, SIGNED);
        let (claims, header) = verified(&app, "RS256", &answer.body).await;
        assert_eq!(header.token_type(), Some("token-introspection+jwt"));
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!(client.id())));
        assert_eq!(claims["iat"], app.now().seconds());
        let told = &claims["token_introspection"];
        assert_eq!((&told["active"], &told["client_id"]), (&json!(true), &json!(client.id())));
        for name in ["sub", "exp", "active"] {
            assert_eq!(claims.get(name), None, "{name} is of the token, not of the answer");
        }
        assert!(tokens::read_hint(&app.app.provider, &answer.body).is_none());
        assert!(!app.is_alive(&answer.body).await);
    }
    for accept in ["application/json", "*/*", "application/*", "", "application/token-introspection+jwt;q=0"] {
        let answer = introspect(&app, &client, accept, &granted.access).await;
        assert_eq!((answer.header("content-type"), &answer.json()["active"]), (Some("application/json"), &json!(true)));
    }
    for alg in ALGORITHMS {
        let own = app.client().resource_server();
        let own = own.change(|metadata| metadata.introspection_signed_response_alg = Some(alg.to_owned()));
        let server = own.create().await;
        for (token, active) in [(granted.access.as_str(), true), ("x", false)] {
            let answer = introspect(&app, &server, "application/json", token).await;
            assert_token(&answer, SIGNED);
            let (claims, _) = verified(&app, alg, &answer.body).await;
            assert_eq!(claims["token_introspection"]["active"], active, "{alg}");
            assert_eq!(claims["aud"], server.id());
        }
    }
}

#[tokio::test]
async fn discovery_tells_the_algorithms_that_are_there() {
    let app = TestApp::start().await;
    let metadata = app.get("/.well-known/openid-configuration").await.json();
    for member in [
        "id_token_signing_alg_values_supported",
        "userinfo_signing_alg_values_supported",
        "introspection_signing_alg_values_supported",
    ] {
        assert_eq!(metadata[member], json!(ALGORITHMS), "{member}");
    }
    for kind in ["id_token", "userinfo"] {
        let algs = json!(["RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"]);
        assert_eq!(metadata[format!("{kind}_encryption_alg_values_supported")], algs);
        let encs = json!(["A128CBC-HS256", "A128GCM", "A256GCM"]);
        assert_eq!(metadata[format!("{kind}_encryption_enc_values_supported")], encs);
    }
    for endpoint in ["token", "introspection", "revocation"] {
        let methods = metadata[format!("{endpoint}_endpoint_auth_methods_supported")].as_array().unwrap();
        assert!(methods.contains(&json!("client_secret_jwt")), "{endpoint}");
        let algs = &metadata[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")];
        assert_eq!(*algs, json!(["RS256", "PS256", "ES256", "EdDSA", "HS256"]), "{endpoint}");
    }
}
