//! Tokens for an application that speaks one of our dialects: a sign-in that we led for it ourselves, without a code in between.
//!
//! Such an application has no registration of its own making. Its dialect's client is made when it is first needed; an
//! operator may make one of that name beforehand, and may disable it. What it gets is what every client gets: a grant, which
//! ends with its session, an access token and a refresh token of that grant.

use std::sync::Arc;

use super::subject::{self, Subject};
use super::tokens::{self, AccessFacts, RefreshReference};
use super::{Provider, ProviderError, begin};
use crate::audit::{Action, AuditEvent};
use crate::base::Timestamp;
use crate::base::entropy::uuid_v7;
use crate::base::id::TenantId;
use crate::model::client::{Client, ClientPolicy, NewClient};
use crate::model::code::AuthorizationCode;
use crate::model::session::Session;
use crate::model::tenant::{Membership, Tenant};
use crate::oauth::{AuthMethod, ClientMetadata, ErrorCode, GrantType, NamedClaims, OAuthError, Scope};
use crate::store::{Constraint, StoreError};

/// What the tokens allow.
const SCOPE: &str = "openid profile email tenant roles";

/// An application that speaks a dialect.
#[derive(Debug, Clone, Copy)]
pub struct Application {
    /// Its `client_id`.
    pub client_id: &'static str,
    /// What people call it.
    pub name: &'static str,
}

/// What a sign-in gave.
#[derive(Debug)]
pub struct Direct {
    /// The access token.
    pub access_token: String,
    /// Its life in seconds.
    pub expires_in: u64,
    /// The refresh token, which the token endpoint takes of the dialect's client.
    pub refresh_token: Option<String>,
    /// The person, as the tokens have them.
    pub subject: Subject,
}

/// The client of a dialect: the operator's, or one that is made now.
pub async fn client(provider: &Provider, application: Application) -> Result<Arc<Client>, ProviderError> {
    let id = application.client_id;
    if let Some(client) = provider.clients().find(id).await? {
        return Ok(client);
    }
    let metadata = ClientMetadata {
        token_endpoint_auth_method: AuthMethod::None,
        grant_types: vec![GrantType::RefreshToken],
        scope: Scope::parse(SCOPE)?,
        ..ClientMetadata::new(application.name)
    };
    let policy = ClientPolicy { first_party: true, ..ClientPolicy::default() };
    let new = NewClient { client_id: id.to_owned(), metadata, policy, secret: None };
    let now = provider.now();
    let mut event = AuditEvent::new(Action::ClientCreated, now);
    event.entity_id = Some(id.to_owned());
    event.details.insert("by".to_owned(), "dialect".into());
    let made = provider
        .store()
        .write("make_dialect_client", move |tx| {
            Box::pin(async move {
                tx.insert_client(&new, now).await?;
                tx.append_audit(&event).await
            })
        })
        .await;
    match made {
        // A rival made it, or there is one that may not be used.
        Ok(()) | Err(StoreError::Conflict(Constraint::ClientId)) => {}
        Err(error) => return Err(error.into()),
    }
    let found = provider.clients().find(id).await?;
    found
        .ok_or_else(|| OAuthError::new(ErrorCode::UnauthorizedClient).detail("the dialect's client is disabled").into())
}

/// The tenant that the tokens are for: the one that the application named, else the only one, else the one that the person
/// chose last in this session. Without any of these the tokens are for none, and hold no role.
fn tenant(session: &Session, members: &[Membership], named: Option<&str>) -> Result<Option<TenantId>, OAuthError> {
    if let Some(named) = named {
        let is_named =
            |of: &&Membership| of.tenant.code.eq_ignore_ascii_case(named) || of.tenant.uuid.to_string() == named;
        let found = members.iter().find(is_named).map(|of| Some(of.tenant.id));
        let refused = || OAuthError::because(ErrorCode::AccessDenied, "The person is not a member of the tenant");
        return found.ok_or_else(refused);
    }
    Ok(match members {
        [only] => Some(only.tenant.id),
        several => session.tenant.filter(|last| several.iter().any(|of| of.tenant.id == *last)),
    })
}

/// Whether the person of a session is to choose a tenant: there are several in which this sign-in `counts`, and none was chosen.
pub async fn is_open(
    provider: &Provider,
    session: &Session,
    counts: impl Fn(&Tenant) -> bool + Send,
) -> Result<bool, ProviderError> {
    let mut members = provider.store().read().await?.memberships_of(session.user).await?;
    members.retain(|of| counts(&of.tenant));
    Ok(members.len() > 1 && tenant(session, &members, None)?.is_none())
}

/// Gives tokens for a session that has just begun or been renewed, in the tenant that the application named, if it did.
/// Only those tenants come into question in which this sign-in `counts`.
pub async fn issue(
    provider: &Provider,
    client: &Client,
    session: &Session,
    named: Option<&str>,
    counts: impl Fn(&Tenant) -> bool + Send,
) -> Result<Direct, ProviderError> {
    let now = provider.now();
    let (tenant, subject) = {
        let mut conn = provider.store().read().await?;
        let mut members = conn.memberships_of(session.user).await?;
        members.retain(|of| counts(&of.tenant));
        let tenant = tenant(session, &members, named)?;
        (tenant, subject::load(&mut conn, session.user, tenant).await?)
    };
    let grant = begin::grant(provider, &record(provider, client, session, tenant, now), now);
    if !begin::record(provider, client, grant.clone(), false).await? {
        return Err(OAuthError::new(ErrorCode::ServerError).detail("the id of a new grant is taken").into());
    }
    let facts = AccessFacts { grant: &grant, scope: &grant.scope, resources: &grant.resources };
    let access_token = tokens::access_token(provider, client, &subject, facts)?;
    let reference = RefreshReference { grant: grant.id, generation: grant.generation };
    let refreshes = client.metadata.allows_grant(GrantType::RefreshToken);
    Ok(Direct {
        access_token,
        expires_in: provider.settings().access_token_lifetime.as_secs(),
        refresh_token: refreshes.then(|| provider.secrets().refresh_token(reference)),
        subject,
    })
}

/// The record that a code would have had.
fn record(
    provider: &Provider,
    client: &Client,
    session: &Session,
    tenant: Option<TenantId>,
    now: Timestamp,
) -> AuthorizationCode {
    AuthorizationCode {
        grant: uuid_v7(now, provider.entropy()),
        client: client.key,
        redirect_uri: String::new(),
        code_challenge: None,
        nonce: None,
        scope: client.metadata.scope.clone(),
        claims: NamedClaims::default(),
        resources: Vec::new(),
        user: session.user,
        tenant,
        sid: session.sid,
        session_began_at: session.created_at,
        auth_time: session.auth_time,
        acr: session.acr.clone(),
        amr: session.amr.clone(),
        expires_at: now,
        began_in_front: false,
    }
}
