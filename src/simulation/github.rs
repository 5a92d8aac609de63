//! A simulated GitHub: OAuth with its own ways (errors with status 200, forms unless JSON is asked for), and its API.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{delete, get};
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::asked::Asked;
use super::clients::find;
use super::desk::Desk;
use super::failure::{Failure, Fault, Stage};
use super::pages::Frame;
use super::reply;
use super::social::{self, Grant, Manner, Social, Unfit, spoil};
use crate::base::secret::ct_eq;

const TOKEN: &str = "/login/oauth/access_token";
/// What the callback's `iss` says, below the origin.
pub(super) const ISSUER: &str = "/login/oauth";
const HELP: &str =
    "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-authorization-request-errors/#access-denied";

/// The routes: those of `github.com` and those of `api.github.com`.
pub(super) fn router(desk: Arc<Desk>) -> Router {
    let manner = Manner {
        frame: Frame { brand: "GitHub" },
        name: "github",
        extra: |social, _| vec![("iss", social.desk.at(ISSUER))],
        refusal: &[("error_description", "The user has denied your application access."), ("error_uri", HELP)],
        fragment: "",
        numbered: |number| {
            json!({"id": "numero", "name": "Exemple", "about": "",
                "profile": {"login": format!("exemple-{number}"), "id": 91_000_000 + number, "type": "User",
                    "name": format!("Exemple {number}"), "email": null},
                "emails": [{"email": format!("exemple.{number}@exemple.example"), "primary": true, "verified": true,
                    "visibility": "private"}],
            })
        },
    };
    social::router()
        .route("/login/oauth/authorize", get(authorize))
        .route(TOKEN, get(token).post(token))
        .route("/user", get(user))
        .route("/user/emails", get(emails))
        .route("/applications/{client_id}/token", delete(revoke))
        .route("/applications/{client_id}/grant", delete(revoke))
        .with_state(Arc::new(Social::new(desk, manner)))
}

async fn authorize(State(github): State<Arc<Social>>, asked: Asked) -> Response {
    github.authorize(&asked)
}

/// An answer of the token endpoint, of status 200 whatever it says: JSON where it is asked for, else a form.
fn token_answer(asked: &Asked, pairs: &[(&str, &str)]) -> Response {
    if asked.accepts("application/json") {
        let members = pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
        return reply::body(StatusCode::OK, "application/json; charset=utf-8", Value::Object(members).to_string());
    }
    let form = Serializer::new(String::new()).extend_pairs(pairs).finish();
    reply::body(StatusCode::OK, "application/x-www-form-urlencoded; charset=utf-8", form)
}

fn token_error(asked: &Asked, code: &str, description: &str) -> Response {
    token_answer(asked, &[("error", code), ("error_description", description), ("error_uri", HELP)])
}

async fn token(State(github): State<Arc<Social>>, asked: Asked) -> Response {
    github.desk.count("token");
    let carried = github.carried(asked.either("code"));
    let (fault, trouble) = github.desk.trouble(Stage::Token, carried, TOKEN).await;
    if let Some(trouble) = trouble {
        return trouble;
    }
    let (id, secret) = asked.basic().unwrap_or_else(|| {
        let own = |name: &str| asked.either(name).unwrap_or_default().to_owned();
        (own("client_id"), own("client_secret"))
    });
    let client = find(&github.desk.clients, &id).filter(|client| {
        fault != Some(Fault::InvalidClient) && ct_eq(secret.as_bytes(), client.client_secret.expose().as_bytes())
    });
    let Some(client) = client else {
        let why = "The client_id and/or client_secret passed are incorrect.";
        return token_error(&asked, "incorrect_client_credentials", why);
    };
    let redeemed = match fault {
        Some(Fault::InvalidGrant | Fault::Error200) => Err(Unfit::Code),
        _ => github.redeem(&client.client_id, &asked),
    };
    match redeemed {
        Ok(grant) => {
            let access = format!("gho_{}", github.desk.random());
            let narrow = fault == Some(Fault::NarrowScope);
            let scope = if narrow { "read:user".to_owned() } else { grant.scope.clone() };
            let said = scope.split_whitespace().collect::<Vec<_>>().join(",");
            github.tokens.put(&access, Grant { scope, ..grant }, github.desk.now());
            token_answer(&asked, &[("access_token", &access), ("scope", &said), ("token_type", "bearer")])
        }
        Err(Unfit::RedirectUri) => {
            let why = "The redirect_uri MUST match the registered callback URL for this application.";
            token_error(&asked, "redirect_uri_mismatch", why)
        }
        Err(_) => token_error(&asked, "bad_verification_code", "The code passed is incorrect or expired."),
    }
}

fn message(status: StatusCode, text: &str) -> Response {
    let help = "https://docs.github.com/rest";
    reply::json_with(status, &json!({"message": text, "documentation_url": help, "status": status.as_str()}))
}

/// Whose token it is, once the call has what the API demands.
fn called(github: &Social, asked: &Asked) -> Result<Grant, Box<Response>> {
    if asked.user_agent().is_none() {
        let text = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header";
        return Err(Box::new(reply::body(StatusCode::FORBIDDEN, "text/plain", text)));
    }
    let version = asked.named_header("x-github-api-version");
    if version.is_some_and(|version| version != "2022-11-28") {
        return Err(Box::new(message(StatusCode::BAD_REQUEST, "API version is not supported")));
    }
    github.token(asked.bearer()).ok_or_else(|| Box::new(message(StatusCode::UNAUTHORIZED, "Bad credentials")))
}

async fn begun(
    github: &Social,
    asked: &Asked,
    stage: Stage,
    path: &str,
) -> Result<(Grant, Option<Fault>), Box<Response>> {
    let grant = called(github, asked)?;
    let carried: Option<Failure> = grant.failure;
    match github.desk.trouble(stage, carried, path).await {
        (_, Some(trouble)) => Err(Box::new(trouble)),
        (Some(Fault::Unauthorized), _) => Err(Box::new(message(StatusCode::UNAUTHORIZED, "Bad credentials"))),
        (fault, None) => Ok((grant, fault)),
    }
}

async fn user(State(github): State<Arc<Social>>, asked: Asked) -> Response {
    github.desk.count("userinfo");
    let (grant, fault) = match begun(&github, &asked, Stage::Userinfo, "/user").await {
        Ok(begun) => begun,
        Err(refusal) => return *refusal,
    };
    let mut profile = grant.person.as_ref().map(|person| person.profile.clone()).unwrap_or_default();
    spoil(&mut profile, "id", fault);
    match fault {
        Some(Fault::WrongType) => reply::body(StatusCode::OK, "text/plain", Value::Object(profile).to_string()),
        _ => reply::json(&Value::Object(profile)),
    }
}

async fn emails(State(github): State<Arc<Social>>, asked: Asked) -> Response {
    github.desk.count("emails");
    let (grant, fault) = match begun(&github, &asked, Stage::Emails, "/user/emails").await {
        Ok(begun) => begun,
        Err(refusal) => return *refusal,
    };
    let may = grant.scope.split_whitespace().any(|scope| scope == "user" || scope == "user:email");
    if !may {
        return message(StatusCode::NOT_FOUND, "Not Found");
    }
    let emails = match (&grant.person, fault) {
        (Some(person), None) => person.emails.clone(),
        _ => Vec::new(),
    };
    reply::json(&Value::Array(emails))
}

/// `{"access_token": …}` with HTTP Basic.
async fn revoke(State(github): State<Arc<Social>>, Path(client_id): Path<String>, asked: Asked) -> Response {
    github.desk.count("revocation");
    let proven = asked.basic().is_some_and(|(id, secret)| {
        id == client_id
            && find(&github.desk.clients, &id)
                .is_some_and(|client| ct_eq(secret.as_bytes(), client.client_secret.expose().as_bytes()))
    });
    if !proven {
        return message(StatusCode::NOT_FOUND, "Not Found");
    }
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let token = body.get("access_token").and_then(Value::as_str).unwrap_or_default();
    match github.tokens.take(token, github.desk.now()) {
        Some(_) => reply::body(StatusCode::NO_CONTENT, "application/json", ""),
        None => message(StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed"),
    }
}
