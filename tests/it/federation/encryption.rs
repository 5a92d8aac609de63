//! What a provider encrypts to us: ID tokens and userinfo, signed inside or not.

use std::collections::BTreeSet;

use guichet::jose::encryption::{ContentEncryption, KeyManagement};
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jwk::alg::rsa::RsaKeyPair;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::upstream::Op;

const START: &str = "/sign-in/op";

/// A private key in a file that nobody else reads.
fn file_of(pem: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, pem).unwrap();
    file
}

async fn published(app: &TestApp) -> Value {
    let answer = app.get("/federation/op/jwks").await;
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn an_encrypted_id_token_and_userinfo_are_read_with_every_pair_of_algorithms() {
    let rsa = RsaKeyPair::generate(2048).unwrap().to_pem_private_key();
    let ec = EcKeyPair::generate(EcCurve::P256).unwrap().to_pem_private_key();
    for (pem, algorithms) in [
        (rsa, &[KeyManagement::RsaOaep256][..]),
        (ec, &[KeyManagement::EcdhEs, KeyManagement::EcdhEsA128Kw, KeyManagement::EcdhEsA256Kw][..]),
    ] {
        let file = file_of(&pem);
        let op = Op::start().await;
        let app = op.app("op", &[("DECRYPTION_KEY_FILE", &file.path().to_string_lossy())]).await;
        let keys = published(&app).await;
        assert_eq!(keys["keys"][0]["use"], "enc");
        assert!(keys["keys"][0].get("d").is_none(), "the public part alone: {keys}");
        let ids: BTreeSet<&str> =
            keys["keys"].as_array().unwrap().iter().filter_map(|key| key["kid"].as_str()).collect();
        assert_eq!(ids.len(), keys["keys"].as_array().unwrap().len(), "each has its own name: {keys}");
        for alg in algorithms {
            for (at, enc) in ContentEncryption::ALL.into_iter().enumerate() {
                for signed in [true, false] {
                    op.behave(|behaviour| {
                        behaviour.encrypt_to = Some((keys.clone(), *alg, enc));
                        behaviour.signed_userinfo = signed;
                    });
                    let person = json!({"sub": format!("u{at}"), "given_name": "Camille", "family_name": "Durand"});
                    let page = op.sign_in(&app, &mut app.browser(), START, &person).await;
                    assert_eq!(page.kind(), Some("account"), "{alg:?} {enc:?} signed={signed}: {page:?}");
                    assert!(page.answer.body.contains("Camille Durand"));
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_encrypted_is_believed_no_more_for_that() {
    let file = file_of(&RsaKeyPair::generate(2048).unwrap().to_pem_private_key());
    let op = Op::start().await;
    let app = op.app("op", &[("DECRYPTION_KEY_FILE", &file.path().to_string_lossy())]).await;
    let keys = published(&app).await;
    let (alg, enc) = (KeyManagement::RsaOaep256, ContentEncryption::A256Gcm);
    let refused = async |what: &str| {
        let mut browser = app.browser();
        let page = op.sign_in(&app, &mut browser, START, &json!({"sub": "u"})).await;
        assert!(page.answer.body.contains("data-error=\"upstream_refused\""), "{what}: {page:?}");
        assert!(browser.cookie("session").is_none(), "{what}");
    };
    op.behave(|behaviour| behaviour.encrypt_to = Some((keys.clone(), alg, enc)));
    op.behave(|behaviour| behaviour.foreign_key = true);
    refused("signed by somebody else").await;
    op.behave(|behaviour| behaviour.foreign_key = false);
    op.behave(|behaviour| behaviour.unsigned = true);
    refused("not signed at all").await;
    op.behave(|behaviour| behaviour.unsigned = false);
    op.behave(|behaviour| drop(behaviour.id_token.insert("nonce".to_owned(), "another".into())));
    refused("of another request").await;
    op.behave(|behaviour| behaviour.id_token.clear());
    op.behave(|behaviour| drop(behaviour.userinfo.insert("sub".to_owned(), "another".into())));
    refused("userinfo of somebody else").await;
    op.behave(|behaviour| behaviour.userinfo.clear());
    // Encrypted to somebody else's key.
    let mut foreign = RsaKeyPair::generate(2048).unwrap().to_jwk_public_key();
    foreign.set_algorithm(alg.as_str());
    op.behave(|behaviour| behaviour.encrypt_to = Some((json!({"keys": [foreign.as_ref()]}), alg, enc)));
    refused("for somebody else").await;
    // And without a key of ours nothing encrypted is read.
    op.behave(|behaviour| behaviour.encrypt_to = Some((keys, alg, enc)));
    let without = op.app("op", &[]).await;
    let page = op.sign_in(&without, &mut without.browser(), START, &json!({"sub": "u"})).await;
    assert!(page.answer.body.contains("data-error=\"upstream_refused\""), "{page:?}");
    assert_eq!(without.get("/federation/op/jwks").await.status, 404);
}
