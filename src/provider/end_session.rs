//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0): what a request means, before anything ends.
//!
//! 1. the hint is an ID token of ours  2. the client is the hint's, and the one named  3. the URI is registered by it
//! 4. with a hint about the person of this session, end and go on; otherwise ask the person first, and never redirect.

use std::sync::Arc;

use super::tokens::{IdTokenHint, read_hint};
use super::{Provider, ProviderError};
use crate::audit::{Action, AuditEvent};
use crate::model::client::Client;
use crate::model::grant::GrantEnd;
use crate::model::session::{Session, SessionEnd};
use crate::oauth::{ErrorCode, OAuthError, Params};

/// A logout request that is in order.
#[derive(Debug, Clone, Default)]
pub struct LogoutRequest {
    /// The client that asks, as far as it is known.
    pub client: Option<Arc<Client>>,
    /// Whom the hint is about; `None` without a hint that is ours.
    pub hint: Option<IdTokenHint>,
    /// Where to go afterwards: registered by the client.
    pub return_uri: Option<String>,
    /// Returned byte for byte.
    pub state: Option<String>,
    /// Languages that the client asks for, best first.
    pub ui_locales: Vec<String>,
}

impl LogoutRequest {
    /// Whether the request may end this session and redirect without asking the person: the hint proves that the client
    /// speaks of the person who is signed in here, or nobody is.
    pub fn is_proven(&self, session_sub: Option<&str>) -> bool {
        self.hint.as_ref().is_some_and(|hint| session_sub.is_none_or(|sub| sub == hint.sub))
    }
}

/// Reads and checks a logout request. A URI that the client did not register is refused with a page.
pub async fn read(provider: &Provider, params: &Params) -> Result<LogoutRequest, ProviderError> {
    let hint = params.get("id_token_hint").and_then(|token| read_hint(provider, token));
    let named = params.get("client_id");
    if let (Some(hint), Some(named)) = (&hint, named)
        && hint.aud != named
    {
        return Err(OAuthError::because(
            ErrorCode::InvalidRequest,
            "client_id differs from the audience of id_token_hint",
        )
        .into());
    }
    let client = match hint.as_ref().map(|hint| hint.aud.as_str()).or(named) {
        Some(id) => provider.clients().find(id).await?,
        None => None,
    };
    let uri = params.get("post_logout_redirect_uri");
    let return_uri = match (&client, uri) {
        (_, None) | (None, Some(_)) => None,
        (Some(client), Some(uri)) if client.metadata.post_logout_redirect_uris.iter().any(|known| known == uri) => {
            Some(uri.to_owned())
        }
        (Some(_), Some(_)) => {
            let why = "post_logout_redirect_uri is not registered for this client";
            return Err(OAuthError::because(ErrorCode::InvalidRequest, why).into());
        }
    };
    let state = params.get("state").filter(|state| state.len() <= 4_096).map(str::to_owned);
    // `logout_hint` names the person to sign out. It is no proof, and it is this browser's person who is asked anyway.
    let ui_locales = params.get("ui_locales").unwrap_or_default();
    let ui_locales = ui_locales.split(' ').filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    Ok(LogoutRequest { client, hint, return_uri, state, ui_locales })
}

/// Ends a session and every grant that depends on it, in one transaction.
pub async fn end(provider: &Provider, session: &Session, reason: SessionEnd) -> Result<(), ProviderError> {
    let now = provider.now();
    let sid = session.sid;
    let mut event = AuditEvent::new(Action::SessionEnded, now);
    event.actor_user = Some(session.user);
    event.tenant = session.tenant;
    event.entity_id = Some(sid.to_string());
    event.details.insert("reason".to_owned(), reason.as_str().into());
    provider
        .store()
        .write("end_session", move |tx| {
            Box::pin(async move {
                if tx.end_session(sid, reason, now).await? {
                    tx.revoke_grants_of_session(sid, GrantEnd::SessionEnded, now).await?;
                    tx.append_audit(&event).await?;
                }
                Ok(())
            })
        })
        .await
}
