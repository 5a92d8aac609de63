//! `session_state` (OpenID Connect Session Management 1.0 §3, §4.2): what an application compares to see that the person
//! signed in or out.

use url::Url;

use crate::base::digest::{Digest, base64url};

/// The session state for a client: a salted digest of the client, the origin of its redirect URI and the browser's state,
/// then a dot and the salt. The script of the check_session_iframe computes the same. `None` for a redirect URI that has
/// no origin, a native application's.
pub fn session_state(client_id: &str, redirect_uri: &str, browser_state: &str, salt: &[u8]) -> Option<String> {
    let origin = Url::parse(redirect_uri).ok()?.origin();
    if !origin.is_tuple() {
        return None;
    }
    let salt = base64url(salt);
    let text = format!("{client_id} {} {browser_state} {salt}", origin.ascii_serialization());
    Some(format!("{}.{salt}", Digest::of(text.as_bytes()).to_base64url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_depends_on_client_origin_state_and_salt_alone() {
        let of = |client, uri, state, salt: &[u8]| session_state(client, uri, state, salt).unwrap();
        let first = of("app", "https://app.example/cb", "s", b"salt");
        assert_eq!(first, of("app", "https://app.example:443/other?x=y", "s", b"salt"));
        for other in [
            of("app2", "https://app.example/cb", "s", b"salt"),
            of("app", "https://app.example:8443/cb", "s", b"salt"),
            of("app", "https://app.example/cb", "", b"salt"),
            of("app", "https://app.example/cb", "s", b"salz"),
        ] {
            assert_ne!(first, other);
        }
        assert!(!first.contains(' ') && first.ends_with(".c2FsdA"), "{first}");
        assert_eq!(session_state("app", "com.example.app:/cb", "s", b"salt"), None);
    }
}
