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
    /// Active applications that can begin a sign-in when they are asked to (OpenID Connect Core §4): those of the consents and
    /// the operator's own.
    pub applications: Vec<Client>,
}

/// Most of the operator's own applications that are shown.
const MOST_OFFERED: u32 = 100;

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
    let applications = applications(&consents, conn.offered_clients(MOST_OFFERED).await?);
    Ok(Some(Overview { user, memberships, sessions, consents, applications }))
}

fn applications(consents: &[(Consent, Client)], offered: Vec<Client>) -> Vec<Client> {
    let begins = |client: &&Client| client.is_active() && client.metadata.initiate_login_uri.is_some();
    let mut all: Vec<Client> = consents.iter().map(|(_, client)| client).filter(begins).cloned().collect();
    all.extend(offered);
    all.sort_by_key(|client| client.key);
    all.dedup_by_key(|client| client.key);
    all
}
