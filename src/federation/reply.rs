//! What upstreams answer, read strictly: status, media type, JSON, error members.

use std::time::Duration;

use serde_json::{Map, Value};

use super::error::FederationError;
use crate::outbound::{Call, Outbound, OutboundError, Reply};

/// Longest answer that is read, in bytes.
const LARGEST: usize = 512 * 1_024;
/// Longest code of an error that is repeated in the log.
const LONGEST_CODE: usize = 64;

/// Makes a call whose answer must be a JSON object of success.
pub(super) async fn object(
    outbound: &Outbound,
    what: &'static str,
    call: Call,
) -> Result<Map<String, Value>, FederationError> {
    let reply = send(outbound, what, call).await?;
    read_object(what, &reply)
}

/// The same, where the code of an error is an answer as well.
pub(super) async fn object_or_code(
    outbound: &Outbound,
    what: &'static str,
    call: Call,
) -> Result<Result<Map<String, Value>, String>, FederationError> {
    let reply = exchange(outbound, what, call).await?;
    if reply.status.is_client_error()
        && let Some(code) = error_code(&reply)
    {
        return Ok(Err(code));
    }
    read_object(what, &accept(what, reply)?).map(Ok)
}

/// The same, where one of these statuses says that there is nothing.
pub(super) async fn try_object(
    outbound: &Outbound,
    what: &'static str,
    call: Call,
    nothing: &[u16],
) -> Result<Option<Map<String, Value>>, FederationError> {
    let reply = exchange(outbound, what, call).await?;
    if nothing.contains(&reply.status.as_u16()) {
        return Ok(None);
    }
    read_object(what, &accept(what, reply)?).map(Some)
}

/// The same for what is published, with how long it may be kept. A status other than success is trouble there: nobody who
/// reads is refused.
pub(super) async fn kept_object(
    outbound: &Outbound,
    what: &'static str,
    call: Call,
) -> Result<(Map<String, Value>, Option<Duration>), FederationError> {
    let reply = send(outbound, what, call).await.map_err(|error| match error {
        FederationError::Refused(why) => FederationError::Down(why),
        other => other,
    })?;
    Ok((read_object(what, &reply)?, reply.lifetime()))
}

/// The same of what may not be there at all (404).
pub(super) async fn kept_object_if_there(
    outbound: &Outbound,
    what: &'static str,
    call: Call,
) -> Result<Option<(Map<String, Value>, Option<Duration>)>, FederationError> {
    let reply = exchange(outbound, what, call).await?;
    if reply.status.as_u16() == 404 {
        return Ok(None);
    }
    let reply = accept(what, reply).map_err(|error| match error {
        FederationError::Refused(why) => FederationError::Down(why),
        other => other,
    })?;
    Ok(Some((read_object(what, &reply)?, reply.lifetime())))
}

/// Makes a call; trouble there is [`FederationError::Down`] or [`FederationError::Gone`], a refusal is [`FederationError::Refused`].
pub(super) async fn send(outbound: &Outbound, what: &'static str, call: Call) -> Result<Reply, FederationError> {
    accept(what, exchange(outbound, what, call).await?)
}

async fn exchange(outbound: &Outbound, what: &'static str, call: Call) -> Result<Reply, FederationError> {
    outbound.send(call.largest(LARGEST)).await.map_err(|error| match error {
        OutboundError::Unreachable(_) => FederationError::Gone(format!("{what}: {error}")),
        _ => FederationError::Down(format!("{what}: {error}")),
    })
}

fn accept(what: &'static str, reply: Reply) -> Result<Reply, FederationError> {
    let status = reply.status;
    if status.is_success() {
        return Ok(reply);
    }
    if status.is_client_error() && status.as_u16() != 429 {
        let code = error_code(&reply).unwrap_or_else(|| "no error code".to_owned());
        return Err(FederationError::Refused(format!("{what}: status {status}, {code}")));
    }
    Err(FederationError::Down(format!("{what}: status {status}")))
}

/// The JSON object of an answer.
pub(super) fn read_object(what: &'static str, reply: &Reply) -> Result<Map<String, Value>, FederationError> {
    as_object(what, &reply.body)
}

/// A JSON object.
pub(super) fn as_object(what: &'static str, text: &[u8]) -> Result<Map<String, Value>, FederationError> {
    match serde_json::from_slice(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) | Err(_) => Err(FederationError::Down(format!("{what}: the answer is no JSON object"))),
    }
}

/// The `error` of RFC 6749 §5.2, if it looks like one.
fn error_code(reply: &Reply) -> Option<String> {
    let map = read_object("", reply).ok()?;
    code_of(&map)
}

/// The `error` member, if it looks like a code.
pub(super) fn code_of(map: &Map<String, Value>) -> Option<String> {
    map.get("error")?.as_str().map(code_word)
}

/// What an upstream said, if it looks like a code.
pub(super) fn code_word(said: &str) -> String {
    let good = said.len() <= LONGEST_CODE && said.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if good { said.to_owned() } else { "unreadable".to_owned() }
}

/// A member that must be a text of 1 to `longest` bytes without control characters.
pub(super) fn text(map: &Map<String, Value>, name: &'static str, longest: usize) -> Result<String, FederationError> {
    match map.get(name) {
        Some(Value::String(text))
            if !text.is_empty() && text.len() <= longest && !text.chars().any(char::is_control) =>
        {
            Ok(text.clone())
        }
        Some(_) => Err(FederationError::Refused(format!("{name} is malformed"))),
        None => Err(FederationError::Refused(format!("{name} is missing"))),
    }
}

/// A member as text where it is one, without surrounding space, cut to what a name may have; empty otherwise.
pub(super) fn lenient(map: &Map<String, Value>, name: &str) -> String {
    match map.get(name) {
        Some(Value::String(text)) => text.trim().chars().filter(|c| !c.is_control()).take(200).collect(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(flag)) => flag.to_string(),
        _ => String::new(),
    }
}
