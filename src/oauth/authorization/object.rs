//! Request objects (OpenID Connect Core §6, RFC 9101): from the claims of a verified one to the parameters of the request.
//!
//! Two specifications, two rules for what stands beside an object. With `response_type` beside it, the request is one of OpenID
//! Connect: the object's parameters win, and those beside it that the object lacks count as well (Core §6.1). Without, and
//! wherever only what is signed may count, it is one of RFC 9101: nothing beside the object counts (§6.3) but the `client_id`.

use serde_json::{Map, Value};

use crate::oauth::response::ResponseType;
use crate::oauth::{ErrorCode, OAuthError, Params, Scope};

/// Claims about the token itself, which are no parameters.
const OF_THE_TOKEN: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// Whom the object is from and for: `iss` is the client and `aud` holds the issuer, where they are there (both specifications
/// recommend them, neither requires them). An object whose `sub` is the client could be taken for its proof of identity (RFC 9101 §10.8).
pub fn check_parties(claims: &Map<String, Value>, client_id: &str, issuer: &str) -> Result<(), OAuthError> {
    if claims.get("iss").is_some_and(|iss| iss != client_id) {
        return Err(refused("iss of the request object must be the client_id"));
    }
    if claims.get("sub").is_some_and(|sub| sub == client_id) {
        return Err(refused("sub of the request object must not be the client_id"));
    }
    let names_us = |aud: &Value| match aud {
        Value::Array(list) => list.iter().any(|one| one == issuer),
        one => one == issuer,
    };
    if claims.get("aud").is_some_and(|aud| !names_us(aud)) {
        return Err(refused("aud of the request object must be the issuer"));
    }
    Ok(())
}

/// The parameters of the request whose object says `claims`; `alone` where nothing beside the object may count.
pub fn parameters(claims: &Map<String, Value>, beside: &Params, alone: bool) -> Result<Params, OAuthError> {
    let client_id = beside.get("client_id").unwrap_or_default();
    for nested in ["request", "request_uri"] {
        if claims.contains_key(nested) {
            return Err(refused("A request object must not hold request or request_uri"));
        }
    }
    if claims.get("client_id").is_some_and(|inside| inside != client_id) {
        return Err(refused("client_id of the request object differs from the one beside it"));
    }
    let mut pairs = vec![("client_id".to_owned(), client_id.to_owned())];
    let own = |name: &str| !OF_THE_TOKEN.contains(&name) && name != "client_id";
    for (name, value) in claims.iter().filter(|(name, _)| own(name)) {
        for text in texts(name, value)? {
            pairs.push((name.clone(), text));
        }
    }
    if !alone && beside.get("response_type").is_some() {
        check_agreement(claims, beside)?;
        let lacks = |name: &str| !claims.contains_key(name) && !["client_id", "request", "request_uri"].contains(&name);
        let added = beside.pairs().filter(|(name, _)| lacks(name));
        pairs.extend(added.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    Params::from_pairs(pairs)
}

/// OpenID Connect Core §6.1: `response_type` is the same in both places, and `openid` stands beside the object too.
fn check_agreement(claims: &Map<String, Value>, beside: &Params) -> Result<(), OAuthError> {
    let kind = |text: &str| ResponseType::parse(text).ok_or_else(|| text.to_owned());
    let inside = claims.get("response_type").map(|inside| inside.as_str().map(kind));
    if inside.is_some_and(|inside| inside != beside.get("response_type").map(kind)) {
        return Err(refused("response_type of the request object differs from the one beside it"));
    }
    let has_openid = |scope: &str| Scope::parse(scope).is_ok_and(|scope| scope.contains("openid"));
    let inside = claims.get("scope").and_then(Value::as_str).is_some_and(has_openid);
    if inside && beside.get("scope").is_some_and(|scope| !has_openid(scope)) {
        return Err(refused("scope beside the request object must hold openid"));
    }
    Ok(())
}

/// A claim as the parameter that it stands for: numbers and truth values as their text, an object as its JSON, `resource`
/// as often as its list is long.
fn texts(name: &str, value: &Value) -> Result<Vec<String>, OAuthError> {
    let malformed = || refused("A parameter of the request object is malformed");
    let one = match value {
        Value::String(text) if !text.contains('\0') => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Object(_) if name == "claims" || name == "registration" => value.to_string(),
        Value::Array(list) if name == "resource" => {
            return list.iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(malformed)).collect();
        }
        Value::Null | Value::String(_) | Value::Object(_) | Value::Array(_) => return Err(malformed()),
    };
    Ok(vec![one])
}

fn refused(why: &'static str) -> OAuthError {
    OAuthError::because(ErrorCode::InvalidRequestObject, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("{value}") };
        map
    }

    fn merged(claims: Value, beside: &str, alone: bool) -> Result<Vec<(String, String)>, OAuthError> {
        let params = parameters(&map(claims), &Params::parse(beside.as_bytes()).unwrap(), alone)?;
        let mut pairs: Vec<_> = params.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        pairs.sort();
        Ok(pairs)
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const BESIDE: &str = "client_id=app&response_type=code&scope=openid&state=outside&nonce=n&request=x.y.z";

    #[test]
    fn what_is_inside_wins_and_the_rest_counts_beside_it() {
        let claims = json!({"iss": "app", "exp": 1, "state": "inside", "max_age": 5, "claims": {"userinfo": null},
                            "resource": ["https://a/", "https://b/"]});
        let expected = [
            ("claims", "{\"userinfo\":null}"),
            ("client_id", "app"),
            ("max_age", "5"),
            ("nonce", "n"),
            ("resource", "https://a/"),
            ("resource", "https://b/"),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", "inside"),
        ];
        assert_eq!(merged(claims, BESIDE, false).unwrap(), pairs(&expected));
    }

    #[test]
    fn without_a_response_type_beside_it_the_object_stands_alone() {
        let claims = json!({"client_id": "app", "response_type": "code", "scope": "openid"});
        let expected = pairs(&[("client_id", "app"), ("response_type", "code"), ("scope", "openid")]);
        assert_eq!(merged(claims.clone(), "client_id=app&state=outside&nonce=n", false).unwrap(), expected);
        assert_eq!(merged(claims, BESIDE, true).unwrap(), expected);
    }

    #[test]
    fn contradictions_and_nested_objects_are_refused() {
        for claims in [
            json!({"client_id": "other"}),
            json!({"client_id": 1}),
            json!({"request": "x"}),
            json!({"request_uri": "https://app.example/"}),
            json!({"response_type": "code id_token"}),
            json!({"response_type": ["code"]}),
            json!({"state": null}),
            json!({"state": ["a"]}),
            json!({"state": "a\u{0}"}),
            json!({"scope": {"a": 1}}),
            json!({"resource": [1]}),
        ] {
            let refusal = merged(claims.clone(), BESIDE, false).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::InvalidRequestObject, "{claims}");
        }
        let plain = "client_id=app&response_type=code&scope=read";
        assert!(merged(json!({"scope": "openid"}), plain, false).is_err());
        assert!(
            merged(json!({"response_type": "id_token code"}), "client_id=app&response_type=code id_token", false)
                .is_ok()
        );
    }

    #[test]
    fn an_object_is_from_its_client_and_for_us() {
        let check = |claims: Value| check_parties(&map(claims), "app", "https://op.test");
        for good in [
            json!({}),
            json!({"iss": "app", "aud": "https://op.test"}),
            json!({"aud": ["https://other.example", "https://op.test"], "sub": "somebody"}),
        ] {
            assert!(check(good.clone()).is_ok(), "{good}");
        }
        for bad in [
            json!({"iss": "other"}),
            json!({"iss": null}),
            json!({"aud": "https://op.test/"}),
            json!({"aud": ["https://other.example"]}),
            json!({"aud": []}),
            json!({"aud": 1}),
            json!({"sub": "app"}),
        ] {
            assert_eq!(check(bad.clone()).unwrap_err().code, ErrorCode::InvalidRequestObject, "{bad}");
        }
    }
}
