//! Token endpoint, RFC 6749 §3.2. The phases that all grants share are in `provider::grants`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;

use crate::http::extract::FormParams;
use crate::http::respond::json;
use crate::http::site::Site;
use crate::provider::discovery::path;
use crate::provider::grants::{TokenRequest, exchange};

/// `POST /token`.
pub async fn post(State(site): State<Site>, headers: HeaderMap, FormParams(params): FormParams) -> Response {
    let endpoint = site.url(path::TOKEN);
    let authorization = headers.get(AUTHORIZATION).map(axum::http::HeaderValue::as_bytes);
    let request = TokenRequest { authorization, params: &params, endpoint: &endpoint };
    match exchange(site.provider(), request).await {
        Ok((grant, response)) => {
            tracing::debug!(grant = grant.as_str(), "token issued");
            json::ok(&response)
        }
        Err(error) => json::oauth_error(&error.into_oauth()),
    }
}
