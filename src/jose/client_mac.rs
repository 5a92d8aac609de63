//! Assertions under a secret that the client shares with us (OpenID Connect Core §9 `client_secret_jwt`).
//!
//! The one symmetric algorithm stands apart from [`super::Algorithm`]: no path that takes a public key knows it, so that a
//! public key can never serve as a secret (RFC 8725 §2.1).

use serde_json::{Map, Value};

use super::JoseError;
use super::compact::Unverified;
use crate::base::Secret;
use crate::base::digest::hmac_sha256;
use crate::base::secret::ct_eq;

/// The wire name of the algorithm.
pub const ALGORITHM: &str = "HS256";

/// The claims of an assertion whose MAC is right under one of `secrets`, all of which are tried. Checks no claim.
pub fn verify(secrets: &[Secret<Vec<u8>>], token: &str) -> Result<Map<String, Value>, JoseError> {
    let unverified = Unverified::read_as(token, |name| (name == ALGORITHM).then_some(()))?;
    if secrets.is_empty() {
        return Err(JoseError::UnknownKey);
    }
    if !is_typed_as_assertion(unverified.header.typ.as_deref()) {
        return Err(JoseError::WrongType);
    }
    unverified.claims_if(|text, mac| {
        secrets.iter().fold(false, |found, secret| ct_eq(&hmac_sha256(secret.expose(), text), mac) | found)
    })
}

/// No `typ`, `JWT`, or the one of draft-ietf-oauth-rfc7523bis; without case and `application/` (RFC 7515 §4.1.9).
fn is_typed_as_assertion(typ: Option<&str>) -> bool {
    let Some(typ) = typ.map(str::to_ascii_lowercase) else { return true };
    matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "client-authentication+jwt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::base64url;
    use crate::jose::testing::{RECORDS, RING};
    use crate::jose::{Algorithm, Typ, client_keys};
    use josekit::jws::{self, JwsHeader};
    use serde_json::json;

    const SECRET: &[u8] = b"gcs_AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_";

    fn secret(bytes: &[u8]) -> Secret<Vec<u8>> {
        Secret::new(bytes.to_vec())
    }

    fn assertion(header: &Value) -> String {
        let header = JwsHeader::from_map(header.as_object().unwrap().clone()).unwrap();
        let signer = jws::HS256.signer_from_bytes(SECRET).unwrap();
        jws::serialize_compact(br#"{"iss":"app","sub":"app"}"#, &header, &signer).unwrap()
    }

    #[test]
    fn each_live_secret_verifies_and_no_other() {
        let token = assertion(&json!({ "typ": "JWT" }));
        assert_eq!(client_keys::unverified_subject(&token).as_deref(), Ok("app"));
        for secrets in
            [vec![secret(SECRET)], vec![secret(b"new"), secret(SECRET)], vec![secret(SECRET), secret(b"old")]]
        {
            assert_eq!(verify(&secrets, &token).unwrap()["sub"], "app");
        }
        assert_eq!(verify(&[secret(b"other")], &token).unwrap_err(), JoseError::BadSignature);
        assert_eq!(verify(&[], &token).unwrap_err(), JoseError::UnknownKey);
        let cut = token.rsplit_once('.').unwrap();
        let mac = crate::base::digest::from_base64url(cut.1).unwrap();
        let shorter = format!("{}.{}", cut.0, base64url(&mac[..16]));
        assert_eq!(verify(&[secret(SECRET)], &shorter).unwrap_err(), JoseError::BadSignature);
    }

    #[test]
    fn tokens_of_other_kinds_are_no_assertions() {
        for typ in ["at+jwt", "oauth-authz-req+jwt", "logout+jwt", "dpop+jwt", ""] {
            assert_eq!(
                verify(&[secret(SECRET)], &assertion(&json!({ "typ": typ }))),
                Err(JoseError::WrongType),
                "{typ}"
            );
        }
        assert!(verify(&[secret(SECRET)], &assertion(&json!({ "typ": "client-authentication+jwt" }))).is_ok());
    }

    #[test]
    fn neither_algorithm_passes_for_the_other() {
        // The public key as the secret, and the secret where a key belongs.
        let public = RECORDS.iter().find(|record| record.alg == "RS256").unwrap().public_jwk.clone();
        for text in [public.to_string(), public["n"].as_str().unwrap().to_owned()] {
            let signer = jws::HS256.signer_from_bytes(text.as_bytes()).unwrap();
            let forged = jws::serialize_compact(b"{\"sub\":\"app\"}", &JwsHeader::new(), &signer).unwrap();
            let refused = client_keys::verify(&json!({ "keys": [public] }), &forged, &Algorithm::ALL).unwrap_err();
            assert_eq!(refused, JoseError::AlgorithmNotAllowed);
            assert!(RING.verify(&forged, Typ::IdToken).is_err());
        }
        let signed = RING.sign(Algorithm::Rs256, Typ::IdToken, &json!({ "sub": "app" })).unwrap();
        assert_eq!(verify(&[secret(SECRET)], &signed).unwrap_err(), JoseError::AlgorithmNotAllowed);
        let unsigned = format!("{}.{}.AA", base64url(b"{\"alg\":\"none\"}"), base64url(b"{\"sub\":\"app\"}"));
        assert_eq!(verify(&[secret(SECRET)], &unsigned).unwrap_err(), JoseError::AlgorithmNotAllowed);
        assert_eq!(client_keys::unverified_subject(&unsigned), Err(JoseError::AlgorithmNotAllowed));
    }
}
