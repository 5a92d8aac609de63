//! Client metadata (RFC 7591 §2, OpenID Connect Registration 1.0 §2): what a client says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Scope;
use super::response::ResponseType;

/// `grant_types` values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 §4.1.
    AuthorizationCode,
    /// RFC 6749 §4.2: what comes from the authorization endpoint itself; no grant of the token endpoint.
    Implicit,
    /// RFC 6749 §6.
    RefreshToken,
    /// RFC 6749 §4.4.
    ClientCredentials,
}

impl GrantType {
    /// All, as discovery announces them.
    pub const ALL: [Self; 4] = [Self::AuthorizationCode, Self::Implicit, Self::RefreshToken, Self::ClientCredentials];

    /// The wire value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::Implicit => "implicit",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }

    /// Reads a wire value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

/// `token_endpoint_auth_method` values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A public client: no authentication.
    None,
    /// RFC 6749 §2.3.1, in the `Authorization` header.
    ClientSecretBasic,
    /// RFC 6749 §2.3.1, in the form.
    ClientSecretPost,
    /// OpenID Connect Core §9, an assertion signed with the client's private key.
    PrivateKeyJwt,
    /// Assertion with a MAC under the shared secret.
    ClientSecretJwt,
}

impl AuthMethod {
    /// All, as discovery announces them.
    pub const ALL: [Self; 5] =
        [Self::None, Self::ClientSecretBasic, Self::ClientSecretPost, Self::PrivateKeyJwt, Self::ClientSecretJwt];

    /// The wire value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::ClientSecretJwt => "client_secret_jwt",
        }
    }

    /// Reads a wire value.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }

    /// Whether the client holds a shared secret.
    pub const fn uses_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt)
    }
}

/// Where a client runs (OpenID Connect Registration §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// On a server or in a browser.
    #[default]
    Web,
    /// On the person's own device.
    Native,
}

/// Whether a person has one `sub` for all clients (OpenID Connect Core §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// The same for all.
    #[default]
    Public,
    /// One for each sector.
    Pairwise,
}

/// The registered metadata of a client, by the names of the specifications.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientMetadata {
    /// Name shown to people.
    pub client_name: String,
    /// Where authorization responses may go, compared exactly.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where a person may go after signing out (RP-Initiated Logout §3.1).
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// Grants that the token endpoint accepts of this client.
    pub grant_types: Vec<GrantType>,
    /// Response types that the authorization endpoint accepts of this client.
    #[serde(default)]
    pub response_types: Vec<ResponseType>,
    /// How the client proves itself at the token endpoint.
    pub token_endpoint_auth_method: AuthMethod,
    /// The widest scope that the client may be given.
    pub scope: Scope,
    /// Public keys of the client, a JWK Set by value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<serde_json::Value>,
    /// Algorithm of its ID tokens (`RS256`, `PS256`, `ES256`, `EdDSA`).
    pub id_token_signed_response_alg: String,
    /// Where the client runs.
    #[serde(default)]
    pub application_type: ApplicationType,
    /// Where a sign-in at the client begins (OpenID Connect Core §4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiate_login_uri: Option<String>,
    /// Its home page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// Its logo, shown on the pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// Its privacy policy, linked on the pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Its terms of service, linked on the pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// `auth_time` in every ID token (OpenID Connect Registration §2).
    #[serde(default)]
    pub require_auth_time: bool,
    /// Seconds after which the person must sign in anew where the request says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u64>,
    /// Where the client publishes its keys; excludes `jwks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// A list of redirect URIs of one sector, whose host pairwise subjects go by (OpenID Connect Core §8.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
    /// Whether other clients see the same `sub`.
    #[serde(default)]
    pub subject_type: SubjectType,
    /// Where its request objects are, compared exactly; a fragment tells versions apart (OpenID Connect Registration §2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub request_uris: Vec<String>,
    /// The only algorithm that its request objects may be signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg: Option<String>,
    /// Whether requests must come as a signed object (RFC 9101 §10.5).
    #[serde(default)]
    pub require_signed_request_object: bool,
    /// Whether requests must be pushed (RFC 9126 §6).
    #[serde(default)]
    pub require_pushed_authorization_requests: bool,
    /// Key management of encrypted ID tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_encrypted_response_alg: Option<String>,
    /// Content encryption of encrypted ID tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_encrypted_response_enc: Option<String>,
    /// Algorithm of userinfo as a JWT; plain JSON without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<String>,
    /// Key management of encrypted userinfo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_encrypted_response_alg: Option<String>,
    /// Content encryption of encrypted userinfo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_encrypted_response_enc: Option<String>,
    /// Algorithm of introspection answers as a JWT (RFC 9701 §6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introspection_signed_response_alg: Option<String>,
    /// The only algorithm that its assertions may be signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<String>,
    /// Authentication contexts wanted where the request names none, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default_acr_values: Vec<String>,
    /// E-mail addresses of people responsible for the client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// A page of the client that ends its session when a browser loads it (Front-Channel Logout §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<String>,
    /// Whether `iss` and `sid` come with that call.
    #[serde(default)]
    pub frontchannel_logout_session_required: bool,
    /// Where logout tokens go (Back-Channel Logout §2.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether logout tokens must name the session.
    #[serde(default)]
    pub backchannel_logout_session_required: bool,
    /// The same for all installations of a software (RFC 7591 §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
    /// Texts and links in other languages, by member and language: `client_name#fr` (RFC 7591 §2.2).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub localized: BTreeMap<String, String>,
}

impl ClientMetadata {
    /// A client that may do nothing yet: the defaults of OpenID Connect Registration §2, no URI, no grant, all standard scopes.
    pub fn new(client_name: impl Into<String>) -> Self {
        Self {
            client_name: client_name.into(),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            grant_types: Vec::new(),
            response_types: Vec::new(),
            token_endpoint_auth_method: AuthMethod::ClientSecretBasic,
            scope: Scope::standard(),
            jwks: None,
            id_token_signed_response_alg: "RS256".to_owned(),
            application_type: ApplicationType::Web,
            initiate_login_uri: None,
            client_uri: None,
            logo_uri: None,
            policy_uri: None,
            tos_uri: None,
            require_auth_time: false,
            default_max_age: None,
            jwks_uri: None,
            sector_identifier_uri: None,
            subject_type: SubjectType::Public,
            request_uris: Vec::new(),
            request_object_signing_alg: None,
            require_signed_request_object: false,
            require_pushed_authorization_requests: false,
            id_token_encrypted_response_alg: None,
            id_token_encrypted_response_enc: None,
            userinfo_signed_response_alg: None,
            userinfo_encrypted_response_alg: None,
            userinfo_encrypted_response_enc: None,
            introspection_signed_response_alg: None,
            token_endpoint_auth_signing_alg: None,
            default_acr_values: Vec::new(),
            contacts: Vec::new(),
            frontchannel_logout_uri: None,
            frontchannel_logout_session_required: false,
            backchannel_logout_uri: None,
            backchannel_logout_session_required: false,
            software_id: None,
            software_version: None,
            localized: BTreeMap::new(),
        }
    }

    /// Whether the client may use `grant`.
    pub fn allows_grant(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// Makes the grants those that the response types need; what else was allowed stays, but without a code nothing is refreshed.
    pub fn fit_grants(&mut self) {
        let needed = |grant| self.response_types.iter().any(|kind| kind.grants().contains(&grant));
        let uses_code = needed(GrantType::AuthorizationCode);
        self.grant_types = GrantType::ALL
            .into_iter()
            .filter(|grant| match grant {
                GrantType::AuthorizationCode | GrantType::Implicit => needed(*grant),
                GrantType::RefreshToken => uses_code && self.allows_grant(*grant),
                GrantType::ClientCredentials => self.allows_grant(*grant),
            })
            .collect();
    }

    /// Whether the client wants to know which session its tokens belong to, since it asks for their end or hears of it.
    pub fn follows_sessions(&self) -> bool {
        !self.post_logout_redirect_uris.is_empty()
            || self.backchannel_logout_uri.is_some()
            || self.frontchannel_logout_uri.is_some()
    }

    /// Whether the client authenticates at all.
    pub fn is_confidential(&self) -> bool {
        self.token_endpoint_auth_method != AuthMethod::None
    }
    /// A member that may be localized (`client_name`, `logo_uri`, …) for a page in `language`, a primary language tag:
    /// the value of that language, of one of its regions, or the one without a language (RFC 7591 §2.2).
    pub fn text(&self, member: &str, language: &str) -> Option<&str> {
        let is_of_language = |name: &str| {
            name.split_once('#').is_some_and(|(known, tag)| {
                known == member && tag.split('-').next().is_some_and(|primary| primary.eq_ignore_ascii_case(language))
            })
        };
        let best = self.localized.iter().filter(|(name, _)| is_of_language(name)).min_by_key(|(name, _)| name.len());
        let plain = match member {
            "client_name" => Some(&self.client_name),
            "client_uri" => self.client_uri.as_ref(),
            "logo_uri" => self.logo_uri.as_ref(),
            "policy_uri" => self.policy_uri.as_ref(),
            "tos_uri" => self.tos_uri.as_ref(),
            _ => None,
        };
        best.map(|(_, text)| text).or(plain).map(String::as_str)
    }

    /// The name that people see on a page in `language`.
    pub fn name_in(&self, language: &str) -> &str {
        self.text("client_name", language).unwrap_or(&self.client_name)
    }
}

#[cfg(test)]
mod tests {
    use super::GrantType::{AuthorizationCode, ClientCredentials, Implicit, RefreshToken};
    use super::*;

    #[test]
    fn grants_follow_the_response_types() {
        let fitted = |types: &[ResponseType], grants: &[GrantType]| {
            let (grant_types, response_types) = (grants.to_vec(), types.to_vec());
            let mut metadata = ClientMetadata { grant_types, response_types, ..ClientMetadata::new("App") };
            metadata.fit_grants();
            metadata.grant_types
        };
        let usual = [AuthorizationCode, RefreshToken, ClientCredentials];
        assert_eq!(fitted(&[ResponseType::Code], &usual), usual);
        assert_eq!(fitted(&[ResponseType::IdToken], &usual), [Implicit, ClientCredentials]);
        let all = [AuthorizationCode, Implicit, RefreshToken, ClientCredentials];
        assert_eq!(fitted(&[ResponseType::CodeToken], &usual), all);
    }
}
