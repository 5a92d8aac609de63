//! Discovery (OpenID Connect Discovery 1.0 §4, RFC 8414 §3) and the JWK Set (RFC 7517 §5): cached bytes.

use axum::extract::State;
use axum::response::Response;

use crate::http::respond::json::document;
use crate::http::site::Site;

/// How long caches may keep both. A new key is published longer than this before it signs.
const KEPT: &str = "public, max-age=300";

/// `GET /.well-known/openid-configuration`, `GET /.well-known/oauth-authorization-server`.
pub async fn metadata(State(site): State<Site>) -> Response {
    document(site.provider().metadata(), KEPT)
}

/// `GET /jwks`.
pub async fn jwks(State(site): State<Site>) -> Response {
    document(site.provider().keys().current().jwks().clone(), KEPT)
}
