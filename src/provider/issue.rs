//! The authorization code: made when the dispatcher says so, kept by its digest.

use std::time::Duration;

use super::{Provider, ProviderError};
use crate::base::entropy::uuid_v7;
use crate::base::id::TenantId;
use crate::base::token::{OpaqueToken, TokenKind};
use crate::model::client::Client;
use crate::model::code::AuthorizationCode;
use crate::model::session::Session;
use crate::oauth::authorization::AuthorizationRequest;
use crate::store::Kind;

/// How long the record of a code is kept beyond its use, so that a second use is noticed and revokes what the first gave.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Makes a code for a request that the dispatcher let through.
pub async fn authorization_code(
    provider: &Provider,
    request: &AuthorizationRequest,
    client: &Client,
    session: &Session,
    tenant: Option<TenantId>,
) -> Result<OpaqueToken, ProviderError> {
    let now = provider.now();
    let record = AuthorizationCode {
        grant: uuid_v7(now, provider.entropy()),
        client: client.key,
        redirect_uri: request.redirect_uri.as_str().to_owned(),
        code_challenge: request.code_challenge.clone(),
        nonce: request.nonce.clone(),
        scope: request.scope.clone(),
        claims: request.claims.named.clone(),
        resources: request.resources.clone(),
        user: session.user,
        tenant,
        sid: session.sid,
        session_began_at: session.created_at,
        auth_time: session.auth_time,
        acr: session.acr.clone(),
        amr: session.amr.clone(),
        expires_at: now.plus(provider.settings().code_lifetime),
    };
    let code = TokenKind::AuthorizationCode.generate(provider.entropy());
    let value = serde_json::to_vec(&record).unwrap_or_default();
    let key = code.digest().to_base64url();
    provider.store().ephemeral().put(Kind::Code, &key, &value, REMEMBERED, now).await?;
    Ok(code)
}
