//! Any OpenID provider: discovery, the code flow with state, nonce and PKCE, the checks of the ID token (OpenID Connect
//! Core §3.1.3.7), userinfo, logout both ways. What a provider does differently is a [`Flavour`].

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

use super::flavour::{Flavour, Said};
use super::{
    Answer, Ask, Asked, Back, Begin, Begun, Connector, LogoutNotice, ManagedAt, Polled, Proven, Refreshed, Standing,
    code_request,
};
use crate::base::{Clock, Secret, Timestamp};
use crate::federation::credentials::Credentials;
use crate::federation::discovery::Directory;
use crate::federation::error::FederationError;
use crate::federation::own_keys::OwnKeys;
use crate::federation::reply::{as_object, object, object_or_code, read_object, send, text, try_object};
use crate::federation::request_object;
use crate::federation::settings::{RequestObject, Settings};
use crate::federation::token::{self, Tokens};
use crate::jose::MAX_TOKEN_BYTES;
use crate::jose::claims::{check_audience, check_times, string_claim};
use crate::jose::client_keys::Kind;
use crate::jose::decryption::DecryptionKey;
use crate::outbound::{Call, Outbound};

/// Longest subject, in bytes (OpenID Connect Core §2).
const LONGEST_SUBJECT: usize = 255;
/// Longest name of a request that was asked of a person, in bytes.
const LONGEST_REQUEST: usize = 2_048;
/// Longest ID token that goes into an address, in bytes: servers and proxies take lines of 8 KiB.
const LONGEST_HINT: usize = 7_000;
/// Least time between two polls where the provider names none (OpenID Connect CIBA §7.3).
const INTERVAL: u64 = 5;
/// An ID token: as long as the token endpoint may have sent.
const ID_TOKEN: Kind = Kind { types: &["jwt"], longest: token::LONGEST_ID_TOKEN };
/// A userinfo answer: the record of a professional with fifty places of practice, with room.
const USERINFO: Kind = Kind { types: &["jwt"], longest: 256 * 1_024 };
/// A logout token (OpenID Connect Back-Channel Logout §2.4). Anybody may send one, and it names a person and a session.
const LOGOUT_TOKEN: Kind = Kind { types: &["logout+jwt", "jwt"], longest: MAX_TOKEN_BYTES };
/// OpenID Connect CIBA §10.1.
const CIBA_GRANT: &str = "urn:openid:params:grant-type:ciba";
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// An OpenID provider.
#[derive(Debug)]
pub struct Oidc {
    settings: Arc<Settings>,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    directory: Directory,
    flavour: &'static dyn Flavour,
    decryption: Option<Arc<DecryptionKey>>,
    keys: OwnKeys,
}

impl Oidc {
    /// Puts the connector together.
    pub fn new(
        settings: Arc<Settings>,
        outbound: Outbound,
        clock: Arc<dyn Clock>,
        flavour: &'static dyn Flavour,
        (decryption, keys): (Option<Arc<DecryptionKey>>, OwnKeys),
    ) -> Self {
        Self { settings, outbound, clock, directory: Directory::default(), flavour, decryption, keys }
    }

    /// What is in a JWE that was encrypted to us; anything else as it is. A provider that was given a key may encrypt, and what
    /// it encrypts is believed no more for that.
    fn opened<'a>(&self, token: &'a str) -> Result<Cow<'a, str>, FederationError> {
        match &self.decryption {
            Some(key) if token.bytes().filter(|byte| *byte == b'.').count() == 4 => {
                let content = String::from_utf8(key.decrypt(token)?);
                content.map(Cow::Owned).map_err(|_| FederationError::refused("what was decrypted is no text"))
            }
            _ => Ok(Cow::Borrowed(token)),
        }
    }

    async fn authorization_url(&self, begin: Begin<'_>) -> Result<Begun, FederationError> {
        let settings = &self.settings;
        let document = self.directory.fresh_document(&self.outbound, settings, self.clock.now()).await?;
        let scopes = settings.scopes.join(" ");
        let acr_values = settings.acr_values.join(" ");
        let mut fields = code_request(settings, begin, &scopes);
        fields.push(("nonce", begin.nonce));
        if !acr_values.is_empty() {
            fields.push(("acr_values", &acr_values));
        }
        if begin.fresh {
            fields.extend_from_slice(self.flavour.fresh());
        }
        if let Some(domain) = &settings.hosted_domain {
            fields.push(("hd", domain));
        }
        fields.extend(begin.login_hint.map(|hint| ("login_hint", hint)));
        fields.extend(settings.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        self.leave(&document.authorization_endpoint, begin, &fields)
    }

    /// How the parameters travel. Beside an object stands what OAuth 2.0 and OpenID Connect need there (Core §6.1, §6.2), with the
    /// same values; all else is in the object alone, where nobody on the way can change it.
    fn leave(&self, endpoint: &str, begin: Begin<'_>, fields: &[(&str, &str)]) -> Result<Begun, FederationError> {
        let settings = &self.settings;
        let way = settings.requests.object;
        if way == RequestObject::Off {
            return with_query(endpoint, fields).map(Begun::at);
        }
        let object = request_object::make(settings, &self.keys, &begin.client.client_id, fields)?;
        let is_beside = |name: &str| matches!(name, "client_id" | "response_type" | "scope");
        let mut beside: Vec<(&str, &str)> = fields.iter().copied().filter(|(name, _)| is_beside(name)).collect();
        match begin.request_uri {
            Some(address) if way == RequestObject::ByReference => {
                beside.push(("request_uri", address));
                Ok(Begun { url: with_query(endpoint, &beside)?, object: Some(object) })
            }
            _ => {
                beside.push(("request", &object));
                with_query(endpoint, &beside).map(Begun::at)
            }
        }
    }

    async fn exchange(&self, back: Back<'_>) -> Result<Proven, FederationError> {
        let settings = &self.settings;
        let document = self.directory.document(&self.outbound, settings, back.now).await?;
        let mut fields =
            vec![("grant_type", "authorization_code"), ("code", back.code), ("redirect_uri", back.redirect_uri)];
        if settings.pkce {
            fields.push(("code_verifier", back.verifier));
        }
        let tokens = token::request(&self.outbound, back.client, &document.token_endpoint, &fields).await?;
        self.understand(back.client, tokens, Some(back.nonce), back.now).await
    }

    /// OpenID Connect CIBA §7.1 to §7.3.
    async fn ask_person(&self, ask: Ask<'_>) -> Result<Asked, FederationError> {
        let settings = &self.settings;
        let document = self.directory.document(&self.outbound, settings, ask.now).await?;
        let endpoint = document.backchannel_authentication_endpoint.as_ref();
        let endpoint = endpoint
            .ok_or_else(|| FederationError::refused("discovery: backchannel_authentication_endpoint is missing"))?;
        let (scopes, acr_values) = (settings.scopes.join(" "), settings.acr_values.join(" "));
        let mut fields =
            vec![("scope", scopes.as_str()), ("login_hint", ask.login_hint), ("binding_message", ask.binding_message)];
        if !acr_values.is_empty() {
            fields.push(("acr_values", &acr_values));
        }
        fields.extend_from_slice(self.flavour.asking());
        let call = token::proven(ask.client, endpoint, &fields)?;
        let answer = match object_or_code(&self.outbound, "back-channel authentication", call).await? {
            Ok(answer) => answer,
            Err(code) if code == "unknown_user_id" => return Ok(Asked::Nobody),
            Err(code) => return Err(FederationError::of_code("back-channel authentication", &code)),
        };
        let seconds = |name| answer.get(name).and_then(Value::as_u64);
        let life = seconds("expires_in").ok_or_else(|| FederationError::refused("expires_in is missing"))?;
        Ok(Asked::Waiting {
            request: Secret::new(text(&answer, "auth_req_id", LONGEST_REQUEST)?),
            life: Duration::from_secs(life),
            interval: Duration::from_secs(seconds("interval").unwrap_or(INTERVAL)),
        })
    }

    /// OpenID Connect CIBA §10.1 and §11. There is no nonce: nothing of this passes through the browser.
    async fn poll_once(
        &self,
        client: &Credentials,
        request: &Secret<String>,
        now: Timestamp,
    ) -> Result<Polled, FederationError> {
        let document = self.directory.document(&self.outbound, &self.settings, now).await?;
        let fields = [("grant_type", CIBA_GRANT), ("auth_req_id", request.expose().as_str())];
        let call = token::proven(client, &document.token_endpoint, &fields)?;
        match object_or_code(&self.outbound, "token endpoint", call).await? {
            Ok(answer) => {
                let proven = self.understand(client, token::read(&answer)?, None, now).await?;
                Ok(Polled::Proven(Box::new(proven)))
            }
            Err(code) => match code.as_str() {
                "authorization_pending" => Ok(Polled::Pending),
                "slow_down" => Ok(Polled::TooSoon),
                "access_denied" => Ok(Polled::Denied),
                "expired_token" => Ok(Polled::Expired),
                code => Err(FederationError::of_code("token endpoint", code)),
            },
        }
    }

    /// RFC 6749 §6, OpenID Connect Core §12. Only `invalid_grant` says that the session is over; any other refusal is a
    /// fault of ours or of the provider's configuration.
    async fn use_refresh_token(
        &self,
        client: &Credentials,
        token: &Secret<String>,
        now: Timestamp,
    ) -> Result<Refreshed, FederationError> {
        let document = self.directory.document(&self.outbound, &self.settings, now).await?;
        let scopes = self.settings.scopes.join(" ");
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token.expose().as_str()), ("scope", &scopes)];
        let call = token::proven(client, &document.token_endpoint, &fields)?;
        let answer = match object_or_code(&self.outbound, "token endpoint", call).await? {
            Ok(answer) => answer,
            Err(code) if code == "invalid_grant" => return Ok(Refreshed::Over),
            Err(code) => return Err(FederationError::of_code("token endpoint", &code)),
        };
        let Tokens { id_token, refresh_token, .. } = token::read(&answer)?;
        // From here on the used token is gone: whatever is wrong with the rest, the new one is kept.
        let id_token = match id_token {
            Some(token) => self.refreshed_id_token(client, &token, now).await.map_or_else(
                |error| {
                    tracing::warn!(upstream = self.settings.name, %error, "the ID token of a refresh does not hold");
                    None
                },
                Some,
            ),
            None => None,
        };
        Ok(Refreshed::Stands { id_token, refresh_token })
    }

    async fn refreshed_id_token(
        &self,
        client: &Credentials,
        token: &Secret<String>,
        now: Timestamp,
    ) -> Result<(String, Secret<String>), FederationError> {
        let token = Secret::new(self.opened(token.expose())?.into_owned());
        let claims = self.check_id_token(client, token.expose(), None, now).await?;
        Ok((text(&claims, "sub", LONGEST_SUBJECT)?, token))
    }

    /// Verifies the ID token, reads userinfo, understands both.
    async fn understand(
        &self,
        client: &Credentials,
        tokens: Tokens,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Proven, FederationError> {
        let id_token = tokens.id_token.ok_or_else(|| FederationError::refused("the answer has no id_token"))?;
        // A later logout shows the signed token (OpenID Connect RP-Initiated Logout §2): the encrypted one is for us alone.
        let id_token = Secret::new(self.opened(id_token.expose())?.into_owned());
        let claims = self.check_id_token(client, id_token.expose(), nonce, now).await?;
        let subject = text(&claims, "sub", LONGEST_SUBJECT)?;
        let userinfo = self.userinfo(client, &tokens.access_token, &subject, now).await?;
        let said = Said { token: &claims, userinfo: userinfo.as_ref(), subject: &subject };
        let claimed = self.flavour.claimed(&self.settings, &said)?;
        let (refresh_token, registration) = (tokens.refresh_token, client.registration);
        Ok(Proven { claimed, id_token: Some(id_token), refresh_token, registration })
    }

    /// OpenID Connect Core §3.1.3.7.
    async fn check_id_token(
        &self,
        client: &Credentials,
        token: &str,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Map<String, Value>, FederationError> {
        let claims = self.verified(token, ID_TOKEN, now).await?;
        self.check_issuer_and_audience(client, &claims)?;
        check_times(&claims, now)?.issued_at.ok_or_else(|| FederationError::refused("the claim iat is missing"))?;
        match (nonce, claims.get("nonce").and_then(Value::as_str)) {
            (None, _) => {}
            (Some(sent), Some(found)) if crate::base::secret::ct_eq(sent.as_bytes(), found.as_bytes()) => {}
            _ => return Err(FederationError::refused("the claim nonce is not the one sent")),
        }
        Ok(claims)
    }

    async fn verified(&self, token: &str, kind: Kind, now: Timestamp) -> Result<Map<String, Value>, FederationError> {
        let how = (kind, self.settings.algorithms.as_slice());
        Ok(self.directory.verify(&self.outbound, &self.settings, token, how, now).await?.claims)
    }

    fn check_issuer_and_audience(
        &self,
        client: &Credentials,
        claims: &Map<String, Value>,
    ) -> Result<(), FederationError> {
        self.check_issuer_claim(claims)?;
        let us = client.client_id.as_str();
        check_audience(claims, us)?;
        match party(claims) {
            Some(party) if party == us => Ok(()),
            _ => Err(FederationError::refused("the claim azp is not us")),
        }
    }

    fn check_issuer_claim(&self, claims: &Map<String, Value>) -> Result<(), FederationError> {
        if self.flavour.is_issuer(&self.settings, string_claim(claims, "iss")?) {
            Ok(())
        } else {
            Err(FederationError::refused("the claim iss is not the expected one"))
        }
    }

    /// Userinfo, JSON or signed, about the same subject (OpenID Connect Core §5.3).
    async fn userinfo(
        &self,
        client: &Credentials,
        access_token: &Secret<String>,
        subject: &str,
        now: Timestamp,
    ) -> Result<Option<Map<String, Value>>, FederationError> {
        let document = self.directory.document(&self.outbound, &self.settings, now).await?;
        let Some(endpoint) = document.userinfo_endpoint.as_ref().filter(|_| self.settings.userinfo) else {
            return Ok(None);
        };
        let call = Call::get(endpoint)
            .accept("application/json, application/jwt")
            .authorization(format!("Bearer {}", access_token.expose()));
        let reply = send(&self.outbound, "userinfo", call).await?;
        let claims = if reply.media_type() == "application/jwt" {
            let token = std::str::from_utf8(&reply.body).map_err(|_| FederationError::refused("userinfo is no JWT"))?;
            match self.opened(token.trim())? {
                // Encrypted and not signed (OpenID Connect Core §5.3.2): as good as the connection that brought it.
                Cow::Owned(content) if content.starts_with('{') && self.settings.userinfo_signed.is_none() => {
                    as_object("userinfo", content.as_bytes())?
                }
                token => self.signed_userinfo(client, &token, now).await?,
            }
        } else if self.settings.userinfo_signed.is_some() {
            return Err(FederationError::refused("userinfo is not signed"));
        } else {
            read_object("userinfo", &reply)?
        };
        if claims.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(FederationError::refused("sub of userinfo is not that of the ID token"));
        }
        Ok(Some(claims))
    }

    async fn signed_userinfo(
        &self,
        client: &Credentials,
        token: &str,
        now: Timestamp,
    ) -> Result<Map<String, Value>, FederationError> {
        let agreed = self.settings.userinfo_signed;
        let how = (USERINFO, agreed.as_ref().map_or(self.settings.algorithms.as_slice(), std::slice::from_ref));
        let claims = self.directory.verify(&self.outbound, &self.settings, token, how, now).await?.claims;
        self.check_issuer_and_audience(client, &claims)?;
        if claims.contains_key("exp") {
            check_times(&claims, now)?;
        }
        Ok(claims)
    }

    async fn logout_notice(&self, token: &str, now: Timestamp) -> Result<LogoutNotice, FederationError> {
        let refused = FederationError::refused;
        let claims = self.verified(token, LOGOUT_TOKEN, now).await?;
        self.check_issuer_claim(&claims)?;
        let client_id = party(&claims).filter(|party| check_audience(&claims, party).is_ok());
        let client_id = client_id.ok_or_else(|| refused("the logout token is for nobody, or for several"))?.to_owned();
        check_times(&claims, now)?.issued_at.ok_or_else(|| refused("the claim iat is missing"))?;
        let is_event = claims.get("events").and_then(|events| events.get(LOGOUT_EVENT)).is_some_and(Value::is_object);
        if !is_event || claims.contains_key("nonce") {
            return Err(refused("it is no logout token"));
        }
        let optional = |name| claims.contains_key(name).then(|| text(&claims, name, LONGEST_SUBJECT)).transpose();
        let (subject, session) = (optional("sub")?, optional("sid")?);
        if subject.is_none() && session.is_none() {
            return Err(refused("the logout token names nobody"));
        }
        let jti = text(&claims, "jti", LONGEST_SUBJECT)?;
        Ok(LogoutNotice { issuer: self.settings.issuer.clone(), client_id, subject, session, jti })
    }
}

/// The one client that a token is for: `azp`, or the only `aud`.
fn party(claims: &Map<String, Value>) -> Option<&str> {
    let only = || match claims.get("aud")? {
        Value::String(one) => Some(one.as_str()),
        Value::Array(all) if all.len() == 1 => all.first()?.as_str(),
        _ => None,
    };
    match claims.get("azp") {
        Some(party) => party.as_str(),
        None => only(),
    }
}

/// A URL with these parameters added to its query.
pub fn with_query(url: &str, fields: &[(&str, &str)]) -> Result<String, FederationError> {
    let mut url = Url::parse(url).map_err(|_| FederationError::refused("the endpoint is no URL"))?;
    url.query_pairs_mut().extend_pairs(fields);
    Ok(url.into())
}

impl Connector for Oidc {
    fn begin<'a>(&'a self, begin: Begin<'a>) -> Answer<'a, Begun> {
        Box::pin(self.authorization_url(begin))
    }

    fn check_issuer<'a>(&'a self, iss: Option<&'a str>) -> Answer<'a, ()> {
        Box::pin(async move {
            match iss {
                Some(iss) if iss == self.settings.issuer => Ok(()),
                Some(_) => Err(FederationError::refused("iss of the way back is another provider's")),
                None => {
                    let document = self.directory.document(&self.outbound, &self.settings, self.clock.now()).await?;
                    if document.sends_iss {
                        return Err(FederationError::refused("iss is missing on the way back"));
                    }
                    Ok(())
                }
            }
        })
    }

    fn complete<'a>(&'a self, back: Back<'a>) -> Answer<'a, Proven> {
        Box::pin(self.exchange(back))
    }

    fn refresh<'a>(
        &'a self,
        client: &'a Credentials,
        token: &'a Secret<String>,
        now: Timestamp,
    ) -> Answer<'a, Refreshed> {
        Box::pin(self.use_refresh_token(client, token, now))
    }

    fn ask<'a>(&'a self, ask: Ask<'a>) -> Answer<'a, Asked> {
        Box::pin(self.ask_person(ask))
    }

    fn poll<'a>(&'a self, client: &'a Credentials, request: &'a Secret<String>, now: Timestamp) -> Answer<'a, Polled> {
        Box::pin(self.poll_once(client, request, now))
    }

    fn end_session<'a>(
        &'a self,
        client: &'a Credentials,
        id_token: &'a str,
        return_to: &'a str,
        state: &'a str,
    ) -> Answer<'a, Option<String>> {
        Box::pin(async move {
            let document = self.directory.document(&self.outbound, &self.settings, self.clock.now()).await?;
            let Some(endpoint) = &document.end_session_endpoint else { return Ok(None) };
            let mut fields = vec![
                ("client_id", client.client_id.as_str()),
                ("post_logout_redirect_uri", return_to),
                ("state", state),
            ];
            // Without it the provider asks the person; with one that its server finds too long there is no page at all.
            if id_token.len() <= LONGEST_HINT {
                fields.push(("id_token_hint", id_token));
            }
            with_query(endpoint, &fields).map(Some)
        })
    }

    fn read_logout<'a>(&'a self, token: &'a str, now: Timestamp) -> Answer<'a, LogoutNotice> {
        Box::pin(self.logout_notice(token, now))
    }

    fn register<'a>(
        &'a self,
        said: &'a Map<String, Value>,
        token: Option<&'a Secret<String>>,
    ) -> Answer<'a, Map<String, Value>> {
        Box::pin(async move {
            let document = self.directory.fresh_document(&self.outbound, &self.settings, self.clock.now()).await?;
            let endpoint = document.registration_endpoint.as_ref();
            let endpoint =
                endpoint.ok_or_else(|| FederationError::refused("discovery: registration_endpoint is missing"))?;
            let mut call = Call::post_json(endpoint, &Value::Object(said.clone()));
            if let Some(token) = token {
                call = call.authorization(format!("Bearer {}", token.expose()));
            }
            object(&self.outbound, "registration", call).await
        })
    }

    fn registration<'a>(&'a self, at: &'a ManagedAt) -> Answer<'a, Standing> {
        Box::pin(async move {
            let call = Call::get(&at.uri).authorization(format!("Bearer {}", at.token.expose()));
            // 403 is a client that there is, and that may not read (RFC 7592 §2.1).
            let said = try_object(&self.outbound, "registration", call, &[401, 404, 410]).await?;
            Ok(said.map_or(Standing::Gone, Standing::Stands))
        })
    }

    fn unregister<'a>(&'a self, at: &'a ManagedAt) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = Call::delete(&at.uri).authorization(format!("Bearer {}", at.token.expose()));
            send(&self.outbound, "registration", call).await.map(drop)
        })
    }

    fn test(&self) -> Answer<'_, Vec<(&'static str, String)>> {
        Box::pin(async move {
            let document = self.directory.document(&self.outbound, &self.settings, self.clock.now()).await?;
            let keys = object(&self.outbound, "keys", Call::get(&document.jwks_uri)).await?;
            let count = keys.get("keys").and_then(Value::as_array).map_or(0, Vec::len);
            Ok(vec![
                ("issuer", self.settings.issuer.clone()),
                ("authorization_endpoint", document.authorization_endpoint.clone()),
                ("token_endpoint", document.token_endpoint.clone()),
                ("userinfo_endpoint", document.userinfo_endpoint.clone().unwrap_or_default()),
                ("end_session_endpoint", document.end_session_endpoint.clone().unwrap_or_default()),
                (
                    "backchannel_authentication_endpoint",
                    document.backchannel_authentication_endpoint.clone().unwrap_or_default(),
                ),
                ("registration_endpoint", document.registration_endpoint.clone().unwrap_or_default()),
                ("keys", count.to_string()),
            ])
        })
    }
}
