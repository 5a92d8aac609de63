//! Resource indicators (RFC 8707).

use url::Url;

use super::{ErrorCode, OAuthError};

/// Most resources in one request.
const MOST: usize = 5;

/// Reads the `resource` values: absolute URIs without fragment; where `allowed` is not empty, only those in it.
pub fn check<'a>(named: impl Iterator<Item = &'a str>, allowed: &[String]) -> Result<Vec<String>, OAuthError> {
    let mut resources: Vec<String> = Vec::new();
    for text in named {
        let absolute = Url::parse(text)
            .is_ok_and(|url| matches!(url.scheme(), "https" | "http" | "urn") && url.fragment().is_none());
        if !absolute || text.len() > 500 || resources.len() == MOST {
            return Err(OAuthError::because(
                ErrorCode::InvalidTarget,
                "resource must be an absolute URI without fragment",
            ));
        }
        if !allowed.is_empty() && !allowed.iter().any(|known| known == text) {
            return Err(OAuthError::new(ErrorCode::InvalidTarget));
        }
        if !resources.iter().any(|known| known == text) {
            resources.push(text.to_owned());
        }
    }
    Ok(resources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_and_allowed() {
        assert_eq!(check(["https://api.example/a"].into_iter(), &[]).unwrap(), ["https://api.example/a"]);
        for text in ["api", "/a", "https://api.example/#f", "ftp://x/"] {
            assert_eq!(check([text].into_iter(), &[]).unwrap_err().code, ErrorCode::InvalidTarget, "{text}");
        }
        let allowed = ["https://api.example/".to_owned()];
        assert!(check(["https://api.example/"].into_iter(), &allowed).is_ok());
        assert!(check(["https://other.example/"].into_iter(), &allowed).is_err());
    }
}
