//! What an authorization code stands for.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::id::{ClientKey, TenantId, UserId};
use crate::oauth::pkce::CodeChallenge;
use crate::oauth::{NamedClaims, Scope};

/// The record behind an authorization code, bound to client, redirect URI and PKCE. Lives 60 seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationCode {
    /// The grant that redeeming it begins; made in advance so that a second use finds what to revoke.
    pub grant: Uuid,
    /// To whom it was given.
    pub client: ClientKey,
    /// The redirect URI it was sent to.
    pub redirect_uri: String,
    /// What the verifier must match.
    pub code_challenge: Option<CodeChallenge>,
    /// For the ID token.
    pub nonce: Option<String>,
    /// What was granted.
    pub scope: Scope,
    /// Claims to release beside those of the scope.
    #[serde(default)]
    pub claims: NamedClaims,
    /// Resources of the access token.
    pub resources: Vec<String>,
    /// The person.
    pub user: UserId,
    /// The chosen tenant.
    pub tenant: Option<TenantId>,
    /// The browser session.
    pub sid: Uuid,
    /// When that session began.
    pub session_began_at: Timestamp,
    /// When the person proved who they are.
    pub auth_time: Timestamp,
    /// Authentication context class.
    pub acr: String,
    /// Authentication methods.
    pub amr: Vec<String>,
    /// When it stops.
    pub expires_at: Timestamp,
    /// Whether the grant began at the authorization endpoint, because tokens came from there beside the code.
    #[serde(default)]
    pub began_in_front: bool,
}
