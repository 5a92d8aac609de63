//! The answer of the authorization endpoint, made when the dispatcher says so: the code, and the tokens that some response
//! types give at once.
//!
//! A code is its own record, sealed: `code` alone writes nothing, its grant begins with the redemption. Any other type begins the grant here, so that
//! what ends a grant (logout, a disabled account, a withdrawn consent, a code used twice) ends these tokens too.

use super::encryption::{self, Purpose};
use super::subject::{self, Subject};
use super::tokens::{self, AccessFacts, IdTokenFacts};
use super::{Provider, ProviderError, begin};
use crate::base::entropy::uuid_v7;
use crate::base::id::TenantId;
use crate::model::client::Client;
use crate::model::code::AuthorizationCode;
use crate::model::grant::Grant;
use crate::model::session::Session;
use crate::oauth::authorization::AuthorizationRequest;
use crate::oauth::response::ResponseType;
use crate::oauth::{ErrorCode, OAuthError};

/// Parameters of an authorization response, but for `state` and `iss`. Their values are secrets.
pub type Fields = Vec<(&'static str, String)>;

/// Answers a request that the dispatcher let through (RFC 6749 §4.1.2, OpenID Connect Core §3.2.2.5, §3.3.2.5).
pub async fn answer(
    provider: &Provider,
    request: &AuthorizationRequest,
    client: &Client,
    session: &Session,
    tenant: Option<TenantId>,
) -> Result<Fields, ProviderError> {
    if request.response_type.has_id_token() {
        encryption::ready(provider, client, Purpose::IdToken).await?;
    }
    let record = record(provider, request, client, session, tenant);
    let mut fields = Fields::new();
    if request.response_type.has_code() {
        fields.push(("code", provider.secrets().seal_code(&record, provider.entropy())));
    }
    if record.began_in_front {
        let now = provider.now();
        let subject = subject::load(&mut *provider.store().read().await?, record.user, record.tenant).await?;
        let grant = Grant { generation: Grant::IN_FRONT, ..begin::grant(provider, &record, now) };
        if !begin::record(provider, client, grant.clone(), false).await? {
            return Err(OAuthError::new(ErrorCode::ServerError).detail("the id of a new grant is taken").into());
        }
        add_tokens(provider, client, &subject, &grant, request.response_type, &mut fields)?;
    }
    Ok(fields)
}

fn record(
    provider: &Provider,
    request: &AuthorizationRequest,
    client: &Client,
    session: &Session,
    tenant: Option<TenantId>,
) -> AuthorizationCode {
    let now = provider.now();
    AuthorizationCode {
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
        began_in_front: request.response_type != ResponseType::Code,
    }
}

/// The access token first: the ID token names its hash and the code's (OpenID Connect Core §3.3.2.11).
fn add_tokens(
    provider: &Provider,
    client: &Client,
    subject: &Subject,
    grant: &Grant,
    kind: ResponseType,
    fields: &mut Fields,
) -> Result<(), ProviderError> {
    let scope = &grant.scope;
    let mut access = None;
    if kind.has_token() {
        let facts = AccessFacts { grant, scope, resources: &grant.resources };
        let token = tokens::access_token(provider, client, subject, facts)?;
        fields.push(("access_token", token.clone()));
        fields.push(("token_type", "Bearer".to_owned()));
        fields.push(("expires_in", provider.settings().access_token_lifetime.as_secs().to_string()));
        fields.push(("scope", scope.to_string()));
        access = Some(token);
    }
    if kind.has_id_token() {
        let code = fields.iter().find(|(name, _)| *name == "code").map(|(_, code)| code.as_str());
        let facts = IdTokenFacts {
            grant,
            scope,
            nonce: grant.nonce.as_deref(),
            code,
            access_token: access.as_deref(),
            alone: kind == ResponseType::IdToken,
        };
        let token = tokens::id_token(provider, client, subject, facts)?;
        fields.push(("id_token", token));
    }
    Ok(())
}
