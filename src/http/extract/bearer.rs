//! Bearer tokens (RFC 6750): in the header, or in a form; never in the query.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::oauth::{ErrorCode, OAuthError, Params};

/// The token of a request, `None` where there is none. Two ways at once are `invalid_request` (RFC 6750 §2).
pub fn bearer(headers: &HeaderMap, form: Option<&Params>) -> Result<Option<String>, OAuthError> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let header = lines.next().and_then(|line| line.to_str().ok()).and_then(|line| {
        let (scheme, token) = line.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let body = form.and_then(|params| params.get("access_token"));
    match (header, body, lines.next()) {
        (_, _, Some(_)) | (Some(_), Some(_), None) => {
            Err(OAuthError::because(ErrorCode::InvalidRequest, "The access token is given in more than one way"))
        }
        (Some(token), None, None) | (None, Some(token), None) if !token.is_empty() => Ok(Some(token.to_owned())),
        (None, None, None) => Ok(None),
        _ => Err(OAuthError::because(ErrorCode::InvalidToken, "The access token is missing")),
    }
}
