//! Where the refusal of a request object goes: the channel that the object itself names.
//!
//! A client that sends a `request` object (OpenID Connect Core §6.1) may have put `response_mode` and `state` into it alone, and
//! listens there. An object that is refused is not verified, and need not be: whoever wrote the address could have written both into its
//! query as well, and the redirect URI is the registered one all the same. Nothing else is read of it.

use serde::Deserialize;

use crate::base::digest::from_base64url;
use crate::oauth::response::ResponseMode;

/// What the object says about the answer; a member is `None` where it is absent or makes no sense.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Channel {
    pub(super) response_mode: Option<ResponseMode>,
    pub(super) state: Option<String>,
}

#[derive(Deserialize)]
struct Payload {
    response_mode: Option<String>,
    state: Option<String>,
}

/// Reads the payload of a compact JWS; an object that cannot be read names no channel.
pub(super) fn channel(object: &str) -> Channel {
    let payload = object.split('.').nth(1).and_then(from_base64url);
    let Some(Payload { response_mode, state }) = payload.and_then(|json| serde_json::from_slice(&json).ok()) else {
        return Channel::default();
    };
    Channel { response_mode: response_mode.and_then(|text| ResponseMode::parse(&text)), state }
}

/// Whether the object says of itself that nobody signed it (`alg` `none`, RFC 7518 §3.6).
pub fn is_unsigned(object: &str) -> bool {
    #[derive(Deserialize)]
    struct Header {
        alg: String,
    }
    let header = object.split('.').next().and_then(from_base64url);
    header.and_then(|json| serde_json::from_slice::<Header>(&json).ok()).is_some_and(|header| header.alg == "none")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::base64url;

    fn object(payload: &str) -> String {
        format!("{}.{}.", base64url(br#"{"alg":"none"}"#), base64url(payload.as_bytes()))
    }

    #[test]
    fn what_nobody_signed_is_told_from_what_cannot_be_read() {
        assert!(is_unsigned(&object("{}")));
        let signed = format!("{}.e30.x", base64url(br#"{"alg":"ES256"}"#));
        for other in [signed.as_str(), "", "x.y.z", "e30.e30."] {
            assert!(!is_unsigned(other), "{other}");
        }
    }

    #[test]
    fn mode_and_state_are_read_and_nothing_is_made_up() {
        let read = channel(&object(r#"{"response_mode": "form_post", "state": "s", "scope": "openid"}"#));
        assert_eq!(read, Channel { response_mode: Some(ResponseMode::FormPost), state: Some("s".to_owned()) });
        let odd = channel(&object(r#"{"response_mode": "carrier_pigeon"}"#));
        assert_eq!(odd, Channel::default());
        for unreadable in ["", ".", "a.b.c", &object("[1]"), &object(r#"{"state": 1}"#), &object("{")] {
            assert_eq!(channel(unreadable), Channel::default(), "{unreadable}");
        }
    }
}
