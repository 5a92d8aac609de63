//! Whether an access token is good now: its signature or seal, its life, and that nothing it came of has ended.

use std::sync::Arc;

use super::tokens::AccessClaims;
use super::{Provider, ProviderError};
use crate::base::Timestamp;
use crate::base::token::TokenKind;
use crate::jose::Typ;
use crate::jose::claims::LEEWAY;
use crate::model::client::Client;
use crate::model::grant::Grant;

/// An access token that is good at this moment. Only [`live`] makes one.
#[derive(Debug, Clone)]
pub struct LiveToken {
    /// What it says.
    pub claims: AccessClaims,
    /// To whom it was issued.
    pub client: Arc<Client>,
    /// What it came of; `None` for a client's own token.
    pub grant: Option<Grant>,
}

/// Checks an access token; `None` for one that is forged, expired, revoked, or whose grant or client has ended.
pub async fn live(provider: &Provider, token: &str) -> Result<Option<LiveToken>, ProviderError> {
    let Some(claims) = read(provider, token) else { return Ok(None) };
    if !is_of_now(&claims, provider.now()) || claims.iss != provider.issuer() {
        return Ok(None);
    }
    let Some(client) = provider.clients().find(&claims.client_id).await? else { return Ok(None) };
    let mut conn = provider.store().read().await?;
    if conn.is_access_token_revoked(&claims.jti).await? {
        return Ok(None);
    }
    let grant = match claims.grant() {
        None => None,
        Some(id) => match conn.grant_by_id(id).await? {
            Some(grant) if grant.revoked_at.is_none() && grant.client == client.key => Some(grant),
            _ => return Ok(None),
        },
    };
    Ok(Some(LiveToken { claims, client, grant }))
}

/// Whether a token's life is now: begun, give or take what the clocks of two replicas may differ, and not over.
fn is_of_now(claims: &AccessClaims, now: Timestamp) -> bool {
    let latest = now.plus(LEEWAY);
    let begun = [Some(claims.iat), claims.nbf].into_iter().flatten().all(|at| Timestamp::from_seconds(at) <= latest);
    begun && now < Timestamp::from_seconds(claims.exp)
}

/// The claims of a token of ours of either format, whatever its life.
pub fn read(provider: &Provider, token: &str) -> Option<AccessClaims> {
    if token.starts_with(TokenKind::AccessToken.prefix()) {
        return provider.secrets().open(token);
    }
    let verified = provider.keys().current().verify(token, Typ::AccessToken).ok()?;
    serde_json::from_value(serde_json::Value::Object(verified.claims)).ok()
}
