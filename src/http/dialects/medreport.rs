//! The medreport dialect (Laravel): `{"success", "message", …}`, and both `message` and `error` where something is wrong,
//! because its clients read one here and the other there.
//!
//! `GET /api/auth/{provider}` sends the browser to an upstream, `GET /api/auth/{provider}/callback` answers with `token` and
//! `user` as its sign-in does.

use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::sign_in::Came;
use super::{locale, sign_in};
use crate::federation::Upstream;
use crate::http::extract::{Browser, QueryParams, Segment};
use crate::http::respond::json as respond;
use crate::http::respond::page::whole_seconds;
use crate::http::site::Site;
use crate::i18n;
use crate::model::role::Role;
use crate::provider::direct::Application;
use crate::provider::subject::Subject;

/// Path of the redirection.
pub const REDIRECT: &str = "/api/auth/{provider}";
/// Path of the way back.
pub const CALLBACK: &str = "/api/auth/{provider}/callback";

/// The application that speaks it.
const APPLICATION: Application = Application { client_id: "medreport", name: "MedReport" };

/// An upstream by the name that the dialect has for it: ours, with `-` for `_`. `pro-sante-connect` is whichever of ours is it.
fn provider<'a>(site: &'a Site, name: &str) -> Result<(&'a Upstream, String), Refusal> {
    let own = name.replace('-', "_");
    let by_kind =
        || site.federation().all().into_iter().find(|known| known.is_pro_sante_connect() && own == "pro_sante_connect");
    let by_name = || site.federation().find(&own).or_else(|| site.federation().find(name));
    let upstream = by_name().or_else(by_kind).ok_or(Refusal::NotFound)?;
    Ok((upstream, way_back(name)))
}

/// Where an upstream of this name sends the browser back to, below the issuer.
pub fn way_back(name: &str) -> String {
    CALLBACK.replace("{provider}", &name.replace('_', "-"))
}

/// `GET /api/auth/{provider}`.
pub async fn redirect(
    State(site): State<Site>,
    browser: Browser,
    name: Result<Segment, Response>,
    QueryParams(params): QueryParams,
) -> Response {
    let outcome = async {
        let Segment(name) = name.map_err(|_| Refusal::NotFound)?;
        let (upstream, way_back) = provider(&site, &name)?;
        if browser.only_looks() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        sign_in::begin(&site, &browser, upstream, way_back, params).await
    };
    outcome.await.unwrap_or_else(|refusal| refused(&browser, &refusal))
}

/// `GET /api/auth/{provider}/callback`.
pub async fn callback(
    State(site): State<Site>,
    browser: Browser,
    name: Result<Segment, Response>,
    QueryParams(params): QueryParams,
) -> Response {
    let outcome = async {
        let Segment(name) = name.map_err(|_| Refusal::NotFound)?;
        let (upstream, way_back) = provider(&site, &name)?;
        if browser.only_looks() {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        let came = sign_in::complete(&site, &browser, upstream, (&way_back, APPLICATION), params).await?;
        let arrived = match came {
            Came::Arrived(arrived) => arrived,
            Came::Chooses(page) => return Ok(page),
        };
        let answer = match &arrived.direct {
            Ok(direct) => respond::ok(&json!({
                "success": true,
                "message": i18n::t(locale(&browser), "dialect.signed_in"),
                "token": direct.access_token,
                "user": user(&direct.subject),
            })),
            Err(refusal) => refused(&browser, refusal),
        };
        Ok(arrived.keep(&site, &browser, answer))
    };
    outcome.await.unwrap_or_else(|refusal| refused(&browser, &refusal))
}

/// What these paths have no method for.
pub async fn method_not_allowed(headers: HeaderMap) -> Response {
    error(&Refusal::Method.message(super::accepted(&headers)), &Refusal::Method)
}

fn refused(browser: &Browser, refusal: &Refusal) -> Response {
    browser.remember(error(&refusal.message(locale(browser)), refusal))
}

fn error(message: &str, refusal: &Refusal) -> Response {
    let mut body = json!({"success": false, "message": message, "error": message});
    if let (Refusal::Missing(field), Some(body)) = (refusal, body.as_object_mut()) {
        // A refusal of validation has no `success` in Laravel.
        body.remove("success");
        body.insert("errors".to_owned(), json!({ *field: [message] }));
    }
    let mut response = respond::with_status(refusal.status(), &body);
    if let Some(wait) = refusal.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, whole_seconds(wait).into());
    }
    response
}

/// The user of the dialect's sign-in.
fn user(subject: &Subject) -> Value {
    let user = &subject.user;
    json!({
        "id": user.id,
        "uuid": user.uuid,
        "name": user.display_name(),
        // The dialect's clients read a text here, whatever comes.
        "email": user.address().unwrap_or_default(),
        "role": role(&subject.roles()),
        "organization_id": subject.membership.as_ref().map(|member| member.tenant.id),
        "has_used_trial": false,
        "created_at": user.created_at.to_rfc3339_micros(),
        "updated_at": user.updated_at.to_rfc3339_micros(),
    })
}

/// The dialect knows three roles, and one of them at a time.
fn role(roles: &[Role]) -> Option<&'static str> {
    let known = [Role::Owner, Role::Admin, Role::Doctor];
    let own = known.into_iter().find(|known| roles.contains(known));
    own.or_else(|| roles.first().copied()).map(Role::as_str)
}
