//! Opaque one-time and bearer tokens: a prefix for secret scanners and 256 random bits.
//!
//! The clear text exists once, in the response; storage sees the [`Digest`]. The prefix is part of what is digested,
//! so a token of one kind can never be found in the place of another (CVE-2026-4282: one flat name space).

use super::digest::{Digest, base64url, from_base64url};
use super::{Entropy, Secret, entropy};

/// What an opaque token is for. The prefix tells the kinds apart, in scanners and at every endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Authorization code (RFC 6749 §4.1.2).
    AuthorizationCode,
    /// Opaque access token.
    AccessToken,
    /// Refresh token (RFC 6749 §1.5).
    RefreshToken,
    /// Browser session cookie.
    Session,
    /// Browser binding of sign-in journeys.
    Browser,
    /// Handle of one sign-in journey.
    Journey,
    /// Client secret.
    ClientSecret,
    /// Link mailed for a new password.
    PasswordReset,
    /// Link mailed with an invitation.
    Invitation,
    /// Link of an invitation that an operator hands over: it proves no mailbox.
    HandedInvitation,
    /// Initial access token of dynamic registration (RFC 7591 §3).
    InitialAccess,
    /// Registration access token (RFC 7592).
    RegistrationAccess,
    /// `state` of a round trip to an upstream provider.
    UpstreamState,
    /// Address of a request that an upstream provider fetches from us.
    UpstreamObject,
}

impl TokenKind {
    /// The text that every token of this kind begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "gac_",
            Self::AccessToken => "gat_",
            Self::RefreshToken => "grt_",
            Self::Session => "gse_",
            Self::Browser => "gbr_",
            Self::Journey => "gjo_",
            Self::ClientSecret => "gcs_",
            Self::PasswordReset => "gpr_",
            Self::Invitation => "gin_",
            Self::HandedInvitation => "gih_",
            Self::InitialAccess => "gia_",
            Self::RegistrationAccess => "gra_",
            Self::UpstreamState => "gus_",
            Self::UpstreamObject => "guo_",
        }
    }

    /// A new token of this kind.
    pub fn generate(self, entropy: &dyn Entropy) -> OpaqueToken {
        OpaqueToken(Secret::new(format!("{}{}", self.prefix(), base64url(&entropy::bytes::<32>(entropy)))))
    }

    /// The digest to look a received token up by; `None` when the text cannot be a token of this kind.
    pub fn digest_of(self, text: &str) -> Option<Digest> {
        let random = text.strip_prefix(self.prefix())?;
        (random.len() == 43 && from_base64url(random).is_some()).then(|| Digest::of(text.as_bytes()))
    }
}

/// A freshly made token in clear, to be handed out once.
#[derive(Debug, Clone)]
pub struct OpaqueToken(Secret<String>);

impl OpaqueToken {
    /// The text to hand out.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What storage keeps.
    pub fn digest(&self) -> Digest {
        Digest::of(self.expose().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SystemEntropy;

    #[test]
    fn digest_of_what_was_generated() {
        let token = TokenKind::AuthorizationCode.generate(&SystemEntropy);
        assert_eq!(TokenKind::AuthorizationCode.digest_of(token.expose()), Some(token.digest()));
    }

    #[test]
    fn another_kind_truncated_or_extended_is_no_token() {
        let token = TokenKind::AuthorizationCode.generate(&SystemEntropy);
        let text = token.expose();
        assert_eq!(TokenKind::Session.digest_of(text), None);
        assert_eq!(TokenKind::AuthorizationCode.digest_of(text.strip_suffix(|_| true).unwrap_or("")), None);
        assert_eq!(TokenKind::AuthorizationCode.digest_of(&format!("{text}A")), None);
        assert_eq!(TokenKind::AuthorizationCode.digest_of(&text.to_uppercase()), None);
        assert_eq!(TokenKind::AuthorizationCode.digest_of(""), None);
    }
}
