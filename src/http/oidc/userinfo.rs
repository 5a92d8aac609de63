//! Userinfo, OpenID Connect Core §5.3: by GET and POST, the token in the header or in a form (RFC 6750 §2).

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;

use crate::http::extract::bearer::bearer;
use crate::http::respond::json;
use crate::http::site::Site;
use crate::oauth::{OAuthError, Params};
use crate::provider::signed_answers::Answer;
use crate::provider::userinfo;

/// `GET /userinfo`.
pub async fn get(State(site): State<Site>, headers: HeaderMap) -> Response {
    answer(&site, bearer(&headers, None)).await
}

/// `POST /userinfo`.
pub async fn post(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Response {
    let is_form = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let token = if is_form {
        Params::parse(&body).and_then(|params| bearer(&headers, Some(&params)))
    } else {
        bearer(&headers, None)
    };
    answer(&site, token).await
}

async fn answer(site: &Site, token: Result<Option<String>, OAuthError>) -> Response {
    let claims = match token {
        Ok(Some(token)) => {
            userinfo::userinfo(site.provider(), &token).await.map_err(crate::provider::ProviderError::into_oauth)
        }
        Ok(None) => return json::bearer_challenge(),
        Err(error) => Err(error),
    };
    match claims {
        Ok(Answer::Claims(claims)) => json::ok(&claims),
        Ok(Answer::Token(token)) => json::token("application/jwt", token),
        Err(error) => json::bearer_error(&error),
    }
}
