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
}

impl Typ {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::AccessToken, Self::IdToken, Self::LogoutToken, Self::Introspection, Self::UserInfo];

    /// The value of the `typ` header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::IdToken | Self::UserInfo => "JWT",
            Self::LogoutToken => "logout+jwt",
            Self::Introspection => "token-introspection+jwt",
        }
    }
}
