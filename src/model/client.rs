//! Relying applications and resource servers.

use serde::{Deserialize, Serialize};

use crate::base::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{ClientKey, ClientSecretId};
use crate::oauth::ClientMetadata;
use crate::oauth::authorization::ClientRules;

/// What an access token of a client looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// A signed JWT (RFC 9068).
    #[default]
    Jwt,
    /// A random text that only introspection explains.
    Opaque,
}

/// Whether a client must use PKCE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PkcePolicy {
    /// Every authorization request needs a `code_challenge`.
    #[default]
    Required,
    /// A confidential client may leave it out; one that sends it is held to it.
    Optional,
}

/// What Guichet decides about a client, beside what it registered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientPolicy {
    /// Runs under the operator's own name: no consent page.
    pub first_party: bool,
    /// May introspect the tokens of all clients.
    pub resource_server: bool,
    /// What its access tokens look like.
    pub access_token: AccessTokenFormat,
    /// The algorithm of those that are signed; `None` is ES256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_alg: Option<String>,
    /// PKCE.
    pub pkce: PkcePolicy,
    /// The upstream provider that its people must have signed in at, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_upstream: Option<String>,
    /// Authentication contexts of which its people must have reached one, or one above it, whatever a request asks for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_acr: Vec<String>,
    /// Resources it may name (RFC 8707); empty means any.
    pub resources: Vec<String>,
}

/// Whether a client may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientStatus {
    /// In use.
    Active,
    /// Every request of it is refused.
    Disabled,
}

impl ClientStatus {
    /// The stored and shown text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Disabled].into_iter().find(|known| known.as_str() == text)
    }
}

/// A live secret of a client, by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSecret {
    /// Internal id.
    pub id: ClientSecretId,
    /// SHA-256 of the secret.
    pub digest: Digest,
    /// The secret itself, sealed under the master key: for clients that prove themselves by a MAC under it.
    pub sealed: Option<Vec<u8>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops; `None` for the newest one.
    pub expires_at: Option<Timestamp>,
}

/// A registered client with its live secrets (at most two, during a rotation).
#[derive(Debug, Clone)]
pub struct Client {
    /// Internal id.
    pub key: ClientKey,
    /// The `client_id` of requests.
    pub client_id: String,
    /// What it registered.
    pub metadata: ClientMetadata,
    /// What Guichet decides about it.
    pub policy: ClientPolicy,
    /// Whether it may be used.
    pub status: ClientStatus,
    /// Secrets, newest first.
    pub secrets: Vec<ClientSecret>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Client {
    /// Whether the client may be used.
    pub fn is_active(&self) -> bool {
        self.status == ClientStatus::Active
    }

    /// Whether `secret` is one of the live ones. Every stored digest is compared, in constant time.
    pub fn has_secret(&self, secret: &str, now: Timestamp) -> bool {
        let digest = Digest::of(secret.as_bytes());
        self.live_secrets(now).fold(false, |found, known| known.digest.ct_eq(&digest) | found)
    }

    /// The secrets that may be used at this moment.
    pub fn live_secrets(&self, now: Timestamp) -> impl Iterator<Item = &ClientSecret> {
        self.secrets.iter().filter(move |known| known.expires_at.is_none_or(|end| now < end))
    }

    /// Whether an authorization request of this client needs PKCE: a public client always does.
    pub fn requires_pkce(&self) -> bool {
        self.policy.pkce == PkcePolicy::Required || !self.metadata.is_confidential()
    }

    /// What the rules of the authorization request need to know.
    pub fn rules(&self) -> ClientRules<'_> {
        ClientRules { metadata: &self.metadata, requires_pkce: self.requires_pkce(), resources: &self.policy.resources }
    }
}

/// What a new client is made of.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// The `client_id` of requests.
    pub client_id: String,
    /// What it registers.
    pub metadata: ClientMetadata,
    /// What Guichet decides about it.
    pub policy: ClientPolicy,
    /// Digest of its first secret.
    pub secret: Option<Digest>,
}
