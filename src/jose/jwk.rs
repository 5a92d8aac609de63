//! Public keys as JWK ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517), RFC 7518 §6, RFC 8037): strict reading,
//! thumbprints (RFC 7638), and what a key may be used for.

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Algorithm;
use crate::base::digest::{Digest, base64url, from_base64url};

/// RSA moduli accepted, in bits: shorter ones can be factored, longer ones cost a verification too much.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Why a key is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// A required member is missing, of the wrong JSON type or not canonical base64url.
    #[error("it is not a well-formed JWK")]
    Malformed,
    /// A symmetric key, or a private one, which nobody but its owner should hold.
    #[error("it has private or symmetric members")]
    NotPublic,
    /// A key type or curve that is not on the list.
    #[error("its kty or crv is not supported")]
    Unsupported,
    /// An RSA modulus of less than 2048 bits or more than 8192.
    #[error("its RSA modulus must have 2048 to 8192 bits")]
    RsaSize,
    /// A value that no key has: a point off the curve, an even exponent.
    #[error("its values are not those of a key")]
    Invalid,
    /// The key is not for this algorithm.
    #[error("it is not a key of its algorithm")]
    WrongAlgorithm,
    /// The `kid` is not the thumbprint of the key.
    #[error("its kid is not its thumbprint")]
    WrongThumbprint,
}

/// The members of a JWK that are read. Others are ignored (RFC 7517 §4).
#[derive(Deserialize)]
pub(super) struct Members {
    kty: String,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    pub(super) kid: Option<String>,
    pub(super) alg: Option<String>,
    #[serde(rename = "use")]
    use_: Option<String>,
    key_ops: Option<Vec<String>>,
}

impl Members {
    /// Whether the key's own `alg`, `use` and `key_ops` allow verifying signatures of `alg` (RFC 7517 §4.2–4.4).
    pub(super) fn allow(&self, alg: Algorithm) -> bool {
        self.alg.as_deref().is_none_or(|own| own == alg.as_str())
            && self.use_.as_deref().is_none_or(|own| own == "sig")
            && self.key_ops.as_ref().is_none_or(|own| own.iter().any(|operation| operation == "verify"))
    }
}

impl Members {
    /// Whether the key's own `alg`, `use` and `key_ops` allow encrypting to it with the key management `alg`, whose operations
    /// are `operations`. Keys to agree on a secret with often have none of their own on the public side.
    pub(super) fn allow_encryption(&self, alg: &str, operations: &[&str]) -> bool {
        let allows = |own: &Vec<String>| own.is_empty() || own.iter().any(|named| operations.contains(&named.as_str()));
        self.alg.as_deref().is_none_or(|own| own == alg)
            && self.use_.as_deref().is_none_or(|own| own == "enc")
            && self.key_ops.as_ref().is_none_or(allows)
    }

    /// Whether the key says that it is for encryption.
    pub(super) fn is_for_encryption(&self) -> bool {
        self.use_.as_deref() == Some("enc")
    }
}

/// A curve of a key of type `EC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    const fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Bytes of a coordinate (RFC 7518 §6.2.1.2: always full size).
    const fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    const fn verification(self) -> &'static signature::EcdsaVerificationAlgorithm {
        match self {
            Self::P256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::P384 => &signature::ECDSA_P384_SHA384_FIXED,
            Self::P521 => &signature::ECDSA_P521_SHA512_FIXED,
        }
    }
}

/// A public key with plausible values: right sizes, a point of the curve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec { curve: Curve, x: Vec<u8>, y: Vec<u8> },
    Ed25519 { x: Vec<u8> },
}

impl PublicKey {
    /// Reads the public members and checks their values.
    pub(super) fn read(members: &Members) -> Result<Self, KeyRefusal> {
        match (members.kty.as_str(), members.crv.as_deref()) {
            ("RSA", _) => read_rsa(bytes(members.n.as_deref())?, bytes(members.e.as_deref())?),
            ("EC", Some("P-256")) => read_ec(Curve::P256, members),
            ("EC", Some("P-384")) => read_ec(Curve::P384, members),
            ("EC", Some("P-521")) => read_ec(Curve::P521, members),
            ("OKP", Some("Ed25519")) => read_ed25519(bytes(members.x.as_deref())?),
            ("EC" | "OKP", None) => Err(KeyRefusal::Malformed),
            ("oct", _) => Err(KeyRefusal::NotPublic),
            _ => Err(KeyRefusal::Unsupported),
        }
    }

    /// Whether a key of this type and curve verifies signatures of `alg`.
    pub(super) const fn fits(&self, alg: Algorithm) -> bool {
        matches!(
            (alg, self),
            (Algorithm::Rs256 | Algorithm::Ps256, Self::Rsa { .. })
                | (Algorithm::Es256, Self::Ec { curve: Curve::P256, .. })
                | (Algorithm::EdDsa, Self::Ed25519 { .. })
        )
    }

    /// The required members and no others, in the order of RFC 7638 §3.2.
    pub(super) fn members(&self) -> Map<String, Value> {
        let members = match self {
            Self::Rsa { n, e } => json!({ "e": base64url(e), "kty": "RSA", "n": base64url(n) }),
            Self::Ec { curve, x, y } => {
                json!({ "crv": curve.as_str(), "kty": "EC", "x": base64url(x), "y": base64url(y) })
            }
            Self::Ed25519 { x } => json!({ "crv": "Ed25519", "kty": "OKP", "x": base64url(x) }),
        };
        if let Value::Object(map) = members { map } else { Map::new() }
    }

    /// The SHA-256 thumbprint (RFC 7638 §3), 43 characters.
    pub(super) fn thumbprint(&self) -> String {
        let sorted: std::collections::BTreeMap<_, _> = self.members().into_iter().collect();
        Digest::of(json!(sorted).to_string().as_bytes()).to_base64url()
    }

    /// The public JWK of a signing key: required members, `kid`, `alg` and `use`.
    pub(super) fn to_jwk(&self, alg: Algorithm) -> Map<String, Value> {
        let mut jwk = self.members();
        jwk.insert("kid".to_owned(), self.thumbprint().into());
        jwk.insert("alg".to_owned(), alg.as_str().into());
        jwk.insert("use".to_owned(), "sig".into());
        jwk
    }

    /// The uncompressed point of an elliptic curve key (SEC 1 §2.3.3), the raw key of Ed25519; `None` for RSA.
    pub(super) fn to_point(&self) -> Option<Vec<u8>> {
        match self {
            Self::Rsa { .. } => None,
            Self::Ec { x, y, .. } => Some([&[4], x.as_slice(), y].concat()),
            Self::Ed25519 { x } => Some(x.clone()),
        }
    }
}

fn read_rsa(n: Vec<u8>, e: Vec<u8>) -> Result<PublicKey, KeyRefusal> {
    let is_odd = |number: &[u8]| number.last().is_some_and(|low| low % 2 == 1);
    let (Some(high), Some(high_of_e)) = (n.first(), e.first()) else { return Err(KeyRefusal::Malformed) };
    // RFC 7518 §2: Base64urlUInt has no leading zero bytes.
    if *high == 0 || *high_of_e == 0 {
        return Err(KeyRefusal::Malformed);
    }
    if !RSA_BITS.contains(&(n.len() * 8 - high.leading_zeros() as usize)) {
        return Err(KeyRefusal::RsaSize);
    }
    if !is_odd(&n) || !is_odd(&e) || e == [1] || e.len() > 4 {
        return Err(KeyRefusal::Invalid);
    }
    let components = RsaPublicKeyComponents { n: &n, e: &e };
    components.to_parsed_public_key(&signature::RSA_PKCS1_2048_8192_SHA256).map_err(|_| KeyRefusal::Invalid)?;
    Ok(PublicKey::Rsa { n, e })
}

fn read_ec(curve: Curve, members: &Members) -> Result<PublicKey, KeyRefusal> {
    let (x, y) = (bytes(members.x.as_deref())?, bytes(members.y.as_deref())?);
    if x.len() != curve.coordinate_bytes() || y.len() != curve.coordinate_bytes() {
        return Err(KeyRefusal::Malformed);
    }
    let key = PublicKey::Ec { curve, x, y };
    match key.to_point().map(|point| ParsedPublicKey::new(curve.verification(), point)) {
        Some(Ok(_)) => Ok(key),
        _ => Err(KeyRefusal::Invalid),
    }
}

fn read_ed25519(x: Vec<u8>) -> Result<PublicKey, KeyRefusal> {
    if x.len() != signature::ED25519_PUBLIC_KEY_LEN {
        return Err(KeyRefusal::Malformed);
    }
    ParsedPublicKey::new(&signature::ED25519, &x).map_err(|_| KeyRefusal::Invalid)?;
    Ok(PublicKey::Ed25519 { x })
}

fn bytes(member: Option<&str>) -> Result<Vec<u8>, KeyRefusal> {
    member.and_then(from_base64url).filter(|bytes| !bytes.is_empty()).ok_or(KeyRefusal::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(jwk: &Value) -> Result<PublicKey, KeyRefusal> {
        PublicKey::read(&Members::deserialize(jwk).map_err(|_| KeyRefusal::Malformed)?)
    }

    #[test]
    fn thumbprints_of_the_rfcs() {
        // RFC 7638 §3.1 and RFC 8037 appendix A.3.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn\
            jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6q\
            MQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awap\
            JzKnqDKgw";
        let rsa = read(&json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" })).unwrap();
        assert_eq!(rsa.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        let ed = read(&json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }));
        assert_eq!(ed.unwrap().thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn rsa_values() {
        let rsa = |n: &[u8], e: &[u8]| read(&json!({ "kty": "RSA", "n": base64url(n), "e": base64url(e) }));
        let number = |bytes: usize, high: u8, low: u8| {
            let mut n = vec![0x5a; bytes];
            n[0] = high;
            n[bytes - 1] = low;
            n
        };
        let f4 = [1, 0, 1];
        assert!(rsa(&number(256, 0x80, 1), &f4).is_ok());
        assert!(rsa(&number(1024, 0xff, 1), &f4).is_ok());
        assert_eq!(rsa(&number(256, 0x7f, 1), &f4), Err(KeyRefusal::RsaSize), "2047 bits");
        assert_eq!(rsa(&number(128, 0xff, 1), &f4), Err(KeyRefusal::RsaSize));
        assert_eq!(rsa(&number(1025, 1, 1), &f4), Err(KeyRefusal::RsaSize));
        assert_eq!(rsa(&number(257, 0, 1), &f4), Err(KeyRefusal::Malformed), "leading zero");
        assert_eq!(rsa(&number(256, 0x80, 2), &f4), Err(KeyRefusal::Invalid), "even");
        for e in [&[1_u8][..], &[2], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
            assert_eq!(rsa(&number(256, 0x80, 1), e), Err(KeyRefusal::Invalid), "{e:?}");
        }
        for e in [&[][..], &[0, 1, 0, 1]] {
            assert_eq!(rsa(&number(256, 0x80, 1), e), Err(KeyRefusal::Malformed), "{e:?}");
        }
    }

    #[test]
    fn points_that_are_not_on_the_curve() {
        for (crv, bytes) in [("P-256", 32), ("P-384", 48), ("P-521", 66)] {
            let ec = |x: &[u8], y: &[u8]| {
                read(&json!({ "kty": "EC", "crv": crv, "x": base64url(x), "y": base64url(y) })).unwrap_err()
            };
            assert_eq!(ec(&vec![1; bytes], &vec![1; bytes]), KeyRefusal::Invalid, "{crv}");
            assert_eq!(ec(&vec![0; bytes], &vec![0; bytes]), KeyRefusal::Invalid, "{crv}");
            assert_eq!(ec(&vec![0xff; bytes], &vec![0xff; bytes]), KeyRefusal::Invalid, "{crv}");
            assert_eq!(ec(&vec![1; bytes - 1], &vec![1; bytes]), KeyRefusal::Malformed, "{crv}");
        }
    }
}
