//! The `claims` parameter (OpenID Connect Core §5.5): claims asked for one by one, for userinfo and for the ID token.
//!
//! Kept are claims about the person that a scope of the client's registration covers: the parameter is a finer way of asking
//! for them, never a way around registration or consent. Of the others `sub` and an essential `acr` bind the request;
//! `auth_time` and the rest of the ID token's own come anyway, and what nobody here knows is ignored (§5.5).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::claims::{is_in_range, parts, scope_of};
use super::{ErrorCode, OAuthError, Scope};

/// What the `claims` parameter asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// Claims about the person, to be released.
    #[serde(default)]
    pub named: NamedClaims,
    /// The only person whom the answer may be about (§5.5.1, `sub` with a `value`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The authentication contexts of which one must have been used (§5.5.1.1, `acr` as essential); empty means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr: Vec<String>,
}

/// Claims about the person that are released beside those of the scopes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NamedClaims {
    /// By userinfo.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub userinfo: Vec<String>,
    /// In the ID token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_token: Vec<String>,
    /// Languages in which claims are wanted beside their plain form (§5.2, `claims_locales`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locales: Vec<String>,
}

/// Which claims about a person one answer releases.
#[derive(Debug, Clone, Copy)]
pub struct Release<'a> {
    /// Scopes that release theirs.
    pub scope: &'a Scope,
    /// Claims released by their names.
    pub named: &'a [String],
    /// Languages in which what is released is told too.
    pub locales: &'a [String],
}

impl Release<'_> {
    /// Whether the claim of this name, which may carry a language, is released: by its scope or its name, and one in a
    /// language when that was named or wanted.
    pub fn takes(&self, name: &str) -> bool {
        let (claim, language) = parts(name);
        let is_wanted = |language| self.locales.iter().any(|range| is_in_range(language, range));
        let is_there = |claim: &str| self.named.iter().any(|named| named == claim);
        let by_scope = || scope_of(claim).is_some_and(|releasing| self.scope.contains(releasing));
        is_there(name) || (language.is_none_or(is_wanted) && (is_there(claim) || by_scope()))
    }
}

impl NamedClaims {
    /// The scopes that would release these claims: what the person is asked to consent to.
    pub fn scope(&self) -> Scope {
        let names = self.userinfo.iter().chain(&self.id_token).filter_map(|claim| scope_of(claim));
        Scope::parse(&names.collect::<Vec<_>>().join(" ")).unwrap_or_default()
    }
}

impl ClaimsRequest {
    /// Reads the parameter; `allowed` is the scope that the client registered. Anything but an object of objects, whose
    /// members are null or objects, is `invalid_request`.
    pub fn parse(text: Option<&str>, allowed: &Scope) -> Result<Self, OAuthError> {
        let Some(text) = text else { return Ok(Self::default()) };
        let asked: Map<String, Value> = serde_json::from_str(text).map_err(|_| malformed())?;
        let (userinfo, id_token) = (section(&asked, "userinfo")?, section(&asked, "id_token")?);
        let person = |claims: &Map<String, Value>| -> Vec<String> {
            let known = claims.keys().filter(|claim| scope_of(claim).is_some_and(|scope| allowed.contains(scope)));
            known.cloned().collect()
        };
        Ok(Self {
            named: NamedClaims { userinfo: person(&userinfo), id_token: person(&id_token), locales: Vec::new() },
            sub: subject(&[&id_token, &userinfo])?,
            acr: essential_acr(&id_token)?,
        })
    }
}

fn malformed() -> OAuthError {
    OAuthError::because(ErrorCode::InvalidRequest, "claims is malformed")
}

fn section(asked: &Map<String, Value>, name: &str) -> Result<Map<String, Value>, OAuthError> {
    let claims = match asked.get(name) {
        None | Some(Value::Null) => return Ok(Map::new()),
        Some(Value::Object(claims)) => claims,
        Some(_) => return Err(malformed()),
    };
    if claims.values().all(|how| how.is_null() || how.is_object()) { Ok(claims.clone()) } else { Err(malformed()) }
}

/// The one `sub` that is asked for; two different ones can never be answered.
fn subject(sections: &[&Map<String, Value>]) -> Result<Option<String>, OAuthError> {
    let mut asked = None;
    for value in sections.iter().filter_map(|claims| claims.get("sub")?.get("value")) {
        let value = value.as_str().ok_or_else(malformed)?;
        if asked.is_some_and(|other| other != value) {
            return Err(malformed());
        }
        asked = Some(value);
    }
    Ok(asked.map(str::to_owned))
}

/// `value` or `values` of an essential `acr`; a voluntary one binds nobody.
fn essential_acr(id_token: &Map<String, Value>) -> Result<Vec<String>, OAuthError> {
    let Some(how) = id_token.get("acr").filter(|how| how.get("essential") == Some(&Value::Bool(true))) else {
        return Ok(Vec::new());
    };
    let values = match (how.get("value"), how.get("values")) {
        (Some(one), _) => vec![one],
        (None, Some(Value::Array(many))) => many.iter().collect(),
        (None, None) => Vec::new(),
        (None, Some(_)) => return Err(malformed()),
    };
    values.into_iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(malformed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ClaimsRequest, OAuthError> {
        ClaimsRequest::parse(Some(text), &Scope::parse("openid profile email").unwrap())
    }

    #[test]
    fn claims_of_the_person_are_kept_by_their_place() {
        let read = parse(
            r#"{"userinfo": {"name": {"essential": true}, "shoe_size": null},
                "id_token": {"email": null, "auth_time": {"essential": true}}, "elsewhere": 1}"#,
        )
        .unwrap();
        assert_eq!(
            read.named,
            NamedClaims { userinfo: vec!["name".into()], id_token: vec!["email".into()], locales: Vec::new() }
        );
        assert_eq!(read.named.scope().to_string(), "profile email");
        assert_eq!((read.sub, read.acr), (None, Vec::new()));
        assert_eq!(ClaimsRequest::parse(None, &Scope::default()).unwrap(), ClaimsRequest::default());
    }

    #[test]
    fn a_claim_beyond_the_registered_scope_is_not_kept() {
        let read = parse(r#"{"userinfo": {"phone_number": {"essential": true}, "roles": null}}"#).unwrap();
        assert_eq!(read.named, NamedClaims::default());
    }

    #[test]
    fn subject_and_essential_acr_bind() {
        let read = parse(r#"{"id_token": {"sub": {"value": "me"}, "acr": {"essential": true, "values": ["a", "b"]}}}"#);
        let read = read.unwrap();
        assert_eq!((read.sub.as_deref(), read.acr), (Some("me"), vec!["a".to_owned(), "b".to_owned()]));
        let one = parse(r#"{"id_token": {"acr": {"essential": true, "value": "a"}}}"#).unwrap();
        assert_eq!(one.acr, ["a"]);
        let voluntary = parse(r#"{"id_token": {"acr": {"values": ["a"]}}, "userinfo": {"sub": null}}"#).unwrap();
        assert_eq!((voluntary.sub, voluntary.acr), (None, Vec::new()));
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for text in [
            "",
            "1",
            "[]",
            "{",
            r#"{"userinfo": []}"#,
            r#"{"id_token": {"name": true}}"#,
            r#"{"id_token": {"sub": {"value": 1}}}"#,
            r#"{"id_token": {"sub": {"value": "a"}}, "userinfo": {"sub": {"value": "b"}}}"#,
            r#"{"id_token": {"acr": {"essential": true, "values": "a"}}}"#,
            r#"{"id_token": {"acr": {"essential": true, "values": [1]}}}"#,
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{text}");
        }
    }
}
