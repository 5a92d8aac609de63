//! Pushed authorization request endpoint, RFC 9126 §2.

use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

use crate::http::extract::FormParams;
use crate::http::respond::json;
use crate::http::site::Site;
use crate::oauth::Params;
use crate::provider::ProviderError;
use crate::provider::client_auth::authenticate;
use crate::provider::discovery::path;
use crate::provider::pushed::{Pushed, push};

/// `POST /par`.
pub async fn post(State(site): State<Site>, headers: HeaderMap, FormParams(params): FormParams) -> Response {
    match answer(&site, &headers, &params).await {
        Ok(pushed) => json::with_status(StatusCode::CREATED, &pushed),
        Err(error) => json::oauth_error(&error.into_oauth()),
    }
}

async fn answer(site: &Site, headers: &HeaderMap, params: &Params) -> Result<Pushed, ProviderError> {
    let provider = site.provider();
    let authorization = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let client = authenticate(provider, authorization, params, &site.url(path::PAR)).await?;
    push(provider, &client, params).await
}
