//! What a person sees of their own account: tenants, sessions, consents; and withdrawing a consent.

use super::{AccountError, Accounts};
use crate::audit::{Action, AuditEvent};
use crate::base::id::UserId;
use crate::model::client::Client;
use crate::model::consent::Consent;
use crate::model::grant::GrantEnd;
use crate::model::session::Session;
use crate::model::tenant::Membership;
use crate::model::user::User;

/// The account page's content.
#[derive(Debug)]
pub struct Overview {
    /// The person.
    pub user: User,
    /// Their tenants and roles.
    pub memberships: Vec<Membership>,
    /// Their alive sessions, newest first.
    pub sessions: Vec<Session>,
    /// What they allowed, with the client's name.
    pub consents: Vec<(Consent, Client)>,
}

/// Reads the overview; `None` for an account that is gone or disabled.
pub async fn overview(accounts: &Accounts, user: UserId) -> Result<Option<Overview>, AccountError> {
    let now = accounts.now();
    let mut conn = accounts.store().read().await?;
    let Some(user) = conn.user_by_id(user).await?.filter(User::is_active) else { return Ok(None) };
    let memberships = conn.memberships_of(user.id).await?;
    let mut sessions = conn.sessions_of(user.id).await?;
    sessions.retain(|session| session.is_alive(now, accounts.0.lifetimes));
    let mut consents = Vec::new();
    for consent in conn.consents_of(user.id).await? {
        if let Some(client) = conn.client_by_key(consent.client).await? {
            consents.push((consent, client));
        }
    }
    Ok(Some(Overview { user, memberships, sessions, consents }))
}

/// Withdraws a consent and ends every grant that it allowed. `false` when there was none.
pub async fn withdraw_consent(accounts: &Accounts, user: UserId, client_id: &str) -> Result<bool, AccountError> {
    let now = accounts.now();
    let client_id = client_id.to_owned();
    accounts
        .store()
        .write("withdraw_consent", move |tx| {
            Box::pin(async move {
                let Some(client) = tx.client_by_client_id(&client_id).await? else { return Ok(false) };
                if !tx.delete_consent(user, client.key).await? {
                    return Ok(false);
                }
                tx.revoke_grants_of_consent(user, client.key, GrantEnd::ConsentWithdrawn, now).await?;
                let mut event = AuditEvent::new(Action::ConsentWithdrawn, now);
                event.actor_user = Some(user);
                "client".clone_into(&mut event.entity_type);
                event.entity_id = Some(client.client_id);
                tx.append_audit(&event).await?;
                Ok(true)
            })
        })
        .await
}
