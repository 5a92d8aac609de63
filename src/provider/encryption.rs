//! Tokens and userinfo that a client asked to have encrypted (OpenID Connect Core §10.2).
//!
//! 1. [`ready`] gets the client's keys, and refuses while nothing is spent yet  2. [`apply`] encrypts what is going out.
//! A client that asked for encryption gets nothing else: without a key, `apply` fails.

use serde_json::Value;

use super::{Provider, ProviderError};
use crate::jose::JoseError;
use crate::jose::encryption::{Content, ContentEncryption, KeyManagement, Recipient};
use crate::model::client::Client;
use crate::oauth::{ErrorCode, OAuthError};

/// What is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// ID tokens.
    IdToken,
    /// Userinfo.
    UserInfo,
}

/// The algorithms that a client registered.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    alg: KeyManagement,
    enc: ContentEncryption,
}

impl Wanted {
    /// `None` where the client asked for no encryption; what it asked for in words that we do not know is an error.
    fn of(client: &Client, purpose: Purpose) -> Result<Option<Self>, JoseError> {
        let metadata = &client.metadata;
        let (alg, enc) = match purpose {
            Purpose::IdToken => (&metadata.id_token_encrypted_response_alg, &metadata.id_token_encrypted_response_enc),
            Purpose::UserInfo => (&metadata.userinfo_encrypted_response_alg, &metadata.userinfo_encrypted_response_enc),
        };
        let Some(alg) = alg else { return Ok(None) };
        let alg = KeyManagement::parse(alg).ok_or(JoseError::AlgorithmNotAllowed)?;
        let enc = match enc {
            Some(enc) => ContentEncryption::parse(enc).ok_or(JoseError::AlgorithmNotAllowed)?,
            None => ContentEncryption::default(),
        };
        Ok(Some(Self { alg, enc }))
    }

    fn recipient(self, jwks: &Value) -> Result<Recipient, JoseError> {
        Recipient::choose(jwks, self.alg, self.enc)
    }
}

/// Whether the client wants `purpose` encrypted.
pub fn is_wanted(client: &Client, purpose: Purpose) -> bool {
    !matches!(Wanted::of(client, purpose), Ok(None))
}

/// Makes sure that there is a key to encrypt to, where the client asked for encryption: `temporarily_unavailable` while its
/// keys cannot be fetched, `invalid_request` when none of them fits.
///
/// Call it before anything is spent (a code, a refresh token), and while no transaction is open.
pub async fn ready(provider: &Provider, client: &Client, purpose: Purpose) -> Result<(), ProviderError> {
    let Some(wanted) = Wanted::of(client, purpose)? else { return Ok(()) };
    let chosen = match (&client.metadata.jwks, &client.metadata.jwks_uri) {
        (Some(jwks), _) => wanted.recipient(jwks),
        (None, Some(uri)) => published(provider, uri, wanted).await?,
        (None, None) => Err(JoseError::NoEncryptionKey),
    };
    chosen.map(drop).map_err(|error| {
        let why = "The client has no key that its tokens could be encrypted to";
        OAuthError::because(ErrorCode::InvalidRequest, why).detail(error.to_string()).into()
    })
}

async fn published(
    provider: &Provider,
    uri: &str,
    wanted: Wanted,
) -> Result<Result<Recipient, JoseError>, ProviderError> {
    let (published, outbound) = (provider.published_keys(), provider.outbound());
    let keys = published.present(outbound, uri).await.ok_or_else(|| {
        OAuthError::because(ErrorCode::TemporarilyUnavailable, "The keys of the client cannot be fetched")
    })?;
    let chosen = wanted.recipient(&keys);
    if chosen.is_ok() {
        return Ok(chosen);
    }
    match published.newer(outbound, uri, &keys).await {
        Some(newer) => Ok(wanted.recipient(&newer)),
        None => Ok(chosen),
    }
}

/// Encrypts a signed token where the client asked for it, and gives it back as it is where the client did not.
pub fn apply(provider: &Provider, client: &Client, purpose: Purpose, token: String) -> Result<String, JoseError> {
    match recipient(provider, client, purpose)? {
        Some(recipient) => recipient.encrypt(Content::Token(&token)),
        None => Ok(token),
    }
}

/// Encrypts claims that are not signed; `None` where the client asked for no encryption.
pub fn apply_to_claims(
    provider: &Provider,
    client: &Client,
    purpose: Purpose,
    claims: &[u8],
) -> Result<Option<String>, JoseError> {
    let recipient = recipient(provider, client, purpose)?;
    recipient.map(|recipient| recipient.encrypt(Content::Claims(claims))).transpose()
}

fn recipient(provider: &Provider, client: &Client, purpose: Purpose) -> Result<Option<Recipient>, JoseError> {
    let Some(wanted) = Wanted::of(client, purpose)? else { return Ok(None) };
    let recipient = match (&client.metadata.jwks, &client.metadata.jwks_uri) {
        (Some(jwks), _) => wanted.recipient(jwks),
        (None, Some(uri)) => provider
            .published_keys()
            .held(uri)
            .ok_or(JoseError::NoEncryptionKey)
            .and_then(|keys| wanted.recipient(&keys)),
        (None, None) => Err(JoseError::NoEncryptionKey),
    };
    recipient.map(Some)
}
