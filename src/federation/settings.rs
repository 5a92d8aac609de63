//! An upstream with everything decided: what the operator wrote, and where that is silent, what the preset knows.
//!
//! The section `[upstreams.<name>]` has no second form, so this file alone reads it as it stands.

use std::time::Duration;

use crate::base::Secret;
use crate::config::{self, Preset, Provisioning, UpstreamRegistration as Written};
pub(super) use crate::config::{AssertionAudience, ClientAuth, RequestObject};
use crate::jose::Algorithm;
use crate::outbound::{self, Identity};

/// What a preset knows.
struct Known {
    label: &'static str,
    issuer: &'static str,
    discovery: &'static str,
    web: &'static str,
    api: &'static str,
    version: &'static str,
    auth: ClientAuth,
    scopes: &'static [&'static str],
    acr: &'static [&'static str],
    pkce: bool,
    userinfo: bool,
}

const OIDC: Known = Known {
    label: "",
    issuer: "",
    discovery: "",
    web: "",
    api: "",
    version: "",
    auth: ClientAuth::Basic,
    scopes: &["openid", "profile", "email"],
    acr: &[],
    pkce: true,
    userinfo: true,
};

const PRO_SANTE_CONNECT: Known = Known {
    label: "Pro Santé Connect",
    issuer: "https://auth.esw.esante.gouv.fr/auth/realms/esante-wallet",
    discovery: "https://auth.esw.esante.gouv.fr/auth/realms/esante-wallet/.well-known/wallet-openid-configuration",
    auth: ClientAuth::Post,
    scopes: &["openid", "scope_all"],
    acr: &["eidas1"],
    ..OIDC
};

const SANDBOX: Known = Known {
    label: "Pro Santé Connect (bac à sable)",
    issuer: "https://auth.bas.psc.esante.gouv.fr/auth/realms/esante-wallet",
    discovery: "https://auth.bas.psc.esante.gouv.fr/auth/realms/esante-wallet/.well-known/wallet-openid-configuration",
    ..PRO_SANTE_CONNECT
};

const GOOGLE: Known =
    Known { label: "Google", issuer: "https://accounts.google.com", auth: ClientAuth::Post, userinfo: false, ..OIDC };

const FACEBOOK: Known = Known {
    label: "Facebook",
    issuer: "https://www.facebook.com",
    web: "https://www.facebook.com",
    api: "https://graph.facebook.com",
    version: "v25.0",
    auth: ClientAuth::Post,
    scopes: &["public_profile", "email"],
    pkce: false,
    ..OIDC
};

const GITHUB: Known = Known {
    label: "GitHub",
    issuer: "https://github.com/login/oauth",
    web: "https://github.com",
    api: "https://api.github.com",
    auth: ClientAuth::Post,
    scopes: &["read:user", "user:email"],
    ..OIDC
};

const fn known(preset: Preset) -> &'static Known {
    match preset {
        Preset::Oidc => &OIDC,
        Preset::ProSanteConnect => &PRO_SANTE_CONNECT,
        Preset::ProSanteConnectSandbox => &SANDBOX,
        Preset::Google => &GOOGLE,
        Preset::Facebook => &FACEBOOK,
        Preset::GitHub => &GITHUB,
    }
}

/// How we become known to it.
#[derive(Debug, Clone)]
pub enum Registration {
    /// Somebody registered us.
    Static {
        /// Who we are there.
        client_id: String,
        /// Our secret.
        client_secret: Option<Secret<String>>,
    },
    /// We register ourselves.
    Dynamic(Dynamic),
}

/// How we register ourselves.
#[derive(Debug, Clone)]
pub struct Dynamic {
    /// Initial access token.
    pub token: Option<Secret<String>>,
    /// How long a registration serves at most.
    pub longest: Option<Duration>,
    /// People to talk to.
    pub contacts: Vec<String>,
}

impl Dynamic {
    /// Whether each sign-in has a registration of its own.
    pub fn is_for_one_sign_in(&self) -> bool {
        self.longest.is_some_and(|longest| longest.is_zero())
    }
}

/// How our requests travel.
#[derive(Debug, Clone, Copy)]
pub struct Requests {
    /// Whether the parameters are in an object, and where that is.
    pub object: RequestObject,
    /// Its signature; `None` for one without.
    pub object_alg: Option<Algorithm>,
    /// The signature of client assertions.
    pub assertion_alg: Algorithm,
    /// Whom they are for.
    pub assertion_audience: AssertionAudience,
}

/// Names of claims.
#[derive(Debug, Clone)]
pub struct ClaimNames {
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Address.
    pub email: String,
    /// National identifier.
    pub national_id: Option<String>,
}

/// An upstream, decided.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name in addresses and in storage.
    pub name: String,
    /// What is known of it.
    pub preset: Preset,
    /// What people call it.
    pub label: String,
    /// Image of its button.
    pub logo: Option<String>,
    /// The issuer.
    pub issuer: String,
    /// Where its discovery document is.
    pub discovery_url: String,
    /// Where the document of a realm shaped as Pro Santé Connect is, if not there: a Keycloak has the standard name alone.
    pub other_discovery_url: Option<String>,
    /// The site that people see, without a trailing slash.
    pub web_url: String,
    /// Its interface, without a trailing slash.
    pub api_url: String,
    /// Version of the interface.
    pub api_version: String,
    /// Who we are there, or how we become it.
    pub registration: Registration,
    /// How we prove it.
    pub auth: ClientAuth,
    /// How our requests travel.
    pub requests: Requests,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Contexts asked for.
    pub acr_values: Vec<String>,
    /// Signatures taken.
    pub algorithms: Vec<Algorithm>,
    /// Whether PKCE is sent.
    pub pkce: bool,
    /// Whether userinfo is read.
    pub userinfo: bool,
    /// The signature that userinfo must have.
    pub userinfo_signed: Option<Algorithm>,
    /// Further parameters.
    pub parameters: Vec<(String, String)>,
    /// The only Workspace domain.
    pub hosted_domain: Option<String>,
    /// Domains of addresses whose people are sent here.
    pub email_domains: Vec<String>,
    /// Tenants, by code or UUID, that it is the own provider of; none: it is for everybody.
    pub tenants: Vec<String>,
    /// How long all calls of one step may take together.
    pub patience: Duration,
    /// Names of claims.
    pub claims: ClaimNames,
    /// Whether `email_verified` is believed.
    pub trust_email: bool,
    /// Whether somebody new gets an account.
    pub creates_accounts: bool,
    /// Whether it may end sessions here.
    pub backchannel_logout: bool,
    /// Whether people may sign in by their telephone, without the browser going there (CIBA).
    pub ciba: bool,
    /// How often is asked whether the session there still stands.
    pub follow_session: Option<Duration>,
    /// Whether our calls show a certificate.
    pub shows_certificate: bool,
    /// Whether plain http is taken.
    pub allow_private_addresses: bool,
}

impl Settings {
    /// Fills in what the operator did not say.
    pub fn of(given: &config::Upstream) -> Self {
        let known = known(given.preset);
        let text = |own: &Option<String>, preset: &str| {
            own.clone().unwrap_or_else(|| preset.to_owned()).trim_end_matches('/').to_owned()
        };
        let list = |own: &Option<Vec<String>>, preset: &[&str]| {
            own.clone().unwrap_or_else(|| preset.iter().map(|item| (*item).to_owned()).collect())
        };
        let issuer = given.issuer.clone().unwrap_or_else(|| match (&given.web_url, given.preset) {
            // GitHub Enterprise Server is its own issuer.
            (Some(site), Preset::GitHub) => format!("{}/login/oauth", site.trim_end_matches('/')),
            _ => known.issuer.to_owned(),
        });
        let discovery_url = match (&given.discovery_url, &given.issuer) {
            (Some(url), _) => url.clone(),
            (None, None) if !known.discovery.is_empty() => known.discovery.to_owned(),
            (None, _) => discovery_of(&issuer, given.preset),
        };
        let is_shaped = known.label.starts_with(PRO_SANTE_CONNECT.label) && given.issuer.is_some();
        let other_discovery_url =
            (is_shaped && given.discovery_url.is_none()).then(|| discovery_of(&issuer, Preset::Oidc));
        let label = match (&given.label, known.label) {
            (Some(label), _) => label.clone(),
            (None, "") => given.name.clone(),
            (None, label) => label.to_owned(),
        };
        Self {
            name: given.name.clone(),
            preset: given.preset,
            label,
            logo: given.logo.clone(),
            web_url: text(&given.web_url, known.web),
            api_url: text(&given.api_url, known.api),
            api_version: text(&given.api_version, known.version),
            issuer,
            discovery_url,
            other_discovery_url,
            auth: auth(given, known.auth),
            registration: registration(given),
            requests: requests(given),
            scopes: list(&given.scopes, known.scopes),
            acr_values: list(&given.acr_values, known.acr),
            algorithms: given.algorithms.iter().filter_map(|name| Algorithm::parse(name)).collect(),
            pkce: given.pkce.unwrap_or(known.pkce),
            userinfo: given.userinfo.unwrap_or(known.userinfo),
            userinfo_signed: given.userinfo_signed.as_deref().and_then(Algorithm::parse),
            parameters: given.parameters.clone(),
            hosted_domain: given.hosted_domain.clone(),
            email_domains: given.email_domains.clone(),
            tenants: given.tenants.clone(),
            patience: given.patience(),
            claims: ClaimNames {
                given_name: given.claim_given_name.clone(),
                family_name: given.claim_family_name.clone(),
                email: given.claim_email.clone(),
                national_id: given.claim_national_id.clone(),
            },
            trust_email: given.trust_email,
            creates_accounts: given.accounts == Provisioning::Create,
            backchannel_logout: given.backchannel_logout,
            ciba: given.ciba,
            follow_session: given.follow_session,
            shows_certificate: given.client_certificate.is_some(),
            allow_private_addresses: given.allow_private_addresses,
        }
    }

    /// Whether it is the own provider of this tenant, by its code or UUID.
    pub fn names_tenant(&self, tenant: &str) -> bool {
        self.tenants.iter().any(|known| known.eq_ignore_ascii_case(tenant.trim()))
    }

    /// Whether it is Pro Santé Connect.
    pub const fn is_pro_sante_connect(&self) -> bool {
        matches!(self.preset, Preset::ProSanteConnect | Preset::ProSanteConnectSandbox)
    }

    /// Its preset's word.
    pub fn preset_name(&self) -> &'static str {
        self.preset.as_str()
    }
}

/// Pro Santé Connect's document has a name of its own; the standard name answers too, and leads past its sign-in page.
fn discovery_of(issuer: &str, preset: Preset) -> String {
    let document = match preset {
        Preset::ProSanteConnect | Preset::ProSanteConnectSandbox => "wallet-openid-configuration",
        _ => "openid-configuration",
    };
    format!("{}/.well-known/{document}", issuer.trim_end_matches('/'))
}

/// What the method comes to: without a secret that it needs, the name alone is shown, and the certificate where there is one.
fn auth(given: &config::Upstream, known: ClientAuth) -> ClientAuth {
    let method = given.client_auth.unwrap_or(known);
    let has_secret = match &given.registration {
        Written::Static { client_secret, .. } => client_secret.is_some(),
        Written::Dynamic { .. } => true,
    };
    match method {
        ClientAuth::Basic | ClientAuth::Post if has_secret => method,
        ClientAuth::Key => method,
        _ if given.client_certificate.is_some() => ClientAuth::Tls,
        _ => ClientAuth::None,
    }
}

fn registration(given: &config::Upstream) -> Registration {
    match given.registration.clone() {
        Written::Static { client_id, client_secret } => Registration::Static { client_id, client_secret },
        Written::Dynamic { token, longest, contacts } => Registration::Dynamic(Dynamic { token, longest, contacts }),
    }
}

fn requests(given: &config::Upstream) -> Requests {
    let requests = &given.requests;
    Requests {
        object: requests.object,
        object_alg: requests.object_alg.as_deref().and_then(Algorithm::parse),
        assertion_alg: Algorithm::parse(&requests.assertion_alg).unwrap_or(Algorithm::Rs256),
        assertion_audience: requests.assertion_audience,
    }
}

/// The way out to an upstream: its own certificates, and its own hosts where they may be private. `base` holds for all.
pub(super) fn way_out(given: &config::Upstream, base: &outbound::Settings) -> outbound::Settings {
    let mut settings = base.clone();
    settings.patience = Some(given.patience());
    settings.ca_files.extend(given.ca_file.iter().cloned());
    if let Some((certificate_file, private_key_file)) = given.client_certificate.clone() {
        settings.identity = Some(Identity { certificate_file, private_key_file });
    }
    if given.allow_private_addresses {
        let urls = [&given.issuer, &given.discovery_url, &given.web_url, &given.api_url];
        let hosts =
            urls.into_iter().flatten().filter_map(|text| url::Url::parse(text).ok()?.host_str().map(str::to_owned));
        settings.allowed_private_hosts.extend(hosts);
    }
    settings
}
