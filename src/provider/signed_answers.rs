//! Answers that are tokens: userinfo (OpenID Connect Core §5.3.2) and introspection (RFC 9701 §5) as JWT.

use serde_json::{Map, Value, json};

use super::encryption::{self, Purpose};
use super::{Provider, ProviderError};
use crate::jose::{Algorithm, JoseError, Typ};
use crate::model::client::Client;

/// An answer in the form that the client registered.
#[derive(Debug)]
pub enum Answer {
    /// Plain JSON.
    Claims(Map<String, Value>),
    /// A signed or encrypted token, or both.
    Token(String),
}

/// Userinfo as the client registered it: JSON, signed, encrypted, or signed and then encrypted.
pub async fn userinfo(
    provider: &Provider,
    client: &Client,
    claims: Map<String, Value>,
) -> Result<Answer, ProviderError> {
    encryption::ready(provider, client, Purpose::UserInfo).await?;
    match &client.metadata.userinfo_signed_response_alg {
        Some(named) => {
            let algorithm = Algorithm::parse(named).ok_or(JoseError::AlgorithmNotAllowed)?;
            let mut signed = claims;
            signed.insert("iss".to_owned(), provider.issuer().into());
            signed.insert("aud".to_owned(), client.client_id.clone().into());
            // Neither `iat` nor `exp`: what has none passes for no ID token.
            let token = provider.keys().current().sign(algorithm, Typ::UserInfo, &signed)?;
            Ok(Answer::Token(encryption::apply(provider, client, Purpose::UserInfo, token)?))
        }
        None if encryption::is_wanted(client, Purpose::UserInfo) => {
            let bytes = serde_json::to_vec(&claims).map_err(|_| JoseError::Claims)?;
            let token = encryption::apply_to_claims(provider, client, Purpose::UserInfo, &bytes)?;
            Ok(Answer::Token(token.ok_or(JoseError::NoEncryptionKey)?))
        }
        None => Ok(Answer::Claims(claims)),
    }
}

/// The answer of introspection: a token for a client that registered an algorithm, or asked for a token this time.
pub fn introspection(
    provider: &Provider,
    client: &Client,
    answer: Map<String, Value>,
    asked: bool,
) -> Result<Answer, ProviderError> {
    let named = client.metadata.introspection_signed_response_alg.as_deref();
    if named.is_none() && !asked {
        return Ok(Answer::Claims(answer));
    }
    let keys = provider.keys().current();
    let algorithm = match named {
        Some(named) => Algorithm::parse(named).ok_or(JoseError::AlgorithmNotAllowed)?,
        // The default of RFC 9701 §6, where we have a key of it.
        None if keys.algorithms().contains(&Algorithm::Rs256) => Algorithm::Rs256,
        None => keys.algorithms().first().copied().unwrap_or(Algorithm::Rs256),
    };
    let claims = json!({
        "iss": provider.issuer(),
        "aud": client.client_id,
        "iat": provider.now().seconds(),
        "token_introspection": answer,
    });
    Ok(Answer::Token(keys.sign(algorithm, Typ::Introspection, &claims)?))
}
