//! Attacks on signed tokens, named after the security checklist (part D), and the agreement of the two libraries.

use josekit::jwk::Jwk;
use josekit::jws::{self, JwsHeader, JwsSigner as _, JwsVerifier};
use serde_json::{Value, json};

use super::testing::{NOW, RECORDS, RING, key, master, private_jwk, signer};
use super::{Algorithm, JoseError, Keyring, MAX_TOKEN_BYTES, Typ, client_keys, low_s};
use crate::base::digest::{base64url, from_base64url, hmac_sha256};
use crate::model::key::KeyState;

fn claims() -> Value {
    json!({ "iss": "https://id.example", "sub": "1", "exp": NOW.seconds() + 300 })
}

fn token(alg: Algorithm) -> String {
    RING.sign(alg, Typ::AccessToken, &claims()).unwrap()
}

/// A token of three texts, the last given as bytes.
fn assemble(header: &str, payload: &str, signature: &[u8]) -> String {
    [header.as_bytes(), payload.as_bytes(), signature].map(base64url).join(".")
}

fn parts(token: &str) -> (String, String, Vec<u8>) {
    let parts: Vec<_> = token.split('.').collect();
    let text = |part: &str| String::from_utf8(from_base64url(part).unwrap()).unwrap();
    (text(parts[0]), text(parts[1]), from_base64url(parts[2]).unwrap())
}

/// A rightly signed token with any header and payload: what our own key would say of it.
fn sign_raw(alg: Algorithm, header: &str, payload: &[u8]) -> String {
    let text = [header.as_bytes(), payload].map(base64url).join(".");
    let mut signature = signer(alg).sign(text.as_bytes()).unwrap();
    if alg == Algorithm::Es256 {
        low_s::lower(&mut signature);
    }
    format!("{text}.{}", base64url(&signature))
}

fn header(alg: Algorithm, more: &str) -> String {
    format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"{}"{more}}}"#, RING.active_kid(alg).unwrap())
}

fn refusal(token: &str) -> JoseError {
    RING.verify(token, Typ::AccessToken).unwrap_err()
}

fn verifier(alg: Algorithm) -> Box<dyn JwsVerifier> {
    let set: Value = serde_json::from_slice(RING.jwks()).unwrap();
    let keys = set["keys"].as_array().unwrap();
    let jwk = keys.iter().find(|jwk| jwk["alg"] == alg.as_str()).unwrap();
    let jwk = Jwk::from_map(jwk.as_object().unwrap().clone()).unwrap();
    match alg {
        Algorithm::Rs256 => Box::new(jws::RS256.verifier_from_jwk(&jwk).unwrap()),
        Algorithm::Ps256 => Box::new(jws::PS256.verifier_from_jwk(&jwk).unwrap()),
        Algorithm::Es256 => Box::new(jws::ES256.verifier_from_jwk(&jwk).unwrap()),
        Algorithm::EdDsa => Box::new(jws::EdDSA.verifier_from_jwk(&jwk).unwrap()),
    }
}

#[test]
fn a_token_of_ours_verifies() {
    for alg in Algorithm::ALL {
        let verified = RING.verify(&token(alg), Typ::AccessToken).unwrap();
        assert_eq!(Value::Object(verified.claims.clone()), claims());
        assert_eq!(verified.algorithm(), alg);
        assert_eq!(verified.kid(), RING.active_kid(alg));
        assert!(!format!("{verified:?}").contains("id.example"), "claims stay out of logs");
    }
}

#[test]
fn every_changed_character_is_refused() {
    let token = token(Algorithm::Es256);
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(RING.verify(&changed, Typ::AccessToken).is_err(), "{at}");
    }
}

#[test]
fn d51_alg_none_is_refused() {
    let kid = RING.active_kid(Algorithm::Es256).unwrap();
    let payload = claims().to_string();
    for alg in [r#""none""#, r#""None""#, r#""nOnE""#, r#""""#, "null", "1", r#"["ES256"]"#, r#""HS256""#, r#""es256""#]
    {
        let header = format!(r#"{{"alg":{alg},"typ":"at+jwt","kid":"{kid}"}}"#);
        assert_eq!(refusal(&assemble(&header, &payload, &[0; 64])), JoseError::AlgorithmNotAllowed, "{alg}");
        let unsigned = format!("{}.{}.", base64url(header.as_bytes()), base64url(payload.as_bytes()));
        assert_eq!(refusal(&unsigned), JoseError::NotCompact, "{alg}");
    }
    let missing = format!(r#"{{"typ":"at+jwt","kid":"{kid}"}}"#);
    assert_eq!(refusal(&assemble(&missing, &payload, &[0; 64])), JoseError::AlgorithmNotAllowed);
}

#[test]
fn d52_public_key_as_hmac_secret_is_refused() {
    let rsa = verifier_pem();
    let jwk = RECORDS[0].public_jwk.to_string();
    for secret in [rsa.clone(), format!("{}\n", rsa.trim_end()), rsa.trim_end().to_owned(), jwk] {
        for alg in ["HS256", "RS256"] {
            let kid = RING.active_kid(Algorithm::Rs256).unwrap();
            let header = format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"{kid}"}}"#);
            let text = [header.as_bytes(), claims().to_string().as_bytes()].map(base64url).join(".");
            let token = format!("{text}.{}", base64url(&hmac_sha256(secret.as_bytes(), text.as_bytes())));
            assert!(RING.verify(&token, Typ::AccessToken).is_err());
            assert!(client_keys::verify(&public_set(), &token, &Algorithm::ALL).is_err());
        }
    }
}

fn verifier_pem() -> String {
    let jwk = Jwk::from_map(private_jwk(Algorithm::Rs256).as_object().unwrap().clone()).unwrap();
    let pair = josekit::jwk::alg::rsa::RsaKeyPair::from_jwk(&jwk).unwrap();
    String::from_utf8(josekit::jwk::KeyPair::to_pem_public_key(&pair)).unwrap()
}

fn public_set() -> Value {
    serde_json::from_slice(RING.jwks()).unwrap()
}

/// Order of P-256.
const ORDER: &str = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE";

#[test]
fn d53_degenerate_signatures_are_refused() {
    let order = from_base64url(ORDER).unwrap();
    let one = [vec![0; 31], vec![1]].concat();
    let zero = vec![0; 32];
    let pairs = [(&zero, &zero), (&order, &order), (&zero, &one), (&one, &zero), (&order, &one), (&one, &order)];
    let mut signatures: Vec<(Algorithm, Vec<u8>)> =
        pairs.into_iter().map(|(r, s)| (Algorithm::Es256, [r.as_slice(), s].concat())).collect();
    for (alg, length) in [(Algorithm::Rs256, 256), (Algorithm::Ps256, 256), (Algorithm::EdDsa, 64)] {
        signatures.push((alg, vec![0; length]));
        signatures.push((alg, vec![0xff; length]));
        signatures.push((alg, vec![0]));
    }
    for (alg, signature) in signatures {
        let (header, payload, _) = parts(&token(alg));
        let forged = assemble(&header, &payload, &signature);
        assert_eq!(refusal(&forged), JoseError::BadSignature, "{alg} {signature:?}");
        let assertion = assemble(&format!(r#"{{"alg":"{alg}"}}"#), &payload, &signature);
        let refused = client_keys::verify(&public_set(), &assertion, &Algorithm::ALL).unwrap_err();
        assert_eq!(refused, JoseError::BadSignature, "{alg} {signature:?}");
        let empty = forged.rsplit_once('.').unwrap().0.to_owned() + ".";
        assert_eq!(refusal(&empty), JoseError::NotCompact);
    }
}

#[test]
fn d53_truncated_extended_and_der_signatures_are_refused() {
    for alg in Algorithm::ALL {
        let (header, payload, signature) = parts(&token(alg));
        let padded = [&[0], signature.as_slice()].concat();
        let extended = [signature.as_slice(), &[0]].concat();
        for changed in [&signature[1..], &signature[..signature.len() - 1], &padded, &extended] {
            assert_eq!(refusal(&assemble(&header, &payload, changed)), JoseError::BadSignature, "{alg}");
        }
    }
}

#[test]
fn d53_high_s_twin_of_our_token_is_refused() {
    for _ in 0..16 {
        let token = token(Algorithm::Es256);
        let (header, payload, signature) = parts(&token);
        let twin = [&signature[..32], &low_s::twin(&signature[32..])].concat();
        let text = token.rsplit_once('.').unwrap().0.as_bytes();
        assert!(verifier(Algorithm::Es256).verify(text, &twin).is_ok(), "the twin is valid ECDSA");
        assert!(low_s::is_low(&signature) && !low_s::is_low(&twin));
        assert_eq!(refusal(&assemble(&header, &payload, &twin)), JoseError::BadSignature);
    }
}

#[test]
fn d54_keys_in_the_header_are_ignored() {
    let attacker = key(Algorithm::Es256, KeyState::Active);
    let theirs = Keyring::open(std::slice::from_ref(&attacker), &master()).unwrap();
    let jwk = attacker.public_jwk.to_string();
    let ours = RING.active_kid(Algorithm::Es256).unwrap();
    for more in [
        format!(r#","jwk":{jwk}"#),
        r#","jku":"http://127.0.0.1:9/jwks""#.to_owned(),
        r#","x5u":"http://127.0.0.1:9/cert""#.to_owned(),
        r#","x5c":["AAAA"]"#.to_owned(),
    ] {
        // Under the attacker's kid the key is unknown, under ours the signature is wrong.
        let text = theirs.sign(Algorithm::Es256, Typ::AccessToken, &claims()).unwrap();
        let (_, payload, signature) = parts(&text);
        let with = |kid: &str| format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{kid}"{more}}}"#);
        assert_eq!(refusal(&assemble(&with(&attacker.kid), &payload, &signature)), JoseError::UnknownKey);
        assert_eq!(refusal(&assemble(&with(ours), &payload, &signature)), JoseError::BadSignature);
        // And they do no harm on a token of ours.
        let own = sign_raw(Algorithm::Es256, &header(Algorithm::Es256, &more), claims().to_string().as_bytes());
        assert!(RING.verify(&own, Typ::AccessToken).is_ok(), "{more}");
    }
}

#[test]
fn d55_unknown_kid_is_refused() {
    let long = "k".repeat(5_000);
    for kid in ["", "../../keys/master.key", "' OR 1=1 --", "unknown", "\\u0000", &long] {
        let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{kid}"}}"#);
        let token = sign_raw(Algorithm::Es256, &header, claims().to_string().as_bytes());
        assert_eq!(refusal(&token), JoseError::UnknownKey, "{kid}");
    }
    let header = r#"{"alg":"ES256","typ":"at+jwt","kid":["x"]}"#;
    assert_eq!(refusal(&assemble(header, "{}", &[1; 64])), JoseError::Header("kid"));
    let header = r#"{"alg":"ES256","typ":"at+jwt"}"#;
    assert_eq!(refusal(&assemble(header, "{}", &[1; 64])), JoseError::UnknownKey);
}

#[test]
fn d56_extensions_jwe_and_other_serializations_are_refused() {
    let payload = claims().to_string();
    for (name, value) in [
        ("crit", r#"["exp"]"#),
        ("crit", "[]"),
        ("b64", "false"),
        ("b64", "true"),
        ("zip", r#""DEF""#),
        ("enc", r#""A256GCM""#),
    ] {
        let header = header(Algorithm::Es256, &format!(r#","{name}":{value}"#));
        let token = sign_raw(Algorithm::Es256, &header, payload.as_bytes());
        assert_eq!(refusal(&token), JoseError::Header(name), "{name} {value}");
    }
    let good = token(Algorithm::Es256);
    let (header, body, signature) = {
        let mut parts = good.split('.');
        (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap())
    };
    let json = json!({ "protected": header, "payload": body, "signature": signature }).to_string();
    for odd in [
        format!("{good}.AA"),
        format!("{good}."),
        format!(".{good}"),
        format!("{header}.{body}"),
        format!("{header}..{signature}"),
        format!("{good}.AA.AA"),
        format!("{good}.AA.AA.AA"),
        json,
        "..".to_owned(),
        ".".to_owned(),
        String::new(),
    ] {
        assert_eq!(refusal(&odd), JoseError::NotCompact, "{odd}");
    }
}

#[test]
fn d60_ambiguous_texts_are_refused() {
    let deep = format!(r#"{{"sub":{}1{}}}"#, "[".repeat(1_000), "]".repeat(1_000));
    for payload in [r#"{"sub":"1","sub":"2"}"#, &deep, "\u{feff}{}", "{}x", "{}\0", "[]", r#""text""#, "{\"sub\":\"1\""]
    {
        let token = sign_raw(Algorithm::Es256, &header(Algorithm::Es256, ""), payload.as_bytes());
        assert_eq!(refusal(&token), JoseError::NotAnObject("payload"), "{payload:.40}");
    }
    let doubled = header(Algorithm::Es256, r#","alg":"ES256""#);
    assert_eq!(refusal(&sign_raw(Algorithm::Es256, &doubled, b"{}")), JoseError::NotAnObject("header"));
    let latin1 = sign_raw(Algorithm::Es256, &header(Algorithm::Es256, ""), b"{\"sub\":\"\xe9\"}");
    assert_eq!(refusal(&latin1), JoseError::NotAnObject("payload"));
}

#[test]
fn d60_other_spellings_of_base64url_are_refused() {
    // An EdDSA signature has 64 bytes: its last character holds four bits that mean nothing.
    let token = token(Algorithm::EdDsa);
    let last = token.chars().last().unwrap();
    let twin = char::from(last as u8 + 1);
    for odd in [
        format!("{}{twin}", token.strip_suffix(last).unwrap()),
        format!("{token}=="),
        format!("{token}\n"),
        format!(" {token}"),
        token.replace('.', ".\n"),
        token.replacen('.', "=.", 1),
    ] {
        assert_eq!(refusal(&odd), JoseError::NotCompact, "{odd}");
    }
}

#[test]
fn d61_each_kind_of_token_passes_as_itself_alone() {
    for made in Typ::ALL {
        let token = RING.sign(Algorithm::Es256, made, &claims()).unwrap();
        for asked in Typ::ALL {
            let same = made.as_str() == asked.as_str();
            assert_eq!(RING.verify(&token, asked).is_ok(), same, "{made:?} as {asked:?}");
        }
        assert_eq!(RING.verify_hint(&token).is_ok(), made.as_str() == "JWT", "{made:?}");
        // What clients sign: assertions and requests, between which the caller tells.
        let of_clients = matches!(made.as_str(), "JWT" | "oauth-authz-req+jwt");
        let taken = client_keys::verify(&public_set(), &token, &Algorithm::ALL);
        assert_eq!(taken.is_ok(), of_clients, "{made:?} as a client's");
    }
    for typ in [r#","typ":"at+JWT""#, r#","typ":"application/at+jwt""#, ""] {
        let kid = RING.active_kid(Algorithm::Es256).unwrap();
        let token = sign_raw(Algorithm::Es256, &format!(r#"{{"alg":"ES256","kid":"{kid}"{typ}}}"#), b"{}");
        assert_eq!(refusal(&token), JoseError::WrongType, "{typ}");
    }
}

#[test]
fn d61_an_algorithm_other_than_the_keys_own_is_refused() {
    // The same RSA numbers verify RS256 and PS256: the key's record decides.
    let kid = RING.active_kid(Algorithm::Rs256).unwrap();
    let header = format!(r#"{{"alg":"PS256","typ":"at+jwt","kid":"{kid}"}}"#);
    let text = [header.as_bytes(), b"{}"].map(base64url).join(".");
    let mut jwk = private_jwk(Algorithm::Rs256);
    jwk["alg"] = "PS256".into();
    let signer = jws::PS256.signer_from_jwk(&Jwk::from_map(jwk.as_object().unwrap().clone()).unwrap()).unwrap();
    let token = format!("{text}.{}", base64url(&signer.sign(text.as_bytes()).unwrap()));
    assert_eq!(refusal(&token), JoseError::WrongAlgorithm);
}

#[test]
fn d66_over_8_kib_is_refused_before_any_decoding() {
    let over = "A".repeat(MAX_TOKEN_BYTES + 1);
    assert_eq!(refusal(&over), JoseError::TooLong);
    assert_eq!(client_keys::verify(&public_set(), &over, &Algorithm::ALL).unwrap_err(), JoseError::TooLong);
    assert_eq!(client_keys::unverified_subject(&over), Err(JoseError::TooLong));
    assert_eq!(refusal(&"A".repeat(MAX_TOKEN_BYTES)), JoseError::NotCompact);
    let large = json!({ "roles": "r".repeat(7_000) });
    assert_eq!(RING.sign(Algorithm::Es256, Typ::AccessToken, &large), Err(JoseError::TooLong));
}

#[test]
fn d67_josekit_accepts_what_aws_lc_signed() {
    for alg in Algorithm::ALL {
        let verifier = verifier(alg);
        for _ in 0..32 {
            let (payload, _) = josekit::jwt::decode_with_verifier(token(alg), &*verifier).unwrap();
            assert_eq!(payload.subject(), Some("1"));
        }
    }
}

#[test]
fn d67_aws_lc_accepts_what_josekit_signed() {
    for alg in Algorithm::ALL {
        let mut header = JwsHeader::new();
        header.set_token_type("at+jwt");
        header.set_key_id(RING.active_kid(alg).unwrap());
        for _ in 0..32 {
            let made = jws::serialize_compact(claims().to_string().as_bytes(), &header, &*signer(alg)).unwrap();
            let (header, payload, signature) = parts(&made);
            let ours = alg != Algorithm::Es256 || low_s::is_low(&signature);
            assert_eq!(RING.verify(&made, Typ::AccessToken).is_ok(), ours, "{alg} {header} {payload}");
        }
    }
}

#[test]
fn d67_both_refuse_every_flipped_bit() {
    for (alg, step) in [(Algorithm::Rs256, 8), (Algorithm::Ps256, 8), (Algorithm::Es256, 1), (Algorithm::EdDsa, 1)] {
        let (token, verifier) = (token(alg), verifier(alg));
        let (header, payload, signature) = parts(&token);
        let text = token.rsplit_once('.').unwrap().0.as_bytes();
        assert!(verifier.verify(text, &signature).is_ok());
        for bit in (0..signature.len() * 8).step_by(step) {
            let mut changed = signature.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(verifier.verify(text, &changed).is_err(), "{alg} {bit}");
            assert_eq!(refusal(&assemble(&header, &payload, &changed)), JoseError::BadSignature, "{alg} {bit}");
        }
    }
}

#[test]
fn d67_both_refuse_the_twin_of_an_ed25519_signature() {
    // S + L verifies where S is not held to be below L, the order of the group (RFC 8032 §5.1.7).
    let order = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10_u8,
    ];
    let token = token(Algorithm::EdDsa);
    let (header, payload, mut signature) = parts(&token);
    let mut carry = 0;
    for (s, l) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*s) + u16::from(l) + carry;
        [*s, _] = sum.to_le_bytes();
        carry = sum >> 8;
    }
    let text = token.rsplit_once('.').unwrap().0.as_bytes();
    assert!(verifier(Algorithm::EdDsa).verify(text, &signature).is_err());
    assert_eq!(refusal(&assemble(&header, &payload, &signature)), JoseError::BadSignature);
}
