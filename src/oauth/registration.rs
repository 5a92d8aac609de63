//! Whether client metadata may be registered (RFC 7591 §2, OpenID Connect Registration 1.0 §2, RFC 9700 §2.1).

use url::Url;

use super::client_metadata::{AuthMethod, ClientMetadata, GrantType};
use super::redirect_uri::check_registrable;

/// What is wrong with one member.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {why}")]
pub struct Problem {
    /// The member of the metadata.
    pub member: &'static str,
    /// What is wrong.
    pub why: String,
}

/// Longest name, in characters.
const LONGEST_NAME: usize = 100;
/// Most URIs of one kind.
const MOST_URIS: usize = 50;

/// All problems of a registration; empty when it may be registered.
pub fn check(metadata: &ClientMetadata) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |member, why: String| problems.push(Problem { member, why });
    let name = metadata.client_name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        add("client_name", format!("must have 1 to {LONGEST_NAME} printable characters"));
    }
    for (member, uris) in
        [("redirect_uris", &metadata.redirect_uris), ("post_logout_redirect_uris", &metadata.post_logout_redirect_uris)]
    {
        if uris.len() > MOST_URIS {
            add(member, format!("holds more than {MOST_URIS}"));
        }
        for uri in uris {
            if let Err(refusal) = check_registrable(uri) {
                add(member, format!("{uri} {refusal}"));
            }
        }
    }
    let uses_code = metadata.allows_grant(GrantType::AuthorizationCode);
    let in_front = [GrantType::AuthorizationCode, GrantType::Implicit];
    if in_front.into_iter().any(|grant| metadata.allows_grant(grant)) && metadata.redirect_uris.is_empty() {
        add("redirect_uris", "must not be empty for the authorization_code and implicit grants".to_owned());
    }
    for grant in in_front {
        if metadata.allows_grant(grant) != metadata.response_types.iter().any(|kind| kind.grants().contains(&grant)) {
            add("response_types", format!("must go with the {} grant", grant.as_str()));
        }
    }
    if metadata.grant_types.is_empty() {
        add("grant_types", "must not be empty".to_owned());
    }
    if metadata.allows_grant(GrantType::ClientCredentials) && !metadata.is_confidential() {
        add("grant_types", "client_credentials needs a client that authenticates".to_owned());
    }
    if metadata.allows_grant(GrantType::RefreshToken) && !uses_code {
        add("grant_types", "refresh_token needs the authorization_code grant beside it".to_owned());
    }
    let has_keys = metadata.jwks.is_some() || metadata.jwks_uri.is_some();
    if metadata.token_endpoint_auth_method == AuthMethod::PrivateKeyJwt && !has_keys {
        add("jwks", "or jwks_uri is needed for private_key_jwt".to_owned());
    }
    if metadata.jwks.is_some() && metadata.jwks_uri.is_some() {
        add("jwks_uri", "excludes jwks".to_owned());
    }
    for (member, uri) in [
        ("initiate_login_uri", &metadata.initiate_login_uri),
        ("client_uri", &metadata.client_uri),
        ("logo_uri", &metadata.logo_uri),
        ("policy_uri", &metadata.policy_uri),
        ("tos_uri", &metadata.tos_uri),
        ("jwks_uri", &metadata.jwks_uri),
    ] {
        if let Some(uri) = uri
            && !is_https(uri)
        {
            add(member, "must be an https URL".to_owned());
        }
    }
    problems.extend(check_logout(metadata));
    problems
}

/// The URIs that are called when a session ends (Back-Channel Logout §2.2, Front-Channel Logout §2).
fn check_logout(metadata: &ClientMetadata) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |member, why: &str| problems.push(Problem { member, why: why.to_owned() });
    for (member, uri) in [
        ("backchannel_logout_uri", &metadata.backchannel_logout_uri),
        ("frontchannel_logout_uri", &metadata.frontchannel_logout_uri),
    ] {
        if uri.as_ref().is_some_and(|uri| !is_https(uri) || check_registrable(uri).is_err()) {
            add(member, "must be an https URL without a fragment");
        }
    }
    let origin = |uri: &str| Url::parse(uri).ok().map(|url| url.origin());
    if let Some(uri) = &metadata.frontchannel_logout_uri
        && !metadata.redirect_uris.iter().any(|redirect| origin(redirect) == origin(uri))
    {
        add("frontchannel_logout_uri", "must have scheme, host and port of a redirect URI");
    }
    problems
}

/// `https`, or `http` on a loopback host, which no network can read.
fn is_https(uri: &str) -> bool {
    Url::parse(uri)
        .is_ok_and(|url| url.scheme() == "https" || (url.scheme() == "http" && check_registrable(uri).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::response::ResponseType;

    fn metadata() -> ClientMetadata {
        ClientMetadata {
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            grant_types: vec![GrantType::AuthorizationCode],
            response_types: vec![ResponseType::Code],
            token_endpoint_auth_method: AuthMethod::None,
            ..ClientMetadata::new("App")
        }
    }

    fn members(change: impl FnOnce(&mut ClientMetadata)) -> Vec<&'static str> {
        let mut changed = metadata();
        change(&mut changed);
        check(&changed).into_iter().map(|problem| problem.member).collect()
    }

    #[test]
    fn each_rule_names_its_member() {
        assert!(members(|_| ()).is_empty());
        assert_eq!(members(|m| m.client_name = " ".to_owned()), ["client_name"]);
        assert_eq!(members(|m| m.redirect_uris = vec!["javascript:x".to_owned()]), ["redirect_uris"]);
        assert_eq!(members(|m| m.redirect_uris.clear()), ["redirect_uris"]);
        assert_eq!(
            members(|m| m.post_logout_redirect_uris = vec!["http://x.example/".to_owned()]),
            ["post_logout_redirect_uris"]
        );
        assert_eq!(members(|m| m.response_types.clear()), ["response_types"]);
        assert_eq!(members(|m| m.response_types.push(ResponseType::CodeIdToken)), ["response_types"]);
        assert_eq!(members(|m| m.response_types = vec![ResponseType::IdToken]), ["response_types"; 2]);
        assert_eq!(members(|m| m.grant_types.push(GrantType::Implicit)), ["response_types"]);
        let implicit = |m: &mut ClientMetadata| {
            (m.grant_types, m.response_types) = (vec![GrantType::Implicit], vec![ResponseType::IdTokenToken]);
        };
        assert_eq!(members(implicit), [""; 0]);
        let hybrid = |m: &mut ClientMetadata| {
            m.grant_types.push(GrantType::Implicit);
            m.response_types = vec![ResponseType::CodeIdTokenToken];
        };
        assert_eq!(members(hybrid), [""; 0]);
        assert_eq!(members(|m| m.grant_types.push(GrantType::ClientCredentials)), ["grant_types"]);
        assert_eq!(members(|m| m.token_endpoint_auth_method = AuthMethod::PrivateKeyJwt), ["jwks"]);
        let published = |m: &mut ClientMetadata| {
            m.token_endpoint_auth_method = AuthMethod::PrivateKeyJwt;
            m.jwks_uri = Some("https://app.example/jwks".to_owned());
        };
        assert!(members(published).is_empty());
        assert_eq!(members(|m| (published(m), m.jwks = Some(serde_json::json!({"keys": []}))).0), ["jwks_uri"]);
        assert_eq!(members(|m| m.jwks_uri = Some("http://app.example/jwks".to_owned())), ["jwks_uri"]);
        assert_eq!(members(|m| m.initiate_login_uri = Some("http://x.example/".to_owned())), ["initiate_login_uri"]);
        for bad in ["http://x.example/out", "https://x.example/out#top", "javascript:alert(1)"] {
            assert_eq!(
                members(|m| m.backchannel_logout_uri = Some(bad.to_owned())),
                ["backchannel_logout_uri"],
                "{bad}"
            );
        }
        for good in ["https://elsewhere.example:8443/out?a=b", "http://127.0.0.1:9/out"] {
            assert!(members(|m| m.backchannel_logout_uri = Some(good.to_owned())).is_empty(), "{good}");
        }
        let framed = |uri: &str| members(|m| m.frontchannel_logout_uri = Some(uri.to_owned()));
        assert!(framed("https://app.example/out?a=b").is_empty());
        for bad in ["https://app.example:8443/out", "https://other.example/out", "https://app.example/out#top"] {
            assert_eq!(framed(bad), ["frontchannel_logout_uri"], "{bad}");
        }
        assert_eq!(members(|m| m.tos_uri = Some("javascript:alert(1)".to_owned())), ["tos_uri"]);
    }
}
