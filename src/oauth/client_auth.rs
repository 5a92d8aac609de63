//! What a client presents to prove itself (RFC 6749 §2.3, RFC 7521 §4.2), before anything is believed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::{ErrorCode, OAuthError, Params};
use crate::base::Secret;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Credentials as presented; nothing of it is verified.
#[derive(Debug)]
pub enum Presented {
    /// `client_id` alone: a public client.
    Public {
        /// The claimed client.
        client_id: String,
    },
    /// `client_secret_basic`.
    Basic {
        /// The claimed client.
        client_id: String,
        /// Its secret.
        secret: Secret<String>,
    },
    /// `client_secret_post`.
    Post {
        /// The claimed client.
        client_id: String,
        /// Its secret.
        secret: Secret<String>,
    },
    /// `private_key_jwt` or `client_secret_jwt`.
    Assertion {
        /// The client named beside the assertion, if any.
        client_id: Option<String>,
        /// The assertion.
        assertion: String,
    },
}

/// Reads the `Authorization` header and the form. Two ways at once are `invalid_request` (RFC 6749 §2.3); no way at all
/// and a malformed header are `invalid_client`.
pub fn presented(authorization: Option<&[u8]>, params: &Params) -> Result<Presented, OAuthError> {
    let basic = authorization.map(parse_basic).transpose()?;
    let secret = params.get("client_secret");
    let assertion = params.get("client_assertion");
    let client_id = params.get("client_id").map(str::to_owned);
    match (basic, secret, assertion) {
        (Some((id, secret)), None, None) => {
            if client_id.is_some_and(|named| named != id) {
                return Err(OAuthError::because(
                    ErrorCode::InvalidRequest,
                    "client_id differs from the Authorization header",
                ));
            }
            Ok(Presented::Basic { client_id: id, secret })
        }
        (None, Some(secret), None) => {
            let client_id = client_id.ok_or(OAuthError::new(ErrorCode::InvalidClient))?;
            Ok(Presented::Post { client_id, secret: Secret::new(secret.to_owned()) })
        }
        (None, None, Some(assertion)) => {
            if params.get("client_assertion_type") != Some(JWT_BEARER) {
                return Err(OAuthError::because(
                    ErrorCode::InvalidRequest,
                    "client_assertion_type is missing or unknown",
                ));
            }
            Ok(Presented::Assertion { client_id, assertion: assertion.to_owned() })
        }
        (None, None, None) => match client_id {
            Some(client_id) => Ok(Presented::Public { client_id }),
            None => Err(OAuthError::because(ErrorCode::InvalidClient, "The client does not authenticate")),
        },
        _ => Err(OAuthError::because(ErrorCode::InvalidRequest, "The client authenticates in more than one way")),
    }
}

/// The `Authorization` header of a client that proves itself to another server by `client_secret_basic`.
pub fn basic_header(client_id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret))))
}

/// RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
fn parse_basic(header: &[u8]) -> Result<(String, Secret<String>), OAuthError> {
    let malformed =
        || OAuthError::because(ErrorCode::InvalidClient, "The Authorization header is not valid HTTP Basic");
    let text = std::str::from_utf8(header).map_err(|_| malformed())?;
    let (scheme, encoded) = text.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let bytes = STANDARD.decode(encoded.trim()).map_err(|_| malformed())?;
    let joined = String::from_utf8(bytes).map_err(|_| malformed())?;
    let (id, secret) = joined.split_once(':').ok_or_else(malformed)?;
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced)
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| malformed())
    };
    let (id, secret) = (decode(id)?, decode(secret)?);
    if id.is_empty() || secret.is_empty() { Err(malformed()) } else { Ok((id, Secret::new(secret))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(text)).into_bytes()
    }

    #[test]
    fn one_way_at_a_time() {
        let header = basic("app:s%3Acret");
        let none = Params::default();
        match presented(Some(&header), &none).unwrap() {
            Presented::Basic { client_id, secret } => {
                assert_eq!((client_id.as_str(), secret.expose().as_str()), ("app", "s:cret"));
            }
            other => panic!("{other:?}"),
        }
        let both = Params::parse(b"client_id=app&client_secret=x").unwrap();
        assert_eq!(presented(Some(&header), &both).unwrap_err().code, ErrorCode::InvalidRequest);
        let other = Params::parse(b"client_id=other").unwrap();
        assert_eq!(presented(Some(&header), &other).unwrap_err().code, ErrorCode::InvalidRequest);
        assert!(matches!(presented(None, &both).unwrap(), Presented::Post { .. }));
        assert!(matches!(presented(None, &other).unwrap(), Presented::Public { .. }));
    }

    #[test]
    fn nothing_or_garbage_is_invalid_client() {
        assert_eq!(presented(None, &Params::default()).unwrap_err().code, ErrorCode::InvalidClient);
        for header in [&b"Basic ???"[..], b"Bearer x", b"Basic", b"\xff", &basic("nocolon"), &basic(":x"), &basic("x:")]
        {
            assert_eq!(presented(Some(header), &Params::default()).unwrap_err().code, ErrorCode::InvalidClient);
        }
    }

    #[test]
    fn an_assertion_needs_its_type() {
        let params = Params::parse(b"client_assertion=a.b.c").unwrap();
        assert_eq!(presented(None, &params).unwrap_err().code, ErrorCode::InvalidRequest);
    }
}
