//! The one reader of compact JWS ([RFC 7515](https://www.rfc-editor.org/rfc/rfc7515) §5.2, RFC 8725).
//!
//! Strict where the RFC leaves room: canonical base64url, no repeated JSON keys, no `crit`. A key that the header brings
//! along or points to (`jwk`, `jku`, `x5u`, `x5c`) is ignored: keys come from the keyring or the client's registration.

use std::fmt;

use serde_json::{Map, Value};

use super::{Algorithm, JoseError, json};
use crate::base::digest::from_base64url;

/// The longest token that is made, and that is read unless its kind says otherwise, in bytes. Longer ones are refused before
/// anything is decoded.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Header parameters that change what the token is: critical extensions (RFC 7515 §4.1.11), unencoded payload (RFC 7797),
/// and the compression and encryption of a JWE.
const REFUSED_PARAMETERS: [&str; 4] = ["crit", "b64", "zip", "enc"];

/// The claims of a token whose signature was verified. Made by verification alone.
#[derive(Clone)]
pub struct Verified {
    /// The payload. Nothing in it was checked.
    pub claims: Map<String, Value>,
    header: Header,
}

impl Verified {
    /// The algorithm of the signature.
    pub const fn algorithm(&self) -> Algorithm {
        self.header.alg
    }

    /// Whether the header has no `typ` or one of `expected`, in lower case and without `application/` (RFC 7515 §4.1.9).
    pub fn is_typed(&self, expected: &[&str]) -> bool {
        let Some(typ) = self.header.typ.as_deref().map(str::to_ascii_lowercase) else { return true };
        expected.contains(&typ.strip_prefix("application/").unwrap_or(&typ))
    }

    /// The `kid` header.
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }
}

impl fmt::Debug for Verified {
    /// Leaves out the claims: they are about a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("header", &self.header).finish_non_exhaustive()
    }
}

/// What is used of a header.
#[derive(Debug, Clone)]
pub(super) struct Header<A = Algorithm> {
    pub(super) alg: A,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
}

/// A token that is well-formed and nothing more.
pub(super) struct Unverified<'a, A = Algorithm> {
    pub(super) header: Header<A>,
    signed_text: &'a [u8],
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Reads a token up to its header; the payload is looked at after the signature.
    pub(super) fn read(token: &'a str) -> Result<Self, JoseError> {
        Self::read_as(token, Algorithm::parse)
    }

    /// The claims once `is_signed`, given the signed text and the signature, says that the signature is right.
    pub(super) fn verify(self, is_signed: impl FnOnce(&[u8], &[u8]) -> bool) -> Result<Verified, JoseError> {
        Ok(Verified { claims: self.claims_if(is_signed)?, header: self.header })
    }
}

impl<'a, A> Unverified<'a, A> {
    /// The same with another closed list of algorithms, which `algorithm` reads.
    pub(super) fn read_as(token: &'a str, algorithm: impl FnOnce(&str) -> Option<A>) -> Result<Self, JoseError> {
        Self::read_up_to(token, MAX_TOKEN_BYTES, algorithm)
    }

    /// The same of a kind of token that may have another length.
    pub(super) fn read_up_to(
        token: &'a str,
        longest: usize,
        algorithm: impl FnOnce(&str) -> Option<A>,
    ) -> Result<Self, JoseError> {
        if token.len() > longest {
            return Err(JoseError::TooLong);
        }
        let (signed_text, signature) = token.rsplit_once('.').ok_or(JoseError::NotCompact)?;
        let (header, payload) = signed_text.split_once('.').ok_or(JoseError::NotCompact)?;
        // A fourth part would hold a dot, which is outside the alphabet of base64url.
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
        let header = read_header(&header, algorithm)?;
        Ok(Self { header, signed_text: signed_text.as_bytes(), payload, signature })
    }

    /// The claims once `is_signed`, given the signed text and the signature, says that the signature is right.
    pub(super) fn claims_if(
        &self,
        is_signed: impl FnOnce(&[u8], &[u8]) -> bool,
    ) -> Result<Map<String, Value>, JoseError> {
        if is_signed(self.signed_text, &self.signature) {
            self.unverified_claims()
        } else {
            Err(JoseError::BadSignature)
        }
    }

    /// The claims before any verification, to find out whose key to verify with.
    pub(super) fn unverified_claims(&self) -> Result<Map<String, Value>, JoseError> {
        json::object(&self.payload).ok_or(JoseError::NotAnObject("payload"))
    }
}

fn decode(part: &str) -> Result<Vec<u8>, JoseError> {
    from_base64url(part).filter(|bytes| !bytes.is_empty()).ok_or(JoseError::NotCompact)
}

fn read_header<A>(bytes: &[u8], algorithm: impl FnOnce(&str) -> Option<A>) -> Result<Header<A>, JoseError> {
    let header = json::object(bytes).ok_or(JoseError::NotAnObject("header"))?;
    if let Some(refused) = REFUSED_PARAMETERS.into_iter().find(|name| header.contains_key(*name)) {
        return Err(JoseError::Header(refused));
    }
    let alg = header.get("alg").and_then(Value::as_str).and_then(algorithm);
    Ok(Header {
        alg: alg.ok_or(JoseError::AlgorithmNotAllowed)?,
        kid: optional_text(&header, "kid")?,
        typ: optional_text(&header, "typ")?,
    })
}

fn optional_text(header: &Map<String, Value>, name: &'static str) -> Result<Option<String>, JoseError> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(JoseError::Header(name)),
    }
}
