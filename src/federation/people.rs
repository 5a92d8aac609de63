//! Whom an upstream's person means here.
//!
//! 1. the identity (upstream, issuer, subject), or else its national identifier at that upstream  2. or else, for a
//! national identifier with an RPPS number, the account that has this number  3. or else a new account. Never an address:
//! a verified one that belongs to an account asks for the proof of that account, an unverified one counts for nothing.
//! Everything is one transaction, after the upstream was done with.

use std::net::IpAddr;

use uuid::Uuid;

use super::connectors::Proven;
use super::connectors::pro_sante_connect::activities_of;
use super::error::FederationError;
use super::{Federation, Upstream, follow, logout, mapping};
use crate::account::sign_in::{LONGEST_USER_AGENT, establish, signed_in};
use crate::audit::{Action, AuditEvent};
use crate::base::Timestamp;
use crate::base::entropy::{self, uuid_v7};
use crate::base::id::UserId;
use crate::base::token::{OpaqueToken, TokenKind};
use crate::model::grant::GrantEnd;
use crate::model::identity::{Activity, Claimed, Identity, NationalKind};
use crate::model::session::{NewSession, Session, SessionEnd};
use crate::model::user::{NewUser, User, canonical_email, placeholder_address};
use crate::store::{Conn, Constraint, NewUpstreamSession, SealedTokens, StoreError};

/// How often a sign-in that met a rival is tried again: the second time finds what the rival did.
const TRIES: usize = 3;

/// The browser that a proof came through.
#[derive(Debug, Clone)]
pub struct Through {
    /// The session that it has now.
    pub present: Option<Session>,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// Its name of itself.
    pub user_agent: Option<String>,
}

/// What came of a sign-in.
#[derive(Debug)]
pub enum Outcome {
    /// The person is signed in; the cookie's new value.
    SignedIn {
        /// The session.
        session: Box<Session>,
        /// The cookie's value.
        token: OpaqueToken,
        /// Whether the person was here for the first time.
        first: bool,
    },
    /// An account has the address that the upstream verified: its owner must prove that account first.
    Conflict {
        /// That account.
        user: UserId,
    },
    /// Nobody is linked with this person, and the upstream makes no accounts.
    NotLinked,
    /// The account is disabled.
    Disabled,
}

/// What came of linking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// It is linked now, or was before.
    Done,
    /// Another account has this person, or its national number.
    Elsewhere,
    /// The account is another professional's.
    OtherProfessional,
    /// The session that asked is over.
    Over,
}

/// What came of unlinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlinked {
    /// It is gone.
    Done,
    /// There is none.
    Unknown,
    /// It is the only way in.
    LastWay,
}

/// One sign-in's values, made before the transaction.
struct Entry {
    federation: Federation,
    creates: bool,
    claimed: Claimed,
    through: Through,
    id_token: Option<crate::base::Secret<String>>,
    refresh_token: Option<crate::base::Secret<String>>,
    registration: Option<Uuid>,
    now: Timestamp,
}

/// Signs the person in whom a round trip proved. Somebody new who was `invited` gets an account even where the upstream makes
/// none.
pub async fn sign_in(
    federation: &Federation,
    upstream: &Upstream,
    proven: Proven,
    through: Through,
    invited: bool,
) -> Result<Outcome, FederationError> {
    check_number(federation, &proven.claimed)?;
    for _ in 0..TRIES {
        let entry = Entry {
            federation: federation.clone(),
            creates: invited || upstream.settings.creates_accounts,
            claimed: proven.claimed.clone(),
            through: through.clone(),
            id_token: proven.id_token.clone(),
            refresh_token: proven.refresh_token.clone(),
            registration: proven.registration,
            now: federation.now(),
        };
        let done = federation
            .store()
            .write("upstream_sign_in", move |tx| Box::pin(async move { entry.record(tx).await }))
            .await;
        match done {
            Err(FederationError::Rival | FederationError::Store(StoreError::Conflict(_))) => {}
            other => return other,
        }
    }
    Err(FederationError::Store(StoreError::Conflict(Constraint::Other)))
}

/// The provider is the authority for the number, and still a wrong key is a mistake somewhere.
fn check_number(federation: &Federation, claimed: &Claimed) -> Result<(), FederationError> {
    let Some(national) = &claimed.national else { return Ok(()) };
    if national.kind() == NationalKind::Rpps && national.rpps(true).is_none() {
        if federation.0.strict_rpps {
            return Err(FederationError::refused("the RPPS number has a wrong key"));
        }
        tracing::warn!(upstream = claimed.key.upstream, "an RPPS number has a wrong key");
    }
    Ok(())
}

/// The identity that an upstream's person has here. A changed national identifier is nobody's.
async fn known(tx: &mut Conn, claimed: &Claimed) -> Result<Option<Identity>, FederationError> {
    if let Some(identity) = tx.identity_by_key(&claimed.key).await? {
        if identity.national.is_some() && identity.national != claimed.national {
            return Err(FederationError::refused("the national identifier of a known subject changed"));
        }
        return Ok(Some(identity));
    }
    let Some(national) = &claimed.national else { return Ok(None) };
    let Some(identity) = tx.identity_by_national(&claimed.key.upstream, national).await? else { return Ok(None) };
    if identity.key.issuer != claimed.key.issuer {
        return Err(FederationError::refused("the national identifier belongs to another issuer's person"));
    }
    Ok(Some(identity))
}

/// Who it is.
enum Found {
    Person { user: Box<User>, identity: Uuid, first: bool },
    Nobody(Outcome),
}

impl Entry {
    async fn record(self, tx: &mut Conn) -> Result<Outcome, FederationError> {
        let found = match known(tx, &self.claimed).await? {
            Some(identity) => self.again(tx, identity).await?,
            None => self.first(tx).await?,
        };
        match found {
            Found::Person { user, identity, first } => self.admit(tx, *user, identity, first).await,
            Found::Nobody(outcome) => Ok(outcome),
        }
    }

    /// Somebody who was here before.
    async fn again(&self, tx: &mut Conn, identity: Identity) -> Result<Found, FederationError> {
        let Some(user) = tx.user_by_id(identity.user).await?.filter(User::is_active) else {
            return Ok(Found::Nobody(Outcome::Disabled));
        };
        if identity.key.subject != self.claimed.key.subject {
            let mut event = self.event(Action::IdentityRebound, user.id);
            event.entity_id = Some(identity.id.to_string());
            tx.append_audit(&event).await?;
        }
        tx.refresh_identity(identity.id, &self.claimed, self.now).await?;
        self.renew(tx, &user).await?;
        Ok(Found::Person { user: Box::new(user), identity: identity.id, first: false })
    }

    /// Names and number of a professional, which the provider is the authority for.
    async fn renew(&self, tx: &mut Conn, user: &User) -> Result<(), FederationError> {
        let claimed = &self.claimed;
        if claimed.national.is_none() || claimed.display_name().is_empty() {
            return Ok(());
        }
        if user.first_name != claimed.given_name || user.last_name != claimed.family_name {
            let locale = user.locale.as_deref();
            tx.update_user_names(user.id, &claimed.given_name, &claimed.family_name, locale, self.now).await?;
        }
        Ok(())
    }

    /// Somebody whom nobody here is linked with.
    async fn first(&self, tx: &mut Conn) -> Result<Found, FederationError> {
        let id = uuid_v7(self.now, self.federation.entropy());
        let rpps = self.claimed.national.as_ref().and_then(|national| national.rpps(false)).map(str::to_owned);
        if let Some(rpps) = &rpps
            && let Some(user) = tx.user_by_rpps(rpps).await?
        {
            if !user.is_active() {
                return Ok(Found::Nobody(Outcome::Disabled));
            }
            self.bind(tx, id, user.id).await?;
            self.claim(tx, user.id, id).await?;
            self.renew(tx, &user).await?;
            return Ok(Found::Person { user: Box::new(user), identity: id, first: true });
        }
        if !self.creates {
            return Ok(Found::Nobody(Outcome::NotLinked));
        }
        let address = match self.own_address(tx).await? {
            Ok(address) => address,
            Err(user) => return Ok(Found::Nobody(Outcome::Conflict { user })),
        };
        let unique = uuid::Builder::from_random_bytes(entropy::bytes(self.federation.entropy())).into_uuid();
        let new = NewUser {
            email_verified: address.is_some(),
            email: address.unwrap_or_else(|| placeholder_address(unique)),
            first_name: self.claimed.given_name.clone(),
            last_name: self.claimed.family_name.clone(),
            rpps,
            ..NewUser::default()
        };
        let uuid = uuid_v7(self.now, self.federation.entropy());
        let user = tx.insert_user(&new, uuid, self.now).await?;
        let mut event = self.event(Action::UserCreated, user.id);
        event.entity_id = Some(uuid.to_string());
        tx.append_audit(&event).await?;
        self.bind(tx, id, user.id).await?;
        Ok(Found::Person { user: Box::new(user), identity: id, first: true })
    }

    /// The address for a new account: one that the upstream is an authority for, and that no account has proven. `Err` names
    /// the account that has. An account that has it without proof loses it to its owner.
    async fn own_address(&self, tx: &mut Conn) -> Result<Result<Option<String>, UserId>, FederationError> {
        let verified = self.claimed.email.as_ref().filter(|email| email.verified);
        let Some(email) = verified else { return Ok(Ok(None)) };
        let Ok(canonical) = canonical_email(&email.address) else { return Ok(Ok(None)) };
        if let Some(user) = tx.user_by_email(&canonical).await? {
            if user.email_verified {
                return Ok(Err(user.id));
            }
            let unique = uuid::Builder::from_random_bytes(entropy::bytes(self.federation.entropy())).into_uuid();
            tx.release_address(user.id, &placeholder_address(unique), self.now).await?;
            let mut event = self.event(Action::AddressReleased, user.id);
            event.actor_user = None;
            event.entity_id = Some(user.uuid.to_string());
            tx.append_audit(&event).await?;
        }
        Ok(Ok(Some(email.address.clone())))
    }

    async fn bind(&self, tx: &mut Conn, id: Uuid, user: UserId) -> Result<(), FederationError> {
        if !tx.insert_identity(id, user, &self.claimed, self.now).await? {
            return Err(FederationError::Rival);
        }
        let mut event = self.event(Action::IdentityLinked, user);
        event.entity_id = Some(id.to_string());
        Ok(tx.append_audit(&event).await?)
    }

    /// The owner of an account that was made beforehand is here: whatever somebody else may have prepared on it ends,
    /// sessions, tokens, a password, a link for a new one, other identities (security item 76).
    async fn claim(&self, tx: &mut Conn, user: UserId, identity: Uuid) -> Result<(), FederationError> {
        tx.end_sessions_of(user, None, SessionEnd::Claimed, self.now).await?;
        tx.revoke_grants_of_user(user, GrantEnd::SessionEnded, self.now).await?;
        tx.clear_password(user).await?;
        tx.delete_other_identities(user, identity).await?;
        Ok(tx.append_audit(&self.event(Action::AccountClaimed, user)).await?)
    }

    /// The session, and what stays with us of the upstream's tokens, sealed.
    async fn admit(self, tx: &mut Conn, user: User, identity: Uuid, first: bool) -> Result<Outcome, FederationError> {
        let (federation, now, claimed) = (&self.federation, self.now, &self.claimed);
        mapping::apply(tx, &user, identity, claimed, now).await?;
        tx.set_last_login(user.id, now).await?;
        let token = TokenKind::Session.generate(federation.entropy());
        let new = NewSession {
            token: token.digest(),
            user: user.id,
            auth_time: claimed.auth_time.filter(|at| *at <= now),
            acr: claimed.acr.clone(),
            amr: claimed.amr.clone(),
            address: self.through.address.map(|address| address.to_string()),
            user_agent: self.through.user_agent.as_ref().map(|name| name.chars().take(LONGEST_USER_AGENT).collect()),
        };
        let mut event = signed_in(&user, &new, now);
        event.details.insert("upstream".to_owned(), claimed.key.upstream.clone().into());
        tx.append_audit(&event).await?;
        let fresh_sid = uuid_v7(now, federation.entropy());
        let Some(session) = establish(tx, self.through.present.clone(), &new, fresh_sid, now).await? else {
            return Err(FederationError::Rival);
        };
        let id_token = self.id_token.as_ref().map(|token| federation.seal(logout::SEAL, session.sid, token));
        let refresh_token = self.refresh_token.as_ref().map(|token| federation.seal(follow::SEAL, session.sid, token));
        let tokens = SealedTokens { id_token: id_token.as_deref(), refresh_token: refresh_token.as_deref() };
        let there = NewUpstreamSession { identity, sid: claimed.session.as_deref(), registration: self.registration };
        tx.put_upstream_session(session.sid, there, tokens, now).await?;
        Ok(Outcome::SignedIn { session: Box::new(session), token, first })
    }

    fn event(&self, action: Action, user: UserId) -> AuditEvent {
        about(action, user, &self.claimed, self.now)
    }
}

fn about(action: Action, user: UserId, claimed: &Claimed, now: Timestamp) -> AuditEvent {
    let mut event = AuditEvent::new(action, now);
    event.actor_user = Some(user);
    event.details.insert("upstream".to_owned(), claimed.key.upstream.clone().into());
    event
}

/// Links an upstream's person with an account whose owner is signed in, in the session that asked.
pub async fn link(
    federation: &Federation,
    user: UserId,
    sid: Uuid,
    claimed: Claimed,
) -> Result<Linked, FederationError> {
    check_number(federation, &claimed)?;
    let now = federation.now();
    let id = uuid_v7(now, federation.entropy());
    federation
        .store()
        .write("link_identity", move |tx| {
            Box::pin(async move {
                if !tx.hold_session(sid).await? {
                    return Ok(Linked::Over);
                }
                let Some(owner) = tx.user_by_id(user).await?.filter(User::is_active) else { return Ok(Linked::Over) };
                if let Some(identity) = known(tx, &claimed).await? {
                    return Ok(if identity.user == user { Linked::Done } else { Linked::Elsewhere });
                }
                if let Some(rpps) = claimed.national.as_ref().and_then(|national| national.rpps(false)) {
                    match owner.rpps.as_deref() {
                        Some(own) if own != rpps => return Ok(Linked::OtherProfessional),
                        Some(_) => {}
                        None if tx.adopt_rpps(user, rpps, now).await? => {}
                        None => return Ok(Linked::Elsewhere),
                    }
                }
                if !tx.insert_identity(id, user, &claimed, now).await? {
                    return Ok(Linked::Elsewhere);
                }
                let mut event = about(Action::IdentityLinked, user, &claimed, now);
                event.entity_id = Some(id.to_string());
                tx.append_audit(&event).await?;
                Ok(Linked::Done)
            })
        })
        .await
}

/// Removes a link. Something to sign in with must be left; every other session ends.
pub async fn unlink(
    federation: &Federation,
    user: UserId,
    keep: Uuid,
    identity: Uuid,
) -> Result<Unlinked, FederationError> {
    let now = federation.now();
    federation
        .store()
        .write("unlink_identity", move |tx| {
            Box::pin(async move {
                let Some(owner) = tx.user_by_id(user).await? else { return Ok(Unlinked::Unknown) };
                let links = tx.identities_of(user).await?;
                let Some(link) = links.iter().find(|link| link.id == identity) else { return Ok(Unlinked::Unknown) };
                if links.len() == 1 && owner.password_hash.is_none() {
                    return Ok(Unlinked::LastWay);
                }
                mapping::withdraw(tx, &owner, &link.key.upstream, identity, &[], now).await?;
                tx.delete_identity(user, identity).await?;
                tx.end_sessions_of(user, Some(keep), SessionEnd::EndedByUser, now).await?;
                tx.revoke_grants_of_user_except_session(user, keep, GrantEnd::SessionEnded, now).await?;
                let mut event = AuditEvent::new(Action::IdentityUnlinked, now);
                event.actor_user = Some(user);
                event.entity_id = Some(identity.to_string());
                event.details.insert("upstream".to_owned(), link.key.upstream.clone().into());
                tx.append_audit(&event).await?;
                Ok(Unlinked::Done)
            })
        })
        .await
}

/// Where a professional practises, and as what, as the upstream of this link said last.
pub async fn practice_of(federation: &Federation, identity: Uuid) -> Result<Vec<Activity>, FederationError> {
    let profile = federation.store().read().await?.identity_profile(identity).await?;
    Ok(profile.map(|profile| activities_of(&profile)).unwrap_or_default())
}

/// Whether a session stands on an upstream that is not for everybody.
pub async fn is_confined(federation: &Federation, sid: Uuid) -> Result<bool, FederationError> {
    if !federation.confines() {
        return Ok(false);
    }
    let there = federation.store().read().await?.upstream_session(sid).await?;
    let home = there.and_then(|there| federation.find(&there.identity.key.upstream));
    Ok(home.is_some_and(|upstream| !upstream.settings.tenants.is_empty()))
}

/// The links of an account.
pub async fn links_of(federation: &Federation, user: UserId) -> Result<Vec<Identity>, FederationError> {
    Ok(federation.store().read().await?.identities_of(user).await?)
}
