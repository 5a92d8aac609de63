//! The `prompt` parameter (OpenID Connect Core §3.1.2.1).

use serde::{Deserialize, Serialize};

use super::{ErrorCode, OAuthError};

/// What the relying application asks the pages to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Prompt {
    /// Show no page at all; refuse instead.
    pub none: bool,
    /// Ask for the credentials again.
    pub login: bool,
    /// Ask for consent again.
    pub consent: bool,
    /// Let the person choose account and tenant.
    pub select_account: bool,
}

impl Prompt {
    /// Reads the space-separated values; `none` beside another value is `invalid_request`. `create` is taken as `login`
    /// (Initiating User Registration 1.0: a provider that offers no registration goes on as usual).
    pub fn parse(text: Option<&str>) -> Result<Self, OAuthError> {
        let mut prompt = Self::default();
        for value in text.unwrap_or("").split(' ').filter(|value| !value.is_empty()) {
            match value {
                "none" => prompt.none = true,
                "login" | "create" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                _ => return Err(OAuthError::because(ErrorCode::InvalidRequest, "prompt has an unknown value")),
            }
        }
        if prompt.none && (prompt.login || prompt.consent || prompt.select_account) {
            return Err(OAuthError::because(ErrorCode::InvalidRequest, "prompt=none stands alone"));
        }
        Ok(prompt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_contradictions() {
        assert_eq!(Prompt::parse(None).unwrap(), Prompt::default());
        assert!(Prompt::parse(Some("login consent")).unwrap().consent);
        assert!(Prompt::parse(Some("none")).unwrap().none);
        assert!(Prompt::parse(Some("none login")).is_err());
        assert!(Prompt::parse(Some("NONE")).is_err());
    }
}
