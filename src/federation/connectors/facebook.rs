//! Facebook: OAuth 2 with the Graph interface. No ID token: the code is exchanged with our secret, the token is asked whose
//! app it is of, and every call carries `appsecret_proof`.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::oidc::with_query;
use super::{Answer, Back, Begin, Begun, Connector, Proven, check_issuer_if_told, code_request};
use crate::base::digest::{hex, hmac_sha256};
use crate::federation::error::FederationError;
use crate::federation::reply::{lenient, object, text};
use crate::federation::settings::{Registration, Settings};
use crate::federation::token;
use crate::model::identity::{ACR_UPSTREAM, Claimed, IdentityKey, UpstreamEmail};
use crate::outbound::{Call, Outbound};

/// Longest id, in bytes.
const LONGEST_ID: usize = 64;
/// What is read of a profile; without this list Graph gives id and name alone.
const FIELDS: &str = "id,name,first_name,last_name,email";

/// Facebook.
#[derive(Debug)]
pub struct Facebook {
    settings: Arc<Settings>,
    outbound: Outbound,
}

impl Facebook {
    /// Puts the connector together.
    pub const fn new(settings: Arc<Settings>, outbound: Outbound) -> Self {
        Self { settings, outbound }
    }

    fn graph(&self, path: &str) -> String {
        format!("{}/{}/{path}", self.settings.api_url, self.settings.api_version)
    }

    /// Our name there and our secret, which every call needs.
    fn ours(&self) -> Result<(&str, &str), FederationError> {
        match &self.settings.registration {
            Registration::Static { client_id, client_secret: Some(secret) } => Ok((client_id, secret.expose())),
            _ => Err(FederationError::refused("there is no client_secret")),
        }
    }

    /// Our own access token.
    fn own_token(&self) -> Result<String, FederationError> {
        self.ours().map(|(client_id, secret)| format!("{client_id}|{secret}"))
    }

    async fn exchange(&self, back: Back<'_>) -> Result<Proven, FederationError> {
        let mut fields = vec![("code", back.code), ("redirect_uri", back.redirect_uri)];
        if self.settings.pkce {
            fields.push(("code_verifier", back.verifier));
        }
        let endpoint = self.graph("oauth/access_token");
        let tokens = token::request(&self.outbound, back.client, &endpoint, &fields).await?;
        let access_token = tokens.access_token.expose();
        let owner = self.owner(access_token).await?;
        let profile = self.profile(access_token).await?;
        if text(&profile, "id", LONGEST_ID)? != owner {
            return Err(FederationError::refused("the profile is not that of the token's person"));
        }
        Ok(Proven {
            claimed: self.claimed(owner, &profile, &back.client.client_id),
            id_token: None,
            refresh_token: None,
            registration: None,
        })
    }

    /// Whose token it is, if it is one of our app: one that was issued to another app proves nothing to us.
    async fn owner(&self, access_token: &str) -> Result<String, FederationError> {
        let ours = self.own_token()?;
        let url = with_query(&self.graph("debug_token"), &[("input_token", access_token), ("access_token", &ours)])?;
        let answer = object(&self.outbound, "debug_token", Call::get(&url)).await?;
        let data = answer.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
        let is_ours = lenient(&data, "app_id") == self.ours()?.0;
        if !is_ours || data.get("is_valid") != Some(&Value::Bool(true)) {
            return Err(FederationError::refused("the token is not of our app, or not valid"));
        }
        text(&data, "user_id", LONGEST_ID)
    }

    async fn profile(&self, access_token: &str) -> Result<Map<String, Value>, FederationError> {
        let proof = hex(&hmac_sha256(self.ours()?.1.as_bytes(), access_token.as_bytes()));
        let fields = [("fields", FIELDS), ("access_token", access_token), ("appsecret_proof", &proof)];
        object(&self.outbound, "profile", Call::get(&with_query(&self.graph("me"), &fields)?)).await
    }

    fn claimed(&self, subject: String, profile: &Map<String, Value>, app: &str) -> Claimed {
        let address = lenient(profile, "email");
        Claimed {
            key: IdentityKey {
                upstream: self.settings.name.clone(),
                // Ids are made for one app: those of another app name other people.
                issuer: format!("{}/{app}", self.settings.issuer),
                subject,
            },
            national: None,
            given_name: lenient(profile, "first_name"),
            family_name: lenient(profile, "last_name"),
            // Facebook never says whether an address was verified.
            email: (!address.is_empty()).then_some(UpstreamEmail { address, verified: false }),
            acr: ACR_UPSTREAM.to_owned(),
            amr: vec!["fed".to_owned()],
            auth_time: None,
            session: None,
            profile: Map::new(),
            activities: Vec::new(),
        }
    }
}

impl Connector for Facebook {
    fn begin<'a>(&'a self, begin: Begin<'a>) -> Answer<'a, Begun> {
        Box::pin(async move {
            let scopes = self.settings.scopes.join(",");
            let mut fields = code_request(&self.settings, begin, &scopes);
            if begin.fresh {
                fields.push(("auth_type", "reauthenticate"));
            }
            fields.extend(self.settings.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            let dialog = format!("{}/{}/dialog/oauth", self.settings.web_url, self.settings.api_version);
            with_query(&dialog, &fields).map(Begun::at)
        })
    }

    fn check_issuer<'a>(&'a self, iss: Option<&'a str>) -> Answer<'a, ()> {
        Box::pin(std::future::ready(check_issuer_if_told(&self.settings, iss)))
    }

    fn complete<'a>(&'a self, back: Back<'a>) -> Answer<'a, Proven> {
        Box::pin(self.exchange(back))
    }

    fn test(&self) -> Answer<'_, Vec<(&'static str, String)>> {
        Box::pin(async move {
            let ours = self.own_token()?;
            let url = with_query(&self.graph("app"), &[("access_token", &ours)])?;
            let app = object(&self.outbound, "app", Call::get(&url)).await?;
            Ok(vec![("interface", self.graph("")), ("app", lenient(&app, "name"))])
        })
    }
}
