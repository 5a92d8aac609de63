//! The provider's metadata (OpenID Connect Discovery 1.0 §3, RFC 8414 §2), made once for each set of keys.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::Settings;
use super::self_registration::Admits;
use crate::jose::encryption::{ContentEncryption, KeyManagement};
use crate::jose::{Algorithm, Keyring, client_mac};
use crate::oauth::authorization::Display;
use crate::oauth::response::{ResponseMode, ResponseType};
use crate::oauth::{AuthMethod, GrantType, claims, scope};

/// Paths of the endpoints below the issuer.
pub mod path {
    /// Discovery (OpenID Connect Discovery §4).
    pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
    /// Discovery (RFC 8414 §3).
    pub const OAUTH_METADATA: &str = "/.well-known/oauth-authorization-server";
    /// JWK Set.
    pub const JWKS: &str = "/jwks";
    /// Authorization endpoint.
    pub const AUTHORIZE: &str = "/authorize";
    /// Pushed authorization request endpoint.
    pub const PAR: &str = "/par";
    /// Token endpoint.
    pub const TOKEN: &str = "/token";
    /// Userinfo endpoint.
    pub const USERINFO: &str = "/userinfo";
    /// Introspection endpoint.
    pub const INTROSPECT: &str = "/introspect";
    /// Revocation endpoint.
    pub const REVOKE: &str = "/revoke";
    /// End-session endpoint.
    pub const END_SESSION: &str = "/end-session";
    /// The page for session management's frame.
    pub const CHECK_SESSION: &str = "/session/check";
    /// Client registration endpoint.
    pub const REGISTER: &str = "/register";
}

/// Authentication context classes, weakest first.
pub const ACR_VALUES: [&str; 1] = [crate::model::session::ACR_PASSWORD];

/// The document, ready to send.
pub fn document(settings: &Settings, keyring: &Keyring) -> Bytes {
    let mut document = Map::new();
    for part in [endpoints(settings), requests(), signatures(keyring), client_authentication(), people()] {
        if let Value::Object(members) = part {
            document.extend(members);
        }
    }
    Bytes::from(Value::Object(document).to_string())
}

fn endpoints(settings: &Settings) -> Value {
    let at = |path: &str| format!("{}{path}", settings.issuer);
    let mut endpoints = json!({
        "issuer": settings.issuer,
        "authorization_endpoint": at(path::AUTHORIZE),
        "pushed_authorization_request_endpoint": at(path::PAR),
        "token_endpoint": at(path::TOKEN),
        "userinfo_endpoint": at(path::USERINFO),
        "jwks_uri": at(path::JWKS),
        "introspection_endpoint": at(path::INTROSPECT),
        "revocation_endpoint": at(path::REVOKE),
        "end_session_endpoint": at(path::END_SESSION),
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
        "check_session_iframe": at(path::CHECK_SESSION),
    });
    if settings.registration.admits != Admits::Nobody
        && let Some(members) = endpoints.as_object_mut()
    {
        members.insert("registration_endpoint".to_owned(), at(path::REGISTER).into());
    }
    endpoints
}

/// What an authorization request may be.
fn requests() -> Value {
    json!({
        "scopes_supported": scope::STANDARD,
        "response_types_supported": ResponseType::ALL.map(ResponseType::as_str),
        "response_modes_supported": ResponseMode::ALL.map(ResponseMode::as_str),
        "grant_types_supported": GrantType::ALL.map(GrantType::as_str),
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "display_values_supported": Display::ALL.map(Display::as_str),
        "ui_locales_supported": ["fr", "en"],
        "claims_parameter_supported": true,
        "request_parameter_supported": true,
        "request_uri_parameter_supported": true,
        "require_request_uri_registration": true,
        "require_signed_request_object": false,
        "request_object_signing_alg_values_supported": Algorithm::ALL.map(Algorithm::as_str),
        "require_pushed_authorization_requests": false,
        "authorization_response_iss_parameter_supported": true,
    })
}

/// How answers are signed and encrypted.
fn signatures(keyring: &Keyring) -> Value {
    let algorithms: Vec<_> = keyring.algorithms().iter().map(|algorithm| algorithm.as_str()).collect();
    let key_managements = KeyManagement::ALL.map(KeyManagement::as_str);
    let content_encryptions = ContentEncryption::ALL.map(ContentEncryption::as_str);
    json!({
        "id_token_signing_alg_values_supported": algorithms,
        "id_token_encryption_alg_values_supported": key_managements,
        "id_token_encryption_enc_values_supported": content_encryptions,
        "userinfo_signing_alg_values_supported": algorithms,
        "userinfo_encryption_alg_values_supported": key_managements,
        "userinfo_encryption_enc_values_supported": content_encryptions,
        "introspection_signing_alg_values_supported": algorithms,
    })
}

fn client_authentication() -> Value {
    let assertions: Vec<_> = Algorithm::ALL.map(Algorithm::as_str).into_iter().chain([client_mac::ALGORITHM]).collect();
    let methods = AuthMethod::ALL.map(AuthMethod::as_str);
    let confidential: Vec<_> =
        AuthMethod::ALL.iter().filter(|method| **method != AuthMethod::None).map(|method| method.as_str()).collect();
    json!({
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": assertions,
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": assertions,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": assertions,
    })
}

/// What is said about people.
fn people() -> Value {
    let all_claims: Vec<_> = ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid"]
        .into_iter()
        .chain(claims::PROFILE)
        .chain(claims::EMAIL)
        .chain(claims::ADDRESS)
        .chain(claims::PHONE)
        .chain(claims::TENANT)
        .chain(claims::ROLES)
        .collect();
    json!({
        "subject_types_supported": ["public", "pairwise"],
        "acr_values_supported": ACR_VALUES,
        "claims_supported": all_claims,
        "claim_types_supported": ["normal"],
    })
}
