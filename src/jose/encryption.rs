//! Encryption of tokens to clients ([RFC 7516](https://www.rfc-editor.org/rfc/rfc7516), RFC 7518 §4–5): a closed list of
//! algorithms, the key chosen from the client's own set.

use josekit::jwe::{self, ECDH_ES, ECDH_ES_A128KW, ECDH_ES_A256KW, JweEncrypter, JweHeader, RSA_OAEP_256};
use josekit::jwk::Jwk;
use serde_json::Value;

use super::JoseError;
use super::client_keys::readable_keys;
use super::jwk::{Members, PublicKey};

/// How the key of the content reaches the client (RFC 7518 §4). Neither RSA1_5 nor RSA-OAEP with SHA-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyManagement {
    /// RSAES-OAEP with SHA-256.
    RsaOaep256,
    /// A secret agreed on with an ephemeral key, used as it is.
    EcdhEs,
    /// The same, to wrap a key of 128 bits.
    EcdhEsA128Kw,
    /// The same, to wrap a key of 256 bits.
    EcdhEsA256Kw,
}

impl KeyManagement {
    /// All of them, as discovery announces them.
    pub const ALL: [Self; 4] = [Self::RsaOaep256, Self::EcdhEs, Self::EcdhEsA128Kw, Self::EcdhEsA256Kw];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA128Kw => "ECDH-ES+A128KW",
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
        }
    }

    /// Reads a wire name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    const fn fits(self, key: &PublicKey) -> bool {
        match self {
            Self::RsaOaep256 => matches!(key, PublicKey::Rsa { .. }),
            Self::EcdhEs | Self::EcdhEsA128Kw | Self::EcdhEsA256Kw => matches!(key, PublicKey::Ec { .. }),
        }
    }

    /// The `key_ops` of which a key must allow one.
    const fn operations(self) -> [&'static str; 2] {
        match self {
            Self::RsaOaep256 => ["wrapKey", "encrypt"],
            Self::EcdhEs | Self::EcdhEsA128Kw | Self::EcdhEsA256Kw => ["deriveKey", "deriveBits"],
        }
    }

    fn encrypter(self, key: &PublicKey) -> Option<Box<dyn JweEncrypter>> {
        // The required members alone: what the key says of its use was looked at already.
        let jwk = Jwk::from_map(key.members()).ok()?;
        match self {
            Self::RsaOaep256 => Some(Box::new(RSA_OAEP_256.encrypter_from_jwk(&jwk).ok()?)),
            Self::EcdhEs => Some(Box::new(ECDH_ES.encrypter_from_jwk(&jwk).ok()?)),
            Self::EcdhEsA128Kw => Some(Box::new(ECDH_ES_A128KW.encrypter_from_jwk(&jwk).ok()?)),
            Self::EcdhEsA256Kw => Some(Box::new(ECDH_ES_A256KW.encrypter_from_jwk(&jwk).ok()?)),
        }
    }
}

/// How the content is encrypted (RFC 7518 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentEncryption {
    /// AES-128-CBC with HMAC-SHA-256: the default of OpenID Connect Registration §2.
    #[default]
    A128CbcHs256,
    /// AES-128-GCM.
    A128Gcm,
    /// AES-256-GCM.
    A256Gcm,
}

impl ContentEncryption {
    /// All of them, as discovery announces them.
    pub const ALL: [Self; 3] = [Self::A128CbcHs256, Self::A128Gcm, Self::A256Gcm];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    /// Reads a wire name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// What is encrypted.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// A signed token, which the header announces (`cty`, RFC 7519 §5.2).
    Token(&'a str),
    /// Claims without signature, as JSON.
    Claims(&'a [u8]),
}

/// A key of a client, ready to encrypt to.
#[derive(Debug)]
pub struct Recipient {
    encrypter: Box<dyn JweEncrypter>,
    kid: Option<String>,
    enc: ContentEncryption,
}

impl Recipient {
    /// Chooses the key: of the type that `alg` needs, and not for anything else by its own `alg`, `use` and `key_ops`; one
    /// that says `use: enc` before one that says nothing.
    pub fn choose(jwks: &Value, alg: KeyManagement, enc: ContentEncryption) -> Result<Self, JoseError> {
        let fitting: Vec<(Members, PublicKey)> = readable_keys(jwks)
            .filter(|(members, key)| alg.fits(key) && members.allow_encryption(alg.as_str(), &alg.operations()))
            .collect();
        let said = fitting.iter().find(|(members, _)| members.is_for_encryption());
        let (members, key) = said.or(fitting.first()).ok_or(JoseError::NoEncryptionKey)?;
        let encrypter = alg.encrypter(key).ok_or(JoseError::NoEncryptionKey)?;
        Ok(Self { encrypter, kid: members.kid.clone(), enc })
    }

    /// Encrypts as a compact JWE.
    pub fn encrypt(&self, content: Content<'_>) -> Result<String, JoseError> {
        let mut header = JweHeader::new();
        header.set_content_encryption(self.enc.as_str());
        if let Some(kid) = &self.kid {
            header.set_key_id(kid);
        }
        let bytes = match content {
            Content::Token(token) => {
                header.set_content_type("JWT");
                token.as_bytes()
            }
            Content::Claims(json) => json,
        };
        jwe::serialize_compact(bytes, &header, self.encrypter.as_ref()).map_err(|_| JoseError::Encryption)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use josekit::jwe::JweDecrypter;
    use josekit::jwk::KeyPair as _;
    use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
    use josekit::jwk::alg::rsa::RsaKeyPair;
    use serde_json::json;
    use std::sync::LazyLock;

    static RSA: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(2048).unwrap());

    fn with(jwk: &Jwk, change: &Value) -> Value {
        let mut jwk = Value::Object(jwk.as_ref().clone());
        for (name, value) in change.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk
    }

    fn rsa(change: &Value) -> Value {
        with(&RSA.to_jwk_public_key(), change)
    }

    fn set(keys: &[Value]) -> Value {
        json!({ "keys": keys })
    }

    fn read(token: &str, decrypter: &dyn JweDecrypter) -> (String, JweHeader) {
        let (content, header) = jwe::deserialize_compact(token, decrypter).unwrap();
        (String::from_utf8(content).unwrap(), header)
    }

    #[test]
    fn the_client_reads_what_was_encrypted_with_every_pair_of_algorithms() {
        for alg in KeyManagement::ALL {
            for curve in [EcCurve::P256, EcCurve::P384, EcCurve::P521] {
                let ec = EcKeyPair::generate(curve).unwrap();
                let private = ec.to_jwk_private_key();
                let ecdh = match alg {
                    KeyManagement::RsaOaep256 => None,
                    KeyManagement::EcdhEs => Some(ECDH_ES),
                    KeyManagement::EcdhEsA128Kw => Some(ECDH_ES_A128KW),
                    KeyManagement::EcdhEsA256Kw => Some(ECDH_ES_A256KW),
                };
                let (public, decrypter): (_, Box<dyn JweDecrypter>) = if let Some(ecdh) = ecdh {
                    (ec.to_jwk_public_key(), Box::new(ecdh.decrypter_from_jwk(&private).unwrap()))
                } else {
                    let private = RSA.to_jwk_private_key();
                    (RSA.to_jwk_public_key(), Box::new(RSA_OAEP_256.decrypter_from_jwk(&private).unwrap()))
                };
                for enc in ContentEncryption::ALL {
                    let jwks = set(&[with(&public, &json!({ "kid": "k" }))]);
                    let recipient = Recipient::choose(&jwks, alg, enc).unwrap();
                    let (content, header) = read(&recipient.encrypt(Content::Token("a.b.c")).unwrap(), &*decrypter);
                    assert_eq!(content, "a.b.c");
                    assert_eq!(
                        (header.algorithm(), header.content_encryption()),
                        (Some(alg.as_str()), Some(enc.as_str()))
                    );
                    assert_eq!((header.content_type(), header.key_id()), (Some("JWT"), Some("k")));
                    let (content, header) = read(&recipient.encrypt(Content::Claims(b"{}")).unwrap(), &*decrypter);
                    assert_eq!((content.as_str(), header.content_type()), ("{}", None));
                }
            }
        }
    }

    #[test]
    fn the_key_is_one_that_may_be_encrypted_to() {
        let kid = |keys: &[Value], alg| {
            Recipient::choose(&set(keys), alg, ContentEncryption::A256Gcm).map(|found| found.kid.unwrap())
        };
        let plain = rsa(&json!({ "kid": "plain" }));
        let named = rsa(&json!({ "kid": "named", "use": "enc", "alg": "RSA-OAEP-256", "key_ops": ["wrapKey"] }));
        let ec = with(&EcKeyPair::generate(EcCurve::P256).unwrap().to_jwk_public_key(), &json!({ "kid": "ec" }));
        let unfit = [
            rsa(&json!({ "kid": "1", "use": "sig" })),
            rsa(&json!({ "kid": "2", "alg": "RS256" })),
            rsa(&json!({ "kid": "3", "alg": "RSA-OAEP" })),
            rsa(&json!({ "kid": "4", "key_ops": ["verify"] })),
        ];
        let all = [&unfit[..], &[plain.clone(), ec.clone(), named]].concat();
        assert_eq!(kid(&all, KeyManagement::RsaOaep256).as_deref(), Ok("named"));
        assert_eq!(kid(&all, KeyManagement::EcdhEs).as_deref(), Ok("ec"));
        assert_eq!(kid(&[&unfit[..], &[plain]].concat(), KeyManagement::RsaOaep256).as_deref(), Ok("plain"));
        assert_eq!(kid(&[&unfit[..], &[ec]].concat(), KeyManagement::RsaOaep256), Err(JoseError::NoEncryptionKey));
        assert_eq!(kid(&unfit, KeyManagement::EcdhEs), Err(JoseError::NoEncryptionKey));
    }

    #[test]
    fn weak_and_symmetric_names_are_not_known() {
        for alg in ["RSA1_5", "RSA-OAEP", "dir", "A128KW", "PBES2-HS256+A128KW", "none", ""] {
            assert_eq!(KeyManagement::parse(alg), None, "{alg}");
        }
        for enc in ["A256CBC", "none", "a128gcm", ""] {
            assert_eq!(ContentEncryption::parse(enc), None, "{enc}");
        }
        for alg in KeyManagement::ALL {
            assert_eq!(KeyManagement::parse(alg.as_str()), Some(alg));
        }
        for enc in ContentEncryption::ALL {
            assert_eq!(ContentEncryption::parse(enc.as_str()), Some(enc));
        }
    }
}
