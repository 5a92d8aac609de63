//! What tokens are made of: access tokens (RFC 9068 or opaque), ID tokens, refresh tokens, authorization codes.
//!
//! An opaque access token is its claims sealed under the master key, a code its record, and a refresh token names its grant and generation
//! under a MAC: neither needs a row to exist, so issuing writes nothing that its grant does not need.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Provider;
use super::encryption::{self, Purpose};
use super::subject::{self, Subject};
use crate::base::digest::{Digest, base64url, from_base64url, hmac_sha256, sha512};
use crate::base::seal::MasterKey;
use crate::base::secret::ct_eq;
use crate::base::token::{OpaqueToken, TokenKind};
use crate::base::{Entropy, Secret, Timestamp, entropy};
use crate::jose::{Algorithm, JoseError, Typ};
use crate::model::client::{AccessTokenFormat, Client, ClientSecret};
use crate::model::code::AuthorizationCode;
use crate::model::grant::Grant;
use crate::model::role::Role;
use crate::oauth::{Release, Scope};

/// Longest opaque access token taken, in bytes.
const LONGEST_OPAQUE: usize = 8_192;
/// Longest authorization code taken, in bytes: most of it is the client's own `nonce`.
const LONGEST_CODE: usize = 32_768;
/// Bytes of the salt that gives each sealed token a key of its own: nonces never meet under one key.
const SALT: usize = 16;

/// One audience as text, several as a list (RFC 7519 §4.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Audience {
    /// The named resources, or `default` where none was named.
    pub fn of(resources: &[String], default: &str) -> Self {
        match resources {
            [] => Self::One(default.to_owned()),
            [one] => Self::One(one.clone()),
            many => Self::Many(many.to_vec()),
        }
    }
}

/// The tenant of an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantClaim {
    /// Its short code.
    pub code: String,
    /// What it is.
    pub kind: String,
}

/// Claims of an access token (RFC 9068 §2.2, and the tenant and roles).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The issuer.
    pub iss: String,
    /// The person ([`subject::sub`]), or the `client_id` where a client acts for itself.
    pub sub: String,
    /// Whom the token is for.
    pub aud: Audience,
    /// To whom it was issued.
    pub client_id: String,
    /// What it allows.
    #[serde(default, skip_serializing_if = "Scope::is_empty")]
    pub scope: Scope,
    /// Its own id; see [`AccessClaims::grant`].
    pub jti: String,
    /// Issued at, seconds.
    pub iat: i64,
    /// Expires at, seconds.
    pub exp: i64,
    /// Not before, seconds: never written, but kept to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// When the person proved who they are, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// Authentication context class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// Authentication methods (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The browser session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The tenant's UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The tenant's code and kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantClaim>,
    /// Roles in the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<Role>>,
}

impl AccessClaims {
    /// The grant that the token came of, which its `jti` names; `None` for a client's own token.
    pub fn grant(&self) -> Option<Uuid> {
        let (grant, _) = self.jti.split_once('.')?;
        Uuid::from_slice(&from_base64url(grant)?).ok()
    }
}

/// A `jti`: the grant, where there is one, and 128 random bits.
fn new_jti(grant: Option<Uuid>, random: &dyn Entropy) -> String {
    let unique = base64url(&entropy::bytes::<16>(random));
    match grant {
        Some(grant) => format!("{}.{unique}", base64url(grant.as_bytes())),
        None => unique,
    }
}

/// The keys of tokens that are sealed or carry a MAC, derived from the master key.
#[derive(Debug)]
pub struct TokenSecrets {
    master: MasterKey,
    refresh: Secret<[u8; 32]>,
    pairwise: Secret<[u8; 32]>,
}

/// What a refresh token says, once its MAC is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshReference {
    /// Its grant.
    pub grant: Uuid,
    /// Which of the grant's refresh tokens it is.
    pub generation: i64,
}

/// What client secrets are sealed for; the row is the client and the digest of the secret.
const CLIENT_SECRET: &str = "client-secret";

impl TokenSecrets {
    /// Derives the keys.
    pub fn new(master: MasterKey) -> Self {
        let refresh = master.derive("refresh-token");
        let pairwise = master.derive("pairwise-subject");
        Self { master, refresh, pairwise }
    }

    /// The `sub` of a person in one sector (OpenID Connect Core §8.1): it does not lead back to the person, nor to the
    /// `sub` of another sector.
    pub fn pairwise(&self, sector: &str, user: Uuid) -> String {
        // A host holds no NUL, so no two pairs are the same text.
        let text = [sector.as_bytes(), &[0], user.as_bytes()].concat();
        base64url(&hmac_sha256(self.pairwise.expose(), &text))
    }

    /// The refresh token of a generation; the same each time, so that a retry gets what the lost answer held.
    pub fn refresh_token(&self, reference: RefreshReference) -> String {
        let mut bytes = reference_bytes(reference);
        bytes.extend_from_slice(&hmac_sha256(self.refresh.expose(), &bytes));
        format!("{}{}", TokenKind::RefreshToken.prefix(), base64url(&bytes))
    }

    /// Reads a refresh token; `None` when it is not one of ours.
    pub fn read_refresh_token(&self, text: &str) -> Option<RefreshReference> {
        let bytes =
            from_base64url(text.strip_prefix(TokenKind::RefreshToken.prefix()).filter(|rest| rest.len() == 75)?)?;
        let (named, mac) = bytes.split_at_checked(24)?;
        let (grant, generation) = named.split_at_checked(16)?;
        if !ct_eq(&hmac_sha256(self.refresh.expose(), named), mac) {
            return None;
        }
        Some(RefreshReference {
            grant: Uuid::from_slice(grant).ok()?,
            generation: i64::from_be_bytes(generation.try_into().ok()?),
        })
    }

    /// Seals a secret that must be had in clear again to verify a MAC (`client_secret_jwt`); `None` when sealing fails.
    pub fn seal_client_secret(&self, client_id: &str, secret: &OpaqueToken, random: &dyn Entropy) -> Option<Vec<u8>> {
        let row = secret_row(client_id, &secret.digest());
        Some(self.master.seal(random, CLIENT_SECRET, &row, secret.expose().as_bytes()))
            .filter(|sealed| !sealed.is_empty())
    }

    /// A secret in clear; `None` when it was not kept so, was changed or moved, or was sealed under another key.
    pub fn open_client_secret(&self, client_id: &str, secret: &ClientSecret) -> Option<Secret<Vec<u8>>> {
        let clear =
            self.master.open(CLIENT_SECRET, &secret_row(client_id, &secret.digest), secret.sealed.as_deref()?)?;
        Digest::of(clear.expose()).ct_eq(&secret.digest).then_some(clear)
    }

    /// An opaque access token.
    fn seal(&self, claims: &AccessClaims, random: &dyn Entropy) -> String {
        self.sealed(TokenKind::AccessToken, claims, random)
    }

    /// Reads an opaque access token; `None` when it is not one of ours.
    pub fn open(&self, text: &str) -> Option<AccessClaims> {
        self.opened(TokenKind::AccessToken, text, LONGEST_OPAQUE)
    }

    /// An authorization code: its own record, readable here alone.
    pub fn seal_code(&self, record: &AuthorizationCode, random: &dyn Entropy) -> String {
        self.sealed(TokenKind::AuthorizationCode, record, random)
    }

    /// The record of an authorization code; `None` when it is not one of ours. Whether it was used, its grant tells.
    pub fn open_code(&self, text: &str) -> Option<AuthorizationCode> {
        self.opened(TokenKind::AuthorizationCode, text, LONGEST_CODE)
    }

    fn sealed<T: Serialize>(&self, kind: TokenKind, content: &T, random: &dyn Entropy) -> String {
        let salt: [u8; SALT] = entropy::bytes(random);
        let clear = serde_json::to_vec(content).unwrap_or_default();
        let sealed = self.master.seal(random, &purpose(kind, &salt), "", &clear);
        format!("{}{}", kind.prefix(), base64url(&[&salt[..], &sealed].concat()))
    }

    fn opened<T: DeserializeOwned>(&self, kind: TokenKind, text: &str, longest: usize) -> Option<T> {
        let encoded = text.strip_prefix(kind.prefix()).filter(|rest| rest.len() <= longest)?;
        let bytes = from_base64url(encoded)?;
        let (salt, sealed) = bytes.split_at_checked(SALT)?;
        let clear = self.master.open(&purpose(kind, salt), "", sealed)?;
        serde_json::from_slice(clear.expose()).ok()
    }
}

fn secret_row(client_id: &str, digest: &Digest) -> String {
    format!("{} {client_id}", digest.to_base64url())
}

/// Of a kind and one token: no token opens as another kind's, and each has a key of its own.
fn purpose(kind: TokenKind, salt: &[u8]) -> String {
    let kind = if kind == TokenKind::AuthorizationCode { "authorization-code" } else { "access-token" };
    format!("{kind}:{}", base64url(salt))
}

fn reference_bytes(reference: RefreshReference) -> Vec<u8> {
    [&reference.grant.as_bytes()[..], &reference.generation.to_be_bytes()].concat()
}

/// What an access token of a person's grant says beside the person.
#[derive(Debug, Clone, Copy)]
pub struct AccessFacts<'a> {
    /// The grant: `auth_time`, `acr`, `amr`, `sid`, and the part of `jti` that names it.
    pub grant: &'a Grant,
    /// What this token allows: the grant's scope or less.
    pub scope: &'a Scope,
    /// Whom it is for; empty means the default audience.
    pub resources: &'a [String],
}

/// An access token for a person's grant.
pub fn access_token(
    provider: &Provider,
    client: &Client,
    subject: &Subject,
    facts: AccessFacts<'_>,
) -> Result<String, JoseError> {
    let AccessFacts { grant, scope, resources } = facts;
    let claims = AccessClaims {
        sub: subject::sub(provider, Some(client), &subject.user),
        auth_time: Some(grant.auth_time.seconds()),
        acr: Some(grant.acr.clone()),
        amr: grant.amr.clone(),
        sid: Some(grant.sid.to_string()),
        tenant_id: subject.membership.as_ref().map(|member| member.tenant.uuid.to_string()),
        tenant: subject.membership.as_ref().map(|member| TenantClaim {
            code: member.tenant.code.clone(),
            kind: member.tenant.kind.as_str().to_owned(),
        }),
        roles: Some(subject.roles()),
        ..common(provider, client, Some(grant.id), resources, scope)
    };
    write(provider, client, &claims)
}

/// An access token for a client that acts for itself (RFC 6749 §4.4).
pub fn client_access_token(
    provider: &Provider,
    client: &Client,
    scope: &Scope,
    resources: &[String],
) -> Result<String, JoseError> {
    write(provider, client, &common(provider, client, None, resources, scope))
}

fn common(
    provider: &Provider,
    client: &Client,
    grant: Option<Uuid>,
    resources: &[String],
    scope: &Scope,
) -> AccessClaims {
    let settings = provider.settings();
    let now = provider.now();
    AccessClaims {
        iss: settings.issuer.clone(),
        sub: client.client_id.clone(),
        aud: Audience::of(resources, &settings.audience),
        client_id: client.client_id.clone(),
        scope: scope.clone(),
        jti: new_jti(grant, provider.entropy()),
        iat: now.seconds(),
        exp: now.plus(settings.access_token_lifetime).seconds(),
        nbf: None,
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        sid: None,
        tenant_id: None,
        tenant: None,
        roles: None,
    }
}

fn write(provider: &Provider, client: &Client, claims: &AccessClaims) -> Result<String, JoseError> {
    match client.policy.access_token {
        AccessTokenFormat::Jwt => {
            let alg = client.policy.access_token_alg.as_deref().and_then(Algorithm::parse).unwrap_or(Algorithm::Es256);
            provider.keys().current().sign(alg, Typ::AccessToken, claims)
        }
        AccessTokenFormat::Opaque => Ok(provider.secrets().seal(claims, provider.entropy())),
    }
}

/// What an ID token says beside the person.
#[derive(Debug, Clone, Copy)]
pub struct IdTokenFacts<'a> {
    /// The grant: `auth_time`, `acr`, `amr`, `sid`.
    pub grant: &'a Grant,
    /// The scope of the access token: `tenant` and `roles` release their claims, and the whole of the grant's scope those
    /// that the request named.
    pub scope: &'a Scope,
    /// Of the request, exactly.
    pub nonce: Option<&'a str>,
    /// The code issued beside it, for `c_hash`.
    pub code: Option<&'a str>,
    /// The access token issued beside it, for `at_hash`.
    pub access_token: Option<&'a str>,
    /// Whether no access token will ever come of the request: what the scopes release is in here then (OpenID Connect Core §5.4).
    pub alone: bool,
}

/// An ID token (OpenID Connect Core §2), with nothing in it that nobody asked for; encrypted for a client that asked for it,
/// whose keys [`encryption::ready`] has looked at before.
pub fn id_token(
    provider: &Provider,
    client: &Client,
    subject: &Subject,
    facts: IdTokenFacts<'_>,
) -> Result<String, JoseError> {
    let settings = provider.settings();
    let now = provider.now();
    let algorithm = Algorithm::parse(&client.metadata.id_token_signed_response_alg).unwrap_or(Algorithm::Rs256);
    let grant = facts.grant;
    let members: [(&str, Value); 8] = [
        ("iss", settings.issuer.clone().into()),
        ("sub", subject::sub(provider, Some(client), &subject.user).into()),
        ("aud", client.client_id.clone().into()),
        ("iat", now.seconds().into()),
        ("exp", now.plus(settings.id_token_lifetime).seconds().into()),
        ("auth_time", grant.auth_time.seconds().into()),
        ("acr", grant.acr.clone().into()),
        ("amr", grant.amr.clone().into()),
    ];
    let mut claims: Map<String, Value> = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    if let Some(nonce) = facts.nonce {
        claims.insert("nonce".to_owned(), nonce.into());
    }
    if let Some(code) = facts.code {
        claims.insert("c_hash".to_owned(), left_half_hash(algorithm, code).into());
    }
    if let Some(token) = facts.access_token {
        claims.insert("at_hash".to_owned(), left_half_hash(algorithm, token).into());
    }
    if client.metadata.follows_sessions() {
        claims.insert("sid".to_owned(), grant.sid.to_string().into());
    }
    let asked = grant.claims_within(facts.scope);
    let release = Release { scope: facts.scope, named: &asked.id_token, locales: &asked.locales };
    claims.extend(if facts.alone { subject.released(release) } else { subject.id_token(release) });
    let token = provider.keys().current().sign(algorithm, Typ::IdToken, &claims)?;
    encryption::apply(provider, client, Purpose::IdToken, token)
}

/// `at_hash`, `c_hash` (OpenID Connect Core §3.1.3.6): the left half of the hash that goes with the algorithm.
fn left_half_hash(algorithm: Algorithm, text: &str) -> String {
    let half = match algorithm {
        Algorithm::EdDsa => sha512(text.as_bytes()).get(..32).map(base64url),
        Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => {
            Digest::of(text.as_bytes()).as_bytes().get(..16).map(base64url)
        }
    };
    half.unwrap_or_default()
}

/// Claims of an ID token that came back as a hint; its signature was verified, its life does not matter.
#[derive(Debug, Clone)]
pub struct IdTokenHint {
    /// Whom it is about.
    pub sub: String,
    /// For which client it was issued.
    pub aud: String,
    /// The session, where the token named one.
    pub sid: Option<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
}

/// Reads an `id_token_hint` (OpenID Connect Core §3.1.2.1): ours, whole, of any age.
pub fn read_hint(provider: &Provider, token: &str) -> Option<IdTokenHint> {
    let claims: Map<String, Value> = provider.keys().current().verify_hint(token).ok()?.claims;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    if text("iss")? != provider.issuer() {
        return None;
    }
    Some(IdTokenHint {
        sub: text("sub")?,
        aud: text("aud")?,
        sid: text("sid"),
        issued_at: Timestamp::from_seconds(claims.get("iat").and_then(Value::as_i64)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SystemEntropy;

    fn secrets() -> TokenSecrets {
        TokenSecrets::new(MasterKey::new([1; 32]))
    }

    #[test]
    fn a_refresh_token_reads_back_and_only_whole() {
        let reference = RefreshReference { grant: Uuid::from_u128(7), generation: 3 };
        let token = secrets().refresh_token(reference);
        assert_eq!(secrets().read_refresh_token(&token), Some(reference));
        assert_eq!(TokenSecrets::new(MasterKey::new([2; 32])).read_refresh_token(&token), None);
        let mut next = reference;
        next.generation += 1;
        assert_ne!(secrets().refresh_token(next), token);
        for forged in
            [token.to_lowercase(), format!("{token}A"), token.replace("grt_", "gat_"), String::new(), "grt_".to_owned()]
        {
            assert_eq!(secrets().read_refresh_token(&forged), None, "{forged}");
        }
    }

    #[test]
    fn an_opaque_token_reads_back_and_only_whole() {
        let claims = AccessClaims {
            iss: "https://op.test".to_owned(),
            sub: "app".to_owned(),
            aud: Audience::One("https://op.test".to_owned()),
            client_id: "app".to_owned(),
            scope: Scope::parse("openid").unwrap(),
            jti: new_jti(Some(Uuid::from_u128(9)), &SystemEntropy),
            iat: 1,
            exp: 2,
            nbf: None,
            auth_time: None,
            acr: None,
            amr: Vec::new(),
            sid: None,
            tenant_id: None,
            tenant: None,
            roles: None,
        };
        let token = secrets().seal(&claims, &SystemEntropy);
        assert_eq!(secrets().open(&token), Some(claims.clone()));
        assert_eq!(claims.grant(), Some(Uuid::from_u128(9)));
        assert_eq!(TokenSecrets::new(MasterKey::new([2; 32])).open(&token), None);
        assert_eq!(secrets().open(token.strip_suffix(|_: char| true).unwrap()), None);
        // No three letters: chance writes those now and then.
        assert!(!token.contains("op.test"));
    }

    #[test]
    fn a_code_reads_back_only_whole_and_only_as_a_code() {
        let now = Timestamp::from_seconds(1_000);
        let record = AuthorizationCode {
            grant: Uuid::from_u128(1),
            client: crate::base::id::ClientKey::new(1),
            redirect_uri: "https://app.test/cb".to_owned(),
            code_challenge: None,
            nonce: Some("n".repeat(4_096)),
            scope: Scope::parse("openid").unwrap(),
            claims: crate::oauth::NamedClaims::default(),
            resources: Vec::new(),
            user: crate::base::id::UserId::new(1),
            tenant: None,
            sid: Uuid::from_u128(2),
            session_began_at: now,
            auth_time: now,
            acr: "1".to_owned(),
            amr: Vec::new(),
            expires_at: now,
            began_in_front: false,
        };
        let code = secrets().seal_code(&record, &SystemEntropy);
        assert_ne!(secrets().seal_code(&record, &SystemEntropy), code);
        assert_eq!(secrets().open_code(&code), Some(record));
        assert_eq!(TokenSecrets::new(MasterKey::new([2; 32])).open_code(&code), None);
        for other in
            [code.replace("gac_", "gat_"), code.replace("gac_", ""), format!("{code}A"), code.replacen('A', "B", 1)]
        {
            assert_eq!(secrets().open_code(&other), None);
            assert!(secrets().open(&other).is_none(), "a code is no access token");
        }
    }

    #[test]
    fn a_client_secret_opens_in_its_own_row_alone() {
        let secret = TokenKind::ClientSecret.generate(&SystemEntropy);
        let sealed = secrets().seal_client_secret("app", &secret, &SystemEntropy);
        let row = |digest, sealed| ClientSecret {
            id: crate::base::id::ClientSecretId::new(1),
            digest,
            sealed,
            created_at: Timestamp::from_seconds(0),
            expires_at: None,
        };
        let kept = row(secret.digest(), sealed.clone());
        let opened = secrets().open_client_secret("app", &kept).map(|clear| clear.expose().clone());
        assert_eq!(opened.as_deref(), Some(secret.expose().as_bytes()));
        assert!(!format!("{kept:?}").contains(secret.expose()));
        assert!(secrets().open_client_secret("other", &kept).is_none());
        assert!(secrets().open_client_secret("app", &row(Digest::of(b"other"), sealed)).is_none());
        assert!(secrets().open_client_secret("app", &row(secret.digest(), None)).is_none());
        assert!(TokenSecrets::new(MasterKey::new([2; 32])).open_client_secret("app", &kept).is_none());
    }

    #[test]
    fn the_hash_of_the_specification() {
        // OpenID Connect Core appendix A.3: at_hash of the example access token.
        assert_eq!(
            left_half_hash(Algorithm::Rs256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
    }
}
