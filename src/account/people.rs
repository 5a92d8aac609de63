//! What operators do to accounts: create, disable, enable, give a password, grant and revoke roles.
//!
//! Each is one transaction with its record; what takes access away ends sessions and grants in the same one.

use serde_json::{Map, Value};

use super::passwords::PasswordRefusal;
use super::{AccountError, Accounts, notices, password_change};
use crate::audit::{Action, AuditEvent};
use crate::base::entropy::uuid_v7;
use crate::base::{Secret, Timestamp};
use crate::model::grant::GrantEnd;
use crate::model::role::Role;
use crate::model::session::SessionEnd;
use crate::model::tenant::Tenant;
use crate::model::user::{NewUser, User, UserStatus, canonical_email, is_rpps};
use crate::oauth::claims;
use crate::store::{Constraint, StoreError};

/// Why an account is not created or changed.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The address has no valid form.
    #[error("the e-mail address is not valid")]
    Email,
    /// The address is taken.
    #[error("an account with this e-mail address exists")]
    EmailTaken,
    /// Not 11 digits with their key.
    #[error("the RPPS number is not valid: 11 digits, the last one a Luhn key")]
    Rpps,
    /// The number is taken.
    #[error("an account with this RPPS number exists")]
    RppsTaken,
    /// The password may not be chosen.
    #[error("the password is refused: {0}")]
    Password(PasswordRefusal),
    /// A claim is unknown or of the wrong type.
    #[error("the claim {0} is unknown, empty or of the wrong type (OpenID Connect Core 5.1)")]
    Claim(String),
    /// Trouble of our own.
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<StoreError> for PeopleError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(Constraint::UserEmail) => Self::EmailTaken,
            StoreError::Conflict(Constraint::UserRpps) => Self::RppsTaken,
            other => Self::Account(other.into()),
        }
    }
}

/// What an operator says of a new account.
#[derive(Debug, Default)]
pub struct NewPerson {
    /// Address.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// National number.
    pub rpps: Option<String>,
    /// Standard claims (OpenID Connect Core §5.1). `email` and `sub` are not among them; names and `email_verified` are taken over.
    pub claims: Map<String, Value>,
    /// Password; without one the account cannot sign in with a password.
    pub password: Option<Secret<String>>,
    /// May run the platform.
    pub platform_admin: bool,
    /// Whether a wrong RPPS key is refused.
    pub strict_rpps: bool,
}

/// Creates an account.
pub async fn create(accounts: &Accounts, person: NewPerson) -> Result<User, PeopleError> {
    let new = checked(accounts, person).await?;
    let now = accounts.now();
    let uuid = uuid_v7(now, accounts.entropy());
    let mut event = about_user(Action::UserCreated, uuid, now);
    accounts
        .store()
        .write("create_user", move |tx| {
            Box::pin(async move {
                let user = tx.insert_user(&new, uuid, now).await?;
                event.details.insert("platform_admin".to_owned(), user.platform_admin.into());
                tx.append_audit(&event).await?;
                Ok(user)
            })
        })
        .await
}

async fn checked(accounts: &Accounts, person: NewPerson) -> Result<NewUser, PeopleError> {
    let NewPerson { email, mut first_name, mut last_name, rpps, mut claims, password, platform_admin, strict_rpps } =
        person;
    canonical_email(&email).map_err(|_| PeopleError::Email)?;
    if rpps.as_deref().is_some_and(|rpps| !is_rpps(rpps, strict_rpps)) {
        return Err(PeopleError::Rpps);
    }
    if let Some((claim, _)) =
        claims.iter().find(|(claim, value)| !claims::is_well_typed(claim, value) || is_ours(claim))
    {
        return Err(PeopleError::Claim(claim.clone()));
    }
    let email_verified = claims.remove("email_verified").and_then(|value| value.as_bool()).unwrap_or(true);
    claims.remove("email");
    claims.remove("updated_at");
    for (claim, field) in [("given_name", &mut first_name), ("family_name", &mut last_name)] {
        if let Some(Value::String(value)) = claims.remove(claim)
            && field.is_empty()
        {
            *field = value;
        }
    }
    let locale = claims.get("locale").and_then(Value::as_str).map(str::to_owned);
    let password_hash = match password {
        Some(password) => {
            password_change::check_for(accounts, password.expose(), platform_admin, &[&email, &first_name, &last_name])
                .map_err(PeopleError::Password)?;
            Some(accounts.hasher().hash(password, accounts.entropy()).await.map_err(AccountError::from)?)
        }
        None => None,
    };
    Ok(NewUser { email, email_verified, first_name, last_name, rpps, locale, claims, password_hash, platform_admin })
}

/// Claims that Guichet alone decides.
fn is_ours(claim: &str) -> bool {
    matches!(claim, "tenant_id" | "tenant" | "roles" | "sub")
}

/// Gives an account a new password, by an operator: ends all its sessions and grants, and tells the person by mail.
pub async fn set_password(accounts: &Accounts, user: &User, password: Secret<String>) -> Result<(), PeopleError> {
    password_change::check(accounts, user, password.expose()).map_err(PeopleError::Password)?;
    let hash = accounts.hasher().hash(password, accounts.entropy()).await.map_err(AccountError::from)?;
    let now = accounts.now();
    let event = about_user(Action::PasswordChanged, user.uuid, now);
    let notice = notices::password_changed(accounts, user, None, None, now);
    let id = user.id;
    accounts
        .store()
        .write("set_password", move |tx| {
            Box::pin(async move {
                tx.set_password(id, &hash, now).await?;
                tx.end_sessions_of(id, None, SessionEnd::PasswordChanged, now).await?;
                tx.revoke_grants_of_user(id, GrantEnd::PasswordChanged, now).await?;
                tx.append_audit(&event).await?;
                if let Some(notice) = notice {
                    tx.queue_mail(&notice).await?;
                }
                Ok::<_, PeopleError>(())
            })
        })
        .await?;
    notices::ring(accounts);
    Ok(())
}

/// Disables or enables an account; disabling ends all its sessions and grants at once.
pub async fn set_status(accounts: &Accounts, user: &User, status: UserStatus) -> Result<(), PeopleError> {
    let now = accounts.now();
    let action = match status {
        UserStatus::Active => Action::UserEnabled,
        UserStatus::Disabled => Action::UserDisabled,
    };
    let event = about_user(action, user.uuid, now);
    let id = user.id;
    accounts
        .store()
        .write("set_user_status", move |tx| {
            Box::pin(async move {
                tx.set_user_status(id, status, now).await?;
                if status == UserStatus::Disabled {
                    tx.end_sessions_of(id, None, SessionEnd::UserDisabled, now).await?;
                    tx.revoke_grants_of_user(id, GrantEnd::UserDisabled, now).await?;
                }
                tx.append_audit(&event).await?;
                Ok(())
            })
        })
        .await
}

/// Gives a person a role in a tenant. Gives the roles that the person now has there.
pub async fn grant_role(
    accounts: &Accounts,
    user: &User,
    tenant: &Tenant,
    role: Role,
) -> Result<Vec<Role>, PeopleError> {
    let now = accounts.now();
    let event = about_role(Action::RoleGranted, user, tenant, Some(role), now);
    let (user, tenant) = (user.id, tenant.id);
    accounts
        .store()
        .write("grant_role", move |tx| {
            Box::pin(async move {
                if tx.grant_role(user, tenant, role, now).await? {
                    tx.append_audit(&event).await?;
                }
                Ok(tx.membership(user, tenant).await?.map(|member| member.roles).unwrap_or_default())
            })
        })
        .await
}

/// Takes a role, or with `None` the whole membership, from a person. The last role takes the membership with it, and the
/// end of a membership ends every grant in that tenant. Gives the roles that are left.
pub async fn revoke_role(
    accounts: &Accounts,
    user: &User,
    tenant: &Tenant,
    role: Option<Role>,
) -> Result<Vec<Role>, PeopleError> {
    let now = accounts.now();
    let event = about_role(Action::RoleRevoked, user, tenant, role, now);
    let (user, tenant) = (user.id, tenant.id);
    accounts
        .store()
        .write("revoke_role", move |tx| {
            Box::pin(async move {
                let changed = match role {
                    Some(role) => tx.revoke_role(user, tenant, role).await?,
                    None => tx.revoke_membership(user, tenant).await?,
                };
                let left = tx.membership(user, tenant).await?.map(|member| member.roles).unwrap_or_default();
                if changed {
                    if left.is_empty() {
                        tx.revoke_grants_of_membership(user, tenant, GrantEnd::MembershipEnded, now).await?;
                    }
                    tx.append_audit(&event).await?;
                }
                Ok(left)
            })
        })
        .await
}

fn about_user(action: Action, uuid: uuid::Uuid, now: Timestamp) -> AuditEvent {
    let mut event = AuditEvent::new(action, now);
    "user".clone_into(&mut event.entity_type);
    event.entity_id = Some(uuid.to_string());
    event
}

fn about_role(action: Action, user: &User, tenant: &Tenant, role: Option<Role>, now: Timestamp) -> AuditEvent {
    let mut event = about_user(action, user.uuid, now);
    event.tenant = Some(tenant.id);
    event.details.insert("role".to_owned(), role.map_or("*", Role::as_str).into());
    event
}
