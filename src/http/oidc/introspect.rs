//! Token introspection, RFC 7662.

use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use crate::http::extract::FormParams;
use crate::http::respond::json;
use crate::http::site::Site;
use crate::oauth::Params;
use crate::provider::client_auth::authenticate;
use crate::provider::discovery::path;
use crate::provider::{ProviderError, introspect};

/// `POST /introspect`.
pub async fn post(State(site): State<Site>, headers: HeaderMap, FormParams(params): FormParams) -> Response {
    match answer(&site, &headers, &params).await {
        Ok(answer) => json::ok(&answer),
        Err(error) => json::oauth_error(&error.into_oauth()),
    }
}

async fn answer(
    site: &Site,
    headers: &HeaderMap,
    params: &Params,
) -> Result<serde_json::Map<String, serde_json::Value>, ProviderError> {
    let provider = site.provider();
    let authorization = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let client = authenticate(provider, authorization, params, &site.url(path::INTROSPECT)).await?;
    introspect::introspect(provider, &client, params).await
}
