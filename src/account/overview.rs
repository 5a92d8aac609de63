//! What a person sees of their own account: tenants, sessions, consents.

use super::{AccountError, Accounts};
use crate::base::id::UserId;
use crate::model::client::Client;
use crate::model::consent::Consent;
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
