//! Response types and response modes (OAuth 2.0 Multiple Response Type Encoding Practices; Form Post Response Mode).

use serde::{Deserialize, Serialize};

use super::{ErrorCode, GrantType, OAuthError};

/// The response types that the provider knows. `token` alone is not among them: it would say nothing of the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum ResponseType {
    /// Authorization code flow.
    Code,
    /// Implicit flow, without an access token.
    IdToken,
    /// Implicit flow.
    IdTokenToken,
    /// Hybrid flow (OpenID Connect Core §3.3).
    CodeIdToken,
    /// Hybrid flow, with an access token in front.
    CodeToken,
    /// Hybrid flow, with everything.
    CodeIdTokenToken,
}

impl ResponseType {
    /// All, as discovery announces them.
    pub const ALL: [Self; 6] =
        [Self::Code, Self::IdToken, Self::IdTokenToken, Self::CodeIdToken, Self::CodeToken, Self::CodeIdTokenToken];

    /// The wire value, its words in canonical order.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::IdToken => "id_token",
            Self::IdTokenToken => "id_token token",
            Self::CodeIdToken => "code id_token",
            Self::CodeToken => "code token",
            Self::CodeIdTokenToken => "code id_token token",
        }
    }

    /// Reads a wire value; the order of its words does not matter (Multiple Response Types §3).
    pub fn parse(text: &str) -> Option<Self> {
        let mut words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
        words.sort_unstable();
        Self::ALL.into_iter().find(|known| {
            let mut own: Vec<_> = known.as_str().split(' ').collect();
            own.sort_unstable();
            own == words
        })
    }

    /// Whether a code is given, to be redeemed.
    pub const fn has_code(self) -> bool {
        !matches!(self, Self::IdToken | Self::IdTokenToken)
    }

    /// Whether an ID token comes from the authorization endpoint.
    pub const fn has_id_token(self) -> bool {
        !matches!(self, Self::Code | Self::CodeToken)
    }

    /// Whether an access token comes from the authorization endpoint.
    pub const fn has_token(self) -> bool {
        matches!(self, Self::IdTokenToken | Self::CodeToken | Self::CodeIdTokenToken)
    }

    /// The grants that a client must have registered for it (OpenID Connect Registration §2).
    pub const fn grants(self) -> &'static [GrantType] {
        match self {
            Self::Code => &[GrantType::AuthorizationCode],
            Self::IdToken | Self::IdTokenToken => &[GrantType::Implicit],
            Self::CodeIdToken | Self::CodeToken | Self::CodeIdTokenToken => {
                &[GrantType::AuthorizationCode, GrantType::Implicit]
            }
        }
    }
}

impl TryFrom<String> for ResponseType {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("unknown response type")
    }
}

impl From<ResponseType> for &'static str {
    fn from(kind: ResponseType) -> Self {
        kind.as_str()
    }
}

/// How the authorization response travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    Query,
    /// In its fragment.
    Fragment,
    /// As a form posted by a page.
    FormPost,
}

impl ResponseMode {
    /// All, as discovery announces them.
    pub const ALL: [Self; 3] = [Self::Query, Self::Fragment, Self::FormPost];

    /// The wire value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }

    /// Reads the wire value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }

    /// The mode of a response type without `response_mode`: the fragment where a token may come, even of a type that is
    /// not supported, since that is where its client listens (Multiple Response Types §3, §5).
    pub fn default_of(response_type: &str) -> Self {
        if response_type.split(' ').any(|word| word == "token" || word == "id_token") {
            Self::Fragment
        } else {
            Self::Query
        }
    }

    /// The mode of a request. An unknown one, and `query` where a token may come (Multiple Response Types §3), are refused;
    /// the refusal goes by the mode that the response type has of its own.
    pub fn of(response_type: &str, named: Option<&str>) -> Result<Self, OAuthError> {
        let own = Self::default_of(response_type);
        match named.map(Self::parse) {
            None => Ok(own),
            Some(Some(Self::Query)) if own != Self::Query => Err(OAuthError::because(
                ErrorCode::InvalidRequest,
                "response_mode query is not for response types with a token",
            )),
            Some(Some(mode)) => Ok(mode),
            Some(None) => Err(OAuthError::because(ErrorCode::InvalidRequest, "response_mode is not supported")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_in_any_order_and_token_alone_is_none() {
        for known in ResponseType::ALL {
            assert_eq!(ResponseType::parse(known.as_str()), Some(known));
            let json = serde_json::to_string(&known).unwrap();
            assert_eq!(json, format!("\"{}\"", known.as_str()));
            assert_eq!(serde_json::from_str::<ResponseType>(&json).unwrap(), known);
        }
        assert_eq!(ResponseType::parse("token id_token code"), Some(ResponseType::CodeIdTokenToken));
        for text in ["token", "none", "", "CODE", "code code", "id_token id_token", "code none"] {
            assert_eq!(ResponseType::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_type_gives() {
        for kind in ResponseType::ALL {
            let has = |word: &str| kind.as_str().split(' ').any(|own| own == word);
            assert_eq!(
                (kind.has_code(), kind.has_id_token(), kind.has_token()),
                (has("code"), has("id_token"), has("token"))
            );
            assert_eq!(kind.grants().contains(&GrantType::AuthorizationCode), kind.has_code(), "{kind:?}");
            assert_eq!(kind.grants().contains(&GrantType::Implicit), kind != ResponseType::Code, "{kind:?}");
        }
    }

    #[test]
    fn modes() {
        assert_eq!(ResponseMode::of("code", None).unwrap(), ResponseMode::Query);
        for kind in ["token", "id_token", "code token", "id_token code", "unknown token"] {
            assert_eq!(ResponseMode::of(kind, None).unwrap(), ResponseMode::Fragment, "{kind}");
            assert!(ResponseMode::of(kind, Some("query")).is_err(), "{kind}");
            assert_eq!(ResponseMode::of(kind, Some("form_post")).unwrap(), ResponseMode::FormPost, "{kind}");
        }
        assert_eq!(ResponseMode::of("code", Some("fragment")).unwrap(), ResponseMode::Fragment);
        assert!(ResponseMode::of("code", Some("web_message")).is_err());
    }
}
