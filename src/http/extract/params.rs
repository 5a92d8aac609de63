//! Query and form parameters, each name at most once.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use crate::http::respond::json::oauth_error;
use crate::oauth::{ErrorCode, OAuthError, Params};

/// The parameters of the query. A malformed query is handed on, so that each endpoint refuses on its own channel.
#[derive(Debug)]
pub struct QueryParams(pub Result<Params, OAuthError>);

impl<S: Sync> FromRequestParts<S> for QueryParams {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Params::parse(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}

/// The parameters of an `application/x-www-form-urlencoded` body. Secrets in a query are never read (ASVS V14.2.1).
#[derive(Debug)]
pub struct FormParams(pub Params);

impl<S: Send + Sync> FromRequest<S> for FormParams {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        if !is_form(&request) {
            let why = "The body must be application/x-www-form-urlencoded";
            return Err(oauth_error(&OAuthError::because(ErrorCode::InvalidRequest, why)));
        }
        let body = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        Params::parse(&body).map(Self).map_err(|error| oauth_error(&error))
    }
}

fn is_form(request: &Request) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
