//! Proof Key for Code Exchange (RFC 7636), `S256` alone: `plain` protects from nobody who can read the request.

use crate::base::digest::Digest;
use crate::base::secret::ct_eq;
use serde::{Deserialize, Serialize};

use super::{ErrorCode, OAuthError};

/// A `code_challenge` made with `S256`: 43 base64url characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Reads `code_challenge` and `code_challenge_method` (absent means `plain`, RFC 7636 §4.3, which is refused).
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Option<Self>, OAuthError> {
        let refuse = |why| Err(OAuthError::because(ErrorCode::InvalidRequest, why));
        match (challenge, method) {
            (None, None) => Ok(None),
            (None, Some(_)) => refuse("code_challenge_method is given without code_challenge"),
            (Some(challenge), Some("S256")) if is_s256_challenge(challenge) => Ok(Some(Self(challenge.to_owned()))),
            (Some(_), Some("S256")) => refuse("code_challenge must be 43 base64url characters"),
            (Some(_), _) => refuse("code_challenge_method must be S256"),
        }
    }

    /// Whether `verifier` is the one that this challenge was made of, compared in constant time.
    pub fn is_met_by(&self, verifier: &str) -> bool {
        is_verifier(verifier) && ct_eq(Digest::of(verifier.as_bytes()).to_base64url().as_bytes(), self.0.as_bytes())
    }
}

/// RFC 7636 §4.6 at the token endpoint: missing, superfluous and wrong verifiers are all `invalid_grant`.
///
/// A verifier without a challenge is refused too: somebody removed the challenge on the way (RFC 9700 §2.1.1).
pub fn check_verifier(challenge: Option<&CodeChallenge>, verifier: Option<&str>) -> Result<(), OAuthError> {
    let refuse = |why| Err(OAuthError::because(ErrorCode::InvalidGrant, why));
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if challenge.is_met_by(verifier) => Ok(()),
        (Some(_), Some(_)) => refuse("code_verifier does not match code_challenge"),
        (Some(_), None) => refuse("code_verifier is missing"),
        (None, Some(_)) => refuse("code_verifier is given but the authorization request had no code_challenge"),
    }
}

fn is_s256_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// RFC 7636 §4.1: 43 to 128 unreserved characters.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn challenge() -> CodeChallenge {
        CodeChallenge::parse(Some(CHALLENGE), Some("S256")).unwrap().unwrap()
    }

    #[test]
    fn the_example_of_the_rfc() {
        assert!(challenge().is_met_by(VERIFIER));
        assert!(check_verifier(Some(&challenge()), Some(VERIFIER)).is_ok());
    }

    #[test]
    fn every_downgrade_is_invalid_grant() {
        let other = "x".repeat(43);
        for (challenge, verifier) in
            [(Some(challenge()), None), (Some(challenge()), Some(other.as_str())), (None, Some(VERIFIER))]
        {
            assert_eq!(check_verifier(challenge.as_ref(), verifier).unwrap_err().code, ErrorCode::InvalidGrant);
        }
    }

    #[test]
    fn only_s256() {
        for (challenge, method) in [
            (Some(CHALLENGE), None),
            (Some(CHALLENGE), Some("plain")),
            (Some(CHALLENGE), Some("s256")),
            (None, Some("S256")),
            (Some("short"), Some("S256")),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"), Some("S256")),
        ] {
            assert!(CodeChallenge::parse(challenge, method).is_err(), "{challenge:?} {method:?}");
        }
        assert!(CodeChallenge::parse(None, None).unwrap().is_none());
    }
}
