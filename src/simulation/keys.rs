//! The signing key of a simulation, made at its start, and signatures that are right or wrong on demand.

use std::sync::OnceLock;

use josekit::jwk::Jwk;
use josekit::jws::{JwsSigner as _, JwsVerifier as _, RS256};
use serde_json::{Map, Value, json};

use super::failure::Fault;
use crate::base::digest::{Digest, base64url, from_base64url, hmac_sha256};

/// Bits of the RSA modulus, as Pro Santé Connect and Google have.
const BITS: u32 = 2048;

/// An RS256 key with its name.
#[derive(Debug)]
pub(super) struct SigningKey {
    kid: String,
    jwk: Jwk,
    /// A key that is not published, made when a failure asks for it.
    hidden: OnceLock<Option<Jwk>>,
}

impl SigningKey {
    /// Makes a key; a matter of tenths of a second.
    pub(super) fn generate() -> Option<Self> {
        let jwk = Jwk::generate_rsa_key(BITS).ok()?;
        let kid = base64url(Digest::of(jwk.parameter("n")?.as_str()?.as_bytes()).as_bytes());
        Some(Self { kid, jwk, hidden: OnceLock::new() })
    }

    /// The key set as it is published.
    pub(super) fn jwks(&self) -> Value {
        let member = |name: &str| self.jwk.parameter(name).cloned().unwrap_or(Value::Null);
        json!({"keys": [{"kid": self.kid, "kty": "RSA", "alg": "RS256", "use": "sig", "n": member("n"), "e": member("e")}]})
    }

    /// Signs claims, wrongly if `fault` says so. `secret` is the client's, for a wrong HS256.
    pub(super) fn sign(&self, typ: &str, claims: &Map<String, Value>, fault: Option<Fault>, secret: &str) -> String {
        let (alg, kid) = match fault {
            Some(Fault::AlgNone) => ("none", None),
            Some(Fault::AlgHs256) => ("HS256", None),
            Some(Fault::UnknownKey) => ("RS256", Some("not-published")),
            _ => ("RS256", Some(self.kid.as_str())),
        };
        let mut header = json!({"alg": alg, "typ": typ});
        if let (Some(header), Some(kid)) = (header.as_object_mut(), kid) {
            header.insert("kid".to_owned(), kid.into());
        }
        let payload = Value::Object(claims.clone()).to_string();
        let text = format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(payload.as_bytes()));
        let signature = match fault {
            Some(Fault::AlgNone) => Vec::new(),
            Some(Fault::AlgHs256) => hmac_sha256(secret.as_bytes(), text.as_bytes()).to_vec(),
            Some(Fault::UnknownKey | Fault::BadSignature) => self.hidden_signature(text.as_bytes()),
            _ => signature(&self.jwk, text.as_bytes()),
        };
        format!("{text}.{}", base64url(&signature))
    }

    /// The claims of a token that this key signed, of any age.
    pub(super) fn open(&self, token: &str) -> Option<Map<String, Value>> {
        let (text, signature) = token.rsplit_once('.')?;
        let (_, payload) = text.split_once('.')?;
        let verifier = RS256.verifier_from_jwk(&self.jwk.to_public_key().ok()?).ok()?;
        verifier.verify(text.as_bytes(), &from_base64url(signature)?).ok()?;
        serde_json::from_slice(&from_base64url(payload)?).ok()
    }

    fn hidden_signature(&self, text: &[u8]) -> Vec<u8> {
        let hidden = self.hidden.get_or_init(|| Jwk::generate_rsa_key(BITS).ok());
        hidden.as_ref().map(|jwk| signature(jwk, text)).unwrap_or_default()
    }
}

fn signature(jwk: &Jwk, text: &[u8]) -> Vec<u8> {
    RS256.signer_from_jwk(jwk).and_then(|signer| signer.sign(text)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_what_it_signed_and_nothing_else() {
        let key = SigningKey::generate().unwrap();
        let claims = json!({"sub": "a"}).as_object().cloned().unwrap();
        assert_eq!(key.open(&key.sign("JWT", &claims, None, "")), Some(claims.clone()));
        for fault in [Fault::AlgNone, Fault::AlgHs256, Fault::UnknownKey, Fault::BadSignature] {
            assert_eq!(key.open(&key.sign("JWT", &claims, Some(fault), "secret")), None, "{fault:?}");
        }
        assert!(key.jwks()["keys"][0]["n"].is_string());
    }
}
