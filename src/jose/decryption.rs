//! Decryption of what is encrypted to us (RFC 7516): with one private key of an operator's file, by a closed list of algorithms.

use josekit::jwe::{self, ECDH_ES, ECDH_ES_A128KW, ECDH_ES_A256KW, JweDecrypter, JweHeader, RSA_OAEP, RSA_OAEP_256};
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcKeyPair;
use josekit::jwk::alg::rsa::RsaKeyPair;
use serde_json::{Map, Value};

use super::JoseError;
use super::jwk::{Members, PublicKey};
use crate::base::Secret;

/// Longest JWE that is decrypted, in bytes: room for a JWS of 256 KiB.
const LONGEST: usize = 384 * 1_024;
/// How the content may be encrypted (RFC 7518 §5).
const CONTENT: [&str; 4] = ["A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM"];

/// Our key, with its public part.
pub struct DecryptionKey {
    decrypters: Vec<Box<dyn JweDecrypter>>,
    /// One JWK for each algorithm: there are providers that look for the algorithm's name (Keycloak).
    public: Vec<Value>,
}

impl std::fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecryptionKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl DecryptionKey {
    /// Reads a private RSA or EC key (PEM; PKCS #8 or the older forms).
    pub fn from_pem(pem: &Secret<String>) -> Result<Self, JoseError> {
        let pem = pem.expose().as_bytes();
        if let Ok(pair) = RsaKeyPair::from_pem(pem) {
            let private = pair.to_jwk_private_key();
            return Self::of(
                &pair.to_jwk_public_key(),
                [boxed(RSA_OAEP_256.decrypter_from_jwk(&private)), boxed(RSA_OAEP.decrypter_from_jwk(&private))],
            );
        }
        let pair = EcKeyPair::from_pem(pem, None).map_err(|_| JoseError::NoDecryptionKey)?;
        let private = pair.to_jwk_private_key();
        Self::of(
            &pair.to_jwk_public_key(),
            [
                boxed(ECDH_ES.decrypter_from_jwk(&private)),
                boxed(ECDH_ES_A128KW.decrypter_from_jwk(&private)),
                boxed(ECDH_ES_A256KW.decrypter_from_jwk(&private)),
            ],
        )
    }

    fn of(
        public: &Jwk,
        decrypters: impl IntoIterator<Item = Option<Box<dyn JweDecrypter>>>,
    ) -> Result<Self, JoseError> {
        let no_key = |_| JoseError::NoDecryptionKey;
        let members: Members =
            serde_json::from_value(Value::Object(public.as_ref().clone())).map_err(|_| JoseError::NoDecryptionKey)?;
        let key = PublicKey::read(&members).map_err(no_key)?;
        let decrypters: Vec<Box<dyn JweDecrypter>> = decrypters.into_iter().flatten().collect();
        let published = |decrypter: &dyn JweDecrypter| {
            let alg = decrypter.algorithm().name();
            let mut public: Map<String, Value> = key.members();
            public.insert("kid".to_owned(), format!("{}.{alg}", key.thumbprint()).into());
            public.insert("use".to_owned(), "enc".into());
            public.insert("alg".to_owned(), alg.into());
            Value::Object(public)
        };
        let public = decrypters.iter().map(|decrypter| published(decrypter.as_ref())).collect();
        Ok(Self { decrypters, public })
    }

    /// Its public part, a JWK for each algorithm, for whoever encrypts to us.
    pub fn public(&self) -> &[Value] {
        &self.public
    }

    /// Decrypts a compact JWE.
    pub fn decrypt(&self, token: &str) -> Result<Vec<u8>, JoseError> {
        if token.len() > LONGEST {
            return Err(JoseError::TooLong);
        }
        let opened = jwe::deserialize_compact_with_selector(token, |header: &JweHeader| {
            // Nothing is unpacked: a few bytes may stand for gigabytes.
            let content = header.content_encryption().is_some_and(|enc| CONTENT.contains(&enc));
            if !content || header.claim("zip").is_some() {
                return Ok(None);
            }
            let mut decrypters = self.decrypters.iter().map(AsRef::as_ref);
            Ok(decrypters.find(|decrypter| header.algorithm() == Some(decrypter.algorithm().name())))
        });
        opened.map(|(content, _)| content).map_err(|_| JoseError::Decryption)
    }
}

fn boxed<D: JweDecrypter + 'static>(made: Result<D, josekit::JoseError>) -> Option<Box<dyn JweDecrypter>> {
    made.ok().map(|decrypter| Box::new(decrypter) as Box<dyn JweDecrypter>)
}
