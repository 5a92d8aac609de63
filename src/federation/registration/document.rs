//! What we say of ourselves when we register (OpenID Connect Registration §2, RFC 7591 §2).

use serde_json::{Map, Value, json};

use crate::federation::Federation;
use crate::federation::request_object::folder;
use crate::federation::settings::{ClientAuth, Dynamic, RequestObject, Settings};

/// The document. `request_uri` is that of a registration for one sign-in, which can name it.
pub(super) fn of(
    federation: &Federation,
    settings: &Settings,
    own: &Dynamic,
    request_uri: Option<&str>,
) -> Map<String, Value> {
    let name = settings.name.as_str();
    let mut said = Map::new();
    let mut say = |member: &str, value: Value| drop(said.insert(member.to_owned(), value));
    say("client_name", federation.brand().into());
    say("application_type", "web".into());
    say("redirect_uris", federation.ways_back(settings).into());
    say("post_logout_redirect_uris", json!([federation.logout_uri(name)]));
    if settings.backchannel_logout {
        say("backchannel_logout_uri", federation.backchannel_uri(name).into());
        say("backchannel_logout_session_required", true.into());
    }
    say("response_types", json!(["code"]));
    let refreshes = settings.follow_session.is_some();
    say(
        "grant_types",
        if refreshes { json!(["authorization_code", "refresh_token"]) } else { json!(["authorization_code"]) },
    );
    say("token_endpoint_auth_method", settings.auth.as_str().into());
    if settings.auth == ClientAuth::Key {
        say("token_endpoint_auth_signing_alg", settings.requests.assertion_alg.as_str().into());
    }
    if federation.find(name).is_some_and(|upstream| upstream.published_keys().is_some()) {
        say("jwks_uri", federation.jwks_uri(name).into());
    }
    if let Some(alg) = settings.algorithms.first() {
        say("id_token_signed_response_alg", alg.as_str().into());
    }
    if let Some(alg) = settings.userinfo_signed {
        say("userinfo_signed_response_alg", alg.as_str().into());
    }
    if settings.requests.object != RequestObject::Off {
        say("request_object_signing_alg", settings.requests.object_alg.map_or("none", |alg| alg.as_str()).into());
    }
    if settings.requests.object == RequestObject::ByReference {
        // Each request has an address of its own: a provider that holds them against this list knows the star, or is registered
        // at for each sign-in.
        let all = || format!("{}*", federation.below(&folder(name)));
        say("request_uris", json!([request_uri.map_or_else(all, str::to_owned)]));
    }
    if !own.contacts.is_empty() {
        say("contacts", own.contacts.clone().into());
    }
    said
}
