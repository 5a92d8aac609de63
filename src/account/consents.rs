//! What a person allows an application: given on the consent page, withdrawn on the account page.

use std::net::IpAddr;

use super::{AccountError, Accounts};
use crate::audit::{Action, AuditEvent};
use crate::base::id::UserId;
use crate::model::client::Client;
use crate::model::grant::GrantEnd;
use crate::oauth::Scope;

/// Adds `scope` to what the person allows this client, with its record.
pub async fn give(
    accounts: &Accounts,
    user: UserId,
    client: &Client,
    scope: &Scope,
    address: Option<IpAddr>,
) -> Result<(), AccountError> {
    let (key, scope, now) = (client.key, scope.clone(), accounts.now());
    let mut event = AuditEvent::new(Action::ConsentGiven, now);
    event.actor_user = Some(user);
    "client".clone_into(&mut event.entity_type);
    event.entity_id = Some(client.client_id.clone());
    event.address = address.map(|address| address.to_string());
    event.details.insert("scope".to_owned(), scope.to_string().into());
    accounts
        .store()
        .write("give_consent", move |tx| {
            Box::pin(async move {
                tx.extend_consent(user, key, &scope, now).await?;
                tx.append_audit(&event).await?;
                Ok(())
            })
        })
        .await
}

/// Withdraws a consent and ends every grant that it allowed. `false` when there was none.
pub async fn withdraw(accounts: &Accounts, user: UserId, client_id: &str) -> Result<bool, AccountError> {
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
