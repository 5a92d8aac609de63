//! Response types and response modes (OAuth 2.0 Multiple Response Type Encoding Practices; Form Post Response Mode).

use serde::{Deserialize, Serialize};

use super::{ErrorCode, OAuthError};

/// The response types that the provider knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ResponseType {
    /// Authorization code flow.
    #[serde(rename = "code")]
    Code,
}

impl ResponseType {
    /// All, as discovery announces them.
    pub const ALL: [Self; 1] = [Self::Code];

    /// The wire value, its words in canonical order.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
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

    /// Reads `response_mode`; absent gives the default of the code flow, `query`.
    pub fn parse(text: Option<&str>) -> Result<Self, OAuthError> {
        let Some(text) = text else { return Ok(Self::Query) };
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| OAuthError::because(ErrorCode::InvalidRequest, "response_mode is not supported"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_types() {
        assert_eq!(ResponseType::parse("code"), Some(ResponseType::Code));
        for text in ["token", "id_token", "code id_token", "none", "", "CODE"] {
            assert_eq!(ResponseType::parse(text), None, "{text}");
        }
    }

    #[test]
    fn modes() {
        assert_eq!(ResponseMode::parse(None).unwrap(), ResponseMode::Query);
        assert_eq!(ResponseMode::parse(Some("form_post")).unwrap(), ResponseMode::FormPost);
        assert!(ResponseMode::parse(Some("web_message")).is_err());
    }
}
