//! The provider's metadata (OpenID Connect Discovery 1.0 §3, RFC 8414 §2), made once for each set of keys.

use bytes::Bytes;
use serde_json::json;

use super::Settings;
use crate::jose::{Algorithm, Keyring};
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
}

/// Authentication context classes, weakest first.
pub const ACR_VALUES: [&str; 1] = [crate::model::session::ACR_PASSWORD];

/// The document, ready to send.
pub fn document(settings: &Settings, keyring: &Keyring) -> Bytes {
    let at = |path: &str| format!("{}{path}", settings.issuer);
    let algorithms: Vec<_> = keyring.algorithms().iter().map(|algorithm| algorithm.as_str()).collect();
    let assertions: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.as_str()).collect();
    let methods: Vec<_> = AuthMethod::ALL.iter().map(|method| method.as_str()).collect();
    let confidential: Vec<_> =
        AuthMethod::ALL.iter().filter(|method| **method != AuthMethod::None).map(|method| method.as_str()).collect();
    let all_claims: Vec<_> = ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid"]
        .into_iter()
        .chain(claims::PROFILE)
        .chain(claims::EMAIL)
        .chain(claims::ADDRESS)
        .chain(claims::PHONE)
        .chain(claims::TENANT)
        .chain(claims::ROLES)
        .collect();
    let document = json!({
        "issuer": settings.issuer,
        "authorization_endpoint": at(path::AUTHORIZE),
        "pushed_authorization_request_endpoint": at(path::PAR),
        "require_pushed_authorization_requests": false,
        "token_endpoint": at(path::TOKEN),
        "userinfo_endpoint": at(path::USERINFO),
        "jwks_uri": at(path::JWKS),
        "introspection_endpoint": at(path::INTROSPECT),
        "revocation_endpoint": at(path::REVOKE),
        "end_session_endpoint": at(path::END_SESSION),
        "scopes_supported": scope::STANDARD,
        "response_types_supported": ResponseType::ALL.map(ResponseType::as_str),
        "response_modes_supported": ResponseMode::ALL.map(ResponseMode::as_str),
        "grant_types_supported": GrantType::ALL.map(GrantType::as_str),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": assertions,
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": assertions,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": assertions,
        "code_challenge_methods_supported": ["S256"],
        "acr_values_supported": ACR_VALUES,
        "claims_supported": all_claims,
        "claim_types_supported": ["normal"],
        "ui_locales_supported": ["fr", "en"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claims_parameter_supported": true,
        "request_parameter_supported": true,
        "request_uri_parameter_supported": true,
        "require_request_uri_registration": true,
        "require_signed_request_object": false,
        "request_object_signing_alg_values_supported": assertions,
        "display_values_supported": ["page", "popup", "touch", "wap"],
        "authorization_response_iss_parameter_supported": true,
    });
    Bytes::from(document.to_string())
}
