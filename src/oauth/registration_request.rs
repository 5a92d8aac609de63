//! Client metadata as a client sends it of itself (RFC 7591 §2, OpenID Connect Registration 1.0 §2), and as it gets it back.
//!
//! Members that are not known are ignored, those that are absent or `null` take the defaults of the specifications. What a
//! client may say of itself is narrower than what an operator may ([`check_own`]).

use serde_json::{Map, Value};
use url::Url;

use super::client_metadata::{ApplicationType, ClientMetadata, GrantType};
use super::registration::{Problem, is_https_url};
use super::response::ResponseType;

/// Most members of one document.
const MOST_MEMBERS: usize = 100;
/// Member that holds the localized ones inside; no client may send it.
const LOCALIZED: &str = "localized";
/// Members that may carry a language (RFC 7591 §2.2).
pub const LOCALIZABLE: [&str; 5] = ["client_name", "client_uri", "logo_uri", "policy_uri", "tos_uri"];

/// Why a document is not client metadata.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not a JSON object of a reasonable size.
    #[error("the body must be one JSON object with at most {MOST_MEMBERS} members")]
    Document,
    /// A known member has a value that it cannot have.
    #[error("{0}: has the wrong type or a value that is not supported")]
    Member(String),
}

/// Reads the document of a registration.
pub fn parse(body: &[u8]) -> Result<ClientMetadata, Malformed> {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else { return Err(Malformed::Document) };
    if members.len() > MOST_MEMBERS {
        return Err(Malformed::Document);
    }
    members.retain(|name, value| !value.is_null() && name != LOCALIZED);
    let localized = take_localized(&mut members)?;
    let response_types = take_response_types(&mut members)?;
    let named_grants = members.contains_key("grant_types");
    plain_json_is_no_algorithm(&mut members);
    let mut metadata = read(members)?;
    complete(&mut metadata, response_types, named_grants);
    metadata.localized = localized;
    if metadata.client_name.is_empty() {
        metadata.client_name = fallback_name(&metadata.redirect_uris);
    }
    Ok(metadata)
}

/// The metadata as JSON members, with the localized ones beside the others.
pub fn document(metadata: &ClientMetadata) -> Map<String, Value> {
    let Ok(Value::Object(mut members)) = serde_json::to_value(metadata) else { return Map::new() };
    members.remove(LOCALIZED);
    members.extend(metadata.localized.iter().map(|(name, text)| (name.clone(), text.clone().into())));
    members
}

/// `client_name#fr`: a member that may be localized, and a language tag.
fn take_localized(members: &mut Map<String, Value>) -> Result<std::collections::BTreeMap<String, String>, Malformed> {
    let names: Vec<String> = members.keys().filter(|name| is_localized(name)).cloned().collect();
    let mut taken = std::collections::BTreeMap::new();
    for name in names {
        match members.remove(&name) {
            Some(Value::String(text)) => drop(taken.insert(name, text)),
            _ => return Err(Malformed::Member(name)),
        }
    }
    Ok(taken)
}

fn is_localized(name: &str) -> bool {
    name.split_once('#').is_some_and(|(member, tag)| {
        LOCALIZABLE.contains(&member)
            && (1..=35).contains(&tag.len())
            && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

/// Response types are sets of words, in any order.
fn take_response_types(members: &mut Map<String, Value>) -> Result<Option<Vec<ResponseType>>, Malformed> {
    let malformed = || Malformed::Member("response_types".to_owned());
    let Some(value) = members.remove("response_types") else { return Ok(None) };
    let mut types = Vec::new();
    for value in value.as_array().ok_or_else(malformed)? {
        let read = value.as_str().and_then(ResponseType::parse).ok_or_else(malformed)?;
        if !types.contains(&read) {
            types.push(read);
        }
    }
    Ok(Some(types))
}

/// `none` says that the answer is plain JSON (OpenID Connect Registration §2), which is so without it.
fn plain_json_is_no_algorithm(members: &mut Map<String, Value>) {
    for name in ["userinfo_signed_response_alg", "introspection_signed_response_alg"] {
        if members.get(name).and_then(Value::as_str) == Some("none") {
            members.remove(name);
        }
    }
}

/// Puts the members over the defaults. The member that does not fit is the one that is named.
fn read(members: Map<String, Value>) -> Result<ClientMetadata, Malformed> {
    let defaults = ClientMetadata { grant_types: vec![GrantType::AuthorizationCode], ..ClientMetadata::new("") };
    let Ok(Value::Object(defaults)) = serde_json::to_value(&defaults) else { return Err(Malformed::Document) };
    let mut whole = defaults.clone();
    whole.extend(members.clone());
    if let Ok(metadata) = serde_json::from_value(Value::Object(whole)) {
        return Ok(metadata);
    }
    for (name, value) in members {
        let mut one = defaults.clone();
        one.insert(name.clone(), value);
        if serde_json::from_value::<ClientMetadata>(Value::Object(one)).is_err() {
            return Err(Malformed::Member(name));
        }
    }
    Err(Malformed::Document)
}

/// Response types default to `code` where the code grant is used, and each brings along the grants that it needs.
fn complete(metadata: &mut ClientMetadata, named: Option<Vec<ResponseType>>, named_grants: bool) {
    metadata.response_types = match named {
        Some(types) => {
            if !named_grants {
                metadata.grant_types.clear();
            }
            types
        }
        None if metadata.allows_grant(GrantType::AuthorizationCode) => vec![ResponseType::Code],
        None => Vec::new(),
    };
    let needed: Vec<GrantType> = metadata.response_types.iter().flat_map(|kind| kind.grants()).copied().collect();
    // A grant that no response type leads to allows nothing.
    metadata.grant_types.retain(|grant| *grant != GrantType::Implicit || needed.contains(grant));
    for grant in needed {
        if !metadata.allows_grant(grant) {
            metadata.grant_types.push(grant);
        }
    }
}

/// Where a client gives no name, people see the host that they will be sent to.
fn fallback_name(redirect_uris: &[String]) -> String {
    let first = redirect_uris.first().and_then(|uri| Url::parse(uri).ok());
    first.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| "Client".to_owned())
}

/// What a client may not say of itself, beside what nobody may ([`super::registration::check`]).
pub fn check_own(metadata: &ClientMetadata) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |member, why: String| problems.push(Problem { member, why });
    let is_web = metadata.application_type == ApplicationType::Web;
    let is_implicit = metadata.response_types.iter().any(|kind| *kind != ResponseType::Code);
    for (number, uri) in (1..).zip(&metadata.redirect_uris) {
        let is_private_use = !uri.starts_with("https:") && !uri.starts_with("http:");
        if is_web && is_private_use {
            add(
                "redirect_uris",
                format!("number {number} has a private-use scheme, which needs application_type native"),
            );
        }
        if is_web && is_implicit && !uri.starts_with("https:") {
            add("redirect_uris", format!("number {number} must use https, since tokens come to it in the browser"));
        }
    }
    if let Some(uri) = &metadata.initiate_login_uri
        && !is_https_url(uri)
    {
        add("initiate_login_uri", "must be an https URL".to_owned());
    }
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oauth::client_metadata::{AuthMethod, SubjectType};

    fn read(document: &Value) -> Result<ClientMetadata, Malformed> {
        parse(document.to_string().as_bytes())
    }

    #[test]
    fn what_is_absent_takes_the_defaults() {
        let metadata =
            read(&json!({"redirect_uris": ["https://app.example/cb"], "unknown": 1, "scope": null})).unwrap();
        assert_eq!(metadata.client_name, "app.example");
        assert_eq!(metadata.response_types, [ResponseType::Code]);
        assert_eq!(metadata.grant_types, [GrantType::AuthorizationCode]);
        assert_eq!(metadata.token_endpoint_auth_method, AuthMethod::ClientSecretBasic);
        assert_eq!(metadata.application_type, ApplicationType::Web);
        assert_eq!(metadata.subject_type, SubjectType::Public);
        assert_eq!(metadata.id_token_signed_response_alg, "RS256");
    }

    #[test]
    fn response_types_bring_their_grants() {
        let metadata = read(&json!({"response_types": ["code"], "grant_types": ["refresh_token"]})).unwrap();
        assert_eq!(metadata.grant_types, [GrantType::RefreshToken, GrantType::AuthorizationCode]);
        let machine = read(&json!({"grant_types": ["client_credentials"]})).unwrap();
        assert_eq!((machine.response_types, machine.grant_types), (vec![], vec![GrantType::ClientCredentials]));
        let hybrid = read(&json!({"response_types": ["id_token code"]})).unwrap();
        assert_eq!(hybrid.response_types, [ResponseType::CodeIdToken]);
        assert_eq!(hybrid.grant_types, [GrantType::AuthorizationCode, GrantType::Implicit]);
        let idle = read(&json!({"grant_types": ["authorization_code", "implicit"]})).unwrap();
        assert_eq!(idle.grant_types, [GrantType::AuthorizationCode]);
        let none = read(&json!({"response_types": []})).unwrap();
        assert!(none.grant_types.is_empty());
    }

    #[test]
    fn the_member_that_does_not_fit_is_named() {
        for (document, member) in [
            (json!({"redirect_uris": "https://app.example/cb"}), "redirect_uris"),
            (json!({"redirect_uris": [1]}), "redirect_uris"),
            (json!({"response_types": ["magic"]}), "response_types"),
            (json!({"response_types": "code"}), "response_types"),
            (json!({"grant_types": ["password"]}), "grant_types"),
            (json!({"token_endpoint_auth_method": "magic"}), "token_endpoint_auth_method"),
            (json!({"application_type": "service"}), "application_type"),
            (json!({"subject_type": "secret"}), "subject_type"),
            (json!({"default_max_age": "60"}), "default_max_age"),
            (json!({"default_max_age": -1}), "default_max_age"),
            (json!({"require_auth_time": "yes"}), "require_auth_time"),
            (json!({"scope": ["openid"]}), "scope"),
            (json!({"scope": "a\"b"}), "scope"),
            (json!({"contacts": "a@app.example"}), "contacts"),
            (json!({"client_name": 5}), "client_name"),
            (json!({"client_name#fr": 5}), "client_name#fr"),
        ] {
            assert_eq!(read(&document).unwrap_err(), Malformed::Member(member.to_owned()), "{document}");
        }
        for body in [&b"[]"[..], b"{", b"", b"null", b"\"x\"", b"\xff"] {
            assert_eq!(parse(body).unwrap_err(), Malformed::Document);
        }
        let many: Map<String, Value> = (0..101).map(|at| (format!("m{at}"), Value::Null)).collect();
        assert_eq!(read(&Value::Object(many)).unwrap_err(), Malformed::Document);
    }

    #[test]
    fn localized_members_go_in_and_out() {
        let document_in = json!({
            "client_name": "Agenda", "client_name#fr": "Carnet", "tos_uri#en-GB": "https://app.example/terms",
            "redirect_uris#fr": ["x"], "client_name#": "x", "client_name#a b": "x", "localized": {"client_name#fr": "x"},
        });
        let metadata = read(&document_in).unwrap();
        let names: Vec<&str> = metadata.localized.keys().map(String::as_str).collect();
        assert_eq!(names, ["client_name#fr", "tos_uri#en-GB"]);
        let out = document(&metadata);
        assert_eq!(out.get("client_name#fr"), Some(&json!("Carnet")));
        assert!(!out.contains_key("localized"));
        assert_eq!(metadata.text("client_name", "fr"), Some("Carnet"));
        assert_eq!(metadata.text("client_name", "de"), Some("Agenda"));
        assert_eq!(metadata.text("tos_uri", "en"), Some("https://app.example/terms"));
        assert_eq!(metadata.text("tos_uri", "fr"), None);
    }

    #[test]
    fn a_web_client_has_web_addresses() {
        let problems = |document: Value| -> Vec<&'static str> {
            check_own(&read(&document).unwrap()).into_iter().map(|problem| problem.member).collect()
        };
        let uris = json!(["https://app.example/cb", "fr.example.app:/cb"]);
        assert_eq!(problems(json!({"redirect_uris": uris})), ["redirect_uris"]);
        assert!(problems(json!({"redirect_uris": uris, "application_type": "native"})).is_empty());
        let hybrid = json!({"redirect_uris": ["http://localhost/cb"], "response_types": ["code id_token"]});
        assert_eq!(problems(hybrid), ["redirect_uris"]);
        assert_eq!(problems(json!({"initiate_login_uri": "http://localhost/go"})), ["initiate_login_uri"]);
    }
}
