//! Token introspection, RFC 7662, signed on request (RFC 9701 §4).

use axum::extract::State;
use axum::http::header::{ACCEPT, AUTHORIZATION};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use crate::http::extract::FormParams;
use crate::http::respond::json;
use crate::http::site::Site;
use crate::oauth::Params;
use crate::provider::client_auth::authenticate;
use crate::provider::discovery::path;
use crate::provider::signed_answers::Answer;
use crate::provider::{ProviderError, introspect, signed_answers};

/// The media type of a signed answer (RFC 9701 §10.2).
const SIGNED: &str = "application/token-introspection+jwt";

/// `POST /introspect`.
pub async fn post(State(site): State<Site>, headers: HeaderMap, FormParams(params): FormParams) -> Response {
    match answer(&site, &headers, &params).await {
        Ok(Answer::Claims(answer)) => json::ok(&answer),
        Ok(Answer::Token(token)) => json::token(SIGNED, token),
        Err(error) => json::oauth_error(&error.into_oauth()),
    }
}

async fn answer(site: &Site, headers: &HeaderMap, params: &Params) -> Result<Answer, ProviderError> {
    let provider = site.provider();
    let authorization = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let client = authenticate(provider, authorization, params, &site.url(path::INTROSPECT)).await?;
    let answer = introspect::introspect(provider, &client, params).await?;
    signed_answers::introspection(provider, &client, answer, accepts_signed(headers))
}

/// Whether `Accept` names the signed form. A wildcard asks for nothing in particular.
fn accepts_signed(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_named = parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case(SIGNED));
        let is_refused = |part: &str| matches!(part.replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        is_named && !parts.any(is_refused)
    })
}
