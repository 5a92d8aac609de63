//! The token endpoint of an upstream (RFC 6749 §4.1.3): our proof, the code, the answer.

use serde_json::{Map, Value};

use super::credentials::{Credentials, Proof};
use super::error::FederationError;
use super::reply;
use crate::base::Secret;
use crate::oauth::client_auth::basic_header;
use crate::outbound::{Call, Outbound};

/// Longest access and refresh token that is taken, in bytes: they go into headers and forms of other servers.
const LONGEST_TOKEN: usize = 16 * 1_024;
/// Longest ID token, in bytes: some providers put the whole person into it.
pub(super) const LONGEST_ID_TOKEN: usize = 64 * 1_024;

/// What it is called in the log.
const ENDPOINT: &str = "token endpoint";
/// RFC 7523 §2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a token endpoint gave.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) access_token: Secret<String>,
    pub(super) id_token: Option<Secret<String>>,
    pub(super) refresh_token: Option<Secret<String>>,
    pub(super) scope: Option<String>,
}

/// Asks for tokens with these fields and our proof.
pub(super) async fn request(
    outbound: &Outbound,
    client: &Credentials,
    endpoint: &str,
    fields: &[(&str, &str)],
) -> Result<Tokens, FederationError> {
    match reply::object_or_code(outbound, ENDPOINT, proven(client, endpoint, fields)?).await? {
        Ok(answer) => read(&answer),
        Err(code) => Err(FederationError::of_code(ENDPOINT, &code)),
    }
}

/// A form with these fields and our proof.
pub(super) fn proven(client: &Credentials, endpoint: &str, fields: &[(&str, &str)]) -> Result<Call, FederationError> {
    let mut all = fields.to_vec();
    let (mut header, assertion) = (None, own_assertion(client, endpoint)?);
    match &client.proof {
        Proof::Basic(secret) => header = Some(basic_header(&client.client_id, secret.expose())),
        Proof::Post(secret) => {
            all.push(("client_id", &client.client_id));
            all.push(("client_secret", secret.expose()));
        }
        Proof::Key(_) => {
            all.push(("client_id", &client.client_id));
            all.push(("client_assertion_type", JWT_BEARER));
            all.push(("client_assertion", &assertion));
        }
        Proof::Name => all.push(("client_id", &client.client_id)),
    }
    let mut call = Call::post_form(endpoint, all);
    if let Some(value) = header {
        call = call.authorization(value);
    }
    Ok(call)
}

fn own_assertion(client: &Credentials, endpoint: &str) -> Result<String, FederationError> {
    match &client.proof {
        Proof::Key(assertions) => assertions.assertion(&client.client_id, endpoint),
        Proof::Basic(_) | Proof::Post(_) | Proof::Name => Ok(String::new()),
    }
}

/// Reads an answer. An `error` counts whatever the status was: GitHub sends it with 200.
pub(super) fn read(answer: &Map<String, Value>) -> Result<Tokens, FederationError> {
    if let Some(code) = reply::code_of(answer) {
        return Err(FederationError::of_code(ENDPOINT, &code));
    }
    let optional = |name, longest| match answer.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => reply::text(answer, name, longest).map(|text| Some(Secret::new(text))),
    };
    let bearer =
        answer.get("token_type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    if !bearer {
        return Err(FederationError::refused("token endpoint: token_type is not Bearer"));
    }
    Ok(Tokens {
        access_token: Secret::new(reply::text(answer, "access_token", LONGEST_TOKEN)?),
        id_token: optional("id_token", LONGEST_ID_TOKEN)?,
        refresh_token: optional("refresh_token", LONGEST_TOKEN)?,
        scope: answer.get("scope").and_then(Value::as_str).map(str::to_owned),
    })
}
