//! Requests as signed objects, by value and by reference, and proof by a key of ours.

use josekit::jwk::alg::rsa::RsaKeyPair;
use serde_json::{Value, json};

use crate::support::app::{ISSUER, TestApp};
use crate::support::upstream::Op;

const START: &str = "/sign-in/op";

async fn whole_sign_in(op: &Op, app: &TestApp) {
    let person = json!({"sub": "u1", "given_name": "Ann"});
    let mut browser = app.browser();
    let page = op.sign_in(app, &mut browser, START, &person).await;
    assert_eq!(page.kind(), Some("account"), "{page:?}");
}

/// Where a request is that is fetched.
async fn address(op: &Op, app: &TestApp) -> String {
    let url = url::Url::parse(&op.leave(&mut app.browser(), START).await).unwrap();
    let found = url.query_pairs().find(|(name, _)| name == "request_uri").expect("a request_uri").1.into_owned();
    found.strip_prefix(ISSUER).expect("ours").to_owned()
}

#[tokio::test]
async fn a_request_travels_as_an_object_with_every_algorithm_on_every_engine() {
    let op = Op::start().await;
    op.behave(|behaviour| behaviour.registers = true);
    for (way, alg) in [
        ("by_value", "RS256"),
        ("by_value", "EdDSA"),
        ("by_reference", "ES256"),
        ("by_reference", "PS256"),
        ("by_reference", "none"),
    ] {
        let own = [
            ("REGISTRATION", "dynamic"),
            ("REQUEST_OBJECT", way),
            ("REQUEST_OBJECT_SIGNING_ALG", alg),
            ("PARAMETERS", r#"max_age=600,claims={"id_token":{"acr":null}}"#),
            ("TIMEOUT", "60s"),
        ];
        let environment = op.environment("op", &own);
        let pairs: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let all =
            if alg == "ES256" { TestApp::on_all_engines(&pairs).await } else { vec![TestApp::with(&pairs).await] };
        for app in all {
            if alg == "none" {
                assert_eq!(app.get("/federation/op/jwks").await.status, 404, "nothing is signed");
            } else {
                op.fetch_keys(&app, "op").await;
                let keys = op.seen().our_keys.unwrap();
                assert_eq!(keys["keys"][0]["alg"], alg);
                // None of them is a key that vouches for people.
                let provider = app.get("/jwks").await.json();
                let kids = |set: &Value| -> Vec<Value> {
                    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
                };
                assert!(kids(&keys).iter().all(|kid| !kids(&provider).contains(kid)));
            }
            whole_sign_in(&op, &app).await;
            let said = op.seen().registered.pop().unwrap();
            assert_eq!(said["request_object_signing_alg"], alg);
            assert_eq!(said.get("jwks_uri").is_some(), alg != "none");
            let listed = (way == "by_reference").then(|| json!([format!("{ISSUER}/federation/op/request/*")]));
            assert_eq!(said.get("request_uris"), listed.as_ref());
        }
    }
}

#[tokio::test]
async fn numbers_and_objects_are_such_in_an_object() {
    let op = Op::start().await;
    let own = [("REQUEST_OBJECT", "by_value"), ("PARAMETERS", "max_age=600")];
    let app = op.app("op", &own).await;
    let url = op.leave(&mut app.browser(), START).await;
    let request = url.split("request=").nth(1).unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&guichet::base::digest::from_base64url(request).unwrap()).unwrap();
    assert_eq!(claims["max_age"], 600);
}

#[tokio::test]
async fn an_address_is_the_upstreams_own_and_ends_with_the_round_trip() {
    let op = Op::start().await;
    let environment: Vec<(String, String)> =
        ["op", "other"].iter().flat_map(|name| op.environment(name, &[("REQUEST_OBJECT", "by_reference")])).collect();
    let pairs: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let app = TestApp::with(&pairs).await;
    op.fetch_keys(&app, "op").await;
    let there = address(&op, &app).await;
    let status = async |path: &str| app.get(path).await.status.as_u16();
    assert_eq!(status(&there).await, 200);
    assert_eq!(app.replica().await.get(&there).await.status, 200, "on each process");
    let handle = there.rsplit('/').next().unwrap();
    assert!(handle.len() >= 43);
    assert_eq!(status(&format!("/federation/other/request/{handle}")).await, 404, "another upstream's");
    assert_eq!(status(&format!("/federation/nowhere/request/{handle}")).await, 404);
    for odd in ["", "x", "guo_x", &handle[..handle.len() - 1], &format!("{handle}A"), &handle.replace("guo_", "gus_")] {
        assert_eq!(status(&format!("/federation/op/request/{odd}")).await, 404, "{odd}");
    }
    app.advance(899);
    assert_eq!(status(&there).await, 200);
    app.advance(2);
    assert_eq!(status(&there).await, 404, "expired");
    // The round trip is over.
    let mut browser = app.browser();
    let url = op.leave(&mut browser, START).await;
    let plain = op.read_request(&app, &url).await;
    let asked = url::Url::parse(&url).unwrap();
    let uri = asked.query_pairs().find(|(name, _)| name == "request_uri").unwrap().1.into_owned();
    let there = uri.strip_prefix(ISSUER).unwrap();
    assert_eq!(status(there).await, 200);
    browser.get(&op.approve(&app, &plain, &json!({"sub": "u"}))).await;
    assert_eq!(status(there).await, 404);
}

#[tokio::test]
async fn a_registration_for_one_sign_in_names_the_very_address() {
    let op = Op::start().await;
    op.behave(|behaviour| behaviour.registers = true);
    let own = [("REGISTRATION", "dynamic"), ("REGISTRATION_LIFETIME", "0s"), ("REQUEST_OBJECT", "by_reference")];
    let app = op.app("op", &own).await;
    let there = address(&op, &app).await;
    assert_eq!(op.seen().registered[0]["request_uris"], json!([format!("{ISSUER}{there}")]));
}

#[tokio::test]
async fn a_key_of_ours_proves_who_we_are() {
    let op = Op::start().await;
    for (more, alg) in [
        (&[][..], "RS256"),
        (&[("TOKEN_ENDPOINT_AUTH_SIGNING_ALG", "ES256")][..], "ES256"),
        (&[("CLIENT_ASSERTION_AUDIENCE", "token_endpoint")][..], "RS256"),
    ] {
        let own: Vec<_> =
            [("CLIENT_AUTH_METHOD", "private_key_jwt"), ("TIMEOUT", "60s")].iter().chain(more).copied().collect();
        let app = op.app("op", &own).await;
        op.fetch_keys(&app, "op").await;
        assert_eq!(op.seen().our_keys.unwrap()["keys"][0]["alg"], alg);
        whole_sign_in(&op, &app).await;
        let form = op.seen().token_forms.pop().unwrap();
        assert!(form.iter().all(|(name, _)| name != "client_secret"), "{form:?}");
        // The keys of another installation prove nothing.
        let other = op.app("op", &own).await;
        let mut browser = other.browser();
        let page = op.sign_in(&other, &mut browser, START, &json!({"sub": "u"})).await;
        assert!(page.answer.body.contains("data-error=\"upstream_refused\""), "{page:?}");
    }
}

#[tokio::test]
async fn keys_for_upstreams_rotate_and_every_process_has_them() {
    let op = Op::start().await;
    let app =
        op.app("op", &[("CLIENT_AUTH_METHOD", "private_key_jwt"), ("TOKEN_ENDPOINT_AUTH_SIGNING_ALG", "ES256")]).await;
    let replica = app.replica().await;
    let keys = async |app: &TestApp| app.get("/federation/op/jwks").await.json();
    let first = keys(&app).await;
    assert_eq!(first["keys"].as_array().unwrap().len(), 2, "one signs, one is known before it signs");
    assert_eq!(keys(&replica).await, first);
    app.advance(91 * 86_400);
    app.app.federation.rotate_keys().await.unwrap();
    let second = keys(&app).await;
    assert_eq!(second["keys"][0]["kid"], first["keys"][1]["kid"]);
    replica.app.federation.reload_keys().await.unwrap();
    assert_eq!(keys(&replica).await, second);
    op.fetch_keys(&app, "op").await;
    whole_sign_in(&op, &replica).await;
    // One leaked: the next one signs at once.
    app.app.federation.rotate_keys_of(app.app.federation.find("op").unwrap()).await.unwrap();
    let third = keys(&app).await;
    assert_ne!(third["keys"][0]["kid"], second["keys"][0]["kid"]);
    op.fetch_keys(&app, "op").await;
    whole_sign_in(&op, &app).await;
}

#[tokio::test]
async fn an_operators_key_signs_and_is_published() {
    let pem = RsaKeyPair::generate(2048).unwrap().to_pem_private_key();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, &pem).unwrap();
    let path = file.path().to_string_lossy().into_owned();
    let op = Op::start().await;
    let own = [
        ("CLIENT_AUTH_METHOD", "private_key_jwt"),
        ("REQUEST_OBJECT", "by_value"),
        ("SIGNING_KEY_FILE", &path),
        ("DECRYPTION_KEY_FILE", &path),
    ];
    let app = op.app("op", &own).await;
    op.fetch_keys(&app, "op").await;
    let keys = op.seen().our_keys.unwrap();
    let uses: Vec<&str> = keys["keys"].as_array().unwrap().iter().map(|key| key["use"].as_str().unwrap()).collect();
    assert_eq!(uses, ["sig", "enc", "enc"], "to encrypt with, one for each algorithm");
    whole_sign_in(&op, &app).await;
}
