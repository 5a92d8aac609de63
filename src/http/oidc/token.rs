//! Token endpoint, RFC 6749 §3.2. The phases that all grants share are in `provider::grants`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;

use crate::http::extract::FormParams;
use crate::http::respond::json;
use crate::http::site::Site;
use crate::oauth::{GrantType, Params};
use crate::provider::discovery::path;
use crate::provider::grants::{TokenRequest, exchange};

/// `POST /token`.
pub async fn post(State(site): State<Site>, headers: HeaderMap, FormParams(params): FormParams) -> Response {
    let endpoint = site.url(path::TOKEN);
    let authorization = headers.get(AUTHORIZATION).map(axum::http::HeaderValue::as_bytes);
    let request = TokenRequest { authorization, params: &params, endpoint: &endpoint };
    match exchange(site.provider(), request).await {
        Ok((grant, response)) => {
            site.metrics.token(grant.as_str(), "issued");
            json::ok(&response)
        }
        Err(error) => {
            let error = error.into_oauth();
            site.metrics.token(named(&params), error.code.as_str());
            json::oauth_error(&error)
        }
    }
}

/// The named grant type as a label: one of ours or `other`, so that nobody makes labels up.
fn named(params: &Params) -> &'static str {
    params.get("grant_type").and_then(GrantType::parse).map_or("other", GrantType::as_str)
}
