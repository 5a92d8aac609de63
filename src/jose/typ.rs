//! What a token is, said by its `typ` header so that no kind passes for another (RFC 8725 §3.11).

/// The kinds of tokens that are signed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Typ {
    /// Access token (RFC 9068 §2.1).
    AccessToken,
    /// ID token (OpenID Connect Core §2).
    IdToken,
    /// Logout token (OpenID Connect Back-Channel Logout §2.4).
    LogoutToken,
    /// Introspection response (RFC 9701 §5).
    Introspection,
    /// Signed `UserInfo` response (OpenID Connect Core §5.3.2). Shares its `typ` with ID tokens.
    UserInfo,
    /// Our authorization request to an upstream provider (RFC 9101 §10.8).
    RequestObject,
    /// Our proof to an upstream provider (RFC 7523 §2.2), which names no type of its own. Keys that sign it sign no ID token.
    ClientAssertion,
}

impl Typ {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::AccessToken,
        Self::IdToken,
        Self::LogoutToken,
        Self::Introspection,
        Self::UserInfo,
        Self::RequestObject,
        Self::ClientAssertion,
    ];

    /// The value of the `typ` header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::IdToken | Self::UserInfo | Self::ClientAssertion => "JWT",
            Self::LogoutToken => "logout+jwt",
            Self::Introspection => "token-introspection+jwt",
            Self::RequestObject => "oauth-authz-req+jwt",
        }
    }
}
