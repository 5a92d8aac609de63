//! Parameters of a request: ordered, bounded, each name at most once.

use std::fmt;

use super::{ErrorCode, OAuthError};

/// Most parameters that one request may have.
pub const MOST_PARAMETERS: usize = 100;

/// The decoded parameters of a query or form body. A parameter without a value counts as absent (RFC 6749 §3.1).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads `application/x-www-form-urlencoded` text.
    ///
    /// Refuses with `invalid_request`: a name given twice (RFC 6749 §3.1; `resource` may repeat, RFC 8707 §2), more
    /// than [`MOST_PARAMETERS`], bytes that are not UTF-8, and NUL.
    pub fn parse(text: &[u8]) -> Result<Self, OAuthError> {
        Self::default().and(text)
    }

    /// Adds a second source, as a form body beside a query; a name that both hold is refused.
    pub fn and(mut self, text: &[u8]) -> Result<Self, OAuthError> {
        for pair in text.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
            let (name, value) = match pair.iter().position(|b| *b == b'=') {
                Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default()),
                None => (pair, &b""[..]),
            };
            self.push(decode(name)?, decode(value)?)?;
        }
        Ok(self)
    }

    /// Builds parameters from pairs under the same rules as [`Self::parse`].
    pub fn from_pairs<I>(pairs: I) -> Result<Self, OAuthError>
    where
        I: IntoIterator<Item = (String, String)>,
    {
        let mut all = Self::default();
        for (name, value) in pairs {
            all.push(name, value)?;
        }
        Ok(all)
    }

    fn push(&mut self, name: String, value: String) -> Result<(), OAuthError> {
        if self.0.len() >= MOST_PARAMETERS {
            return Err(OAuthError::because(ErrorCode::InvalidRequest, "The request has too many parameters"));
        }
        if name != "resource" && self.0.iter().any(|(known, _)| *known == name) {
            return Err(OAuthError::because(ErrorCode::InvalidRequest, "A parameter is given more than once"));
        }
        self.0.push((name, value));
        Ok(())
    }

    /// The value of `name`; `None` when absent or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The value of `name`, or `invalid_request` with `description`.
    pub fn require(&self, name: &str, description: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::because(ErrorCode::InvalidRequest, description))
    }

    /// All non-empty values of `name`, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// All pairs, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Params {
    /// Names alone: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

fn decode(text: &[u8]) -> Result<String, OAuthError> {
    const NOT_TEXT: &str = "A parameter is not valid percent-encoded UTF-8";
    let spaced: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    let bytes: Vec<u8> = percent_encoding::percent_decode(&spaced).collect();
    match String::from_utf8(bytes) {
        Ok(decoded) if !decoded.contains('\0') => Ok(decoded),
        _ => Err(OAuthError::because(ErrorCode::InvalidRequest, NOT_TEXT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_forms() {
        let params = Params::parse(b"a=1&b=x+y%20z&c=&d&%C3%A9=%e2%82%ac").unwrap();
        assert_eq!(params.get("a"), Some("1"));
        assert_eq!(params.get("b"), Some("x y z"));
        assert_eq!(params.get("c"), None);
        assert_eq!(params.get("d"), None);
        assert_eq!(params.get("é"), Some("€"));
    }

    #[test]
    fn refuses_duplicates_even_across_query_and_body() {
        assert!(Params::parse(b"a=1&a=1").is_err());
        assert!(Params::parse(b"a=1").unwrap().and(b"a=2").is_err());
        assert!(Params::parse(b"a=&a=1").is_err());
        assert_eq!(Params::parse(b"resource=x&resource=y").unwrap().all("resource").count(), 2);
    }

    #[test]
    fn refuses_what_is_not_text_and_floods() {
        assert!(Params::parse(b"a=%ff").is_err());
        assert!(Params::parse(b"a=%00").is_err());
        let flood = (0..=MOST_PARAMETERS).map(|i| format!("p{i}=1")).collect::<Vec<_>>().join("&");
        assert!(Params::parse(flood.as_bytes()).is_err());
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", Params::parse(b"password=hunter2").unwrap()), "[\"password\"]");
    }
}
