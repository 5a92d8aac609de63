//! The checks of an authorization request, in their order.
//!
//! Before the redirect URI is verified nothing may redirect: those refusals become a page. After it, every refusal
//! goes to the client through [`Refusal::Redirect`], whose URI can only be a verified one.

use super::{AuthorizationRequest, unread_object};
use crate::oauth::pkce::CodeChallenge;
use crate::oauth::prompt::Prompt;
use crate::oauth::redirect_uri::{self, VerifiedRedirectUri};
use crate::oauth::response::{ResponseMode, ResponseType};
use crate::oauth::{ClaimsRequest, ClientMetadata, ErrorCode, GrantType, OAuthError, Params, Scope, resource};

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

/// Carries a request through all checks; `client` is what its `client_id` named.
///
/// Order: redirect URI · state · response mode · request object · unsupported parameters · response type · grant ·
/// scope · claims · PKCE · nonce · prompt · max_age · resource · texts.
pub fn check(params: &Params, client: ClientRules<'_>) -> Result<AuthorizationRequest, Refusal> {
    let redirect_uri = check_redirect_uri(params, client).map_err(Refusal::Page)?;
    let state = bounded(params, "state").map_err(Refusal::Page)?;
    let mode = ResponseMode::parse(params.get("response_mode"));
    let response_mode = *mode.as_ref().unwrap_or(&ResponseMode::Query);
    if let Some(object) = params.get("request") {
        return Err(refused_object(object, redirect_uri, state, response_mode));
    }
    let target = (redirect_uri.clone(), state.clone());
    let checked = mode.and_then(|_| check_redirectable(params, client, (redirect_uri, state, response_mode)));
    checked.map_err(|error| {
        let (redirect_uri, state) = target;
        Refusal::Redirect(Box::new(RedirectRefusal { redirect_uri, response_mode, state, error }))
    })
}

fn check_redirectable(
    params: &Params,
    client: ClientRules<'_>,
    (redirect_uri, state, response_mode): (VerifiedRedirectUri, Option<String>, ResponseMode),
) -> Result<AuthorizationRequest, OAuthError> {
    check_unsupported(params)?;
    let response_type = check_response_type(params, client)?;
    check_grant(client)?;
    let scope = check_scope(params, client)?;
    let claims = check_claims(params, client, &scope)?;
    let code_challenge = check_pkce(params, client)?;
    let nonce = bounded(params, "nonce")?;
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
        acr_values: words(params, "acr_values")?,
        id_token_hint: text(params, "id_token_hint")?,
        login_hint: text(params, "login_hint")?,
        ui_locales: words(params, "ui_locales")?,
        resources,
        tenant: text(params, "tenant")?,
    })
}

/// Request objects are not supported; what they say about the answer counts before what stands beside them.
fn refused_object(
    object: &str,
    redirect_uri: VerifiedRedirectUri,
    state: Option<String>,
    response_mode: ResponseMode,
) -> Refusal {
    let channel = unread_object::channel(object);
    Refusal::Redirect(Box::new(RedirectRefusal {
        redirect_uri,
        response_mode: channel.response_mode.unwrap_or(response_mode),
        state: channel.state.filter(|state| state.len() <= LONGEST_ECHO).or(state),
        error: ErrorCode::RequestNotSupported.into(),
    }))
}

fn check_redirect_uri(params: &Params, client: ClientRules<'_>) -> Result<VerifiedRedirectUri, OAuthError> {
    let named = params.require("redirect_uri", "redirect_uri is missing")?;
    redirect_uri::verify(&client.metadata.redirect_uris, Some(named))
        .ok_or_else(|| OAuthError::because(ErrorCode::InvalidRequest, "redirect_uri is not registered for this client"))
}

fn check_unsupported(params: &Params) -> Result<(), OAuthError> {
    for (name, code) in
        [("request_uri", ErrorCode::RequestUriNotSupported), ("registration", ErrorCode::RegistrationNotSupported)]
    {
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

fn check_grant(client: ClientRules<'_>) -> Result<(), OAuthError> {
    if client.metadata.allows_grant(GrantType::AuthorizationCode) {
        Ok(())
    } else {
        Err(OAuthError::because(
            ErrorCode::UnauthorizedClient,
            "The client did not register the authorization_code grant",
        ))
    }
}

/// Names that the client did not register are refused; without a scope the client's own default is not guessed.
fn check_scope(params: &Params, client: ClientRules<'_>) -> Result<Scope, OAuthError> {
    let scope = Scope::parse(params.get("scope").unwrap_or_default())?;
    if scope.is_empty() {
        return Err(OAuthError::because(ErrorCode::InvalidScope, "scope is missing"));
    }
    if scope.is_within(&client.metadata.scope) {
        Ok(scope)
    } else {
        Err(OAuthError::because(ErrorCode::InvalidScope, "The scope is not registered for this client"))
    }
}

/// The `claims` parameter is OpenID Connect's: a plain OAuth request has none, and it is ignored there.
fn check_claims(params: &Params, client: ClientRules<'_>, scope: &Scope) -> Result<ClaimsRequest, OAuthError> {
    let named = text(params, "claims")?.filter(|_| scope.contains("openid"));
    ClaimsRequest::parse(named.as_deref(), &client.metadata.scope)
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
mod tests {
    use super::*;
    use crate::base::digest::base64url;

    fn checked(query: &str) -> Result<AuthorizationRequest, Refusal> {
        let metadata = ClientMetadata {
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            grant_types: vec![GrantType::AuthorizationCode],
            response_types: vec![ResponseType::Code],
            scope: Scope::parse("openid profile read").unwrap(),
            ..ClientMetadata::new("App")
        };
        let query = format!("client_id=app&redirect_uri=https://app.example/cb&response_type=code&{query}");
        let params = Params::parse(query.as_bytes()).unwrap();
        check(&params, ClientRules { metadata: &metadata, requires_pkce: false, resources: &[] })
    }

    fn redirected(query: &str) -> RedirectRefusal {
        match checked(query) {
            Err(Refusal::Redirect(refusal)) => *refusal,
            other => panic!("{query}: {other:?}"),
        }
    }

    #[test]
    fn a_request_object_is_refused_on_the_channel_it_names() {
        let object = format!("e30.{}.", base64url(br#"{"response_mode":"form_post","state":"inside"}"#));
        let refusal = redirected(&format!("scope=openid&request={object}"));
        assert_eq!(refusal.error.code, ErrorCode::RequestNotSupported);
        assert_eq!((refusal.response_mode, refusal.state.as_deref()), (ResponseMode::FormPost, Some("inside")));
        let unreadable = redirected("scope=openid&state=outside&request=x&response_mode=fragment");
        assert_eq!((unreadable.response_mode, unreadable.state.as_deref()), (ResponseMode::Fragment, Some("outside")));
    }

    #[test]
    fn claims_belong_to_openid_and_to_the_registered_scope() {
        let claims = "claims={%22userinfo%22:{%22name%22:null,%22email%22:null}}";
        let request = checked(&format!("scope=openid&{claims}")).unwrap();
        assert_eq!(request.claims.named.userinfo, ["name"]);
        assert_eq!(request.consent_scope().to_string(), "openid profile");
        assert_eq!(checked(&format!("scope=read&{claims}")).unwrap().claims, ClaimsRequest::default());
        assert_eq!(redirected("scope=openid&claims=[]").error.code, ErrorCode::InvalidRequest);
    }
}
