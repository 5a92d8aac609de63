//! `[upstreams.<name>]`: providers where people can sign in, any number of them.

mod client;
mod keys;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::seconds;
use crate::base::Secret;
use crate::config::check::{Check, Choice};
use crate::config::issuer::Issuer;
use crate::config::key::Section;

pub use client::{AssertionAudience, Registration, RegistrationMode, RequestObject, Requests};

/// The word above all tables.
pub(in crate::config) const ABOVE: &str = "upstreams";

pub(in crate::config) const SECTION: Section = Section {
    name: "upstreams.<name>",
    about: "A provider where people can sign in; any number of such tables. The name is chosen here, stands in addresses \
            (`/sign-in/<name>`, `/federation/<name>/callback`) and never changes: identities belong to it. \
            `guichet upstream list` shows what the presets fill in.",
    keys: keys::KEYS,
};

/// How often sessions may be followed.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(86_400);

/// How long all calls of one step may take together: with our own share, a page comes within five seconds.
const PATIENCE: Duration = Duration::from_millis(4_500);

/// `[upstreams.<name>]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    preset: Option<String>,
    label: Option<String>,
    logo: Option<String>,
    issuer: Option<String>,
    discovery_url: Option<String>,
    web_url: Option<String>,
    api_url: Option<String>,
    api_version: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Secret<String>>,
    client_secret_file: Option<String>,
    client_auth_method: Option<String>,
    token_endpoint_auth_signing_alg: String,
    client_assertion_audience: String,
    registration: String,
    registration_token: Option<Secret<String>>,
    registration_token_file: Option<String>,
    registration_lifetime: Option<String>,
    contacts: Vec<String>,
    request_object: String,
    request_object_signing_alg: String,
    signing_key_file: Option<String>,
    client_certificate_file: Option<String>,
    client_key_file: Option<String>,
    decryption_key_file: Option<String>,
    ca_file: Option<String>,
    scopes: Option<Vec<String>>,
    acr_values: Option<Vec<String>>,
    algorithms: Vec<String>,
    pkce: Option<bool>,
    userinfo: Option<bool>,
    userinfo_signed_response_alg: Option<String>,
    parameters: Vec<String>,
    hosted_domain: Option<String>,
    email_domains: Vec<String>,
    tenants: Vec<String>,
    timeout: Option<String>,
    claim_given_name: String,
    claim_family_name: String,
    claim_email: String,
    claim_national_id: Option<String>,
    trust_email: bool,
    accounts: String,
    backchannel_logout: bool,
    follow_session: Option<String>,
    ciba: bool,
    allow_private_addresses: bool,
}

/// What is known of a provider beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preset {
    /// Any OpenID provider.
    #[default]
    Oidc,
    /// Pro Santé Connect.
    ProSanteConnect,
    /// Its sandbox (BAS).
    ProSanteConnectSandbox,
    /// Google.
    Google,
    /// Facebook.
    Facebook,
    /// GitHub.
    GitHub,
}

impl Choice for Preset {
    const ALL: &'static [(&'static str, Self)] = &[
        ("oidc", Self::Oidc),
        ("pro_sante_connect", Self::ProSanteConnect),
        ("pro_sante_connect_sandbox", Self::ProSanteConnectSandbox),
        ("google", Self::Google),
        ("facebook", Self::Facebook),
        ("github", Self::GitHub),
    ];
}

impl Preset {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, preset)| *preset == self).map_or("oidc", |(word, _)| word)
    }
}

/// How we prove who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// HTTP Basic.
    #[default]
    Basic,
    /// In the form.
    Post,
    /// By an assertion that our key signed (RFC 7523 §2.2).
    Key,
    /// By the certificate of the connection (RFC 8705 §2.1).
    Tls,
    /// Not at all: PKCE alone.
    None,
}

impl ClientAuth {
    /// The word in the configuration, which is the method's name on the wire.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, method)| *method == self).map_or("none", |(word, _)| word)
    }
}

impl Choice for ClientAuth {
    const ALL: &'static [(&'static str, Self)] = &[
        ("client_secret_basic", Self::Basic),
        ("client_secret_post", Self::Post),
        ("private_key_jwt", Self::Key),
        ("tls_client_auth", Self::Tls),
        ("none", Self::None),
    ];
}

/// What becomes of somebody who comes for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Provisioning {
    /// They get an account.
    #[default]
    Create,
    /// They must have linked an account that they have.
    Linked,
}

impl Choice for Provisioning {
    const ALL: &'static [(&'static str, Self)] = &[("create", Self::Create), ("linked", Self::Linked)];
}

/// A provider, as configured; what the preset knows is not yet filled in.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each field is the key of that name, which docs/configuration.md describes")]
pub struct Upstream {
    pub name: String,
    pub preset: Preset,
    pub label: Option<String>,
    pub logo: Option<String>,
    pub issuer: Option<String>,
    pub discovery_url: Option<String>,
    pub web_url: Option<String>,
    pub api_url: Option<String>,
    pub api_version: Option<String>,
    pub registration: Registration,
    pub client_auth: Option<ClientAuth>,
    pub requests: Requests,
    pub signing_key_file: Option<PathBuf>,
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    pub decryption_key_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub scopes: Option<Vec<String>>,
    pub acr_values: Option<Vec<String>>,
    pub algorithms: Vec<String>,
    pub pkce: Option<bool>,
    pub userinfo: Option<bool>,
    pub userinfo_signed: Option<String>,
    pub parameters: Vec<(String, String)>,
    pub hosted_domain: Option<String>,
    pub email_domains: Vec<String>,
    pub tenants: Vec<String>,
    pub timeout: Option<Duration>,
    pub claim_given_name: String,
    pub claim_family_name: String,
    pub claim_email: String,
    pub claim_national_id: Option<String>,
    pub trust_email: bool,
    pub accounts: Provisioning,
    pub backchannel_logout: bool,
    pub follow_session: Option<Duration>,
    pub ciba: bool,
    pub allow_private_addresses: bool,
}

impl Upstream {
    /// How long all calls of one step may take together.
    pub fn patience(&self) -> Duration {
        self.timeout.unwrap_or(PATIENCE)
    }
}

pub(in crate::config) fn read(raw: BTreeMap<String, Raw>, issuer: &Issuer, check: &mut Check) -> Vec<Upstream> {
    raw.into_iter().map(|(name, raw)| one(name, raw, issuer, check)).collect()
}

fn one(name: String, mut raw: Raw, issuer: &Issuer, check: &mut Check) -> Upstream {
    let path = |word: &str| format!("{ABOVE}.{name}.{word}");
    let preset = match &raw.preset {
        Some(text) => check.choice(&path("preset"), text),
        None => Preset::ALL.iter().find(|(word, _)| *word == name).map_or(Preset::Oidc, |(_, preset)| *preset),
    };
    if preset == Preset::Oidc && raw.issuer.is_none() {
        check.refuse(&path("issuer"), "is missing", "set it to the provider's issuer, or choose a preset");
    }
    for (word, url) in [
        ("issuer", &raw.issuer),
        ("discovery_url", &raw.discovery_url),
        ("web_url", &raw.web_url),
        ("api_url", &raw.api_url),
    ] {
        if let Some(text) = url {
            check_url(&path(word), text, raw.allow_private_addresses, check);
        }
    }
    let client_auth: Option<ClientAuth> =
        raw.client_auth_method.as_deref().map(|text| check.choice(&path("client_auth_method"), text));
    let registration = client::registration(&mut raw, preset, client_auth, &path, check);
    let requests = client::requests(&raw, (preset, client_auth), issuer, &path, check);
    if let Some(alg) = &raw.userinfo_signed_response_alg
        && !raw.algorithms.contains(alg)
    {
        let hint = "name one of `algorithms`, or add it there";
        check.refuse(&path("userinfo_signed_response_alg"), format!("{alg:?} is not taken"), hint);
    }
    let client_certificate = certificate(&raw, &path, check);
    if client_auth == Some(ClientAuth::Tls) && client_certificate.is_none() {
        check.refuse(&path("client_certificate_file"), "is missing", "set it and client_key_file for tls_client_auth");
    }
    if raw.ciba && !matches!(preset, Preset::ProSanteConnect | Preset::ProSanteConnectSandbox) {
        check.refuse(&path("ciba"), "is not for this preset", "it is known of pro_sante_connect alone");
    }
    let mut parameters = Vec::new();
    for text in &raw.parameters {
        match text.split_once('=') {
            Some((parameter, value)) if !parameter.is_empty() => {
                parameters.push((parameter.to_owned(), value.to_owned()));
            }
            _ => check.refuse(&path("parameters"), format!("{text:?} is no parameter"), "write each as \"name=value\""),
        }
    }
    for text in &raw.algorithms {
        client::signature(&path("algorithms"), text, check);
    }
    Upstream {
        preset,
        label: raw.label,
        logo: raw.logo.inspect(|logo| check_logo(&path("logo"), logo, check)),
        issuer: raw.issuer,
        discovery_url: raw.discovery_url,
        web_url: raw.web_url,
        api_url: raw.api_url,
        api_version: raw.api_version,
        registration,
        client_auth,
        requests,
        signing_key_file: raw
            .signing_key_file
            .as_deref()
            .map(|file| check.secret_pem_file(&path("signing_key_file"), file, "PRIVATE KEY")),
        client_certificate,
        decryption_key_file: raw
            .decryption_key_file
            .as_deref()
            .map(|file| check.secret_pem_file(&path("decryption_key_file"), file, "PRIVATE KEY")),
        ca_file: raw.ca_file.as_deref().map(|file| check.pem_file(&path("ca_file"), file, "CERTIFICATE")),
        scopes: raw.scopes,
        acr_values: raw.acr_values,
        algorithms: raw.algorithms,
        pkce: raw.pkce,
        userinfo: raw.userinfo,
        userinfo_signed: raw.userinfo_signed_response_alg,
        parameters,
        hosted_domain: raw.hosted_domain,
        tenants: raw.tenants,
        timeout: raw.timeout.map(|text| check.duration(&path("timeout"), &text, seconds(1)..=seconds(60))),
        email_domains: raw.email_domains.iter().map(|domain| domain.to_lowercase()).collect(),
        claim_given_name: raw.claim_given_name,
        claim_family_name: raw.claim_family_name,
        claim_email: raw.claim_email,
        claim_national_id: raw.claim_national_id,
        trust_email: raw.trust_email,
        accounts: check.choice(&path("accounts"), &raw.accounts),
        backchannel_logout: raw.backchannel_logout,
        follow_session: raw
            .follow_session
            .map(|text| check.duration(&path("follow_session"), &text, SHORTEST..=LONGEST)),
        ciba: raw.ciba,
        allow_private_addresses: raw.allow_private_addresses,
        name,
    }
}

/// Our certificate and its key, both or neither.
fn certificate(raw: &Raw, path: &dyn Fn(&str) -> String, check: &mut Check) -> Option<(PathBuf, PathBuf)> {
    match (&raw.client_certificate_file, &raw.client_key_file) {
        (Some(certificate), Some(key)) => Some((
            check.pem_file(&path("client_certificate_file"), certificate, "CERTIFICATE"),
            check.secret_pem_file(&path("client_key_file"), key, "PRIVATE KEY"),
        )),
        (None, None) => None,
        _ => {
            check.refuse(&path("client_key_file"), "goes with client_certificate_file", "set both, or neither");
            None
        }
    }
}

fn check_logo(path: &str, logo: &str, check: &mut Check) {
    if !may_be_loaded(logo) {
        check.refuse(path, "is not an https URL", "write https://…, or a path of this site that begins with /");
    }
}

/// A picture that our pages load: by https from anywhere, or from our own site.
fn may_be_loaded(logo: &str) -> bool {
    let is_path = logo.starts_with('/') && !logo.starts_with("//");
    is_path || url::Url::parse(logo).is_ok_and(|url| url.scheme() == "https" && url.username().is_empty())
}

/// An absolute URL of https, or of http where private addresses are allowed.
fn check_url(path: &str, text: &str, plain: bool, check: &mut Check) {
    let good = url::Url::parse(text).is_ok_and(|url| {
        (url.scheme() == "https" || (plain && url.scheme() == "http"))
            && url.host_str().is_some()
            && url.username().is_empty()
            && url.fragment().is_none()
    });
    if !good {
        check.refuse(path, "is not an https URL", "plain http is for tests, with allow_private_addresses = true");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{load_with, problems, valid};

    const ISSUER: &str = "issuer = 'https://sso.example.org'\n";

    #[test]
    fn a_preset_needs_a_client_alone() {
        let text = format!("{ISSUER}[upstreams.google]\nclient_id = 'me'\nclient_secret = 'hunter2'");
        let config = valid(&text).config;
        let upstream = &config.upstreams[0];
        assert_eq!((upstream.name.as_str(), upstream.preset), ("google", Preset::Google));
        assert_eq!(upstream.algorithms, ["RS256"]);
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(valid(ISSUER).config.upstreams.is_empty());
    }

    #[test]
    fn the_environment_makes_and_changes_tables() {
        let text = format!("{ISSUER}[upstreams.psc]\npreset = 'pro_sante_connect'\nclient_id = 'file'");
        let loaded = load_with(
            &text,
            &[
                ("GUICHET_UPSTREAMS__PSC__CLIENT_ID", "env"),
                ("GUICHET_UPSTREAMS__PSC__PKCE", "false"),
                ("GUICHET_UPSTREAMS__GITHUB__CLIENT_ID", "hub"),
                ("GUICHET_UPSTREAMS__GITHUB__SCOPES", "read:user,user:email"),
            ],
        );
        let upstreams = loaded.unwrap().config.upstreams;
        let names: Vec<&str> = upstreams.iter().map(|upstream| upstream.name.as_str()).collect();
        assert_eq!(names, ["github", "psc"]);
        assert_eq!(upstreams[0].scopes.as_deref(), Some(&["read:user".to_owned(), "user:email".to_owned()][..]));
        let Registration::Static { client_id, .. } = &upstreams[1].registration else { panic!("static by default") };
        assert_eq!((client_id.as_str(), upstreams[1].pkce), ("env", Some(false)));
    }

    #[test]
    fn a_logo_is_one_that_pages_may_load() {
        for (logo, good) in [
            ("https://cdn.example/psc.svg", true),
            ("/images/psc.svg", true),
            ("//cdn.example/psc.svg", false),
            ("http://cdn.example/psc.svg", false),
            ("javascript:alert(1)", false),
            ("https://me@cdn.example/psc.svg", false),
            ("psc.svg", false),
            ("", false),
        ] {
            assert_eq!(may_be_loaded(logo), good, "{logo}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_by_its_path() {
        let found = problems(&format!(
            "{ISSUER}[upstreams.Psc]\nclient_id = 'x'\n[upstreams.a]\nclient_id = 'x'\n\
             [upstreams.b]\nissuer = 'http://b.example'\nclient_idd = 'x'\npkce = 'yes'\n\
             client_auth_method = 'client_secret_post'\nparameters = ['x']\nalgorithms = ['none']\nciba = true\nlogo = 'psc.svg'"
        ));
        let keys: Vec<&str> = found.iter().map(|problem| problem.key.as_str()).collect();
        for key in [
            "upstreams.Psc",
            "upstreams.a.issuer",
            "upstreams.b.client_idd",
            "upstreams.b.pkce",
            "upstreams.b.client_id",
            "upstreams.b.issuer",
            "upstreams.b.client_secret",
            "upstreams.b.parameters",
            "upstreams.b.algorithms",
            "upstreams.b.ciba",
            "upstreams.b.logo",
        ] {
            assert!(keys.contains(&key), "{key}: {keys:?}");
        }
        assert_eq!(keys.len(), 11);
        let odd = load_with(ISSUER, &[("GUICHET_UPSTREAMS__CLIENT_ID", "x"), ("GUICHET_UPSTREAMS__A__NONSENSE", "x")]);
        assert_eq!(odd.unwrap_err().len(), 2);
    }
}
