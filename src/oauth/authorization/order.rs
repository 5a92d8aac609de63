//! The checks of an authorization request, in their order.
//!
//! Before the redirect URI is verified nothing may redirect: those refusals become a page. After it, every refusal
//! goes to the client through [`Refusal::Redirect`], whose URI can only be a verified one.

use super::{AuthorizationRequest, Display, unread_object};
use crate::oauth::pkce::CodeChallenge;
use crate::oauth::prompt::Prompt;
use crate::oauth::redirect_uri::{self, VerifiedRedirectUri};
use crate::oauth::response::{ResponseMode, ResponseType};
use crate::oauth::{ClaimsRequest, ClientMetadata, ErrorCode, OAuthError, Params, Scope, resource};

/// Longest `state` and `nonce`, in bytes; both are kept exactly or refused, never cut.
const LONGEST_ECHO: usize = 4_096;
/// Longest hint and list values, in bytes.
const LONGEST_TEXT: usize = 8_192;

/// What the rules need to know of the client.
#[derive(Debug, Clone, Copy)]
pub struct ClientRules<'a> {
    /// Its registration.
    pub metadata: &'a ClientMetadata,
    /// Whether it must use PKCE.
    pub requires_pkce: bool,
    /// Resources it may name; empty means any.
    pub resources: &'a [String],
}

/// Why a request is not carried out, and on which channel that is said.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// The client or its redirect URI is in doubt: a page of ours, no redirect (RFC 9700 §4.11.2).
    Page(OAuthError),
    /// The client learns of it.
    Redirect(Box<RedirectRefusal>),
}

/// A refusal that goes to the client.
#[derive(Debug, Clone)]
pub struct RedirectRefusal {
    /// Where to.
    pub redirect_uri: VerifiedRedirectUri,
    /// In which way.
    pub response_mode: ResponseMode,
    /// The request's `state`.
    pub state: Option<String>,
    /// What is said.
    pub error: OAuthError,
}

/// How a request arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrival {
    /// From the client itself, in advance (RFC 9126).
    pub pushed: bool,
    /// Signed by the client (RFC 9101).
    pub signed: bool,
}

/// Carries a request through all checks; `client` is what its `client_id` named.
///
/// Order: redirect URI · state · response mode · way of arrival · unsupported parameters · response type · grants · scope ·
/// claims · PKCE · nonce · prompt · max_age · resource · texts.
pub fn check(params: &Params, client: ClientRules<'_>, arrival: Arrival) -> Result<AuthorizationRequest, Refusal> {
    let redirect_uri = check_redirect_uri(params, client).map_err(Refusal::Page)?;
    let state = bounded(params, "state").map_err(Refusal::Page)?;
    let mode = mode(params);
    let response_mode = mode.as_ref().copied().unwrap_or_else(|_| ResponseMode::default_of(response_type(params)));
    let target = (redirect_uri.clone(), state.clone());
    let checked = mode.and_then(|_| {
        check_arrival(client, arrival)?;
        check_redirectable(params, client, (redirect_uri, state, response_mode))
    });
    checked.map_err(|error| {
        let (redirect_uri, state) = target;
        Refusal::Redirect(Box::new(RedirectRefusal { redirect_uri, response_mode, state, error }))
    })
}

/// Refuses a request whose parameters cannot be had, because of `error` in the object or the reference that holds them: to
/// the client if what stands beside it names a registered redirect URI, else on a page. What the object says of the answer
/// counts before what stands beside it.
pub fn refuse_object(params: &Params, client: ClientRules<'_>, object: Option<&str>, error: OAuthError) -> Refusal {
    let Ok(redirect_uri) = check_redirect_uri(params, client) else { return Refusal::Page(error) };
    let channel = object.map(unread_object::channel).unwrap_or_default();
    let beside = || mode(params).unwrap_or_else(|_| ResponseMode::default_of(response_type(params)));
    let short = |state: &String| state.len() <= LONGEST_ECHO;
    Refusal::Redirect(Box::new(RedirectRefusal {
        redirect_uri,
        response_mode: channel.response_mode.unwrap_or_else(beside),
        state: channel.state.or_else(|| params.get("state").map(str::to_owned)).filter(short),
        error,
    }))
}

fn response_type(params: &Params) -> &str {
    params.get("response_type").unwrap_or_default()
}

fn mode(params: &Params) -> Result<ResponseMode, OAuthError> {
    ResponseMode::of(response_type(params), params.get("response_mode"))
}

fn check_redirectable(
    params: &Params,
    client: ClientRules<'_>,
    (redirect_uri, state, response_mode): (VerifiedRedirectUri, Option<String>, ResponseMode),
) -> Result<AuthorizationRequest, OAuthError> {
    check_unsupported(params)?;
    let response_type = check_response_type(params, client)?;
    check_grants(response_type, client)?;
    let scope = check_scope(params, client, response_type)?;
    let claims = check_claims(params, client, &scope)?;
    let code_challenge = if response_type.has_code() { check_pkce(params, client)? } else { None };
    let nonce = check_nonce(params, response_type)?;
    let prompt = Prompt::parse(params.get("prompt"))?;
    let max_age = check_max_age(params)?.or(client.metadata.default_max_age);
    let resources = resource::check(params.all("resource"), client.resources)?;
    Ok(AuthorizationRequest {
        client_id: params.get("client_id").unwrap_or_default().to_owned(),
        redirect_uri,
        response_type,
        response_mode,
        scope,
        claims,
        state,
        nonce,
        code_challenge,
        prompt,
        max_age,
        acr_values: check_acr_values(params, client)?,
        id_token_hint: text(params, "id_token_hint")?,
        login_hint: text(params, "login_hint")?,
        display: Display::parse(params.get("display")),
        ui_locales: words(params, "ui_locales")?,
        resources,
        tenant: text(params, "tenant")?,
        pushed: None,
        idp_hint: match text(params, "idp_hint")? {
            None => text(params, "kc_idp_hint")?,
            named => named,
        },
    })
}

fn check_redirect_uri(params: &Params, client: ClientRules<'_>) -> Result<VerifiedRedirectUri, OAuthError> {
    let named = params.require("redirect_uri", "redirect_uri is missing")?;
    redirect_uri::verify(&client.metadata.redirect_uris, Some(named))
        .ok_or_else(|| OAuthError::because(ErrorCode::InvalidRequest, "redirect_uri is not registered for this client"))
}

/// What the client registered about the way of its requests (RFC 9126 §6, RFC 9101 §10.5).
fn check_arrival(client: ClientRules<'_>, arrival: Arrival) -> Result<(), OAuthError> {
    let refuse = |why| Err(OAuthError::because(ErrorCode::InvalidRequest, why));
    if client.metadata.require_pushed_authorization_requests && !arrival.pushed {
        return refuse("The requests of this client must be pushed");
    }
    if client.metadata.require_signed_request_object && !arrival.signed {
        return refuse("The requests of this client must be signed");
    }
    Ok(())
}

/// An object or a reference that is still here was not replaced by what it holds: it stands where none may.
fn check_unsupported(params: &Params) -> Result<(), OAuthError> {
    for (name, code) in [
        ("request", ErrorCode::InvalidRequest),
        ("request_uri", ErrorCode::InvalidRequest),
        ("registration", ErrorCode::RegistrationNotSupported),
    ] {
        if params.get(name).is_some() {
            return Err(code.into());
        }
    }
    Ok(())
}

fn check_response_type(params: &Params, client: ClientRules<'_>) -> Result<ResponseType, OAuthError> {
    let named = params.require("response_type", "response_type is missing")?;
    let known = ResponseType::parse(named).ok_or(OAuthError::new(ErrorCode::UnsupportedResponseType))?;
    if client.metadata.response_types.contains(&known) {
        Ok(known)
    } else {
        Err(OAuthError::because(ErrorCode::UnauthorizedClient, "The client did not register this response_type"))
    }
}

fn check_grants(response_type: ResponseType, client: ClientRules<'_>) -> Result<(), OAuthError> {
    if response_type.grants().iter().all(|grant| client.metadata.allows_grant(*grant)) {
        Ok(())
    } else {
        Err(OAuthError::because(
            ErrorCode::UnauthorizedClient,
            "The client did not register the grants of this response_type",
        ))
    }
}

/// Names that the client did not register are refused; without a scope the client's own default is not guessed. An ID token
/// needs `openid`, and without a code there is no access offline (OpenID Connect Core §11).
fn check_scope(params: &Params, client: ClientRules<'_>, response_type: ResponseType) -> Result<Scope, OAuthError> {
    let scope = Scope::parse(params.get("scope").unwrap_or_default())?;
    if scope.is_empty() {
        return Err(OAuthError::because(ErrorCode::InvalidScope, "scope is missing"));
    }
    if !scope.is_within(&client.metadata.scope) {
        return Err(OAuthError::because(ErrorCode::InvalidScope, "The scope is not registered for this client"));
    }
    if response_type.has_id_token() && !scope.contains("openid") {
        return Err(OAuthError::because(ErrorCode::InvalidScope, "This response_type needs the scope openid"));
    }
    Ok(if response_type.has_code() { scope } else { scope.without("offline_access") })
}

/// An ID token that travels through the browser must be one that its client waits for (OpenID Connect Core §3.2.2.1, §3.3.2.11).
fn check_nonce(params: &Params, response_type: ResponseType) -> Result<Option<String>, OAuthError> {
    let nonce = bounded(params, "nonce")?;
    if nonce.is_none() && response_type.has_id_token() {
        return Err(OAuthError::because(ErrorCode::InvalidRequest, "nonce is missing"));
    }
    Ok(nonce)
}

/// What the request wants, else what the client registered (OpenID Connect Registration §2).
fn check_acr_values(params: &Params, client: ClientRules<'_>) -> Result<Vec<String>, OAuthError> {
    let named = words(params, "acr_values")?;
    Ok(if named.is_empty() { client.metadata.default_acr_values.clone() } else { named })
}

/// `claims` and `claims_locales` are OpenID Connect's: a plain OAuth request has none, and they are ignored there.
fn check_claims(params: &Params, client: ClientRules<'_>, scope: &Scope) -> Result<ClaimsRequest, OAuthError> {
    let (named, locales) = (text(params, "claims")?, words(params, "claims_locales")?);
    if !scope.contains("openid") {
        return Ok(ClaimsRequest::default());
    }
    let mut claims = ClaimsRequest::parse(named.as_deref(), &client.metadata.scope)?;
    claims.named.locales = locales;
    Ok(claims)
}

fn check_pkce(params: &Params, client: ClientRules<'_>) -> Result<Option<CodeChallenge>, OAuthError> {
    let challenge = CodeChallenge::parse(params.get("code_challenge"), params.get("code_challenge_method"))?;
    if challenge.is_none() && client.requires_pkce {
        return Err(OAuthError::because(ErrorCode::InvalidRequest, "code_challenge is missing"));
    }
    Ok(challenge)
}

fn check_max_age(params: &Params) -> Result<Option<u64>, OAuthError> {
    let malformed = || OAuthError::because(ErrorCode::InvalidRequest, "max_age must be a number of seconds");
    match params.get("max_age") {
        None => Ok(None),
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().map(Some).map_err(|_| malformed()),
        Some(_) => Err(malformed()),
    }
}

fn bounded(params: &Params, name: &str) -> Result<Option<String>, OAuthError> {
    match params.get(name) {
        Some(value) if value.len() > LONGEST_ECHO => {
            Err(OAuthError::because(ErrorCode::InvalidRequest, "state and nonce hold at most 4096 bytes"))
        }
        value => Ok(value.map(str::to_owned)),
    }
}

fn text(params: &Params, name: &str) -> Result<Option<String>, OAuthError> {
    match params.get(name) {
        Some(value) if value.len() > LONGEST_TEXT => {
            Err(OAuthError::because(ErrorCode::InvalidRequest, "A parameter is too long"))
        }
        value => Ok(value.map(str::to_owned)),
    }
}

fn words(params: &Params, name: &str) -> Result<Vec<String>, OAuthError> {
    let text = text(params, name)?.unwrap_or_default();
    Ok(text.split(' ').filter(|word| !word.is_empty()).take(20).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;
