//! Part D: forged and misplaced tokens, over HTTP. Whatever is offered, the endpoints refuse and nothing breaks.

use guichet::base::digest::{base64url, from_base64url, hmac_sha256};
use guichet::base::seal::MasterKey;
use guichet::jose::{Algorithm, Typ};
use guichet::model::key::KeyState;
use josekit::jwk::Jwk;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::rsa::Rsa;
use serde_json::{Value, json};

use crate::support::app::{MASTER, TestApp, assert_oauth_error};
use crate::support::fixtures::TestClient;
use crate::support::flow::{Tokens, claims, header};

/// An application with a client, a resource server, a person, and tokens of theirs.
struct World {
    app: TestApp,
    client: TestClient,
    resource_server: TestClient,
    tokens: Tokens,
}

impl World {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let client = app.client().create().await;
        let resource_server = app.resource_server().await;
        let user = app.user("alice").await;
        let tokens = app.tokens(&client, &user).await;
        Self { app, client, resource_server, tokens }
    }

    /// Claims of an access token that is good now, of the person's grant.
    fn good(&self) -> Value {
        claims(&self.tokens.access)
    }

    /// These claims, signed with our own key as an access token.
    fn signed(&self, claims: &Value) -> String {
        self.app.app.provider.keys().current().sign(Algorithm::Es256, Typ::AccessToken, claims).unwrap()
    }

    /// Any header and payload, signed with our own ES256 key.
    async fn signed_raw(&self, header: &str, payload: &[u8]) -> String {
        let records = self.app.store().read().await.unwrap().keys().await.unwrap();
        let record = records.iter().find(|record| record.alg == "ES256" && record.state == KeyState::Active).unwrap();
        let private = MasterKey::new(MASTER).open("signing-key", &record.kid, &record.sealed_private).unwrap();
        let jwk = Jwk::from_bytes(private.expose()).unwrap();
        sign_es256(&jwk, header, payload)
    }

    /// No endpoint takes this text as a token of any kind.
    async fn nobody_takes(&self, what: &str, token: &str) {
        let app = &self.app;
        if axum::http::HeaderValue::try_from(token).is_ok() {
            let answer = app.get_with_token("/userinfo", token).await;
            assert_oauth_error(&answer, 401, "invalid_token");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer "), "{what}: {answer:?}");
        }
        let answer = app.post("/userinfo", &[], &[("access_token", token)]).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        if !token.is_empty() {
            let said = app.introspect(&self.resource_server, token).await;
            assert_eq!(said, json!({"active": false}), "{what}");
        }
        for (grant, field) in [("refresh_token", "refresh_token"), ("authorization_code", "code")] {
            let answer = app.token(&self.client, &[("grant_type", grant), (field, token)]).await;
            assert!(answer.status.is_client_error(), "{what}: {answer:?}");
            assert!(answer.json().get("access_token").is_none(), "{what}: {answer:?}");
        }
    }

    /// Every text of the list is refused, and the real token still works.
    async fn nobody_takes_any(&self, forged: &[(String, String)]) {
        for (what, token) in forged {
            self.nobody_takes(what, token).await;
        }
        assert!(self.app.is_alive(&self.tokens.access).await, "the real token still works");
    }
}

fn sign_es256(jwk: &Jwk, header: &str, payload: &[u8]) -> String {
    let text = format!("{}.{}", base64url(header.as_bytes()), base64url(payload));
    let signer = josekit::jws::ES256.signer_from_jwk(jwk).unwrap();
    let mut signature = josekit::jws::JwsSigner::sign(&signer, text.as_bytes()).unwrap();
    // Ours have the smaller one of the two values of s, and no other is taken.
    let other = other_s(&signature);
    if other[..] < signature[32..] {
        signature.truncate(32);
        signature.extend(other);
    }
    format!("{text}.{}", base64url(&signature))
}

/// The order of P-256.
fn order() -> BigNum {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let mut order = BigNum::new().unwrap();
    group.order(&mut order, &mut BigNumContext::new().unwrap()).unwrap();
    order
}

/// The s that makes the same signature in disguise: n - s.
fn other_s(signature: &[u8]) -> Vec<u8> {
    let mut twin = BigNum::new().unwrap();
    twin.checked_sub(&order(), &BigNum::from_slice(&signature[32..]).unwrap()).unwrap();
    twin.to_vec_padded(32).unwrap()
}

/// The three parts of a compact JWS.
fn parts(token: &str) -> [&str; 3] {
    let found: Vec<&str> = token.split('.').collect();
    [found[0], found[1], found[2]]
}

/// The token with another header and this signature.
fn reheaded(token: &str, header: &Value, signature: &str) -> String {
    format!("{}.{}.{signature}", base64url(header.to_string().as_bytes()), parts(token)[1])
}

fn attackers_key() -> Jwk {
    let mut key = Jwk::generate_ec_key(josekit::jwk::alg::ec::EcCurve::P256).unwrap();
    key.set_key_id("attacker");
    key
}

#[tokio::test]
async fn d51_no_algorithm_is_no_signature() {
    let world = World::start().await;
    let real = parts(&world.tokens.access)[2].to_owned();
    let mut forged = Vec::new();
    for alg in [json!("none"), json!("None"), json!("nOnE"), json!("NONE"), json!(""), json!(null), json!(["ES256"])] {
        for signature in ["", real.as_str()] {
            let mut head = header(&world.tokens.access);
            head["alg"] = alg.clone();
            forged.push((format!("alg {alg}"), reheaded(&world.tokens.access, &head, signature)));
        }
    }
    let mut head = header(&world.tokens.access);
    head.as_object_mut().unwrap().remove("alg");
    forged.push(("no alg".to_owned(), reheaded(&world.tokens.access, &head, &real)));
    let [first, second, _] = parts(&world.tokens.access);
    forged.push(("no third part".to_owned(), format!("{first}.{second}")));
    world.nobody_takes_any(&forged).await;
}

#[tokio::test]
async fn d52_a_public_key_is_no_shared_secret() {
    let world = World::start().await;
    let keys = world.app.get("/jwks").await.json()["keys"].clone();
    let mut secrets: Vec<(String, String, Vec<u8>)> = Vec::new();
    for key in keys.as_array().unwrap() {
        let kid = key["kid"].as_str().unwrap().to_owned();
        let number = |name: &str| BigNum::from_slice(&from_base64url(key[name].as_str().unwrap()).unwrap()).unwrap();
        let mut add = |bytes: Vec<u8>| {
            let trimmed: Vec<u8> = bytes.strip_suffix(b"\n").unwrap_or(&bytes).to_vec();
            secrets.push((kid.clone(), "trimmed".to_owned(), trimmed));
            secrets.push((kid.clone(), "whole".to_owned(), bytes));
        };
        match key["kty"].as_str().unwrap() {
            "EC" => {
                let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
                let public = EcKey::from_public_key_affine_coordinates(&group, &number("x"), &number("y")).unwrap();
                add(public.public_key_to_pem().unwrap());
                add(public.public_key_to_der().unwrap());
            }
            "RSA" => {
                let public = Rsa::from_public_components(number("n"), number("e")).unwrap();
                add(public.public_key_to_pem().unwrap());
                add(public.public_key_to_der().unwrap());
                add(public.public_key_to_pem_pkcs1().unwrap());
            }
            _ => add(from_base64url(key["x"].as_str().unwrap()).unwrap()),
        }
        add(key.to_string().into_bytes());
    }
    assert!(secrets.len() >= 20, "{}", secrets.len());
    let mut forged = Vec::new();
    for (kid, form, secret) in secrets {
        for head in [json!({"alg": "HS256", "typ": "at+jwt", "kid": kid}), json!({"alg": "HS256", "typ": "at+jwt"})] {
            let text = reheaded(&world.tokens.access, &head, "");
            let text = text.trim_end_matches('.');
            let mac = base64url(&hmac_sha256(&secret, text.as_bytes()));
            forged.push((format!("{head} {form}"), format!("{text}.{mac}")));
        }
    }
    world.nobody_takes_any(&forged).await;
}

#[tokio::test]
async fn d53_degenerate_signatures() {
    let world = World::start().await;
    let [first, second, real] = parts(&world.tokens.access);
    let real = from_base64url(real).unwrap();
    let order_bytes = order().to_vec_padded(32).unwrap();
    let signatures: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("r = s = 0", vec![0; 64]),
        ("r = s = n", [order_bytes.clone(), order_bytes.clone()].concat()),
        ("r = 0", [vec![0; 32], real[32..].to_vec()].concat()),
        ("s = 0", [real[..32].to_vec(), vec![0; 32]].concat()),
        ("the other s", [real[..32].to_vec(), other_s(&real)].concat()),
        ("short", real[..63].to_vec()),
        ("long", [real.clone(), vec![0]].concat()),
        ("all ones", vec![0xff; 64]),
    ];
    let mut forged: Vec<_> = signatures
        .into_iter()
        .map(|(what, signature)| (what.to_owned(), format!("{first}.{second}.{}", base64url(&signature))))
        .collect();
    let keys = world.app.get("/jwks").await.json()["keys"].clone();
    for key in keys.as_array().unwrap().iter().filter(|key| key["kty"] == "RSA") {
        let head = json!({"alg": key["alg"], "typ": "at+jwt", "kid": key["kid"]});
        for signature in [vec![0; 256], vec![0xff; 256], [vec![0; 255], vec![1]].concat(), Vec::new()] {
            let token = reheaded(&world.tokens.access, &head, &base64url(&signature));
            forged.push((format!("{head}"), token));
        }
    }
    world.nobody_takes_any(&forged).await;
}

#[tokio::test]
async fn d54_keys_in_the_header_are_not_used_and_nobody_is_called() {
    let world = World::start().await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let url = format!("http://{}/keys", silent.local_addr().unwrap());
    let key = attackers_key();
    let public: Value = serde_json::from_str(&key.to_public_key().unwrap().to_string()).unwrap();
    let ours = header(&world.tokens.access)["kid"].clone();
    let payload = world.good().to_string();
    let mut forged = Vec::new();
    for kid in [json!("attacker"), ours] {
        for (name, value) in [
            ("jwk", public.clone()),
            ("jku", json!(url)),
            ("x5u", json!(url)),
            ("x5c", json!(["MIIB"])),
            ("x5t", json!("AAAA")),
        ] {
            let mut head = json!({"alg": "ES256", "typ": "at+jwt", "kid": kid});
            head[name] = value;
            forged.push((format!("{name} {kid}"), sign_es256(&key, &head.to_string(), payload.as_bytes())));
        }
    }
    world.nobody_takes_any(&forged).await;
    assert_eq!(silent.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "somebody was called");
}

#[tokio::test]
async fn d55_the_key_id_is_only_looked_up() {
    let world = World::start().await;
    let key = attackers_key();
    let payload = world.good().to_string();
    let kids = ["../../../../etc/passwd", "' OR 1=1 --", "\u{0}", "", "unknown", &"k".repeat(10_240), "http://x/", "é"];
    let mut forged: Vec<_> = kids
        .iter()
        .map(|kid| {
            let head = json!({"alg": "ES256", "typ": "at+jwt", "kid": kid}).to_string();
            (format!("kid {kid:.20}"), sign_es256(&key, &head, payload.as_bytes()))
        })
        .collect();
    for head in [json!({"alg": "ES256", "typ": "at+jwt"}), json!({"alg": "ES256", "typ": "at+jwt", "kid": 1})] {
        forged.push((head.to_string(), world.signed_raw(&head.to_string(), payload.as_bytes()).await));
    }
    world.nobody_takes_any(&forged).await;
}

#[tokio::test]
async fn d56_extensions_and_other_serializations() {
    let world = World::start().await;
    let ours = header(&world.tokens.access)["kid"].clone();
    let payload = world.good().to_string();
    let plain = json!({"alg": "ES256", "typ": "at+jwt", "kid": ours});
    let control = world.signed_raw(&plain.to_string(), payload.as_bytes()).await;
    assert!(world.app.is_alive(&control).await, "the forger can sign");
    let mut forged = Vec::new();
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!(["b64"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
    ] {
        let mut head = plain.clone();
        head[name] = value;
        forged.push((head.to_string(), world.signed_raw(&head.to_string(), payload.as_bytes()).await));
    }
    let token = &world.tokens.access;
    let [first, second, third] = parts(token);
    forged.extend([
        ("4 parts".to_owned(), format!("{token}.{third}")),
        ("5 parts".to_owned(), format!("{token}.{third}.{third}")),
        ("6 parts".to_owned(), format!("{token}.{third}.{third}.{third}")),
        ("JSON".to_owned(), json!({"payload": second, "protected": first, "signature": third}).to_string()),
        (
            "general JSON".to_owned(),
            json!({"payload": second, "signatures": [{"protected": first, "signature": third}]}).to_string(),
        ),
        ("detached".to_owned(), format!("{first}..{third}")),
    ]);
    let mut encrypted = josekit::jwe::JweHeader::new();
    encrypted.set_content_encryption("A128GCM");
    let encrypter = josekit::jwe::Dir.encrypter_from_bytes([0; 16]).unwrap();
    forged
        .push(("JWE".to_owned(), josekit::jwe::serialize_compact(payload.as_bytes(), &encrypted, &encrypter).unwrap()));
    world.nobody_takes_any(&forged).await;
}

#[tokio::test]
async fn d57_the_end_must_be_there_and_a_date() {
    let world = World::start().await;
    let now = world.app.now().seconds();
    let mut forged = Vec::new();
    for exp in [
        json!(null),
        json!("1900000000"),
        json!(1e300),
        json!(-1),
        json!(0),
        json!(now - 61),
        json!(now),
        json!([now + 60]),
        serde_json::from_str(&format!("{}.5", now + 60)).unwrap(),
    ] {
        let mut all = world.good();
        all["exp"] = exp.clone();
        forged.push((format!("exp {exp}"), world.signed(&all)));
    }
    let mut all = world.good();
    all.as_object_mut().unwrap().remove("exp");
    forged.push(("no exp".to_owned(), world.signed(&all)));
    all = world.good();
    all["nbf"] = json!("soon");
    forged.push(("nbf is text".to_owned(), world.signed(&all)));
    world.nobody_takes_any(&forged).await;
}

#[tokio::test]
async fn d58_tokens_from_the_future() {
    let world = World::start().await;
    let now = world.app.now().seconds();
    for (claim, ahead, good) in [("iat", 120, false), ("nbf", 120, false), ("iat", 10, true), ("nbf", 10, true)] {
        let mut all = world.good();
        all[claim] = json!(now + ahead);
        assert_eq!(world.app.is_alive(&world.signed(&all)).await, good, "{claim} {ahead} s ahead");
    }
}

#[tokio::test]
async fn d59_issuer_and_audience() {
    let world = World::start().await;
    let mut forged = Vec::new();
    for (claim, values) in [
        ("iss", vec![json!("https://op.test/"), json!("https://other.test"), json!("HTTPS://OP.TEST"), json!(null)]),
        ("aud", vec![json!(null), json!(1), json!({})]),
        ("client_id", vec![json!(null), json!("nobody"), json!(world.resource_server.id())]),
        ("jti", vec![json!(null), json!("AAAAAAAAAAAAAAAAAAAAAA.x")]),
        ("sub", vec![json!(null), json!(1)]),
    ] {
        for value in values {
            let mut all = world.good();
            all[claim] = value.clone();
            forged.push((format!("{claim} {value}"), world.signed(&all)));
            all.as_object_mut().unwrap().remove(claim);
            forged.push((format!("no {claim}"), world.signed(&all)));
        }
    }
    world.nobody_takes_any(&forged).await;
}

#[tokio::test]
async fn d60_json_and_base64_in_one_way_only() {
    let world = World::start().await;
    let token = world.tokens.access.clone();
    let [first, second, third] = parts(&token);
    let head = String::from_utf8(from_base64url(first).unwrap()).unwrap();
    let payload = String::from_utf8(from_base64url(second).unwrap()).unwrap();
    let twice = payload.replacen('{', "{\"sub\":\"somebody\",", 1);
    let deep = payload.replacen('{', &format!("{{\"x\":{}{},", "[".repeat(1_000), "]".repeat(1_000)), 1);
    let double_head = head.replacen('{', "{\"typ\":\"JWT\",", 1);
    let mut forged = vec![
        ("sub twice".to_owned(), world.signed_raw(&head, twice.as_bytes()).await),
        ("deep".to_owned(), world.signed_raw(&head, deep.as_bytes()).await),
        ("BOM".to_owned(), world.signed_raw(&head, format!("\u{feff}{payload}").as_bytes()).await),
        ("trailing".to_owned(), world.signed_raw(&head, format!("{payload}x").as_bytes()).await),
        ("two documents".to_owned(), world.signed_raw(&head, format!("{payload}{payload}").as_bytes()).await),
        ("not UTF-8".to_owned(), world.signed_raw(&head, b"{\"sub\":\"\xff\"}").await),
        ("a list".to_owned(), world.signed_raw(&head, b"[]").await),
        ("typ twice".to_owned(), world.signed_raw(&double_head, payload.as_bytes()).await),
        ("padded".to_owned(), format!("{first}.{second}.{third}=")),
        ("padded twice".to_owned(), format!("{first}.{second}.{third}==")),
        ("space".to_owned(), format!("{first}.{second}. {third}")),
        ("new line".to_owned(), format!("{first}.{second}.{third}\n")),
    ];
    // 64 bytes leave four bits of the last character unused: another last character is the same signature in disguise.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.find(third.chars().last().unwrap()).unwrap();
    let disguised = format!("{}{}", &third[..third.len() - 1], alphabet.chars().nth(at ^ 1).unwrap());
    forged.push(("last bits".to_owned(), format!("{first}.{second}.{disguised}")));
    // A header may be trimmed on its way; a form is not.
    for (what, text) in forged {
        let answer = world.app.post("/userinfo", &[], &[("access_token", &text)]).await;
        assert_oauth_error(&answer, 401, "invalid_token");
        let said = world.app.introspect(&world.resource_server, &text).await;
        assert_eq!(said, json!({"active": false}), "{what}");
    }
    assert!(world.app.is_alive(&token).await);
}

#[tokio::test]
async fn d66_oversized_tokens() {
    let world = World::start().await;
    let [first, second, third] = parts(&world.tokens.access).map(str::to_owned);
    let ours = header(&world.tokens.access)["kid"].clone();
    let head = json!({"alg": "ES256", "typ": "at+jwt", "kid": ours});
    let mut long = world.good();
    long["x"] = json!("x".repeat(9_000));
    let mut long_head = head.clone();
    long_head["x"] = json!("x".repeat(9_000));
    let forged = [
        ("payload".to_owned(), world.signed_raw(&head.to_string(), long.to_string().as_bytes()).await),
        ("header".to_owned(), world.signed_raw(&long_head.to_string(), world.good().to_string().as_bytes()).await),
        ("signature".to_owned(), format!("{first}.{second}.{}", third.repeat(200))),
        ("dots".to_owned(), ".".repeat(20_000)),
        ("letters".to_owned(), "a".repeat(20_000)),
        ("opaque".to_owned(), format!("gat_{}", "A".repeat(20_000))),
        ("refresh".to_owned(), format!("grt_{}", "A".repeat(20_000))),
    ];
    world.nobody_takes_any(&forged).await;
}
