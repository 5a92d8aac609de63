//! A simulated Facebook: OAuth and the Graph API, which is no OpenID provider.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderName, StatusCode};
use axum::response::Response;
use axum::routing::{delete, get};
use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::clients::{Client, find};
use super::desk::Desk;
use super::failure::{Fault, Stage};
use super::pages::{self, Frame};
use super::reply;
use super::social::{self, ACCESS, Grant, Manner, Social, Unfit, spoil};
use crate::base::digest::{Digest, hmac_sha256};
use crate::base::secret::ct_eq;

const FRAME: Frame = Frame { brand: "Facebook" };
/// The oldest version that is alive, and the newest there is. An older one is served by the oldest.
const VERSIONS: (u32, u32) = (21, 26);

/// The routes.
pub(super) fn router(desk: Arc<Desk>) -> Router {
    let manner = Manner {
        frame: FRAME,
        name: "facebook",
        extra: |_, _| Vec::new(),
        refusal: &[("error_code", "200"), ("error_description", "Permissions error"), ("error_reason", "user_denied")],
        fragment: "#_=_",
        numbered: |number| {
            json!({"id": format!("numero-{number}"), "name": "Exemple", "about": "", "profile": {
                "name": format!("Exemple {number}"), "first_name": "Exemple", "last_name": number.to_string(),
                "email": format!("exemple.{number}@exemple.example"),
            }})
        },
    };
    social::router()
        .route("/{version}/dialog/oauth", get(dialog))
        .route("/{version}/oauth/access_token", get(token).post(token))
        .route("/{version}/me", get(me))
        .route("/debug_token", get(debug_token))
        .route("/{version}/debug_token", get(debug_token))
        .route("/{version}/{user}/permissions", delete(forget))
        .with_state(Arc::new(Social::new(desk, manner)))
}

/// The version that serves a call: `v23.0` of the path. `None` where there is none of that name.
fn version(named: &str) -> Option<u32> {
    let number: u32 = named.strip_prefix('v')?.strip_suffix(".0")?.parse().ok()?;
    (number <= VERSIONS.1).then(|| number.max(VERSIONS.0))
}

async fn dialog(State(facebook): State<Arc<Social>>, Path(named): Path<String>, asked: Asked) -> Response {
    match version(&named) {
        Some(_) => facebook.authorize(&asked),
        None => pages::refusal(&FRAME, "Cette version n’existe pas."),
    }
}

/// An error of the Graph API.
fn graph_error(message: &str, kind: &str, code: u32) -> Response {
    let body = json!({"error": {"message": message, "type": kind, "code": code, "fbtrace_id": "Simulation"}});
    let response = reply::json_with(StatusCode::BAD_REQUEST, &body);
    reply::with_header(
        response,
        WWW_AUTHENTICATE,
        &format!("OAuth \"Facebook Platform\" \"{}\" \"{message}\"", kind.to_lowercase()),
    )
}

fn bad_token() -> Response {
    graph_error("Invalid OAuth access token - Cannot parse access token", "OAuthException", 190)
}

fn unknown_version() -> Response {
    graph_error("Unknown path components", "OAuthException", 2500)
}

fn versioned(response: Response, version: u32) -> Response {
    reply::with_header(response, HeaderName::from_static("facebook-api-version"), &format!("v{version}.0"))
}

async fn token(State(facebook): State<Arc<Social>>, Path(named): Path<String>, asked: Asked) -> Response {
    facebook.desk.count("token");
    let path = format!("/{named}/oauth/access_token");
    let (fault, trouble) = facebook.desk.trouble(Stage::Token, facebook.carried(asked.either("code")), &path).await;
    if let Some(trouble) = trouble {
        return trouble;
    }
    let Some(version) = version(&named) else { return unknown_version() };
    let client = asked.either("client_id").and_then(|id| find(&facebook.desk.clients, id));
    let secret = asked.either("client_secret").unwrap_or_default();
    let Some(client) = client.filter(|client| {
        fault != Some(Fault::InvalidClient) && ct_eq(secret.as_bytes(), client.client_secret.expose().as_bytes())
    }) else {
        return graph_error("Error validating client secret.", "OAuthException", 1);
    };
    let redeemed = match fault {
        Some(Fault::InvalidGrant) => Err(Unfit::Code),
        // Facebook wants the address again, always.
        _ if asked.either("redirect_uri").is_none() => {
            return graph_error("Missing redirect_uri parameter.", "OAuthException", 191);
        }
        _ => facebook.redeem(&client.client_id, &asked),
    };
    let grant = match redeemed {
        Ok(grant) => grant,
        Err(Unfit::Code) => return graph_error("This authorization code has been used.", "OAuthException", 100),
        Err(_) => {
            let why = "Error validating verification code. Please make sure your redirect_uri is identical to the one \
                       you used in the OAuth dialog request";
            return graph_error(why, "OAuthException", 100);
        }
    };
    let access = format!("EAA{}", facebook.desk.random());
    let holder = if fault == Some(Fault::OtherApp) { "another-app".to_owned() } else { grant.client_id.clone() };
    facebook.tokens.put(&access, Grant { client_id: holder, ..grant }, facebook.desk.now());
    versioned(
        reply::json(&json!({"access_token": access, "token_type": "bearer", "expires_in": ACCESS.as_secs()})),
        version,
    )
}

/// `id` differs from app to app.
fn app_scoped_id(grant: &Grant, app: &str) -> String {
    let person = grant.person.as_ref().and_then(|person| person.profile.get("name")).and_then(Value::as_str);
    let digest = Digest::of(format!("{app}/{}", person.unwrap_or_default()).as_bytes());
    let number = digest.as_bytes().first_chunk::<5>().copied().unwrap_or_default();
    format!("10{}", number.iter().map(|byte| format!("{byte:03}")).collect::<String>())
}

/// Lower-case hexadecimal HMAC-SHA256 of the access token under the app's secret.
fn proof(client: &Client, token: &str) -> String {
    let mac = hmac_sha256(client.client_secret.expose().as_bytes(), token.as_bytes());
    mac.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn me(State(facebook): State<Arc<Social>>, Path(named): Path<String>, asked: Asked) -> Response {
    facebook.desk.count("userinfo");
    let Some(version) = version(&named) else { return unknown_version() };
    let token = asked.query.get("access_token").or_else(|| asked.bearer()).unwrap_or_default();
    let Some(grant) = facebook.token(Some(token)) else { return bad_token() };
    let (fault, trouble) = facebook.desk.trouble(Stage::Userinfo, grant.failure, &format!("/{named}/me")).await;
    if let Some(trouble) = trouble {
        return trouble;
    }
    if fault == Some(Fault::Unauthorized) {
        return bad_token();
    }
    // The app demands a proof of its secret with every call.
    if let Some(client) = find(&facebook.desk.clients, &grant.client_id) {
        let given = asked.query.get("appsecret_proof").unwrap_or_default();
        if given.is_empty() {
            return graph_error(
                "API calls from the server require an appsecret_proof argument",
                "GraphMethodException",
                100,
            );
        }
        if !ct_eq(given.as_bytes(), proof(client, token).as_bytes()) {
            return graph_error("Invalid appsecret_proof provided in the API argument", "GraphMethodException", 100);
        }
    }
    let mut profile = profile(&grant, asked.query.get("fields").unwrap_or("id,name"));
    spoil(&mut profile, "id", fault);
    let body = Value::Object(profile);
    let response = match fault {
        Some(Fault::WrongType) => reply::body(StatusCode::OK, "text/javascript", body.to_string()),
        _ => reply::json(&body),
    };
    versioned(response, version)
}

/// The fields that were asked for; `id` always comes, the address only with its permission.
fn profile(grant: &Grant, fields: &str) -> Map<String, Value> {
    let mut profile = grant.person.as_ref().map(|person| person.profile.clone()).unwrap_or_default();
    let may = grant.scope.split([' ', ',']).any(|scope| scope == "email");
    profile.retain(|name, _| fields.split(',').any(|field| field.trim() == name) && (name != "email" || may));
    profile.insert("id".to_owned(), app_scoped_id(grant, &grant.client_id).into());
    profile
}

/// Whose token it is: asked with `app_id|app_secret`.
async fn debug_token(State(facebook): State<Arc<Social>>, asked: Asked) -> Response {
    facebook.desk.count("debug_token");
    let held = asked.query.get("access_token").and_then(|token| token.split_once('|'));
    let app = held.and_then(|(id, secret)| {
        let client = find(&facebook.desk.clients, id)?;
        ct_eq(secret.as_bytes(), client.client_secret.expose().as_bytes()).then_some(client)
    });
    if app.is_none() {
        return bad_token();
    }
    match facebook.token(asked.query.get("input_token")) {
        Some(grant) => reply::json(&json!({"data": {
            "app_id": grant.client_id,
            "type": "USER",
            "application": "Simulation",
            "is_valid": true,
            "user_id": app_scoped_id(&grant, &grant.client_id),
            "scopes": grant.scope.split([' ', ',']).filter(|scope| !scope.is_empty()).collect::<Vec<_>>(),
            "expires_at": facebook.desk.now().plus(ACCESS).seconds(),
        }})),
        None => reply::json(&json!({"data": {"is_valid": false, "scopes": [], "error": {
            "code": 190, "message": "Invalid OAuth access token.",
        }}})),
    }
}

/// Withdraws the consent.
async fn forget(State(facebook): State<Arc<Social>>, asked: Asked) -> Response {
    facebook.desk.count("revocation");
    let token = asked.query.get("access_token").or_else(|| asked.bearer()).unwrap_or_default();
    match facebook.tokens.take(token, facebook.desk.now()) {
        Some(_) => reply::json(&json!({"success": true})),
        None => bad_token(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_version_is_served_by_the_oldest_alive() {
        assert_eq!(version("v25.0"), Some(25));
        assert_eq!(version("v12.0"), Some(VERSIONS.0));
        for wrong in ["v99.0", "25.0", "v25", "me", ""] {
            assert_eq!(version(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_proof_is_hexadecimal_hmac() {
        let client = Client::new("app", "Jefe");
        let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(proof(&client, "what do ya want for nothing?"), known, "RFC 4231, case 2");
    }
}
