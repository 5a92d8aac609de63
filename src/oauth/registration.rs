//! Whether client metadata may be registered (RFC 7591 §2, OpenID Connect Registration 1.0 §2, RFC 9700 §2.1).

use url::Url;

use super::client_metadata::{AuthMethod, ClientMetadata, GrantType, SubjectType};
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
/// Longest URI, in bytes.
const LONGEST_URI: usize = 2_000;
/// Most contacts, most authentication contexts.
const MOST_TEXTS: usize = 20;
/// Longest of the short texts, in bytes.
const LONGEST_TEXT: usize = 255;
/// Longest `default_max_age`, in seconds: ten years.
const LONGEST_AGE: u64 = 315_360_000;

/// All problems of a registration; empty when it may be registered.
pub fn check(metadata: &ClientMetadata) -> Vec<Problem> {
    let mut problems = Vec::new();
    check_names(metadata, &mut problems);
    check_uris(metadata, &mut problems);
    check_grants(metadata, &mut problems);
    check_logout(metadata, &mut problems);
    check_subjects(metadata, &mut problems);
    check_sizes(metadata, &mut problems);
    problems
}

fn add(problems: &mut Vec<Problem>, member: &'static str, why: impl Into<String>) {
    problems.push(Problem { member, why: why.into() });
}

fn check_names(metadata: &ClientMetadata, problems: &mut Vec<Problem>) {
    let localized =
        metadata.localized.iter().filter(|(name, _)| name.starts_with("client_name#")).map(|(_, name)| name);
    for name in std::iter::once(&metadata.client_name).chain(localized) {
        let trimmed = name.trim();
        if trimmed.is_empty() || trimmed.chars().count() > LONGEST_NAME || trimmed.chars().any(is_deceptive) {
            add(problems, "client_name", format!("must have 1 to {LONGEST_NAME} printable characters"));
        }
    }
    if metadata.localized.len() > MOST_URIS {
        add(problems, "client_name", format!("has more than {MOST_URIS} localized forms"));
    }
}

/// Characters that are not seen, or turn around what is: a name on a page is what it looks like.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn check_uris(metadata: &ClientMetadata, problems: &mut Vec<Problem>) {
    for (member, uris) in
        [("redirect_uris", &metadata.redirect_uris), ("post_logout_redirect_uris", &metadata.post_logout_redirect_uris)]
    {
        if uris.len() > MOST_URIS {
            add(problems, member, format!("holds more than {MOST_URIS}"));
        }
        for (number, uri) in (1..).zip(uris) {
            if let Err(refusal) = check_registrable(uri) {
                add(problems, member, format!("number {number} {refusal}"));
            }
        }
    }
    if metadata.request_uris.len() > MOST_URIS || !metadata.request_uris.iter().all(|uri| is_https_url(uri)) {
        add(problems, "request_uris", format!("must be at most {MOST_URIS} https URLs"));
    }
    for (member, uri) in [
        ("initiate_login_uri", &metadata.initiate_login_uri),
        ("client_uri", &metadata.client_uri),
        ("logo_uri", &metadata.logo_uri),
        ("policy_uri", &metadata.policy_uri),
        ("tos_uri", &metadata.tos_uri),
        ("jwks_uri", &metadata.jwks_uri),
        ("sector_identifier_uri", &metadata.sector_identifier_uri),
        ("frontchannel_logout_uri", &metadata.frontchannel_logout_uri),
        ("backchannel_logout_uri", &metadata.backchannel_logout_uri),
    ] {
        let localized = metadata.localized.iter().filter(|(name, _)| is_of(name, member)).map(|(_, uri)| uri);
        if uri.iter().chain(localized).any(|uri| !is_https(uri)) {
            add(problems, member, "must be an https URL");
        }
    }
}

fn is_of(localized: &str, member: &str) -> bool {
    localized.split_once('#').is_some_and(|(known, _)| known == member)
}

fn check_grants(metadata: &ClientMetadata, problems: &mut Vec<Problem>) {
    let uses_code = metadata.allows_grant(GrantType::AuthorizationCode);
    let in_front = [GrantType::AuthorizationCode, GrantType::Implicit];
    if in_front.into_iter().any(|grant| metadata.allows_grant(grant)) && metadata.redirect_uris.is_empty() {
        add(problems, "redirect_uris", "must not be empty for the authorization_code and implicit grants");
    }
    for grant in in_front {
        if metadata.allows_grant(grant) != metadata.response_types.iter().any(|kind| kind.grants().contains(&grant)) {
            add(problems, "response_types", format!("must go with the {} grant", grant.as_str()));
        }
    }
    if metadata.grant_types.is_empty() {
        add(problems, "grant_types", "must not be empty");
    }
    if metadata.allows_grant(GrantType::ClientCredentials) && !metadata.is_confidential() {
        add(problems, "grant_types", "client_credentials needs a client that authenticates");
    }
    if metadata.allows_grant(GrantType::RefreshToken) && !uses_code {
        add(problems, "grant_types", "refresh_token needs the authorization_code grant beside it");
    }
    let has_keys = metadata.jwks.is_some() || metadata.jwks_uri.is_some();
    if metadata.token_endpoint_auth_method == AuthMethod::PrivateKeyJwt && !has_keys {
        add(problems, "jwks", "or jwks_uri is needed for private_key_jwt");
    }
    if metadata.jwks.is_some() && metadata.jwks_uri.is_some() {
        add(problems, "jwks_uri", "excludes jwks");
    }
}

/// Front-Channel Logout §2: its page is at home where a redirect URI is. Neither URI has a fragment.
fn check_logout(metadata: &ClientMetadata, problems: &mut Vec<Problem>) {
    let origin = |uri: &str| Url::parse(uri).ok().map(|url| url.origin());
    if let Some(uri) = &metadata.frontchannel_logout_uri
        && (uri.contains('#') || !metadata.redirect_uris.iter().any(|known| origin(known) == origin(uri)))
    {
        add(problems, "frontchannel_logout_uri", "must have the origin of a redirect URI, and no fragment");
    }
    if metadata.backchannel_logout_uri.as_ref().is_some_and(|uri| uri.contains('#')) {
        add(problems, "backchannel_logout_uri", "must not have a fragment");
    }
}

/// OpenID Connect Core §8.1: pairwise subjects go by one host.
fn check_subjects(metadata: &ClientMetadata, problems: &mut Vec<Problem>) {
    let signs_people_in = !metadata.redirect_uris.is_empty();
    if metadata.subject_type == SubjectType::Pairwise && signs_people_in && sector(metadata).is_none() {
        let why = "is needed for pairwise subjects where the redirect URIs do not share one host";
        add(problems, "sector_identifier_uri", why);
    }
}

/// The sector that pairwise subjects of a client go by: the host of its sector identifier URI, or the one host of all its
/// redirect URIs (OpenID Connect Core §8.1).
pub fn sector(metadata: &ClientMetadata) -> Option<String> {
    let host = |uri: &str| Url::parse(uri).ok()?.host_str().map(str::to_ascii_lowercase);
    if let Some(uri) = &metadata.sector_identifier_uri {
        return host(uri);
    }
    let mut hosts = metadata.redirect_uris.iter().map(|uri| host(uri));
    let first = hosts.next()??;
    hosts.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

fn check_sizes(metadata: &ClientMetadata, problems: &mut Vec<Problem>) {
    let is_text = |text: &String| !text.is_empty() && text.len() <= LONGEST_TEXT && !text.chars().any(is_deceptive);
    for (member, texts) in [("contacts", &metadata.contacts), ("default_acr_values", &metadata.default_acr_values)] {
        if texts.len() > MOST_TEXTS || !texts.iter().all(is_text) {
            add(problems, member, format!("must be at most {MOST_TEXTS} texts of at most {LONGEST_TEXT} bytes"));
        }
    }
    for (member, text) in [("software_id", &metadata.software_id), ("software_version", &metadata.software_version)] {
        if !text.iter().all(is_text) {
            add(problems, member, format!("must be a text of at most {LONGEST_TEXT} bytes"));
        }
    }
    if metadata.default_max_age.is_some_and(|age| age > LONGEST_AGE) {
        add(problems, "default_max_age", format!("must be at most {LONGEST_AGE} seconds"));
    }
}

/// `https`, or `http` on a loopback host, which no network can read.
fn is_https(uri: &str) -> bool {
    is_https_url(uri) || (uri.starts_with("http:") && check_registrable(uri).is_ok())
}

/// An `https` URL without user information, written without what parsers read differently. It may have a fragment.
pub(super) fn is_https_url(uri: &str) -> bool {
    let (before, _) = uri.split_once('#').unwrap_or((uri, ""));
    uri.len() <= LONGEST_URI
        && !uri.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '"' | '<' | '>'))
        && Url::parse(before).is_ok_and(|url| {
            url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none()
        })
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

    #[test]
    fn names_are_what_they_look_like() {
        for name in ["a\u{202e}b", "a\u{200b}b", "\u{feff}", "a\nb", ""] {
            assert_eq!(members(|m| m.client_name = name.to_owned()), ["client_name"], "{name:?}");
            let localized = |m: &mut ClientMetadata| drop(m.localized.insert("client_name#fr".into(), name.to_owned()));
            assert_eq!(members(localized), ["client_name"], "{name:?}");
        }
        let logo =
            |m: &mut ClientMetadata| drop(m.localized.insert("logo_uri#fr".into(), "http://x.example/".to_owned()));
        assert_eq!(members(logo), ["logo_uri"]);
    }

    #[test]
    fn keys_are_given_once() {
        let by_uri = |m: &mut ClientMetadata| m.jwks_uri = Some("https://app.example/jwks".to_owned());
        let by_key = |m: &mut ClientMetadata| m.token_endpoint_auth_method = AuthMethod::PrivateKeyJwt;
        assert!(members(|m| (by_uri(m), by_key(m)).0).is_empty());
        assert_eq!(members(|m| (by_uri(m), m.jwks = Some(serde_json::json!({"keys": []}))).0), ["jwks_uri"]);
        assert_eq!(members(|m| m.jwks_uri = Some("file:///etc/passwd".to_owned())), ["jwks_uri"]);
    }

    #[test]
    fn logout_pages_are_at_home() {
        let own = |uri: &str| members(|m| m.frontchannel_logout_uri = Some(uri.to_owned()));
        assert!(own("https://app.example/out").is_empty());
        assert_eq!(own("https://other.example/out"), ["frontchannel_logout_uri"]);
        assert_eq!(own("https://app.example/out#x"), ["frontchannel_logout_uri"]);
        assert_eq!(
            members(|m| m.backchannel_logout_uri = Some("https://b.example/out#x".to_owned())),
            ["backchannel_logout_uri"]
        );
        assert!(members(|m| m.backchannel_logout_uri = Some("https://b.example/out".to_owned())).is_empty());
    }

    #[test]
    fn pairwise_subjects_have_one_sector() {
        let pairwise = |uris: &[&str], sector: Option<&str>| {
            let mut changed = metadata();
            changed.subject_type = SubjectType::Pairwise;
            changed.redirect_uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
            changed.sector_identifier_uri = sector.map(str::to_owned);
            (check(&changed).into_iter().map(|problem| problem.member).collect::<Vec<_>>(), super::sector(&changed))
        };
        let one = pairwise(&["https://a.example/1", "https://A.example:8443/2"], None);
        assert_eq!(one, (vec!["redirect_uris"], Some("a.example".to_owned())), "upper case is not in its normal form");
        let two = ["https://a.example/1", "https://b.example/2"];
        assert_eq!(pairwise(&two, None), (vec!["sector_identifier_uri"], None));
        let given = pairwise(&two, Some("https://c.example/list"));
        assert_eq!(given, (vec![], Some("c.example".to_owned())));
        assert_eq!(pairwise(&["fr.example.app:/cb"], None).0, ["sector_identifier_uri"]);
    }

    #[test]
    fn sizes_are_bounded() {
        assert_eq!(members(|m| m.contacts = vec!["a".to_owned(); 21]), ["contacts"]);
        assert_eq!(members(|m| m.contacts = vec![String::new()]), ["contacts"]);
        assert_eq!(members(|m| m.software_id = Some("x".repeat(256))), ["software_id"]);
        assert_eq!(members(|m| m.default_max_age = Some(u64::MAX)), ["default_max_age"]);
        assert_eq!(members(|m| m.request_uris = vec!["http://app.example/r".to_owned()]), ["request_uris"]);
        assert!(members(|m| m.request_uris = vec!["https://app.example/r#v1".to_owned()]).is_empty());
        let many = (0..51).map(|at| format!("https://app.example/{at}")).collect();
        assert_eq!(members(|m| m.redirect_uris = many), ["redirect_uris"]);
        let long = format!("https://app.example/{}", "x".repeat(2_000));
        assert_eq!(members(|m| m.logo_uri = Some(long)), ["logo_uri"]);
    }
}
