//! Invitations into a tenant.
//!
//! Made by an operator: 1. the invitation, in the place of one for the same address  2. a mail with its link, good once and
//! for a week. Accepted by the person: 3. whoever shows the link signs in, or makes an account for the invited address
//! 4. who signed in must be who is meant ([`Invitation::means`])  5. one transaction: the link is used up, the roles, the
//! record. A mailed link proves a mailbox; one that the operator hands over, where no mail leaves, proves none. It never signs
//! anybody in to an account that exists.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use uuid::Uuid;

use super::passwords::PasswordRefusal;
use super::sign_in::{LONGEST_USER_AGENT, establish, signed_in};
use super::{AccountError, Accounts, notices, password_change};
use crate::audit::{Action, AuditEvent, Outcome};
use crate::base::entropy::uuid_v7;
use crate::base::token::{OpaqueToken, TokenKind};
use crate::base::{Secret, Timestamp};
use crate::mail::{Content, Letter};
use crate::model::invitation::{Invitation, NewInvitation};
use crate::model::role::Role;
use crate::model::session::{ACR_PASSWORD, NewSession, Session};
use crate::model::tenant::{Tenant, TenantStatus};
use crate::model::user::{NewUser, User, canonical_email, is_rpps};
use crate::store::{Conn, Constraint, StoreError};

/// How long a link holds unless the operator says otherwise.
pub const LINK_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Where a link leads, below the issuer; the token follows.
pub const LINK_PATH: &str = "/invitations";
/// Longest given or family name, in characters.
const LONGEST_NAME: usize = 100;

/// Why nobody is invited.
#[derive(Debug, thiserror::Error)]
pub enum InvitationError {
    /// Not an address.
    #[error("the e-mail address is malformed")]
    Email,
    /// Not a national number.
    #[error("the RPPS number must have 11 digits and a right key")]
    Rpps,
    /// Nothing would come of it.
    #[error("an invitation needs at least one role")]
    Role,
    /// Nobody may sign in to the tenant.
    #[error("the tenant is disabled")]
    Tenant,
    /// Trouble of our own.
    #[error(transparent)]
    Account(#[from] AccountError),
}

/// Whom an operator invites.
#[derive(Debug)]
pub struct Invited {
    /// Into which tenant.
    pub tenant: Tenant,
    /// Where the link goes.
    pub email: String,
    /// The professional who is meant.
    pub rpps: Option<String>,
    /// Whether a wrong RPPS key is refused.
    pub strict_rpps: bool,
    /// The roles that come of it.
    pub roles: Vec<Role>,
    /// How long the link holds.
    pub lifetime: Duration,
    /// Language of the mail, a BCP 47 tag.
    pub locale: Option<String>,
}

/// An invitation that was made.
#[derive(Debug)]
pub struct Made {
    /// It.
    pub invitation: Invitation,
    /// The link, where no mail leaves: for the operator to hand over. `None` where it was mailed.
    pub link: Option<Secret<String>>,
}

/// Invites somebody.
pub async fn create(accounts: &Accounts, invited: Invited) -> Result<Made, InvitationError> {
    canonical_email(&invited.email).map_err(|_| InvitationError::Email)?;
    if invited.rpps.as_deref().is_some_and(|rpps| !is_rpps(rpps, invited.strict_rpps)) {
        return Err(InvitationError::Rpps);
    }
    if invited.roles.is_empty() {
        return Err(InvitationError::Role);
    }
    if invited.tenant.status != TenantStatus::Active {
        return Err(InvitationError::Tenant);
    }
    let now = accounts.now();
    let expires_at = now.plus(invited.lifetime);
    let mut roles = invited.roles;
    roles.sort_unstable();
    roles.dedup();
    let outbox = accounts.outbox();
    let kind = if outbox.is_some() { TokenKind::Invitation } else { TokenKind::HandedInvitation };
    let token = kind.generate(accounts.entropy());
    let url = format!("{}{LINK_PATH}/{}", accounts.0.issuer, token.expose());
    let content = Content::Invitation { tenant: invited.tenant.name.clone(), url: url.clone(), expires_at };
    let letter = Letter {
        to: invited.email.clone(),
        name: String::new(),
        locales: invited.locale.into_iter().collect(),
        content,
    };
    let mail = outbox.map(|outbox| outbox.seal(&letter, now));
    let link = mail.is_none().then(|| Secret::new(url));
    let new = NewInvitation { tenant: invited.tenant, email: invited.email, rpps: invited.rpps, roles, expires_at };
    let uuid = uuid_v7(now, accounts.entropy());
    let digest = token.digest();
    let event = about(Action::InvitationCreated, uuid, &new.tenant, now);
    let made = accounts
        .store()
        .write("create_invitation", move |tx| {
            Box::pin(async move {
                tx.insert_invitation(&new, uuid, &digest, now).await?;
                tx.append_audit(&event).await?;
                if let Some(mail) = mail {
                    tx.queue_mail(&mail).await?;
                }
                tx.invitation_by_uuid(uuid).await
            })
        })
        .await
        .map_err(AccountError::Store)?;
    notices::ring(accounts);
    let missing = || AccountError::Store(StoreError::Other("an inserted invitation is missing".to_owned()));
    Ok(Made { invitation: made.ok_or_else(missing)?, link })
}

/// Takes an invitation back; says whether it was open.
pub async fn revoke(accounts: &Accounts, invitation: &Invitation) -> Result<bool, AccountError> {
    let now = accounts.now();
    let uuid = invitation.uuid;
    let event = about(Action::InvitationRevoked, uuid, &invitation.tenant, now);
    let done = accounts.store().write("revoke_invitation", move |tx| {
        Box::pin(async move {
            let revoked = tx.revoke_invitation(uuid, now).await?;
            if revoked {
                tx.append_audit(&event).await?;
            }
            Ok::<_, StoreError>(revoked)
        })
    });
    Ok(done.await?)
}

/// The invitation of a link, while it holds. Changes nothing, however often it is asked.
pub async fn of_link(accounts: &Accounts, token: &str) -> Result<Option<Invitation>, AccountError> {
    let kinds = [TokenKind::Invitation, TokenKind::HandedInvitation];
    let Some(digest) = kinds.into_iter().find_map(|kind| kind.digest_of(token)) else { return Ok(None) };
    let found = accounts.store().read().await?.invitation_by_token(&digest).await?;
    Ok(found.filter(|invitation| invitation.is_open(accounts.now())))
}

/// The invitation with this outside id, while its link holds.
pub async fn open(accounts: &Accounts, uuid: Uuid) -> Result<Option<Invitation>, AccountError> {
    let found = accounts.store().read().await?.invitation_by_uuid(uuid).await?;
    Ok(found.filter(|invitation| invitation.is_open(accounts.now())))
}

/// Whether the invited address has an account, to sign in to.
pub async fn has_account(accounts: &Accounts, invitation: &Invitation) -> Result<bool, AccountError> {
    let Ok(canonical) = canonical_email(&invitation.email) else { return Ok(false) };
    Ok(accounts.store().read().await?.user_by_email(&canonical).await?.is_some())
}

/// What came of accepting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// The person is a member.
    Done,
    /// The invitation does not hold.
    Over,
    /// Somebody else is meant.
    OtherPerson,
}

/// Makes the person of `session`, who showed the link in this browser, a member.
pub async fn accept(
    accounts: &Accounts,
    uuid: Uuid,
    session: &Session,
    address: Option<IpAddr>,
) -> Result<Accepted, AccountError> {
    let now = accounts.now();
    let (sid, user, address) = (session.sid, session.user, address.map(|address| address.to_string()));
    accounts
        .store()
        .write("accept_invitation", move |tx| {
            Box::pin(async move {
                let found = tx.invitation_by_uuid(uuid).await?.filter(|invitation| invitation.is_open(now));
                let Some(invitation) = found else { return Ok(Accepted::Over) };
                if !tx.hold_session(sid).await? {
                    return Ok(Accepted::Over);
                }
                let Some(user) = tx.user_by_id(user).await?.filter(User::is_active) else { return Ok(Accepted::Over) };
                let mut event = about(Action::InvitationAccepted, uuid, &invitation.tenant, now);
                event.actor_user = Some(user.id);
                event.address = address;
                if !invitation.means(&user) {
                    event.outcome = Outcome::Failure;
                    tx.append_audit(&event).await?;
                    return Ok(Accepted::OtherPerson);
                }
                admit(tx, &invitation, &user, event, now).await
            })
        })
        .await
}

/// Uses the invitation up and gives its roles.
async fn admit(
    tx: &mut Conn,
    invitation: &Invitation,
    user: &User,
    event: AuditEvent,
    now: Timestamp,
) -> Result<Accepted, AccountError> {
    if !tx.take_invitation(invitation.uuid, user.id, now).await? {
        return Ok(Accepted::Over);
    }
    tx.append_audit(&event).await?;
    for role in &invitation.roles {
        if tx.grant_role(user.id, invitation.tenant.id, *role, now).await? {
            let mut granted = AuditEvent::new(Action::RoleGranted, now);
            granted.tenant = Some(invitation.tenant.id);
            granted.entity_id = Some(user.uuid.to_string());
            granted.details.insert("role".to_owned(), role.as_str().into());
            granted.details.insert("by".to_owned(), "invitation".into());
            tx.append_audit(&granted).await?;
        }
    }
    Ok(Accepted::Done)
}

/// Somebody new, with the link of an invitation.
pub struct Newcomer {
    /// The link's token.
    pub token: Secret<String>,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// The password for the new account.
    pub password: Secret<String>,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// The browser's name of itself.
    pub user_agent: Option<String>,
    /// Language of the page.
    pub locale: Option<String>,
    /// The session that the browser has now.
    pub present: Option<Session>,
}

impl fmt::Debug for Newcomer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Newcomer").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Debug)]
pub enum Joined {
    /// The account is made, and is a member; the cookie's new value.
    Done(OpaqueToken),
    /// The invitation does not hold.
    Over,
    /// The address has an account, or the invitation means a professional, whom a password does not prove: sign in instead.
    SignInInstead,
    /// A name is missing, too long, or not printable.
    Name,
    /// The password may not be chosen; the link still holds.
    Refused(PasswordRefusal),
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control)
}

/// Makes an account for the invited address, with a password, and accepts with it.
pub async fn join(accounts: &Accounts, newcomer: Newcomer) -> Result<Joined, AccountError> {
    let Some(invitation) = of_link(accounts, newcomer.token.expose()).await? else { return Ok(Joined::Over) };
    if invitation.rpps.is_some() || has_account(accounts, &invitation).await? {
        return Ok(Joined::SignInInstead);
    }
    let (first_name, last_name) = (newcomer.first_name.trim().to_owned(), newcomer.last_name.trim().to_owned());
    if !is_name(&first_name) || !is_name(&last_name) {
        return Ok(Joined::Name);
    }
    let own = [invitation.email.as_str(), &first_name, &last_name];
    if let Err(refusal) = password_change::check_for(accounts, newcomer.password.expose(), false, &own) {
        return Ok(Joined::Refused(refusal));
    }
    // A link that only this mailbox was sent.
    let was_mailed = TokenKind::Invitation.digest_of(newcomer.token.expose()).is_some();
    let hash = accounts.hasher().hash(newcomer.password, accounts.entropy()).await?;
    let now = accounts.now();
    let new = NewUser {
        email: invitation.email.clone(),
        email_verified: was_mailed,
        first_name,
        last_name,
        locale: newcomer.locale,
        password_hash: Some(hash),
        ..NewUser::default()
    };
    let (uuid, sid) = (uuid_v7(now, accounts.entropy()), uuid_v7(now, accounts.entropy()));
    let cookie = TokenKind::Session.generate(accounts.entropy());
    let digest = cookie.digest();
    let address = newcomer.address.map(|address| address.to_string());
    let user_agent: Option<String> = newcomer.user_agent.map(|name| name.chars().take(LONGEST_USER_AGENT).collect());
    let present = newcomer.present;
    let done = accounts
        .store()
        .write("join_by_invitation", move |tx| {
            Box::pin(async move {
                let user = tx.insert_user(&new, uuid, now).await?;
                let mut created = AuditEvent::new(Action::UserCreated, now);
                created.actor_user = Some(user.id);
                created.entity_id = Some(uuid.to_string());
                created.details.insert("by".to_owned(), "invitation".into());
                tx.append_audit(&created).await?;
                let mut event = about(Action::InvitationAccepted, invitation.uuid, &invitation.tenant, now);
                event.actor_user = Some(user.id);
                event.address.clone_from(&address);
                if admit(tx, &invitation, &user, event, now).await? != Accepted::Done {
                    return Err(JoinError::Over);
                }
                let session = NewSession {
                    token: digest,
                    user: user.id,
                    auth_time: None,
                    acr: ACR_PASSWORD.to_owned(),
                    amr: vec!["pwd".to_owned()],
                    address,
                    user_agent,
                };
                tx.set_last_login(user.id, now).await?;
                tx.append_audit(&signed_in(&user, &session, now)).await?;
                establish(tx, present, &session, sid, now).await?;
                Ok(())
            })
        })
        .await;
    match done {
        Ok(()) => Ok(Joined::Done(cookie)),
        Err(JoinError::Over) => Ok(Joined::Over),
        Err(JoinError::Account(AccountError::Store(StoreError::Conflict(Constraint::UserEmail)))) => {
            Ok(Joined::SignInInstead)
        }
        Err(JoinError::Account(error)) => Err(error),
    }
}

/// What undoes a transaction that made an account for nothing.
#[derive(Debug)]
enum JoinError {
    Over,
    Account(AccountError),
}

impl From<StoreError> for JoinError {
    fn from(error: StoreError) -> Self {
        Self::Account(error.into())
    }
}

impl From<AccountError> for JoinError {
    fn from(error: AccountError) -> Self {
        Self::Account(error)
    }
}

fn about(action: Action, uuid: Uuid, tenant: &Tenant, now: Timestamp) -> AuditEvent {
    let mut event = AuditEvent::new(action, now);
    event.tenant = Some(tenant.id);
    "invitation".clone_into(&mut event.entity_type);
    event.entity_id = Some(uuid.to_string());
    event
}
