//! Client authentication at the token, introspection and revocation endpoints (RFC 6749 §2.3, OpenID Connect Core §9).

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::base::Timestamp;
use crate::base::digest::Digest;
use crate::jose::{Algorithm, JoseError, claims, client_keys, client_mac};
use crate::model::client::Client;
use crate::oauth::client_auth::{Presented, presented};
use crate::oauth::{AuthMethod, ErrorCode, OAuthError, Params};
use crate::store::Kind;

use super::discovery::path;
use super::{Provider, ProviderError, client_signature};

/// Longest life of a client assertion: it is a proof of this moment, and its `jti` is remembered until it ends.
const LONGEST_ASSERTION: Duration = Duration::from_secs(300);
/// Clocks of clients may be this far off.
const SKEW: Duration = Duration::from_secs(30);

/// A client that proved itself, or a public one that has nothing to prove. Only [`authenticate`] makes one.
#[derive(Debug, Clone)]
pub struct AuthenticatedClient(Arc<Client>);

impl std::ops::Deref for AuthenticatedClient {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.0
    }
}

/// Finds and authenticates the client of a request. `endpoint` is the URL that was called, an audience that assertions may name.
///
/// An unknown client, a disabled one, a wrong secret and a method that the client did not register are all `invalid_client`.
pub async fn authenticate(
    provider: &Provider,
    authorization: Option<&[u8]>,
    params: &Params,
    endpoint: &str,
) -> Result<AuthenticatedClient, ProviderError> {
    let presented = presented(authorization, params)?;
    let client = match &presented {
        Presented::Public { client_id } => with_method(provider, client_id, AuthMethod::None).await?,
        Presented::Basic { client_id, secret } => {
            let client = with_method(provider, client_id, AuthMethod::ClientSecretBasic).await?;
            client.filter(|client| client.has_secret(secret.expose(), provider.now()))
        }
        Presented::Post { client_id, secret } => {
            let client = with_method(provider, client_id, AuthMethod::ClientSecretPost).await?;
            client.filter(|client| client.has_secret(secret.expose(), provider.now()))
        }
        Presented::Assertion { client_id, assertion } => {
            Some(by_assertion(provider, client_id.as_deref(), assertion, endpoint).await?)
        }
    };
    client.map(AuthenticatedClient).ok_or(ErrorCode::InvalidClient.into())
}

async fn with_method(
    provider: &Provider,
    client_id: &str,
    method: AuthMethod,
) -> Result<Option<Arc<Client>>, ProviderError> {
    let client = provider.clients().find(client_id).await?;
    Ok(client.filter(|client| client.metadata.token_endpoint_auth_method == method))
}

/// RFC 7523 §3: issuer and subject are the client, the audience is us, signed with a registered key or under the
/// client's secret, short-lived, once.
async fn by_assertion(
    provider: &Provider,
    named: Option<&str>,
    assertion: &str,
    endpoint: &str,
) -> Result<Arc<Client>, ProviderError> {
    let refuse = |why: &'static str| OAuthError::because(ErrorCode::InvalidClient, why);
    let unverified_subject =
        client_keys::unverified_subject(assertion).map_err(|_| refuse("The client assertion is malformed"))?;
    if named.is_some_and(|named| named != unverified_subject) {
        return Err(refuse("client_id differs from the subject of the assertion").into());
    }
    let client = provider.clients().find(&unverified_subject).await?.ok_or(ErrorCode::InvalidClient)?;
    // The registered method decides how it is verified, never the assertion.
    let verified = match client.metadata.token_endpoint_auth_method {
        AuthMethod::PrivateKeyJwt => by_signature(provider, &client, assertion).await,
        AuthMethod::ClientSecretJwt => by_mac(provider, &client, assertion),
        AuthMethod::None | AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => {
            return Err(ErrorCode::InvalidClient.into());
        }
    };
    let claims = verified.map_err(|error| refuse("The client assertion does not verify").detail(error.to_string()))?;
    let now = provider.now();
    // An assertion for one endpoint is not one for another, but for RFC 9126 §2: the token endpoint's address is taken for a push.
    let is_push = endpoint.strip_prefix(provider.issuer()) == Some(path::PAR);
    let beside = if is_push { format!("{}{}", provider.issuer(), path::TOKEN) } else { endpoint.to_owned() };
    let audiences = [provider.issuer(), endpoint, &beside];
    let (jti, ends) = check_assertion(&claims, &client.client_id, &audiences, now)?;
    let once = Digest::of(format!("{}\n{jti}", client.client_id).as_bytes()).to_base64url();
    let remembered = ends.plus(SKEW).since(now);
    if provider.store().ephemeral().put_if_absent(Kind::AssertionId, &once, b"", remembered, now).await? {
        Ok(client)
    } else {
        Err(refuse("The client assertion was used before").into())
    }
}

/// `private_key_jwt`: with the registered algorithm, or any of the list where none is registered.
async fn by_signature(provider: &Provider, client: &Client, assertion: &str) -> Result<Map<String, Value>, JoseError> {
    let registered = client.metadata.token_endpoint_auth_signing_alg.as_deref();
    let named = registered.map(|named| Algorithm::parse(named).ok_or(JoseError::AlgorithmNotAllowed)).transpose()?;
    let allowed = named.as_ref().map_or(&Algorithm::ALL[..], std::slice::from_ref);
    let verified = client_signature::verify(provider, client, assertion, allowed).await?;
    if verified.is_typed(&["jwt", "client-authentication+jwt"]) {
        Ok(verified.claims)
    } else {
        Err(JoseError::WrongType)
    }
}

/// `client_secret_jwt`: under one of the live secrets, all of which are kept sealed for such a client.
fn by_mac(provider: &Provider, client: &Client, assertion: &str) -> Result<Map<String, Value>, JoseError> {
    let live = client.live_secrets(provider.now());
    let secrets: Vec<_> =
        live.filter_map(|secret| provider.secrets().open_client_secret(&client.client_id, secret)).collect();
    client_mac::verify(&secrets, assertion)
}

/// The claims of an assertion; gives its `jti` and end.
fn check_assertion(
    claims: &Map<String, Value>,
    client_id: &str,
    audiences: &[&str],
    now: Timestamp,
) -> Result<(String, Timestamp), OAuthError> {
    let refuse = |why: &'static str| OAuthError::because(ErrorCode::InvalidClient, why);
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if text("iss") != Some(client_id) || text("sub") != Some(client_id) {
        return Err(refuse("iss and sub of the assertion must be the client_id"));
    }
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => Some(one.as_str()),
        Some(Value::Array(list)) if list.len() == 1 => list.first().and_then(Value::as_str),
        _ => None,
    };
    if !audience.is_some_and(|audience| audiences.contains(&audience)) {
        return Err(refuse("aud of the assertion must be the issuer alone"));
    }
    claims::check_times(claims, now)
        .map_err(|error| refuse("The assertion is expired or from the future").detail(error.to_string()))?;
    let ends = claims
        .get("exp")
        .and_then(Value::as_i64)
        .map(Timestamp::from_seconds)
        .ok_or_else(|| refuse("exp is missing"))?;
    if ends > now.plus(LONGEST_ASSERTION).plus(SKEW) {
        return Err(refuse("exp of the assertion is more than 5 minutes ahead"));
    }
    let jti = text("jti").filter(|jti| jti.len() <= 500).ok_or_else(|| refuse("jti of the assertion is missing"))?;
    Ok((jti.to_owned(), ends))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn check(change: impl FnOnce(&mut Map<String, Value>)) -> Result<(String, Timestamp), OAuthError> {
        let seconds = NOW.seconds();
        let Value::Object(mut claims) = json!({"iss": "app", "sub": "app", "aud": "https://op.test", "exp": seconds + 60, "iat": seconds, "jti": "1"})
        else {
            unreachable!()
        };
        change(&mut claims);
        check_assertion(&claims, "app", &["https://op.test", "https://op.test/token"], NOW)
    }

    #[test]
    fn b27_the_audience_is_us_alone() {
        assert!(check(|_| ()).is_ok());
        assert!(check(|c| drop(c.insert("aud".into(), json!("https://op.test/token")))).is_ok());
        for aud in [
            json!("https://op.test/"),
            json!(["https://op.test", "https://evil.tld"]),
            json!("https://op.test/par"),
            json!([]),
            json!(1),
        ] {
            assert!(check(|c| drop(c.insert("aud".into(), aud.clone()))).is_err(), "{aud}");
        }
        assert!(check(|c| drop(c.remove("aud"))).is_err());
    }

    #[test]
    fn b28_times_subject_and_id() {
        let seconds = NOW.seconds();
        for (name, value) in [
            ("exp", json!(seconds - 300)),
            ("exp", json!(seconds + 3600)),
            ("exp", json!("soon")),
            ("iat", json!(seconds + 120)),
            ("nbf", json!(seconds + 120)),
            ("sub", json!("other")),
            ("iss", json!("other")),
            ("jti", json!("")),
        ] {
            assert!(check(|c| drop(c.insert(name.into(), value.clone()))).is_err(), "{name} {value}");
        }
        for name in ["exp", "sub", "iss", "jti"] {
            assert!(check(|c| drop(c.remove(name))).is_err(), "{name}");
        }
        assert!(check(|c| drop(c.insert("iat".into(), json!(seconds + 10)))).is_ok());
    }
}
