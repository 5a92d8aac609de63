//! Discovery (OpenID Connect Discovery 1.0 §4, RFC 8414 §3) and the JWK Set (RFC 7517 §5): cached bytes.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::http::middleware::Document;
use crate::http::respond::json::document;
use crate::http::site::Site;
use crate::provider::discovery::path;

/// How long caches may keep both. A new key is published longer than this before it signs.
const KEPT: &str = "public, max-age=300";

/// What the documents of this room answer to a GET, by route template. They are the same for everybody and asked for by
/// every verifier of a token, so they stand in front of the router.
pub fn documents(site: &Site) -> Vec<(String, Document)> {
    let at = |path: &str| format!("{}{path}", site.base_path);
    let (first, second) = (site.clone(), site.clone());
    let metadata: Document = Arc::new(move || document(first.provider().metadata(), KEPT));
    let jwks: Document = Arc::new(move || document(second.provider().keys().current().jwks().clone(), KEPT));
    vec![
        (at(path::OPENID_CONFIGURATION), Arc::clone(&metadata)),
        (at(path::OAUTH_METADATA), metadata),
        (at(path::JWKS), jwks),
    ]
}

/// `GET /.well-known/openid-configuration`, `GET /.well-known/oauth-authorization-server`.
pub async fn metadata(State(site): State<Site>) -> Response {
    document(site.provider().metadata(), KEPT)
}

/// `GET /jwks`.
pub async fn jwks(State(site): State<Site>) -> Response {
    document(site.provider().keys().current().jwks().clone(), KEPT)
}
