//! The carelink dialect (FastAPI): objects without an envelope, `{"detail": …}` where something is wrong.
//!
//! `GET /api/v1/auth/login` sends the browser to Pro Santé Connect, `GET /api/v1/auth/callback` answers with our JWT and the
//! user, whom the national number found or made.

use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::sign_in::Came;
use super::{accepted, locale, sign_in};
use crate::base::Timestamp;
use crate::federation::Upstream;
use crate::http::extract::{Browser, QueryParams};
use crate::http::respond::json as respond;
use crate::http::respond::page::whole_seconds;
use crate::http::site::Site;
use crate::i18n::Locale;
use crate::model::identity::Activity;
use crate::provider::direct::{Application, Direct};

/// Path of the redirection.
pub const LOGIN: &str = "/api/v1/auth/login";
/// Path of the way back.
pub const CALLBACK: &str = "/api/v1/auth/callback";

/// The application that speaks it.
const APPLICATION: Application = Application { client_id: "carelink", name: "CareLink" };

/// Pro Santé Connect, where it is configured.
fn pro_sante_connect(site: &Site) -> Result<&Upstream, Refusal> {
    site.federation().all().into_iter().find(|known| known.is_pro_sante_connect()).ok_or(Refusal::NotFound)
}

/// `GET /api/v1/auth/login`.
pub async fn login(State(site): State<Site>, browser: Browser, QueryParams(params): QueryParams) -> Response {
    let outcome = async {
        let upstream = pro_sante_connect(&site)?;
        if browser.only_looks() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        sign_in::begin(&site, &browser, upstream, CALLBACK.to_owned(), params).await
    };
    outcome.await.unwrap_or_else(|refusal| refused(&browser, &refusal))
}

/// `GET /api/v1/auth/callback`.
pub async fn callback(State(site): State<Site>, browser: Browser, QueryParams(params): QueryParams) -> Response {
    let outcome = async {
        let upstream = pro_sante_connect(&site)?;
        if browser.only_looks() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let came = sign_in::complete(&site, &browser, upstream, (CALLBACK, APPLICATION), params).await?;
        let arrived = match came {
            Came::Arrived(arrived) => arrived,
            Came::Chooses(page) => return Ok(page),
        };
        let answer = match &arrived.direct {
            Ok(direct) => respond::ok(&shown(direct, &arrived.activities)),
            Err(refusal) => refused(&browser, refusal),
        };
        Ok(arrived.keep(&site, &browser, answer))
    };
    outcome.await.unwrap_or_else(|refusal| refused(&browser, &refusal))
}

/// What these paths have no method for.
pub async fn method_not_allowed(headers: HeaderMap) -> Response {
    error(&Refusal::Method, accepted(&headers))
}

fn refused(browser: &Browser, refusal: &Refusal) -> Response {
    browser.remember(error(refusal, locale(browser)))
}

fn error(refusal: &Refusal, locale: Locale) -> Response {
    let message = refusal.message(locale);
    let detail = match refusal {
        Refusal::Missing(field) => json!([{"loc": ["query", field], "msg": message, "type": "missing"}]),
        _ => Value::from(message),
    };
    let mut response = respond::with_status(refusal.status(), &json!({ "detail": detail }));
    if let Some(wait) = refusal.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, whole_seconds(wait).into());
    }
    response
}

/// The tokens as OAuth names them, and the user.
fn shown(direct: &Direct, activities: &[Activity]) -> Value {
    let (user, member) = (&direct.subject.user, direct.subject.membership.as_ref());
    json!({
        "access_token": direct.access_token,
        "token_type": "bearer",
        "expires_in": direct.expires_in,
        "refresh_token": direct.refresh_token,
        "user": {
            "id": user.id,
            "uuid": user.uuid,
            "email": user.address(),
            "first_name": user.first_name,
            "last_name": user.last_name,
            "rpps": user.rpps,
            "profession_id": activities.first().and_then(|activity| activity.profession.parse::<u32>().ok()),
            "roles": direct.subject.roles(),
            "tenant_id": member.map(|member| member.tenant.uuid),
            "is_active": user.is_active(),
            "last_login": user.last_login_at.map(Timestamp::to_rfc3339_seconds),
            "created_at": user.created_at.to_rfc3339_seconds(),
        },
    })
}
