//! Who we are at a provider, how we prove it, and how our requests travel there.

use std::time::Duration;

use super::Raw;
use super::{ClientAuth, Preset};
use crate::base::Secret;
use crate::config::check::{Check, Choice};
use crate::config::issuer::Issuer;

/// How long a registration may serve at most, where that is limited.
const LONGEST: Duration = Duration::from_secs(3_650 * 86_400);
/// Most addresses of people to talk to.
const MOST_CONTACTS: usize = 10;
/// Signatures that are known.
pub(super) const SIGNATURES: [&str; 4] = ["RS256", "PS256", "ES256", "EdDSA"];

/// How we become known there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RegistrationMode {
    /// Somebody registered us and wrote down what came of it.
    #[default]
    Static,
    /// We register ourselves.
    Dynamic,
}

impl Choice for RegistrationMode {
    const ALL: &'static [(&'static str, Self)] = &[("static", Self::Static), ("dynamic", Self::Dynamic)];
}

/// How the parameters of an authorization request travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequestObject {
    /// As parameters.
    #[default]
    Off,
    /// In an object, in the parameter `request`.
    ByValue,
    /// In an object that the provider fetches from `request_uri`.
    ByReference,
}

impl Choice for RequestObject {
    const ALL: &'static [(&'static str, Self)] =
        &[("off", Self::Off), ("by_value", Self::ByValue), ("by_reference", Self::ByReference)];
}

/// Whom a client assertion is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AssertionAudience {
    /// The issuer.
    #[default]
    Issuer,
    /// The endpoint that is called.
    TokenEndpoint,
}

impl Choice for AssertionAudience {
    const ALL: &'static [(&'static str, Self)] = &[("issuer", Self::Issuer), ("token_endpoint", Self::TokenEndpoint)];
}

/// Who we are there.
#[derive(Debug, Clone)]
pub enum Registration {
    /// What somebody wrote down.
    Static {
        /// Our name there.
        client_id: String,
        /// Our secret there.
        client_secret: Option<Secret<String>>,
    },
    /// We register ourselves.
    Dynamic {
        /// What lets us (RFC 7591 §3).
        token: Option<Secret<String>>,
        /// How long a registration serves at most; zero: for one sign-in.
        longest: Option<Duration>,
        /// People to talk to.
        contacts: Vec<String>,
    },
}

/// Reads who we are there.
pub(super) fn registration(
    raw: &mut Raw,
    preset: Preset,
    auth: Option<ClientAuth>,
    path: &dyn Fn(&str) -> String,
    check: &mut Check,
) -> Registration {
    let mode: RegistrationMode = check.choice(&path("registration"), &raw.registration);
    let secret = check.secret(&path("client_secret"), raw.client_secret.take(), raw.client_secret_file.as_deref());
    let token = check.secret(
        &path("registration_token"),
        raw.registration_token.take(),
        raw.registration_token_file.as_deref(),
    );
    let longest = raw
        .registration_lifetime
        .as_deref()
        .map(|text| check.duration(&path("registration_lifetime"), text, Duration::ZERO..=LONGEST));
    if mode == RegistrationMode::Static {
        let idle = [
            ("registration_token", token.is_some()),
            ("registration_lifetime", longest.is_some()),
            ("contacts", !raw.contacts.is_empty()),
        ];
        for (word, _) in idle.iter().filter(|(_, is_set)| *is_set) {
            check.refuse(
                &path(word),
                "is for a dynamic registration",
                "set registration = \"dynamic\", or leave it out",
            );
        }
        let client_id = raw.client_id.take().unwrap_or_else(|| {
            let hint = "set it to what the provider gave at registration, or set registration = \"dynamic\"";
            check.refuse(&path("client_id"), "is missing", hint);
            String::new()
        });
        if matches!(auth, Some(ClientAuth::Basic | ClientAuth::Post)) && secret.is_none() {
            check.refuse(&path("client_secret"), "is missing", "set it, or name its file in client_secret_file");
        }
        return Registration::Static { client_id, client_secret: secret };
    }
    if preset != Preset::Oidc {
        check.refuse(
            &path("registration"),
            "cannot be dynamic for this preset",
            "only an OpenID provider may offer it",
        );
    }
    if raw.client_id.is_some() || secret.is_some() {
        let word = if raw.client_id.is_some() { "client_id" } else { "client_secret" };
        check.refuse(&path(word), "comes of the registration", "leave it out, or set registration = \"static\"");
    }
    if auth == Some(ClientAuth::Tls) {
        let hint = "choose another client_auth_method, or let the provider's operator register us";
        check.refuse(&path("client_auth_method"), "cannot be registered dynamically", hint);
    }
    // RFC 6750 §2.1. Anything else cannot stand in the header.
    let is_bearer = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.as_ref().is_some_and(|token| !token.expose().bytes().all(is_bearer)) {
        check.refuse(&path("registration_token"), "is no bearer token", "letters, digits and -._~+/= make one");
    }
    let contacts = std::mem::take(&mut raw.contacts);
    let is_address = |text: &String| text.len() <= 254 && text.contains('@') && !text.contains(char::is_whitespace);
    if contacts.len() > MOST_CONTACTS || !contacts.iter().all(is_address) {
        check.refuse(
            &path("contacts"),
            "are not up to ten addresses",
            "write addresses of mail, such as \"it@example.org\"",
        );
    }
    Registration::Dynamic { token, longest, contacts }
}

/// How our requests travel, and what signs them.
#[derive(Debug, Clone)]
pub struct Requests {
    /// How the parameters travel.
    pub object: RequestObject,
    /// The signature of request objects; `None` for one without.
    pub object_alg: Option<String>,
    /// The signature of client assertions.
    pub assertion_alg: String,
    /// Whom client assertions are for.
    pub assertion_audience: AssertionAudience,
}

/// Reads how our requests travel.
pub(super) fn requests(
    raw: &Raw,
    (preset, auth): (Preset, Option<ClientAuth>),
    issuer: &Issuer,
    path: &dyn Fn(&str) -> String,
    check: &mut Check,
) -> Requests {
    let object: RequestObject = check.choice(&path("request_object"), &raw.request_object);
    let no_openid = matches!(preset, Preset::Facebook | Preset::GitHub);
    if no_openid && object != RequestObject::Off {
        check.refuse(&path("request_object"), "is not for this preset", "leave it out");
    }
    if no_openid && auth == Some(ClientAuth::Key) {
        check.refuse(&path("client_auth_method"), "is not for this preset", "leave it out");
    }
    let object_alg = &raw.request_object_signing_alg;
    if object_alg == "none" {
        if object != RequestObject::ByReference || !issuer.is_https() {
            let hint = "only request_object = \"by_reference\" below an https issuer may go without a signature";
            check.refuse(&path("request_object_signing_alg"), "cannot be none here", hint);
        } else {
            let hint = "only for a provider that demands it: nobody can tell that such a request is ours";
            check.warn(&path("request_object_signing_alg"), "is none: requests have no signature", hint);
        }
    } else {
        signature(&path("request_object_signing_alg"), object_alg, check);
    }
    signature(&path("token_endpoint_auth_signing_alg"), &raw.token_endpoint_auth_signing_alg, check);
    let signs = object != RequestObject::Off && object_alg != "none";
    let differ = signs && auth == Some(ClientAuth::Key) && *object_alg != raw.token_endpoint_auth_signing_alg;
    if raw.signing_key_file.is_some() && differ {
        let hint =
            "one key has one algorithm: set request_object_signing_alg and token_endpoint_auth_signing_alg alike";
        check.refuse(&path("signing_key_file"), "would sign with two algorithms", hint);
    }
    if raw.signing_key_file.is_some() && !signs && auth != Some(ClientAuth::Key) {
        let hint = "it is for request_object and client_auth_method = \"private_key_jwt\"";
        check.refuse(&path("signing_key_file"), "signs nothing", hint);
    }
    Requests {
        object,
        object_alg: (object_alg != "none").then(|| object_alg.clone()),
        assertion_alg: raw.token_endpoint_auth_signing_alg.clone(),
        assertion_audience: check.choice(&path("client_assertion_audience"), &raw.client_assertion_audience),
    }
}

pub(super) fn signature(path: &str, text: &str, check: &mut Check) {
    if !SIGNATURES.contains(&text) {
        let hint = "choose among \"RS256\", \"PS256\", \"ES256\", \"EdDSA\"";
        check.refuse(path, format!("{text:?} is not known"), hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, valid};

    const UPSTREAM: &str =
        "issuer = 'https://sso.example.org'\n[upstreams.h]\nissuer = 'https://h.example'\nregistration = 'dynamic'\n";

    #[test]
    fn a_dynamic_registration_needs_no_client() {
        let text = format!(
            "{UPSTREAM}registration_token = 'hunter2'\nregistration_lifetime = '0s'\ncontacts = ['it@h.example']\n\
             client_auth_method = 'private_key_jwt'\nrequest_object = 'by_reference'"
        );
        let config = valid(&text).config;
        let upstream = &config.upstreams[0];
        let Registration::Dynamic { longest, contacts, token } = &upstream.registration else { panic!("dynamic") };
        assert_eq!((*longest, contacts.as_slice()), (Some(Duration::ZERO), &["it@h.example".to_owned()][..]));
        assert!(token.is_some() && !format!("{config:?}").contains("hunter2"));
        let requests = &upstream.requests;
        assert_eq!((requests.object, requests.object_alg.as_deref()), (RequestObject::ByReference, Some("RS256")));
    }

    #[test]
    fn what_does_not_go_together_is_said_by_its_path() {
        let wrong = |lines: &str, key: &str| {
            let found = problems(&format!("{UPSTREAM}{lines}"));
            let keys: Vec<&str> = found.iter().map(|problem| problem.key.as_str()).collect();
            assert_eq!(keys, [format!("upstreams.h.{key}")], "{lines}");
        };
        wrong("client_id = 'me'", "client_id");
        wrong("client_secret = 'me'", "client_secret");
        wrong("contacts = ['nobody']", "contacts");
        wrong("registration_lifetime = 'soon'", "registration_lifetime");
        wrong("registration_token = 'two words'", "registration_token");
        wrong("preset = 'github'", "registration");
        wrong("request_object = 'sometimes'", "request_object");
        wrong("request_object = 'by_value'\nrequest_object_signing_alg = 'none'", "request_object_signing_alg");
        wrong("request_object_signing_alg = 'HS256'", "request_object_signing_alg");
        wrong("token_endpoint_auth_signing_alg = 'none'", "token_endpoint_auth_signing_alg");
        wrong("client_assertion_audience = 'everybody'", "client_assertion_audience");
        wrong("userinfo_signed_response_alg = 'ES256'", "userinfo_signed_response_alg");
        wrong("userinfo_signed_response_alg = 'none'", "userinfo_signed_response_alg");
        let by_hand =
            "issuer = 'https://sso.example.org'\n[upstreams.h]\nissuer = 'https://h.example'\nclient_id = 'me'\n";
        for (line, key) in [
            ("registration_token = 'x'", "registration_token"),
            ("registration_lifetime = '1d'", "registration_lifetime"),
            ("contacts = ['it@h.example']", "contacts"),
        ] {
            assert_eq!(problems(&format!("{by_hand}{line}"))[0].key, format!("upstreams.h.{key}"));
        }
    }

    #[test]
    fn a_request_without_a_signature_is_fetched_by_tls_or_not_at_all() {
        let lines = "request_object = 'by_reference'\nrequest_object_signing_alg = 'none'";
        let loaded = valid(&format!("{UPSTREAM}{lines}"));
        assert!(loaded.config.upstreams[0].requests.object_alg.is_none());
        let warned = loaded.warnings.iter().any(|problem| problem.key == "upstreams.h.request_object_signing_alg");
        assert!(warned, "{:?}", loaded.warnings);
        let plain = UPSTREAM.replacen("https://sso.example.org", "http://localhost:8080", 1);
        assert_eq!(problems(&format!("{plain}{lines}"))[0].key, "upstreams.h.request_object_signing_alg");
    }
}
