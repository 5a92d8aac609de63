//! GitHub: OAuth 2 without OpenID. Refusals come with status 200, people are the number `id` (a login name can be given up
//! and taken by somebody else), and only a primary address that is verified is one.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::oidc::with_query;
use super::{Answer, Back, Begin, Begun, Connector, Proven, check_issuer_if_told, code_request};
use crate::federation::error::FederationError;
use crate::federation::reply::{lenient, object, read_object, send};
use crate::federation::settings::Settings;
use crate::federation::token;
use crate::model::identity::{ACR_UPSTREAM, Claimed, IdentityKey, UpstreamEmail};
use crate::outbound::{Call, Outbound, Reply};

/// Addresses that are verified and that no mail reaches.
const NO_REPLY: &str = "@users.noreply.github.com";

/// GitHub.
#[derive(Debug)]
pub struct GitHub {
    settings: Arc<Settings>,
    outbound: Outbound,
}

impl GitHub {
    /// Puts the connector together.
    pub const fn new(settings: Arc<Settings>, outbound: Outbound) -> Self {
        Self { settings, outbound }
    }

    async fn exchange(&self, back: Back<'_>) -> Result<Proven, FederationError> {
        let mut fields = vec![("code", back.code), ("redirect_uri", back.redirect_uri)];
        if self.settings.pkce {
            fields.push(("code_verifier", back.verifier));
        }
        let endpoint = format!("{}/login/oauth/access_token", self.settings.web_url);
        let tokens = token::request(&self.outbound, back.client, &endpoint, &fields).await?;
        let access_token = tokens.access_token.expose();
        let user = read_object("user", &send(&self.outbound, "user", self.call("user", access_token)).await?)?;
        let subject = id_of(&user)?;
        // What was granted may be less than what was asked for: the person can strike it out.
        let granted = tokens.scope.unwrap_or_default();
        let may_read = granted.split([',', ' ']).any(|scope| matches!(scope, "user:email" | "user"));
        let email = if may_read { self.email(access_token).await? } else { None };
        Ok(Proven {
            claimed: self.claimed(subject, &user, email),
            id_token: None,
            refresh_token: None,
            registration: None,
        })
    }

    fn call(&self, path: &str, access_token: &str) -> Call {
        Call::get(&format!("{}/{path}", self.settings.api_url))
            .accept("application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28")
            .authorization(format!("Bearer {access_token}"))
    }

    /// The primary address, if it is verified. An app that may not ask for it gets none.
    async fn email(&self, access_token: &str) -> Result<Option<UpstreamEmail>, FederationError> {
        match send(&self.outbound, "user/emails", self.call("user/emails?per_page=100", access_token)).await {
            Ok(reply) => Ok(primary(&reply)),
            Err(FederationError::Refused(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn claimed(&self, subject: String, user: &Map<String, Value>, email: Option<UpstreamEmail>) -> Claimed {
        let name = lenient(user, "name");
        let (given_name, family_name) = name.split_once(' ').unwrap_or((&name, ""));
        Claimed {
            key: IdentityKey { upstream: self.settings.name.clone(), issuer: self.settings.issuer.clone(), subject },
            national: None,
            given_name: if name.is_empty() { lenient(user, "login") } else { given_name.to_owned() },
            family_name: family_name.trim().to_owned(),
            email,
            acr: ACR_UPSTREAM.to_owned(),
            amr: vec!["fed".to_owned()],
            auth_time: None,
            session: None,
            profile: Map::new(),
            activities: Vec::new(),
        }
    }
}

/// The number, as text. Anything else is nobody.
fn id_of(user: &Map<String, Value>) -> Result<String, FederationError> {
    match user.get("id").and_then(Value::as_u64) {
        Some(id) if id > 0 => Ok(id.to_string()),
        _ => Err(FederationError::refused("id is missing or no number")),
    }
}

fn primary(reply: &Reply) -> Option<UpstreamEmail> {
    let all: Vec<Map<String, Value>> = serde_json::from_slice(&reply.body).ok()?;
    let is = |entry: &Map<String, Value>, name| entry.get(name) == Some(&Value::Bool(true));
    let address =
        all.iter().find(|entry| is(entry, "primary") && is(entry, "verified")).map(|entry| lenient(entry, "email"))?;
    let reaches = !address.is_empty() && !address.to_lowercase().ends_with(NO_REPLY);
    reaches.then_some(UpstreamEmail { address, verified: true })
}

impl Connector for GitHub {
    fn begin<'a>(&'a self, begin: Begin<'a>) -> Answer<'a, Begun> {
        Box::pin(async move {
            let scopes = self.settings.scopes.join(" ");
            let mut fields = code_request(&self.settings, begin, &scopes);
            if begin.fresh {
                fields.push(("prompt", "select_account"));
            }
            fields.extend(begin.login_hint.map(|hint| ("login", hint)));
            fields.extend(self.settings.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            with_query(&format!("{}/login/oauth/authorize", self.settings.web_url), &fields).map(Begun::at)
        })
    }

    /// Newer answers carry it, those of older servers do not; another's is refused.
    fn check_issuer<'a>(&'a self, iss: Option<&'a str>) -> Answer<'a, ()> {
        Box::pin(std::future::ready(check_issuer_if_told(&self.settings, iss)))
    }

    fn complete<'a>(&'a self, back: Back<'a>) -> Answer<'a, Proven> {
        Box::pin(self.exchange(back))
    }

    fn test(&self) -> Answer<'_, Vec<(&'static str, String)>> {
        Box::pin(async move {
            object(&self.outbound, "meta", Call::get(&format!("{}/meta", self.settings.api_url))).await?;
            Ok(vec![("site", self.settings.web_url.clone()), ("interface", self.settings.api_url.clone())])
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn e71_an_id_that_is_no_number_is_nobody() {
        let id = |value: Value| id_of(serde_json::from_value::<Map<String, Value>>(value).as_ref().unwrap());
        assert_eq!(id(json!({"id": 583_231})).unwrap(), "583231");
        for odd in [
            json!({}),
            json!({"id": null}),
            json!({"id": ""}),
            json!({"id": "583231"}),
            json!({"id": 0}),
            json!({"id": -1}),
            json!({"id": 1.5}),
        ] {
            assert!(id(odd.clone()).is_err(), "{odd}");
        }
    }
}
