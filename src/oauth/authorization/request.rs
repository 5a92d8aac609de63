//! An authorization request that passed every check (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).

use serde::{Deserialize, Serialize};

use super::Display;
use crate::oauth::pkce::CodeChallenge;
use crate::oauth::prompt::Prompt;
use crate::oauth::redirect_uri::VerifiedRedirectUri;
use crate::oauth::response::{ResponseMode, ResponseType};
use crate::oauth::{ClaimsRequest, Scope};

/// What a relying application asked for. Only [`super::check`] makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// The client, as the request names it.
    pub client_id: String,
    /// Where the response goes.
    pub redirect_uri: VerifiedRedirectUri,
    /// What is answered.
    pub response_type: ResponseType,
    /// How the answer travels.
    pub response_mode: ResponseMode,
    /// What is asked for, narrowed to what the client may have.
    pub scope: Scope,
    /// Claims asked for one by one.
    #[serde(default)]
    pub claims: ClaimsRequest,
    /// Returned byte for byte.
    pub state: Option<String>,
    /// Repeated in the ID token byte for byte.
    pub nonce: Option<String>,
    /// PKCE.
    pub code_challenge: Option<CodeChallenge>,
    /// What the pages are to do.
    pub prompt: Prompt,
    /// Most seconds since the person last signed in.
    pub max_age: Option<u64>,
    /// Wanted authentication contexts, best first.
    pub acr_values: Vec<String>,
    /// An earlier ID token: whom the client believes to be here. Unverified text.
    pub id_token_hint: Option<String>,
    /// Whom the client believes to be about to sign in, for the form.
    pub login_hint: Option<String>,
    /// What the pages are shown in.
    #[serde(default)]
    pub display: Display,
    /// Wanted languages of the pages, best first.
    pub ui_locales: Vec<String>,
    /// Resources that the access token is for (RFC 8707); empty means the default audience.
    pub resources: Vec<String>,
    /// The tenant that the client asks for, by its code or UUID.
    pub tenant: Option<String>,
    /// Under which key it was pushed (RFC 9126); it ends with the request's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<String>,
    /// The upstream provider that the client asks for, by its name (`idp_hint`, or `kc_idp_hint` as Keycloak's clients say).
    #[serde(default)]
    pub idp_hint: Option<String>,
}

impl AuthorizationRequest {
    /// What the person is asked to consent to: the scope, and the scopes of the claims that are asked for one by one.
    pub fn consent_scope(&self) -> Scope {
        self.scope.union(&self.claims.named.scope())
    }
}
